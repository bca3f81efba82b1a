package control

import (
	"berth/plan/lifecycle"
	"berth/state"
)

// clusters removes clusters that were deleted long ago. Nothing else concerns it.
var clusters = loop[state.Cluster]{
	name:    "clusters",
	objects: func(v *state.View) *state.Table[state.Cluster] { return &v.Clusters },
	key:     func(c state.Cluster) string { return c.ARN },
	plan:    lifecycle.Cluster,
}

// capacityProviders removes capacity providers in the same way.
var capacityProviders = loop[state.CapacityProvider]{
	name:    "capacity-providers",
	objects: func(v *state.View) *state.Table[state.CapacityProvider] { return &v.CapacityProviders },
	key:     func(p state.CapacityProvider) string { return p.ARN },
	plan:    lifecycle.CapacityProvider,
}
