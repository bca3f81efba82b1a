package ecs

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

func (a *API) describeDeploymentBrief(d state.ServiceDeployment) types.ServiceDeploymentBrief {
	return types.ServiceDeploymentBrief{
		ServiceDeploymentArn: &d.ARN, ServiceArn: &d.Service, ClusterArn: a.clusterOf(d.ARN),
		CreatedAt: moment(d.CreatedAt), StartedAt: moment(d.StartedAt), FinishedAt: moment(d.FinishedAt),
		TargetServiceRevisionArn: &d.Target, Status: d.Status, StatusReason: optional(d.Reason),
	}
}

// clusterOf is the ARN of the cluster in which something of a service is, by its ARN.
func (a *API) clusterOf(name string) *string {
	return aws.String(a.arn("cluster/" + strings.Split(name, "/")[1]))
}

// moment is a time that the API leaves out while it is unknown.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *API) describeServiceDeployment(v *state.View, d state.ServiceDeployment) types.ServiceDeployment {
	s, _ := v.Services.Get(d.Service)
	target := describeRevisionSummary(v, s, d.Target)
	out := types.ServiceDeployment{
		ServiceDeploymentArn: &d.ARN, ServiceArn: &d.Service, ClusterArn: a.clusterOf(d.ARN),
		CreatedAt: moment(d.CreatedAt), StartedAt: moment(d.StartedAt), FinishedAt: moment(d.FinishedAt),
		StoppedAt: moment(d.StoppedAt), UpdatedAt: moment(d.UpdatedAt),
		SourceServiceRevisions: []types.ServiceRevisionSummary{}, TargetServiceRevision: &target,
		Status: d.Status, StatusReason: optional(d.Reason), LifecycleStage: d.Stage,
		DeploymentConfiguration: d.Rollout, Rollback: d.Rollback,
		DeploymentCircuitBreaker: describeBreaker(v, s, d), Alarms: describeDeploymentAlarms(d), LifecycleHookDetails: d.Hooks,
	}
	for _, source := range d.Sources {
		out.SourceServiceRevisions = append(out.SourceServiceRevisions, describeRevisionSummary(v, s, source))
	}
	return out
}

// describeRevisionSummary counts the tasks that s has of a revision. A rollback
// can run one that another deployment still has tasks of.
func describeRevisionSummary(v *state.View, s state.Service, revision string) types.ServiceRevisionSummary {
	out := types.ServiceRevisionSummary{Arn: &revision}
	for _, d := range s.Deployments {
		if d.Revision != revision {
			continue
		}
		shown := describeDeployment(v, s, d)
		out.RequestedTaskCount += shown.DesiredCount
		out.RunningTaskCount += shown.RunningCount
		out.PendingTaskCount += shown.PendingCount
	}
	return out
}

// describeBreaker is what the circuit breaker of a service deployment counts.
func describeBreaker(v *state.View, s state.Service, d state.ServiceDeployment) *types.ServiceDeploymentCircuitBreaker {
	config := d.Rollout.DeploymentCircuitBreaker
	out := &types.ServiceDeploymentCircuitBreaker{
		Status:    monitors(config != nil && config.Enable, d.Tripped, d),
		Threshold: int32(deploy.Threshold(v, s)),
	}
	for _, deployment := range s.Deployments {
		if deployment.ServiceDeployment == d.ARN && deployment.Revision == d.Target {
			out.FailureCount = int32(deployment.Failed)
		}
	}
	if d.Tripped { // its tasks may be gone, and their count with them
		out.FailureCount = max(out.FailureCount, out.Threshold)
	}
	return out
}

func describeDeploymentAlarms(d state.ServiceDeployment) *types.ServiceDeploymentAlarms {
	config := d.Rollout.Alarms
	out := &types.ServiceDeploymentAlarms{Status: monitors(config != nil && config.Enable, len(d.Triggered) > 0, d)}
	if config != nil && config.Enable {
		out.AlarmNames, out.TriggeredAlarmNames = config.AlarmNames, append([]string{}, d.Triggered...)
	}
	return out
}

// monitors is the status of something that watches a service deployment for failures.
func monitors(enabled, triggered bool, d state.ServiceDeployment) types.ServiceDeploymentRollbackMonitorsStatus {
	switch {
	case !enabled:
		return types.ServiceDeploymentRollbackMonitorsStatusDisabled
	case triggered:
		return types.ServiceDeploymentRollbackMonitorsStatusTriggered
	case d.Over() || d.Status == types.ServiceDeploymentStatusRollbackInProgress:
		return types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
	}
	return types.ServiceDeploymentRollbackMonitorsStatusMonitoring
}
