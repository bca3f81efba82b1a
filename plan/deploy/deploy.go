// Package deploy decides how a service moves towards its desired count and its
// newest service revision.
//
// [Config.Plan] is pure: it reads a view of the state and the time it is given,
// and returns what to do next. It keeps nothing between calls, so a restarted
// control plane continues a deployment where it was. Its limits come from the
// service: no fewer healthy tasks than the floor by its own doing, no more live
// ones than the ceiling, and a growing pause between starts where tasks fail.
//
// Where a task goes is package place's decision. Used by control, by api/ecs to
// begin deployments, and by what explains or simulates them.
package deploy

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/plan/vpc"
	"berth/state"
)

// Config is what all services are planned by.
type Config struct {
	Network vpc.Network // of tasks with a network interface

	// HealthyAfter is how long a task without health checks has to run before it
	// counts as healthy. ECS waits for 40 seconds.
	//
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
	HealthyAfter time.Duration
}

// mostAtOnce is how many tasks a plan starts or stops at most. What is left
// follows at once; a transaction has a limit.
const mostAtOnce = 100

// Plan moves s one step towards what its user wants. To apply the plan and plan
// again, until it is empty, converges.
func (c Config) Plan(v *state.View, s state.Service, now time.Time) (p plan.Plan) {
	l := look{Config: c, p: &p, v: v, s: s, now: now}
	switch {
	case s.Status == "INACTIVE":
		l.forget()
	case s.Status == "DRAINING":
		l.drain()
	case s.Controller == types.DeploymentControllerTypeExternal:
		l.external()
	case s.Controller == types.DeploymentControllerTypeEcs && len(s.Deployments) > 0:
		l.deploy()
	}
	return p
}

// look is one look at a service: what a plan is made from, and the plan.
type look struct {
	Config
	v   *state.View
	s   state.Service
	sd  state.ServiceDeployment // that the primary deployment is part of
	now time.Time
	p   *plan.Plan

	taken    []place.Place // of the tasks that the plan starts
	unplaced int           // tasks that it would start, if there was room
	unsteady bool          // there is a cause to warn of, said before or not, that a steady state would resolve
}

// deploy plans a service with deployments. Where the records of a deployment
// change, that is all of the plan: what follows is decided from what is then.
func (l *look) deploy() {
	l.sd, _ = l.v.ServiceDeployments.Get(l.s.Deployments[0].ServiceDeployment)
	for _, changes := range []func() bool{l.recount, l.fail, l.advance, l.retire} {
		if changes() {
			return
		}
	}
	switch l.s.Scheduling {
	case types.SchedulingStrategyDaemon:
		l.daemon()
	default:
		l.replica()
	}
	if len(l.p.Actions) == 0 {
		l.steady()
	}
}
