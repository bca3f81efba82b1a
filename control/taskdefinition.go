package control

import (
	"berth/plan/lifecycle"
	"berth/state"
)

// taskDefinitions removes revisions. Those whose deletion was asked for wait for
// tasks and services to end; the record of what ended may not say any more what
// it ran, so all of them are looked at again.
var taskDefinitions = loop[state.TaskDefinition]{
	name:    "task-definitions",
	objects: func(v *state.View) *state.Table[state.TaskDefinition] { return &v.TaskDefinitions },
	key:     func(d state.TaskDefinition) string { return *d.TaskDefinitionArn },
	plan:    lifecycle.TaskDefinition,
	related: func(v *state.View) []string { return []string{v.Services.Name(), v.TaskSets.Name(), v.Tasks.Name()} },
	concerns: func(v *state.View, _ []state.Key) (keys []string) {
		for d := range v.TaskDefinitionsInDeletion() {
			keys = append(keys, *d.TaskDefinitionArn)
		}
		return keys
	},
}
