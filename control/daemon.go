package control

import (
	"berth/plan/daemon"
	"berth/plan/lifecycle"
	"berth/state"
)

// daemons keeps a task of each on its container instances. What its tasks do
// concerns it, what instances there are, and when one that is drained is empty.
func daemons(cfg daemon.Config) loop[state.Daemon] {
	return loop[state.Daemon]{
		name:    "daemons",
		objects: func(v *state.View) *state.Table[state.Daemon] { return &v.Daemons },
		key:     func(d state.Daemon) string { return d.ARN },
		plan:    cfg.Plan,
		related: func(v *state.View) []string {
			return []string{v.Tasks.Name(), v.ContainerInstances.Name(), v.DaemonDeployments.Name()}
		},
		concerns: func(v *state.View, changed []state.Key) (keys []string) {
			for _, k := range changed {
				keys = append(keys, daemonsOf(v, k)...)
			}
			return keys
		},
	}
}

// daemonsOf is the daemons that a changed record concerns.
func daemonsOf(v *state.View, k state.Key) (arns []string) {
	switch k.Table {
	case v.Tasks.Name():
		t, _ := v.Tasks.Get(k.Key)
		if t.OfDaemon() {
			return []string{t.Service}
		}
		if i, _ := v.ContainerInstances.Get(t.Instance); t.Stopped() && i.Status == "DRAINING" {
			for d := range v.DaemonsOn(i) {
				arns = append(arns, d.ARN)
			}
		}
	case v.DaemonDeployments.Name():
		if d, ok := v.DaemonDeployments.Get(k.Key); ok {
			arns = append(arns, d.Daemon)
		}
	case v.ContainerInstances.Name():
		i, _ := v.ContainerInstances.Get(k.Key)
		for d := range v.DaemonsOf(i.Cluster) {
			arns = append(arns, d.ARN)
		}
	}
	return arns
}

// daemonTaskDefinitions removes revisions whose deletion was asked for, once no
// daemon runs them.
var daemonTaskDefinitions = loop[state.DaemonTaskDefinition]{
	name:    "daemon-task-definitions",
	objects: func(v *state.View) *state.Table[state.DaemonTaskDefinition] { return &v.DaemonDefinitions },
	key:     func(d state.DaemonTaskDefinition) string { return *d.DaemonTaskDefinitionArn },
	plan:    lifecycle.DaemonTaskDefinition,
	related: func(v *state.View) []string { return []string{v.Daemons.Name(), v.Tasks.Name()} },
	concerns: func(v *state.View, _ []state.Key) (keys []string) {
		for d := range v.DaemonDefinitionsInDeletion() {
			keys = append(keys, *d.DaemonTaskDefinitionArn)
		}
		return keys
	},
}
