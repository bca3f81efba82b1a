package deploy

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// floor is how many healthy tasks the scheduler leaves a service, and ceiling how
// many live ones it lets it have.
func limits(s state.Service) (floor, ceiling int) {
	floor = (s.Desired*int(aws.ToInt32(s.Rollout.MinimumHealthyPercent)) + 99) / 100
	return floor, s.Desired * int(aws.ToInt32(s.Rollout.MaximumPercent)) / 100
}

// replica keeps the desired count of tasks of the primary deployment.
func (c Config) replica(p *plan.Plan, v *state.View, s state.Service, now time.Time) {
	c.settle(p, v, s, now)
	primary := s.Deployments[0]
	fresh := count(v, s, primary.ID)
	old := counts{}
	for _, d := range s.Deployments[1:] {
		old = old.plus(count(v, s, d.ID))
	}
	floor, ceiling := limits(s)
	start := min(s.Desired-fresh.staying(), ceiling-fresh.live()-old.live(), mostAtOnce)
	if start > 0 {
		c.start(p, v, s, primary, start)
	}
	spare := fresh.healthy + old.healthy - floor
	for _, d := range s.Deployments[1:] {
		spare = stop(p, v, s, d, "Replaced by deployment "+primary.ID, spare)
	}
}

// counts is how many tasks are in which phase.
type counts struct{ pending, running, healthy, leaving, stopping int }

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

// stop stops tasks of d: all that are not healthy, and as many healthy ones as
// can be spared.
func stop(p *plan.Plan, v *state.View, s state.Service, d state.Deployment, why string, spare int) int {
	for _, phase := range []state.Phase{state.Pending, state.Running, state.Healthy} {
		for t := range v.TasksOfDeployment(s.ARN, d.ID, phase) {
			if phase == state.Healthy {
				if spare <= 0 {
					return 0
				}
				spare--
			}
			p.Do(plan.StopTask{ARN: t.ARN, Code: types.TaskStopCodeServiceSchedulerInitiated, Reason: why})
		}
	}
	return spare
}

// settle notes which tasks without health checks have run long enough.
func (c Config) settle(p *plan.Plan, v *state.View, s state.Service, now time.Time) {
	var healthy []string
	for _, d := range s.Deployments {
		definition, _ := v.TaskDefinitions.Get(d.Definition)
		if plan.HasHealthCheck(&definition.TaskDefinition) {
			continue
		}
		for t := range v.TasksOfDeployment(s.ARN, d.ID, state.Running) {
			if at := t.StartedAt.Add(c.HealthyAfter); now.Before(at) {
				p.WakeAt(at)
			} else if len(healthy) < mostAtOnce {
				healthy = append(healthy, t.ARN)
			}
		}
	}
	if len(healthy) > 0 {
		p.Do(plan.CountHealthy{Tasks: healthy})
	}
}

// start starts n tasks of d, as far as there is room.
func (c Config) start(p *plan.Plan, v *state.View, s state.Service, d state.Deployment, n int) {
	revision, _ := v.ServiceRevisions.Get(d.Revision)
	source := source{revision: d.Revision, id: d.ID, Workload: revision.Workload}
	for _, share := range shares(v, s, source, n) {
		r, start := c.request(v, s, source, share)
		places, _ := place.Tasks(v, r)
		launch := Launch{Service: s}
		for _, at := range places {
			start.Place = at
			launch.Starts = append(launch.Starts, start)
		}
		if len(launch.Starts) > 0 {
			p.Do(launch)
		}
	}
}

// drain stops all tasks of a deleted service, which is INACTIVE when there are none.
func (c Config) drain(p *plan.Plan, v *state.View, s state.Service) {
	left := 0
	for _, d := range s.Deployments {
		n := count(v, s, d.ID)
		left += n.live() + n.stopping
		stop(p, v, s, d, fmt.Sprintf("Scaling activity initiated by (deployment %s)", d.ID), n.healthy)
	}
	if left == 0 {
		s.Status, s.Deployments = "INACTIVE", s.Deployments[:min(1, len(s.Deployments))]
		p.Do(plan.PutService{Service: s, Why: s.Name + " is inactive"})
	}
}
