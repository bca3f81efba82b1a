package place

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/state"
)

// Refusal is why a container instance does not run a task.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
type Refusal struct {
	Instance string // ARN
	Reason   string // as ECS gives it: RESOURCE:MEMORY
	Detail   string // in words, of the instance: needs 512 MiB of memory, has 300 of 1024 left
}

func refusal(i *state.ContainerInstance, reason, detail string, args ...any) *Refusal {
	return &Refusal{i.ARN, reason, fmt.Sprintf(detail, args...)}
}

// refuse says why c, which fits no more of the tasks, does not.
func (o *order) refuse(v *state.View, c *candidate) *Refusal {
	i, _ := v.ContainerInstances.Get(c.instance())
	t := o.request.Takes
	lacks := func(name, unit string, needs int32, left int64) *Refusal {
		return refusal(&i, "RESOURCE:"+name, "needs %d %s, has %d of %s left", needs, unit, left, total(i, name))
	}
	switch {
	case c.inGroup > 0 && o.distinct:
		return refusal(&i, "DistinctInstance placement constraint unsatisfied.", "runs a task of the group %s", o.request.Group)
	case c.cpu < int64(t.CPU):
		return lacks("CPU", "CPU units", t.CPU, c.cpu)
	case c.memory < int64(t.Memory):
		return lacks("MEMORY", "MiB of memory", t.Memory, c.memory)
	case c.portsTaken:
		port, holder, found := conflict(v, t, &i)
		if !found {
			return refusal(&i, "RESOURCE:PORTS", "another task of this call takes the same ports")
		}
		return refusal(&i, "RESOURCE:PORTS", "port %s is taken by %s", port, holder)
	case len(c.gpus) < o.request.GPUs:
		return lacks("GPU", "GPUs", int32(o.request.GPUs), int64(len(c.gpus)))
	case c.enis < int64(t.ENIs):
		return lacks("ENI", "network interfaces", t.ENIs, c.enis)
	}
	return refusal(&i, "RESOURCE:ENI", "no subnet that it can use has an address left")
}

// total is how much of a resource an instance registered.
func total(i state.ContainerInstance, name string) string {
	for _, r := range i.Resources {
		if *r.Name == name && *r.Type == "STRINGSET" {
			return strconv.Itoa(len(r.StringSetValue))
		} else if *r.Name == name {
			return strconv.Itoa(int(r.IntegerValue))
		}
	}
	if name == "ENI" {
		return strconv.Itoa(mostENIs)
	}
	return "0"
}

// conflict finds the first port that a task needs and that is taken on i, and
// what holds it.
func conflict(v *state.View, t state.Resources, i *state.ContainerInstance) (port, holder string, found bool) {
	for _, ports := range []struct {
		protocol, resource string
		numbers            []int32
	}{{"tcp", "PORTS", t.TCP}, {"udp", "PORTS_UDP", t.UDP}} {
		for _, n := range ports.numbers {
			port := fmt.Sprint(n)
			if reserved(i, ports.resource, port) {
				return port + "/" + ports.protocol, "the instance itself", true
			}
			if holder, taken := v.TaskWithPort(i.ARN, ports.protocol, n); taken {
				return port + "/" + ports.protocol, "task " + holder.ARN[strings.LastIndexByte(holder.ARN, '/')+1:], true
			}
		}
	}
	return "", "", false
}

func reserved(i *state.ContainerInstance, resource, port string) bool {
	for _, r := range i.Resources {
		if *r.Name == resource {
			return slices.Contains(r.StringSetValue, port)
		}
	}
	return false
}

// distance is how far an instance is from running a task. Closest are those that
// only lack room, and among them those that lack the smallest part of what the
// task needs.
type distance struct {
	rank      int
	lacks     float64 // 0.25: a quarter of the memory; the sum over all resources
	candidate *candidate
	refusal   *Refusal // instead
	instance  string
}

func (d distance) compare(e distance) int {
	return cmp.Or(cmp.Compare(d.rank, e.rank), cmp.Compare(d.lacks, e.lacks), cmp.Compare(d.instance, e.instance))
}

// distances yields how far each instance is that does not run one more of the
// tasks, in no order.
func (o *order) distances(yield func(distance) bool) {
	for arn, c := range o.candidates {
		d := distance{candidate: c, instance: arn}
		switch {
		case o.fits(c):
			continue
		case c.inGroup > 0 && o.distinct:
			d.rank = 1
		default:
			d.lacks = o.lacks(c)
		}
		if !yield(d) {
			return
		}
	}
	for arn, r := range o.refused {
		if !yield(distance{rank: rank(r.Reason), refusal: r, instance: arn}) {
			return
		}
	}
}

// closest says why instances do not run one more of the tasks: the closest ones.
func (o *order) closest(v *state.View, most int) []Refusal {
	closest := make([]distance, 0, most+1)
	for d := range o.distances {
		if len(closest) == most && closest[most-1].compare(d) < 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(closest, d, distance.compare)
		closest = slices.Insert(closest, at, d)
		closest = closest[:min(len(closest), most)]
	}
	return o.refusals(v, closest)
}

func (o *order) refusals(v *state.View, of []distance) (all []Refusal) {
	for _, d := range of {
		if d.refusal == nil {
			d.refusal = o.refuse(v, d.candidate)
		}
		all = append(all, *d.refusal)
	}
	return all
}

// lacks is the part of what a task needs that c does not have, summed over all
// resources.
func (o *order) lacks(c *candidate) (sum float64) {
	t := o.request.Takes
	for _, resource := range [][2]int64{
		{int64(t.CPU), c.cpu}, {int64(t.Memory), c.memory}, {int64(t.ENIs), c.enis}, {int64(o.request.GPUs), int64(len(c.gpus))},
	} {
		if needs, has := resource[0], resource[1]; has < needs {
			sum += float64(needs-has) / float64(needs)
		}
	}
	if c.portsTaken {
		sum++
	}
	return sum
}

// rank orders the reasons of instances that could not run a task whatever room
// they had.
func rank(reason string) int {
	switch {
	case reason == "AGENT": // nothing else is wrong: it is checked last
		return 2
	case reason == "LOCATION", strings.HasPrefix(reason, "MemberOf"):
		return 3
	case reason == "ATTRIBUTE":
		return 4
	}
	return 5
}
