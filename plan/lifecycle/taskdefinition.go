// Package lifecycle decides when records come to their end.
//
// [Limits.ContainerInstance] and [Limits.Task] notice what is lost and remove
// what ended a while ago, as [Cluster] and [CapacityProvider] do;
// [TaskDefinition] removes revisions whose deletion was asked for, once nothing
// runs them; [Observe] moves tasks on by what agents report. Each function is
// pure and asked again after every change.
package lifecycle

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// TaskDefinition removes d when its deletion was asked for and all services and
// tasks that run it have ended.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
func TaskDefinition(v *state.View, d state.TaskDefinition, _ time.Time) (p plan.Plan) {
	if d.Status == types.TaskDefinitionStatusDeleteInProgress && !inUse(v, *d.TaskDefinitionArn) {
		p.Do(plan.RemoveTaskDefinition{ARN: *d.TaskDefinitionArn})
	}
	return p
}

func inUse(v *state.View, definition string) bool {
	for s := range v.ServicesFrom(definition) {
		if s.Status != "INACTIVE" {
			return true
		}
	}
	for range v.TaskSetsFrom(definition) {
		return true
	}
	for range v.TasksFrom(definition) {
		return true
	}
	return false
}

// DaemonTaskDefinition removes d when its deletion was asked for and no daemon
// runs it any more.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteDaemonTaskDefinition.html
func DaemonTaskDefinition(v *state.View, d state.DaemonTaskDefinition, _ time.Time) (p plan.Plan) {
	if d.Status == types.DaemonTaskDefinitionStatusDeleteInProgress && !runByDaemon(v, *d.DaemonTaskDefinitionArn) {
		p.Do(plan.RemoveDaemonTaskDefinition{ARN: *d.DaemonTaskDefinitionArn})
	}
	return p
}

func runByDaemon(v *state.View, definition string) bool {
	for r := range v.DaemonRevisionsFrom(definition) {
		if d, _ := v.Daemons.Get(r.Daemon); d.Revision == r.ARN {
			return true
		}
	}
	for range v.TasksFrom(definition) {
		return true
	}
	return false
}
