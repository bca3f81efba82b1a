package ecs

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

const mostServicesDescribed = 10

// DescribeServices describes up to ten services of one cluster, also those that
// were deleted as long as they are kept.
func (a *API) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	switch n := len(in.Services); {
	case n == 0:
		return nil, invalid("Services cannot be empty.")
	case n > mostServicesDescribed:
		return nil, invalid(fmt.Sprintf("services can have at most %d items.", mostServicesDescribed))
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	tags := slices.Contains(in.Include, types.ServiceFieldTags)
	for _, name := range in.Services {
		if s, ok := a.service(v, c, name); ok {
			out.Services = append(out.Services, a.describeService(v, s, tags))
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(a.serviceARN(c, name)), Reason: aws.String("MISSING")})
		}
	}
	return out, nil
}

// describeService is s as the API shows it, with its tags if they are wanted.
func (a *API) describeService(v *state.View, s state.Service, tags bool) types.Service {
	if s.Scheduling == types.SchedulingStrategyDaemon && s.Status == "ACTIVE" {
		s.Desired = deploy.DesiredDaemons(v, s) // which its record may not know yet
	}
	out := types.Service{
		ServiceArn: &s.ARN, ServiceName: &s.Name, ClusterArn: &s.Cluster, Status: &s.Status,
		SchedulingStrategy: s.Scheduling, DeploymentController: &types.DeploymentController{Type: s.Controller},
		DesiredCount: int32(s.Desired), DeploymentConfiguration: s.Rollout,
		PlacementConstraints:        append([]types.PlacementConstraint{}, s.Constraints...),
		PlacementStrategy:           append([]types.PlacementStrategy{}, s.Strategy...),
		AvailabilityZoneRebalancing: s.Rebalancing, HealthCheckGracePeriodSeconds: s.GracePeriod,
		EnableECSManagedTags: s.ManagedTags, EnableExecuteCommand: s.Execute, PropagateTags: s.Propagate,
		ResourceManagementType: types.ResourceManagementTypeCustomer, RoleArn: optional(s.Role),
		CreatedAt: &s.CreatedAt, CreatedBy: optional(s.CreatedBy),
		LoadBalancers: []types.LoadBalancer{}, ServiceRegistries: []types.ServiceRegistry{},
		Deployments: []types.Deployment{}, Events: describeEvents(v, s), Tags: []types.Tag{},
	}
	if tags {
		out.Tags = append(out.Tags, s.Tags...)
	}
	for _, d := range s.Deployments {
		w := describeDeployment(v, s, d)
		out.Deployments = append(out.Deployments, w)
		out.RunningCount += w.RunningCount
		out.PendingCount += w.PendingCount
		out.CurrentServiceRevisions = append(out.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
			Arn: &d.Revision, RequestedTaskCount: w.DesiredCount, RunningTaskCount: w.RunningCount, PendingTaskCount: w.PendingCount})
	}
	if primary := s.Primary(); primary != nil {
		out.CurrentServiceDeployment = &primary.ServiceDeployment
		d := out.Deployments[0]
		out.TaskDefinition, out.LaunchType, out.CapacityProviderStrategy = d.TaskDefinition, d.LaunchType, d.CapacityProviderStrategy
		out.PlatformFamily, out.NetworkConfiguration = d.PlatformFamily, d.NetworkConfiguration
		r, _ := v.ServiceRevisions.Get(primary.Revision)
		out.PlatformVersion = optional(r.PlatformVersion) // as it was asked for
	}
	out.TaskSets = describeTaskSets(v, s, tags)
	for _, set := range out.TaskSets {
		out.RunningCount += set.RunningCount
		out.PendingCount += set.PendingCount
		if *set.Status == primary {
			out.TaskDefinition, out.LaunchType, out.CapacityProviderStrategy = set.TaskDefinition, set.LaunchType, set.CapacityProviderStrategy
			out.PlatformVersion, out.PlatformFamily, out.NetworkConfiguration = set.PlatformVersion, set.PlatformFamily, set.NetworkConfiguration
		}
	}
	if s.Status == "INACTIVE" { // it keeps the last deployment for what that says above
		out.Deployments, out.CurrentServiceDeployment, out.CurrentServiceRevisions = []types.Deployment{}, nil, nil
	}
	return out
}

// describeDeployment is d as DescribeServices shows it. Deployments that are
// replaced want the tasks that they still have.
func describeDeployment(v *state.View, s state.Service, d state.Deployment) types.Deployment {
	r, _ := v.ServiceRevisions.Get(d.Revision)
	count := func(p state.Phase) int32 { return int32(v.CountTasksOf(s.ARN, d.ID, p)) }
	out := types.Deployment{
		Id: &d.ID, Status: aws.String("ACTIVE"), TaskDefinition: &d.Definition,
		RunningCount: count(state.Running) + count(state.Healthy), PendingCount: count(state.Pending), FailedTasks: int32(d.Failed),
		RolloutState: d.State, RolloutStateReason: optional(d.Reason), CreatedAt: &d.CreatedAt, UpdatedAt: &d.UpdatedAt,
		LaunchType: types.LaunchType(r.LaunchType), CapacityProviderStrategy: r.CapacityProviders,
		NetworkConfiguration: r.Network, ServiceConnectConfiguration: r.Connect,
	}
	out.DesiredCount = out.RunningCount + out.PendingCount
	if d.ID == s.Primary().ID {
		out.Status, out.DesiredCount = aws.String("PRIMARY"), int32(s.Desired)
	}
	if d.State == types.DeploymentRolloutStateFailed {
		out.DesiredCount = 0
	}
	out.PlatformVersion, out.PlatformFamily = platform(r.Workload)
	return out
}

// describeEvents is what happened to s, newest first. What happened to a deleted
// service of the same name is no part of it.
func describeEvents(v *state.View, s state.Service) []types.ServiceEvent {
	out := []types.ServiceEvent{}
	for e := range v.EventsOf(s.ARN) {
		if e.At.Before(s.CreatedAt) {
			continue
		}
		out = append(out, types.ServiceEvent{Id: &e.ID, CreatedAt: &e.At, Message: &e.Message})
	}
	slices.Reverse(out)
	return out
}
