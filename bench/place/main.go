// Command place measures placement: how many tasks a second find their
// instances, for single tasks and in a batch, by cluster size and strategy.
// Nothing is written: see bench/state for what that costs.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/state"
)

const (
	cluster    = "arn:aws:ecs:us-east-1:123456789012:cluster/bench"
	perMeasure = time.Second
)

func main() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "instances\ttasks there\tstrategy\tone at a time, tasks/s\tin a batch of 10 per instance, tasks/s\t")
	for _, instances := range []int{10, 100, 1_000, 10_000} {
		v, err := world(instances)
		if err != nil {
			log.Fatal(err)
		}
		for _, strategy := range []string{"", "binpack memory", "spread attribute:ecs.availability-zone"} {
			single := measure(v, strategy, 1)
			batch := measure(v, strategy, 10*instances)
			name := strategy
			if name == "" {
				name = "random"
			}
			fmt.Fprintf(w, "%d\t%d\t%s\t%.0f\t%.0f\t\n", instances, v.Tasks.Len(), name, single, batch)
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
}

// world has instances in three zones, with ten tasks each and room for more.
func world(instances int) (*state.View, error) {
	store := state.NewMemory()
	for i := range instances {
		err := store.Update(context.Background(), func(tx *state.Tx) error {
			put(tx, i)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return store.View(), nil
}

// put writes one instance and its tasks.
func put(tx *state.Tx, i int) {
	zone := string('a' + rune(i%3))
	arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:container-instance/bench/%032x", i)
	instance := state.ContainerInstance{ARN: arn, Cluster: cluster, Status: "ACTIVE", AgentConnected: true,
		Resources: []types.Resource{
			{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 64 << 10},
			{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: 256 << 10},
		},
		Attributes: []types.Attribute{{Name: aws.String("ecs.availability-zone"), Value: &zone}},
	}
	for n := range 40 {
		instance.Attributes = append(instance.Attributes, types.Attribute{Name: aws.String(fmt.Sprint("ecs.capability.", n))})
	}
	tx.ContainerInstances.Put(tx, instance)
	for n := range 10 {
		tx.Tasks.Put(tx, state.Task{ARN: fmt.Sprintf("%s/%d", arn, n), Cluster: cluster, Instance: arn, Group: fmt.Sprint("service:", i%7),
			Last: "RUNNING", Desired: "RUNNING", Takes: state.Resources{CPU: 256, Memory: 512}})
	}
}

// measure is how many tasks a second find their places, asked for count at once.
func measure(v *state.View, strategy string, count int) float64 {
	r := place.Request{Cluster: cluster, LaunchType: "EC2", Group: "service:0", Count: count, Seed: "bench",
		Takes: state.Resources{CPU: 256, Memory: 512},
		Definition: &types.TaskDefinition{RequiresAttributes: []types.Attribute{
			{Name: aws.String("ecs.capability.10")}, {Name: aws.String("ecs.capability.30")}}},
	}
	var kind, field string
	if fmt.Sscan(strategy, &kind, &field); kind != "" {
		r.Strategy = []types.PlacementStrategy{{Type: types.PlacementStrategyType(kind), Field: &field}}
	}
	placed, start := 0, time.Now()
	for time.Since(start) < perMeasure {
		places, _ := place.Tasks(v, r)
		if len(places) != count {
			log.Fatalf("%d of %d tasks found a place", len(places), count)
		}
		placed += count
	}
	return float64(placed) / time.Since(start).Seconds()
}
