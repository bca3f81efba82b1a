// Package place decides which container instance a task runs on.
//
// [Tasks] is pure: it reads a view and returns places, and the closest instances'
// reasons if there are too few; [Start] is the action that takes a place. What
// instances have left is kept by package state, in the agent's own arithmetic,
// so no placement looks at the tasks there are; and orders of instances are
// kept from one view to the next, so only the first one looks at all instances.
//
// Used by plan/deploy and api/ecs.
package place

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Request asks for places for equal tasks.
type Request struct {
	Cluster          string // ARN of the cluster whose instances count
	LaunchType       string // EC2, FARGATE, EXTERNAL
	CapacityProvider string // name of the one whose instances count; empty for all
	Only             string // ARN of the one instance that counts; empty for all
	Daemon           bool   // of a daemon: also where another is missing, or is DRAINING
	Definition       *types.TaskDefinition
	Takes            state.Resources // its GPUs are given by the place
	GPUs             int
	Group            string
	Service          string // ARN of the one that the tasks are of, if any
	Count            int
	Constraints      []types.PlacementConstraint // the task definition's and the caller's
	Strategy         []types.PlacementStrategy
	Subnets          []state.Subnet // for a network interface; none in other network modes
	Seed             string         // for the strategy random

	// Taken are places that tasks of the group got which the view does not show:
	// by the same plan, for another request.
	Taken []Place
}

// Place is where a task goes.
type Place struct {
	Instance string // ARN
	Zone     string
	Subnet   state.Subnet    // zero where the task has no network interface
	Takes    state.Resources // with the GPUs that it gets
}

// mostRefusals is how many instances say why they do not run a task.
const mostRefusals = 10

// Tasks finds places for as many of the tasks as fit, one after the other, each
// as if those before had been placed. If some do not fit, the closest ten
// instances say why not, the closest one first.
func Tasks(v *state.View, r Request) (places []Place, refused []Refusal) {
	r.use(v, func(o *order) {
		for len(places) < r.Count {
			c := o.next()
			if c == nil {
				refused = o.closest(v, mostRefusals)
				return
			}
			places = append(places, o.place(c))
		}
	})
	return places, refused
}
