package ecs

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/daemon"
	"berth/state"
)

// DescribeDaemon describes a daemon and what runs of it.
func (a *API) DescribeDaemon(_ context.Context, in *ecs.DescribeDaemonInput) (*ecs.DescribeDaemonOutput, error) {
	v := a.store.View()
	d, err := daemonOf(v, in.DaemonArn)
	if err != nil {
		return nil, err
	}
	out := &types.DaemonDetail{ClusterArn: &d.Cluster, CreatedAt: &d.CreatedAt, DaemonArn: &d.ARN, DeploymentArn: &d.Deployment,
		Status: d.Status, UpdatedAt: &d.UpdatedAt, CurrentRevisions: []types.DaemonRevisionDetail{}}
	for _, c := range a.countDaemon(v, d) {
		detail := types.DaemonRevisionDetail{Arn: &c.revision, CapacityProviders: []types.DaemonCapacityProvider{},
			TotalRunningCount: c.total().running, TotalWithoutDaemonCount: c.total().without}
		for _, p := range c.providers {
			detail.CapacityProviders = append(detail.CapacityProviders, types.DaemonCapacityProvider{
				Arn: &p.arn, RunningCount: p.running, WithoutDaemonCount: p.without})
		}
		out.CurrentRevisions = append(out.CurrentRevisions, detail)
	}
	return &ecs.DescribeDaemonOutput{Daemon: out}, nil
}

// daemonCount is how many container instances of one capacity provider run a
// revision, are drained for the daemon while they do or should, or do without a
// daemon that is not critical.
type daemonCount struct {
	arn                        string
	running, draining, without int32
}

type daemonCounts struct {
	revision  string // ARN
	providers []daemonCount
}

func (c daemonCounts) total() (all daemonCount) {
	for _, p := range c.providers {
		all.running, all.draining, all.without = all.running+p.running, all.draining+p.draining, all.without+p.without
	}
	return all
}

// of is the count of a capacity provider, by its ARN.
func (c *daemonCounts) of(arn string) *daemonCount {
	i := slices.IndexFunc(c.providers, func(p daemonCount) bool { return p.arn == arn })
	if i < 0 {
		c.providers = append(c.providers, daemonCount{arn: arn})
		i = len(c.providers) - 1
	}
	return &c.providers[i]
}

// countDaemon counts for each revision of d that runs or should, that first.
func (a *API) countDaemon(v *state.View, d state.Daemon) (all []daemonCounts) {
	of := func(revision string) *daemonCounts {
		i := slices.IndexFunc(all, func(c daemonCounts) bool { return c.revision == revision })
		if i < 0 {
			all = append(all, daemonCounts{revision: revision})
			i = len(all) - 1
		}
		return &all[i]
	}
	revision, should := v.DaemonRevisions.Get(d.Revision)
	if should {
		for _, name := range d.Providers {
			of(d.Revision).of(a.arn("capacity-provider/" + name))
		}
	}
	for i := range v.InstancesOf(d.Cluster) {
		provider, runs, current := a.arn("capacity-provider/"+i.CapacityProvider), false, d.Revision
		for t := range v.DaemonTasks(d.ARN, i.ARN) {
			current = t.Revision
			if t.Last == "RUNNING" {
				of(t.Revision).of(provider).running++
				runs = true
			}
		}
		if i.DrainedBy == d.ARN && current != "" {
			of(current).of(provider).draining++
		}
		if should && !runs && !revision.Critical && i.Status == "ACTIVE" && slices.Contains(d.Providers, i.CapacityProvider) {
			of(d.Revision).of(provider).without++
		}
	}
	return all
}

// ListDaemons lists the daemons of a cluster, or those of some of its capacity providers.
func (a *API) ListDaemons(_ context.Context, in *ecs.ListDaemonsInput) (*ecs.ListDaemonsOutput, error) {
	limit, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.ClusterArn))
	if err != nil {
		return nil, err
	}
	wanted := func(d state.Daemon) bool {
		return len(in.CapacityProviderArns) == 0 || slices.ContainsFunc(in.CapacityProviderArns, func(arn string) bool {
			return slices.Contains(d.Providers, lastPart(arn))
		})
	}
	arns, next, err := page(func(yield func(string) bool) {
		for d := range v.DaemonsOf(c.ARN) {
			if wanted(d) && !yield(d.ARN) {
				return
			}
		}
	}, in.NextToken, limit)
	out := &ecs.ListDaemonsOutput{DaemonSummariesList: []types.DaemonSummary{}, NextToken: next}
	for _, arn := range arns {
		d, _ := v.Daemons.Get(arn)
		out.DaemonSummariesList = append(out.DaemonSummariesList, types.DaemonSummary{
			DaemonArn: &d.ARN, Status: d.Status, CreatedAt: &d.CreatedAt, UpdatedAt: &d.UpdatedAt})
	}
	return out, err
}

