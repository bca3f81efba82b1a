package deploy

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// limits are how many healthy tasks the scheduler leaves of the desired ones,
// rounded up, and how many live ones it makes at most, rounded down.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func limits(desired int, r *types.DeploymentConfiguration) (floor, ceiling int) {
	floor = (desired*int(aws.ToInt32(r.MinimumHealthyPercent)) + 99) / 100
	return floor, desired * int(aws.ToInt32(r.MaximumPercent)) / 100
}

// counts is how many tasks are in which phase.
type counts struct{ pending, running, healthy, leaving, stopping int }

// count counts the tasks of a deployment or task set, by its id.
func count(v *state.View, s state.Service, id string) counts {
	n := func(p state.Phase) int { return v.CountTasksOf(s.ARN, id, p) }
	return counts{n(state.Pending), n(state.Running), n(state.Healthy), n(state.Leaving), n(state.Stopping)}
}

func (c counts) plus(d counts) counts {
	return counts{c.pending + d.pending, c.running + d.running, c.healthy + d.healthy, c.leaving + d.leaving, c.stopping + d.stopping}
}

// staying is those that nobody has asked to stop.
func (c counts) staying() int { return c.pending + c.running + c.healthy }

// live is those that the maximum percent limits: before or in RUNNING.
func (c counts) live() int { return c.staying() + c.leaving }

// all is those that have not stopped.
func (c counts) all() int { return c.live() + c.stopping }

// old is the tasks of all deployments but the first.
func (l *look) old() (all counts) {
	for _, d := range l.s.Deployments[1:] {
		all = all.plus(count(l.v, l.s, d.ID))
	}
	return all
}
