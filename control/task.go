package control

import (
	"berth/plan/lifecycle"
	"berth/state"
)

// tasks ends those whose instance is gone, and forgets those that stopped a
// while ago.
func tasks(limits lifecycle.Limits) loop[state.Task] {
	return loop[state.Task]{
		name:    "tasks",
		objects: func(v *state.View) *state.Table[state.Task] { return &v.Tasks },
		key:     func(t state.Task) string { return t.ARN },
		plan:    limits.Task,
		related: func(v *state.View) []string { return []string{v.ContainerInstances.Name()} },
		concerns: func(v *state.View, changed []state.Key) (keys []string) {
			for _, instance := range changed {
				if i, ok := v.ContainerInstances.Get(instance.Key); ok && i.Status != "INACTIVE" {
					continue
				}
				for t := range v.TasksOn(instance.Key) {
					keys = append(keys, t.ARN)
				}
			}
			return keys
		},
	}
}
