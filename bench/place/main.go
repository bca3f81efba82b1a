// Command place measures placement: how many tasks a second find their
// instances, one at a time, by the hundred as a service starts them, and many
// at once; and how long the first request of its kind takes, of which nothing is
// remembered. After each call by one or by 100, what was placed is recorded and
// what the call before placed is removed, so that no call sees the state of
// another; only the placing is timed. See bench/state for what recording costs.
//
// Times are of the processors, garbage collection included, so that they are
// the same on a busy machine.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sys/unix"

	"berth/plan/place"
	"berth/state"
)

const (
	cluster    = "arn:aws:ecs:us-east-1:123456789012:cluster/bench"
	perMeasure = 250 * time.Millisecond
)

// The size of an instance, and of the tasks that are placed.
const (
	cpu, memory         = 64 << 10, 256 << 10
	taskCPU, taskMemory = 64, 256
)

func main() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "instances\ttasks\tfull\trequest\tfirst, ms\tby one, tasks/s\tby 100, tasks/s\tby 10 per instance, tasks/s\t")
	for _, world := range []world{
		{instances: 100}, {instances: 1_000}, {instances: 10_000},
		{instances: 100, full: 90}, {instances: 1_000, full: 90}, {instances: 10_000, full: 90},
	} {
		world.measure(w, "random", "spread zone, instance", "binpack memory", "memberOf", "distinctInstance")
	}
	for _, tasks := range []int{1_000, 10_000, 100_000} {
		world{instances: 1_000, tasks: tasks}.measure(w, "spread zone, instance")
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
}

// world is a cluster with instances in three zones.
type world struct {
	instances int
	tasks     int // small ones, of seven services
	full      int // percent of the instances' memory that is taken by one big task each, on average
}

func (w world) measure(out *tabwriter.Writer, requests ...string) {
	store, err := w.store()
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range requests {
		r := request(name)
		many := 10 * w.instances
		if name == "distinctInstance" { // one on each
			many = w.instances / 2
		}
		fmt.Fprintf(out, "%d\t%d\t%d %%\t%s\t%.1f\t%.0f\t%.0f\t%.0f\t\n", w.instances, store.View().Tasks.Len(), w.full, name,
			first(store.View(), r), churn(store, r, 1), churn(store, r, 100), static(store, r, many))
	}
}

func (w world) store() (*state.Store, error) {
	store := state.NewMemory()
	for i := range w.instances {
		err := store.Update(context.Background(), func(tx *state.Tx) error {
			w.put(tx, i)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return store, nil
}

// put writes one instance and its tasks.
func (w world) put(tx *state.Tx, i int) {
	zone, rack := string('a'+rune(i%3)), fmt.Sprint(i%10)
	arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:container-instance/bench/%032x", i)
	instance := state.ContainerInstance{ARN: arn, Cluster: cluster, Status: "ACTIVE", AgentConnected: true,
		Resources: []types.Resource{
			{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: cpu},
			{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: memory},
		},
		Attributes: []types.Attribute{{Name: aws.String("ecs.availability-zone"), Value: &zone}, {Name: aws.String("rack"), Value: &rack}},
	}
	for n := range 40 {
		instance.Attributes = append(instance.Attributes, types.Attribute{Name: aws.String(fmt.Sprint("ecs.capability.", n))})
	}
	tx.ContainerInstances.Put(tx, instance)
	if w.full > 0 {
		percent := w.full - 10 + i%21 // some have no room
		tx.Tasks.Put(tx, task(arn, arn+"/big", "family:big", state.Resources{CPU: cpu * int32(percent) / 100, Memory: memory * int32(percent) / 100}))
	}
	for n := i; n < w.tasks; n += w.instances {
		tx.Tasks.Put(tx, task(arn, fmt.Sprint(arn, "/", n), fmt.Sprint("service:", n%7), state.Resources{CPU: taskCPU, Memory: taskMemory}))
	}
}

func task(instance, arn, group string, takes state.Resources) state.Task {
	return state.Task{ARN: arn, Cluster: cluster, Instance: instance, Group: group, Last: "RUNNING", Desired: "RUNNING", Takes: takes}
}

func request(name string) place.Request {
	r := place.Request{Cluster: cluster, LaunchType: "EC2", Group: "service:" + name, Seed: "bench",
		Takes: state.Resources{CPU: taskCPU, Memory: taskMemory},
		Definition: &types.TaskDefinition{RequiresAttributes: []types.Attribute{
			{Name: aws.String("ecs.capability.10")}, {Name: aws.String("ecs.capability.30")}}},
	}
	zone := types.PlacementStrategy{Type: "spread", Field: aws.String("attribute:ecs.availability-zone")}
	instance := types.PlacementStrategy{Type: "spread", Field: aws.String("instanceId")}
	switch name {
	case "spread zone, instance":
		r.Strategy = []types.PlacementStrategy{zone, instance}
	case "binpack memory":
		r.Strategy = []types.PlacementStrategy{{Type: "binpack", Field: aws.String("memory")}}
	case "memberOf":
		r.Strategy = []types.PlacementStrategy{zone, instance}
		r.Constraints = []types.PlacementConstraint{{Type: "memberOf", Expression: aws.String("attribute:rack in [1, 2, 3, 4, 5] and attribute:ecs.availability-zone != a")}}
	case "distinctInstance":
		r.Strategy = []types.PlacementStrategy{zone}
		r.Constraints = []types.PlacementConstraint{{Type: "distinctInstance"}}
	}
	return r
}

// first is how many milliseconds the first request of its kind takes.
func first(v *state.View, r place.Request) float64 {
	const times = 3
	r.Count = 1
	start := used()
	for n := range times {
		r.Group = fmt.Sprint("service:first-", n)
		place.Tasks(v, r)
	}
	return (used() - start).Seconds() * 1000 / times
}

// churn is how many tasks a second find their places, asked for count at once,
// where the state changes between any two calls.
func churn(store *state.Store, r place.Request, count int) float64 {
	r.Count = count
	place.Tasks(store.View(), r)
	var placed int
	var took time.Duration
	var old []string
	for start := used(); used()-start < perMeasure; {
		err := store.Update(context.Background(), func(tx *state.Tx) error {
			r.Seed = tx.NewID()
			start := used()
			places, _ := place.Tasks(tx.View, r)
			took += used() - start
			placed += len(places)
			for _, arn := range old {
				tx.Tasks.Delete(tx, arn)
			}
			old = nil
			for _, p := range places {
				t := task(p.Instance, strings.Replace(cluster, "cluster", "task", 1)+"/"+tx.NewID(), r.Group, p.Takes)
				tx.Tasks.Put(tx, t)
				old = append(old, t.ARN)
			}
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	return float64(placed) / took.Seconds()
}

// static is how many tasks a second find their places in one state, asked for
// count at once.
func static(store *state.Store, r place.Request, count int) float64 {
	r.Count, r.Group = count, r.Group+" many" // of which none is there
	v := store.View()
	place.Tasks(v, r)
	placed, start := 0, used()
	for used()-start < perMeasure {
		places, _ := place.Tasks(v, r)
		placed += len(places)
	}
	return float64(placed) / (used() - start).Seconds()
}

// used is the time of processors that this process has taken.
func used() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		log.Fatal(err)
	}
	return time.Duration(t.Nano())
}
