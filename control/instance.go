package control

import (
	"berth/plan/lifecycle"
	"berth/state"
)

// containerInstances notices agents and machines that are lost, and removes
// instances that were deregistered a while ago. How long a server has not been
// seen is in each plan's wake time, so changes of servers concern none.
func containerInstances(limits lifecycle.Limits) loop[state.ContainerInstance] {
	return loop[state.ContainerInstance]{
		name:    "container-instances",
		objects: func(v *state.View) *state.Table[state.ContainerInstance] { return &v.ContainerInstances },
		key:     func(i state.ContainerInstance) string { return i.ARN },
		plan:    limits.ContainerInstance,
	}
}

// servers removes those that ended a while ago.
var servers = loop[state.Server]{
	name:    "servers",
	objects: func(v *state.View) *state.Table[state.Server] { return &v.Servers },
	key:     func(s state.Server) string { return s.ID },
	plan:    lifecycle.Server,
}