const mostDaemonsDescribed = 20 // deployments or revisions, in one call

// DescribeDaemonRevisions describes up to 20 daemon revisions.
func (a *API) DescribeDaemonRevisions(_ context.Context, in *ecs.DescribeDaemonRevisionsInput) (*ecs.DescribeDaemonRevisionsOutput, error) {
	if err := checkDescribed("daemonRevisionArns", in.DaemonRevisionArns); err != nil {
		return nil, err
	}
	v := a.store.View()
	out := &ecs.DescribeDaemonRevisionsOutput{DaemonRevisions: []types.DaemonRevision{}, Failures: []types.Failure{}}
	for _, arn := range in.DaemonRevisionArns {
		r, ok := v.DaemonRevisions.Get(arn)
		if !ok {
			out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: aws.String("MISSING")})
			continue
		}
		d, _ := v.Daemons.Get(r.Daemon)
		out.DaemonRevisions = append(out.DaemonRevisions, types.DaemonRevision{
			ClusterArn: &d.Cluster, ContainerImages: append([]types.DaemonContainerImage{}, r.Images...), CreatedAt: &r.CreatedAt,
			Critical: &r.Critical, DaemonArn: &r.Daemon, DaemonRevisionArn: &r.ARN, DaemonTaskDefinitionArn: &r.Definition,
			EnableECSManagedTags: &r.ManagedTags, EnableExecuteCommand: &r.Execute, PropagateTags: r.Propagate,
		})
	}
	return out, nil
}

func checkDescribed(member string, arns []string) error {
	if len(arns) < 1 || len(arns) > mostDaemonsDescribed {
		return invalid(fmt.Sprintf("%s must have 1 to %d members.", member, mostDaemonsDescribed))
	}
	return nil
}

// DescribeDaemonDeployments describes up to 20 daemon deployments.
func (a *API) DescribeDaemonDeployments(_ context.Context, in *ecs.DescribeDaemonDeploymentsInput) (*ecs.DescribeDaemonDeploymentsOutput, error) {
	if err := checkDescribed("daemonDeploymentArns", in.DaemonDeploymentArns); err != nil {
		return nil, err
	}
	v := a.store.View()
	out := &ecs.DescribeDaemonDeploymentsOutput{DaemonDeployments: []types.DaemonDeployment{}, Failures: []types.Failure{}}
	for _, arn := range in.DaemonDeploymentArns {
		if d, ok := v.DaemonDeployments.Get(arn); ok {
			out.DaemonDeployments = append(out.DaemonDeployments, a.describeDaemonDeployment(v, d))
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: &arn, Reason: aws.String("MISSING")})
		}
	}
	return out, nil
}

func (a *API) describeDaemonDeployment(v *state.View, d state.DaemonDeployment) types.DaemonDeployment {
	owner, _ := v.Daemons.Get(d.Daemon)
	counts := a.countDaemon(v, owner)
	out := types.DaemonDeployment{
		ClusterArn: &owner.Cluster, CreatedAt: &d.CreatedAt, DaemonDeploymentArn: &d.ARN, DeploymentConfiguration: &d.Config,
		FinishedAt: moment(d.FinishedAt), Rollback: d.Rollback, StartedAt: moment(d.StartedAt), Status: d.Status,
		StatusReason: optional(d.Reason), StoppedAt: moment(d.StoppedAt), SourceDaemonRevisions: []types.DaemonDeploymentRevisionDetail{},
		Alarms: &types.DaemonDeploymentAlarms{AlarmNames: append([]string{}, d.Config.Alarms.AlarmNames...),
			TriggeredAlarmNames: append([]string{}, d.Triggered...), Status: monitor(d, d.Config.Alarms.Enable, len(d.Triggered) > 0)},
		CircuitBreaker: &types.DaemonCircuitBreaker{FailureCount: int32(d.Failed), Status: monitor(d, true, d.Tripped)},
	}
	instances := 0
	for i := range v.InstancesOf(owner.Cluster) {
		if i.Status != inactive && slices.Contains(d.Providers, i.CapacityProvider) {
			instances++
		}
	}
	out.CircuitBreaker.Threshold = int32(daemon.Threshold(instances))
	if d.Target != "" {
		target := describeDaemonCounts(counts, d.Target)
		out.TargetDaemonRevision = &target
	}
	for _, source := range d.Sources {
		if source != d.Target {
			out.SourceDaemonRevisions = append(out.SourceDaemonRevisions, describeDaemonCounts(counts, source))
		}
	}
	return out
}

