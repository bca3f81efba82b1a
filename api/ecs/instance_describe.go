package ecs

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/state"
)

// DescribeContainerInstances describes up to a hundred container instances of
// one cluster, also those that were deregistered.
func (a *API) DescribeContainerInstances(_ context.Context, in *ecs.DescribeContainerInstancesInput) (*ecs.DescribeContainerInstancesOutput, error) {
	if err := checkInstances(in.ContainerInstances, 100); err != nil {
		return nil, err
	}
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeContainerInstancesOutput{ContainerInstances: []types.ContainerInstance{}, Failures: []types.Failure{}}
	for _, id := range in.ContainerInstances {
		i, ok := a.instance(v, c, id)
		if !ok {
			out.Failures = append(out.Failures, a.instanceFailure(c, id, "MISSING"))
			continue
		}
		d := describeInstance(v, i)
		if !slices.Contains(in.Include, types.ContainerInstanceFieldTags) {
			d.Tags = []types.Tag{}
		}
		if slices.Contains(in.Include, types.ContainerInstanceFieldContainerInstanceHealth) {
			d.HealthStatus = instanceHealth(i)
		}
		out.ContainerInstances = append(out.ContainerInstances, d)
	}
	return out, nil
}

// instanceHealth is what the agent of i has reported of its parts. The worst of
// them is the health of the whole.
func instanceHealth(i state.ContainerInstance) *types.ContainerInstanceHealthStatus {
	worst := types.InstanceHealthCheckStateInsufficientData
	order := []types.InstanceHealthCheckState{
		types.InstanceHealthCheckStateOk, types.InstanceHealthCheckStateInitializing,
		types.InstanceHealthCheckStateInsufficientData, types.InstanceHealthCheckStateImpaired,
	}
	for n, part := range i.Health {
		if n == 0 || slices.Index(order, part.Status) > slices.Index(order, worst) {
			worst = part.Status
		}
	}
	return &types.ContainerInstanceHealthStatus{OverallStatus: worst, Details: append([]types.InstanceHealthCheckResult{}, i.Health...)}
}

// describeInstance is i as the API shows it, without its health.
func describeInstance(v *state.View, i state.ContainerInstance) types.ContainerInstance {
	used := v.Usage(i.ARN)
	return types.ContainerInstance{
		ContainerInstanceArn: &i.ARN,
		Ec2InstanceId:        optional(i.EC2ID),
		CapacityProviderName: optional(i.CapacityProvider),
		Status:               &i.Status,
		StatusReason:         optional(i.StatusReason),
		AgentConnected:       i.AgentConnected,
		AgentUpdateStatus:    i.AgentUpdate,
		Version:              i.Version,
		VersionInfo:          i.Software,
		RegisteredAt:         &i.RegisteredAt,
		RunningTasksCount:    int32(used.Running),
		PendingTasksCount:    int32(used.Pending),
		RegisteredResources:  i.Resources,
		RemainingResources:   place.Remaining(v, i),
		Attributes:           attributesOf(v, i),
		Attachments:          []types.Attachment{},
		Tags:                 append([]types.Tag{}, i.Tags...),
	}
}

// attributesOf returns all attributes of i by name: its own and custom ones.
func attributesOf(v *state.View, i state.ContainerInstance) []types.Attribute {
	all := append([]types.Attribute{}, i.Attributes...)
	for custom := range v.AttributesOf(i.ARN) {
		all = append(all, types.Attribute{Name: &custom.Name, Value: custom.Value})
	}
	slices.SortFunc(all, func(a, b types.Attribute) int { return cmp.Compare(*a.Name, *b.Name) })
	return all
}

// optional leaves an empty member out of an answer.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
