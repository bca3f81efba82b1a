package control

import (
	"berth/plan/lifecycle"
	"berth/state"
)

// containerInstances removes those that were deregistered a while ago.
var containerInstances = loop[state.ContainerInstance]{
	name:    "container-instances",
	objects: func(v *state.View) *state.Table[state.ContainerInstance] { return &v.ContainerInstances },
	key:     func(i state.ContainerInstance) string { return i.ARN },
	plan:    lifecycle.ContainerInstance,
}