// monitor is the status of what watches over a deployment.
func monitor(d state.DaemonDeployment, enabled, triggered bool) types.DaemonDeploymentRollbackMonitorsStatus {
	switch {
	case !enabled:
		return types.DaemonDeploymentRollbackMonitorsStatusDisabled
	case triggered:
		return types.DaemonDeploymentRollbackMonitorsStatusTriggered
	case d.Over():
		return types.DaemonDeploymentRollbackMonitorsStatusMonitoringComplete
	}
	return types.DaemonDeploymentRollbackMonitorsStatusMonitoring
}

// describeDaemonCounts is what counts say of a revision, by its ARN.
func describeDaemonCounts(all []daemonCounts, revision string) types.DaemonDeploymentRevisionDetail {
	c := daemonCounts{revision: revision}
	if i := slices.IndexFunc(all, func(c daemonCounts) bool { return c.revision == revision }); i >= 0 {
		c = all[i]
	}
	total := c.total()
	out := types.DaemonDeploymentRevisionDetail{Arn: &revision, CapacityProviders: []types.DaemonDeploymentCapacityProvider{},
		TotalDrainingInstanceCount: &total.draining, TotalRunningInstanceCount: &total.running, TotalWithoutDaemonInstanceCount: &total.without}
	for _, p := range c.providers {
		out.CapacityProviders = append(out.CapacityProviders, types.DaemonDeploymentCapacityProvider{
			Arn: &p.arn, DrainingInstanceCount: &p.draining, RunningInstanceCount: &p.running, WithoutDaemonInstanceCount: &p.without})
	}
	return out
}

// ListDaemonDeployments lists the deployments of a daemon, newest first.
func (a *API) ListDaemonDeployments(_ context.Context, in *ecs.ListDaemonDeploymentsInput) (*ecs.ListDaemonDeploymentsOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	if in.MaxResults == nil {
		limit = 20
	}
	v := a.store.View()
	owner, err := daemonOf(v, in.DaemonArn)
	if err != nil {
		return nil, err
	}
	found := map[string]state.DaemonDeployment{}
	for d := range v.DaemonDeploymentsOf(owner.ARN) {
		if within(in.CreatedAt, d) && (len(in.Status) == 0 || slices.Contains(in.Status, d.Status)) {
			found[fmt.Sprintf("%019d %s", math.MaxInt64-d.CreatedAt.UnixNano(), d.ARN)] = d
		}
	}
	keys, next, err := page(sorted(found), in.NextToken, limit)
	out := &ecs.ListDaemonDeploymentsOutput{DaemonDeployments: []types.DaemonDeploymentSummary{}, NextToken: next}
	for _, key := range keys {
		d := found[key]
		out.DaemonDeployments = append(out.DaemonDeployments, types.DaemonDeploymentSummary{
			ClusterArn: &owner.Cluster, CreatedAt: &d.CreatedAt, DaemonArn: &d.Daemon, DaemonDeploymentArn: &d.ARN,
			FinishedAt: moment(d.FinishedAt), StartedAt: moment(d.StartedAt), Status: d.Status, StatusReason: optional(d.Reason),
			StoppedAt: moment(d.StoppedAt), TargetDaemonRevisionArn: optional(d.Target),
		})
	}
	return out, err
}

func sorted[T any](m map[string]T) iter.Seq[string] {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.Values(keys)
}

// within reports whether d was created in a range of time; nil is any.
func within(r *types.CreatedAt, d state.DaemonDeployment) bool {
	return r == nil || (r.After == nil || d.CreatedAt.After(*r.After)) && (r.Before == nil || d.CreatedAt.Before(*r.Before))
}
