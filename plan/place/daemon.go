package place

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// missingDaemon is the name of a critical daemon that should run on i and does
// not: until it does, no other task starts there.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons.html
func missingDaemon(v *state.View, i *state.ContainerInstance) (name string, missing bool) {
	if i.CapacityProvider == "" {
		return "", false
	}
	for d := range v.DaemonsOn(*i) {
		r, _ := v.DaemonRevisions.Get(d.Revision)
		if r.Critical && d.Status == types.DaemonStatusActive && !runsDaemon(v, d, i) {
			return d.Name, true
		}
	}
	return "", false
}

// runsDaemon reports whether a task of d, of whatever revision, does its work on i.
func runsDaemon(v *state.View, d state.Daemon, i *state.ContainerInstance) bool {
	for t := range v.DaemonTasks(d.ARN, i.ARN) {
		definition, _ := v.DefinitionOf(t)
		switch t.Phase() {
		case state.Healthy:
			return true
		case state.Running:
			if !plan.HasHealthCheck(&definition) {
				return true
			}
		}
	}
	return false
}
