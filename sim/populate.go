package sim

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	api "berth/api/ecs"
	"berth/state"
)

var zones = []string{region + "a", region + "b", region + "c"}

// populate makes the cluster and its first machines.
func (w *World) populate() {
	if _, err := w.api.CreateCluster(w.as(), &ecs.CreateClusterInput{ClusterName: aws.String("default"),
		CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}}); err != nil {
		panic(err)
	}
	for range 1 + w.rand.IntN(8) {
		w.arrive()
	}
	if w.chance(3) {
		for range 1 + w.rand.IntN(3) {
			w.arriveAt(state.FargateCluster)
		}
	}
}

// arrive registers a new machine in the cluster.
func (w *World) arrive() { w.arriveAt("default") }

func (w *World) arriveAt(cluster string) *agent {
	in := &api.RegisterContainerInstanceInput{}
	in.Cluster = &cluster
	memory := pick(w, []int32{1024, 2048, 4096})
	for _, name := range []string{"CPU", "MEMORY"} {
		in.TotalResources = append(in.TotalResources, types.Resource{Name: &name, Type: aws.String("INTEGER"), IntegerValue: memory})
	}
	zone := pick(w, zones)
	for _, name := range w.capabilities() {
		in.Attributes = append(in.Attributes, types.Attribute{Name: &name})
	}
	in.Attributes = append(in.Attributes, types.Attribute{Name: aws.String("ecs.availability-zone"), Value: &zone})
	if w.chance(2) {
		in.Attributes = append(in.Attributes, types.Attribute{Name: aws.String("disk"), Value: aws.String("ssd")})
	}
	out, err := w.api.RegisterContainerInstance(w.as(), in)
	if err != nil {
		panic(err)
	}
	a := &agent{
		name: fmt.Sprintf("machine-%d", len(w.agents)+1), instance: *out.ContainerInstance.ContainerInstanceArn, up: true,
		cluster: "arn:aws:ecs:" + region + ":" + account + ":cluster/" + cluster,
	}
	w.agents = append(w.agents, a)
	w.name(a.instance, a.name)
	return a
}

// capabilities are the attributes that the agents send: all that the
// definitions require, and that of interfaces of their own.
func (w *World) capabilities() []string {
	return []string{
		"berth.task-eni", "ecs.capability.task-eni", "com.amazonaws.ecs.capability.docker-remote-api.1.18",
		"com.amazonaws.ecs.capability.docker-remote-api.1.21", "com.amazonaws.ecs.capability.docker-remote-api.1.24",
		"ecs.capability.container-health-check", "ecs.capability.task-cpu-mem-limit", "com.amazonaws.ecs.capability.docker-remote-api.1.17",
	}
}
