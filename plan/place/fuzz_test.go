package place

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Tasks agrees with the obvious way, a look at each instance for each task,
// whatever it remembers of other states: while instances and tasks come and go,
// in a transaction and after it failed, and in views of before.
func FuzzTasks(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		w := chaos{T: t, Store: state.NewMemory(), seed: seed}
		w.change(8)
		for range 40 {
			before := w.View()
			w.change(1 + w.next(3))
			r := w.request()
			w.compare(w.View(), r)
			w.compare(before, r)
			err := w.Update(t.Context(), func(tx *state.Tx) error {
				w.compare(tx.View, r)
				places, _ := Tasks(tx.View, r)
				for _, p := range places {
					w.put(tx, p, r.Group)
				}
				w.compare(tx.View, r)
				if w.next(3) == 0 {
					return context.Canceled
				}
				return nil
			})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			w.compare(w.View(), r)
		}
	})
}

// chaos is a world in which anything happens.
type chaos struct {
	*testing.T
	*state.Store
	seed  uint64
	tasks int
}

// next is a number below n: a small generator, the same everywhere.
func (w *chaos) next(n int) int {
	w.seed = w.seed*6364136223846793005 + 1442695040888963407
	return int((w.seed >> 33) % uint64(n))
}

func (w *chaos) change(n int) {
	w.Helper()
	err := w.Update(w.Context(), func(tx *state.Tx) error {
		for range n {
			w.changeOne(tx, fmt.Sprint("i", w.next(9)))
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

// changeOne changes an instance, or what is on it.
func (w *chaos) changeOne(tx *state.Tx, name string) {
	i, ok := tx.ContainerInstances.Get(name)
	tasks := slices.Collect(tx.TasksOn(name))
	switch what := w.next(12); {
	case !ok || what == 0:
		text := fmt.Sprintf("%s %c %d %d", name, 'a'+w.next(3), 100*w.next(9), 100*w.next(9))
		i = instance(text)
		i.CapacityProvider = []string{"", "p"}[w.next(2)]
		tx.ContainerInstances.Put(tx, i)
	case what == 1:
		tx.ContainerInstances.Delete(tx, name)
	case what == 2:
		i.Status = []string{"ACTIVE", "DRAINING"}[w.next(2)]
		tx.ContainerInstances.Put(tx, i)
	case what == 3:
		i.AgentConnected = !i.AgentConnected
		tx.ContainerInstances.Put(tx, i)
	case what == 4:
		tx.Attributes.Put(tx, state.Attribute{Target: name, Name: "rack", Value: aws.String(fmt.Sprint(w.next(2)))})
	case what == 5:
		tx.Attributes.Delete(tx, state.AttributeKey(name, "rack"))
	case what == 6: // one that all instances of the provider have to run
		tx.DaemonRevisions.Put(tx, state.DaemonRevision{ARN: "revision", Daemon: daemon, Critical: true})
		tx.Daemons.Put(tx, state.Daemon{ARN: daemon, Cluster: "c", Revision: "revision", Providers: []string{"p"},
			Status: []types.DaemonStatus{types.DaemonStatusActive, types.DaemonStatusDeleteInProgress}[w.next(2)]})
	case what == 7:
		tx.Tasks.Put(tx, state.Task{ARN: "daemon on " + name, Service: daemon, Instance: name, Last: "RUNNING", Desired: "RUNNING", HealthyAt: tx.Now()})
	case what < 10 || len(tasks) == 0:
		takes := state.Resources{CPU: int32(50 * w.next(3)), Memory: int32(50 * w.next(3)), ENIs: int32(w.next(2))}
		w.put(tx, Place{Instance: name, Takes: takes, Subnet: subnets[w.next(len(subnets))]}, fmt.Sprint("g", w.next(2)))
	default:
		w.stop(tx, tasks[w.next(len(tasks))])
	}
}

// put writes a task with its network interface.
func (w *chaos) put(tx *state.Tx, p Place, group string) {
	w.tasks++
	t := state.Task{ARN: fmt.Sprint("t", w.tasks), Instance: p.Instance, Zone: p.Zone, Takes: p.Takes, Group: group, Service: "service " + group, Last: "PENDING", Desired: "RUNNING"}
	tx.Tasks.Put(tx, t)
	if p.Takes.ENIs > 0 {
		tx.NetworkInterfaces.Put(tx, state.NetworkInterface{ID: t.ARN, Subnet: p.Subnet.ID, Address: fmt.Sprintf("10.0.%d.%d", w.tasks>>8, w.tasks&255), Task: t.ARN})
	}
}

// stop moves a task on, to its end.
func (w *chaos) stop(tx *state.Tx, t state.Task) {
	t.Desired = "STOPPED"
	if t.Last = []string{"RUNNING", "STOPPED"}[w.next(2)]; t.Last == "STOPPED" {
		if n, ok := tx.InterfaceOf(t.ARN); ok {
			tx.NetworkInterfaces.Delete(tx, state.InterfaceKey(n.Subnet, netip.MustParseAddr(n.Address)))
		}
	}
	tx.Tasks.Put(tx, t)
}

const daemon = "arn:daemon/d"

// request is one of some hundred.
func (w *chaos) request() Request {
	some := func(texts ...string) string { return texts[w.next(len(texts))] }
	r := request(1 + w.next(9))
	r.Group, r.Seed = fmt.Sprint("g", w.next(2)), fmt.Sprint(w.next(100))
	r.CapacityProvider = some("", "", "p")
	r.Strategy = strategies(some("", "", "binpack:cpu", "binpack:memory", "spread:instanceId", "random:",
		"spread:attribute:ecs.availability-zone", "spread:attribute:rack binpack:memory", "binpack:cpu spread:attribute:ecs.availability-zone",
		"spread:attribute:ecs.availability-zone spread:instanceId", "spread:attribute:ecs.availability-zone random:"))
	switch w.next(8) {
	case 0:
		r.Constraints = []types.PlacementConstraint{{Type: "distinctInstance"}}
	case 1:
		expression := some("attribute:rack == 0", "task:group != g1", "runningTasksCount < 1", "attribute:ecs.availability-zone != a")
		r.Constraints = []types.PlacementConstraint{{Type: "memberOf", Expression: &expression}}
	case 2:
		r.GPUs = 1
	case 3:
		r.Takes.TCP = []int32{80}
	case 4, 5:
		r.Takes.ENIs, r.Subnets = 1, subnets[:1+w.next(2)]
	case 6:
		r.LaunchType, r.Service, r.Takes.ENIs, r.Subnets = "FARGATE", "service "+r.Group, 1, subnets
	}
	return r
}

// subnets are small enough to be full.
var subnets = []state.Subnet{{ID: "a", Zone: "a", CIDR: "10.0.0.0/29"}, {ID: "b", Zone: "b", CIDR: "10.0.1.0/29"}}

func (w *chaos) compare(v *state.View, r Request) {
	w.Helper()
	places, refused := Tasks(v, r)
	w.check(v, r, places)
	if o := newOrder(v, r); !o.random && len(places) > 1 {
		rest := r
		rest.Taken, rest.Count = places[:1], r.Count-1
		if got, _ := Tasks(v, rest); !reflect.DeepEqual(got, places[1:]) {
			w.Fatalf("after one place: got %s, want %s", names(got), names(places[1:]))
		}
	}
	o := newOrder(v, r)
	for n := range r.Count {
		best := o.obvious(r.Seed, n)
		if best == nil {
			if n != len(places) {
				w.Fatalf("placed %d tasks on %s, want %d", len(places), names(places), n)
			}
			var all []Refusal
			for _, e := range Explain(v, r) {
				if e.Reason != "" {
					all = append(all, e)
				}
			}
			if n == 0 && !reflect.DeepEqual(refused, all[:min(len(all), mostRefusals):min(len(all), mostRefusals)]) || len(refused) != min(mostRefusals, o.entries()) {
				w.Fatalf("%d instances say why:\ngot  %v\nwant %v", o.entries(), refused, all)
			}
			return
		}
		p := o.take(best)
		if n >= len(places) || !reflect.DeepEqual(places[n], p) {
			w.Fatalf("%q: task %d: got %s, want %s", r.key(), n, names(places), best.instance())
		}
	}
}

// check looks for what no place may do.
func (w *chaos) check(v *state.View, r Request, places []Place) {
	w.Helper()
	taken := map[string]state.Resources{}
	for _, p := range places {
		i, _ := v.ContainerInstances.Get(p.Instance)
		used, t := v.Usage(i.ARN), taken[i.ARN]
		t.CPU, t.Memory = t.CPU+p.Takes.CPU, t.Memory+p.Takes.Memory
		t.TCP, t.GPUs = append(t.TCP, p.Takes.TCP...), append(t.GPUs, p.Takes.GPUs...)
		taken[i.ARN] = t
		distinct := len(r.Constraints) > 0 && r.Constraints[0].Type == "distinctInstance"
		switch {
		case i.Status != "ACTIVE" || !i.AgentConnected:
			w.Fatalf("%s runs tasks: %s", i.ARN, i.Status)
		case used.CPU+int64(t.CPU) > int64(i.Resources[0].IntegerValue) || used.Memory+int64(t.Memory) > int64(i.Resources[1].IntegerValue):
			w.Fatalf("%s has no room for %+v", i.ARN, t)
		case len(t.TCP) > 1 || len(t.GPUs) > 2 || len(t.GPUs) == 2 && t.GPUs[0] == t.GPUs[1]:
			w.Fatalf("%s gives twice what it has once: %+v", i.ARN, t)
		case distinct && v.InGroup(i.ARN, r.Group)+int(t.CPU/100) > 1:
			w.Fatalf("%s runs two tasks of %s", i.ARN, r.Group)
		case r.CapacityProvider != "" && r.LaunchType != "FARGATE" && i.CapacityProvider != r.CapacityProvider:
			w.Fatalf("%s is of %q", i.ARN, i.CapacityProvider)
		}
	}
}

// obvious finds the candidate for the n-th task by a look at each.
func (o *order) obvious(seed string, n int) *candidate {
	var open []*candidate
	for _, c := range o.candidates {
		if o.fits(c) {
			open = append(open, c)
		}
	}
	for depth, l := range o.levels {
		open = o.least(open, func(c *candidate) int64 {
			if l.kind != spread {
				spreads := 0
				return c.bucket(l, &spreads).number
			}
			tasks := int64(0)
			for _, other := range o.candidates { // those in the same group at this depth
				if slices.Equal(o.groups(c, depth), o.groups(other, depth)) {
					tasks += int64(other.inGroup)
				}
			}
			return tasks
		}, func(c *candidate) string { return o.groups(c, depth)[depth].name })
	}
	if o.random && len(open) > 0 {
		slices.SortFunc(open, func(a, b *candidate) int { return strings.Compare(a.instance(), b.instance()) })
		o.request.Seed, o.placed = seed, make([]string, n)
		return open[o.draw(len(open))]
	}
	open = o.least(open, func(c *candidate) int64 { return int64(c.inGroup) }, (*candidate).instance)
	if len(open) == 0 {
		return nil
	}
	return open[0]
}

// groups are those that c is in, down to a depth.
func (o *order) groups(c *candidate, depth int) (all []bucket) {
	spreads := 0
	for _, l := range o.levels[:depth+1] {
		all = append(all, c.bucket(l, &spreads))
	}
	return all
}

// least is the candidates with the lowest number, and of these those with the first name.
func (o *order) least(all []*candidate, number func(*candidate) int64, name func(*candidate) string) (least []*candidate) {
	for _, c := range all {
		d := 0
		if len(least) > 0 {
			d = int(number(c) - number(least[0]))
			if d == 0 {
				d = strings.Compare(name(c), name(least[0]))
			}
		}
		switch {
		case d < 0 || len(least) == 0:
			least = []*candidate{c}
		case d == 0:
			least = append(least, c)
		}
	}
	return least
}
