package ecs

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

// describeTaskSets describes all task sets of s, the oldest first.
func describeTaskSets(v *state.View, s state.Service, tags bool) []types.TaskSet {
	sets := slices.SortedFunc(v.TaskSetsOf(s.ARN), func(a, b state.TaskSet) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	out := []types.TaskSet{}
	for _, set := range sets {
		out = append(out, describeTaskSet(v, s, set, tags))
	}
	return out
}

// describeTaskSet is set as the API shows it, with its tags if they are wanted.
func describeTaskSet(v *state.View, s state.Service, set state.TaskSet, tags bool) types.TaskSet {
	count := func(p state.Phase) int32 { return int32(v.CountTasksOf(s.ARN, set.ID, p)) }
	version, family := platform(set.Workload)
	out := types.TaskSet{
		Id: &set.ID, TaskSetArn: &set.ARN, ServiceArn: &set.Service, ClusterArn: &s.Cluster, ExternalId: optional(set.ExternalID),
		Status: &set.Status, TaskDefinition: &set.Definition, ComputedDesiredCount: int32(deploy.ComputedDesired(s, set)),
		PendingCount: count(state.Pending), RunningCount: count(state.Running) + count(state.Healthy),
		LaunchType: types.LaunchType(set.LaunchType), CapacityProviderStrategy: set.CapacityProviders,
		PlatformVersion: version, PlatformFamily: family, NetworkConfiguration: set.Network,
		LoadBalancers: append([]types.LoadBalancer{}, set.LoadBalancers...), ServiceRegistries: append([]types.ServiceRegistry{}, set.Registries...),
		Scale: &set.Scale, StabilityStatus: set.Stability, StabilityStatusAt: &set.StableAt,
		CreatedAt: &set.CreatedAt, UpdatedAt: &set.UpdatedAt, Tags: []types.Tag{},
	}
	if tags {
		out.Tags = append(out.Tags, set.Tags...)
	}
	return out
}
