package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// reached reports whether the primary deployment has the healthy tasks that it
// needs to complete: as many as desired and no other, or the share that its
// early success criteria name.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentEarlySuccessCriteria.html
func (l *look) reached() bool {
	fresh, desired := count(l.v, l.s, l.s.Deployments[0].ID), l.desired()
	if early := l.s.Rollout.EarlySuccessCriteria; early != nil && early.Enable {
		return fresh.healthy*100 >= desired*int(aws.ToInt32(early.HealthyPercent))
	}
	return fresh.healthy == desired && fresh.live() == desired
}

// cleaned reports whether no other deployment has live tasks, or need not.
func (l *look) cleaned() bool {
	early := l.s.Rollout.EarlySuccessCriteria
	deferred := early != nil && early.Enable && early.SourceServiceRevisionCleanup == types.ServiceRevisionCleanupDeferred
	return deferred || l.old().live() == 0
}

// complete ends the primary deployment, and the service deployment with it.
func (l *look) complete() {
	s, sd := l.s, l.sd
	s.Deployments = slices.Clone(s.Deployments)
	d := &s.Deployments[0]
	d.State, d.Reason, d.UpdatedAt = types.DeploymentRolloutStateCompleted, fmt.Sprintf("ECS deployment %s completed.", d.ID), l.now
	sd.Status, sd.Reason = types.ServiceDeploymentStatusSuccessful, ""
	if sd.Rollback != nil {
		sd.Status = types.ServiceDeploymentStatusRollbackSuccessful
	}
	if sd.StartedAt.IsZero() { // nothing was to do
		sd.StartedAt = l.now
	}
	sd.FinishedAt, sd.Hooks = l.now, nil
	l.p.Do(
		plan.PutService{Service: s, Why: fmt.Sprintf("deployment %s completed", d.ID)},
		plan.PutServiceDeployment{Deployment: sd, Why: fmt.Sprintf("service deployment %s is %s", idOf(sd.ARN), sd.Status)},
		plan.RecordEvent{Service: s.ARN, Message: fmt.Sprintf("%s (deployment %s)%s", l.title(), d.ID, finished)},
	)
}

// retire forgets old deployments of which no task is left.
func (l *look) retire() bool {
	gone := func(d state.Deployment) bool {
		return d.ID != l.s.Deployments[0].ID && count(l.v, l.s, d.ID).all() == 0 && !l.heldBack()
	}
	i := slices.IndexFunc(l.s.Deployments, gone)
	if i < 0 {
		return false
	}
	s, why := l.s, fmt.Sprintf("no task of deployment %s is left", l.s.Deployments[i].ID)
	s.Deployments = slices.DeleteFunc(slices.Clone(s.Deployments), gone)
	l.p.Do(plan.PutService{Service: s, Why: why})
	return true
}

// steady says that all is as desired: again whenever something else was said
// since, and otherwise every six hours.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
func (l *look) steady() {
	if l.unsteady || !Steady(l.v, l.s) {
		return
	}
	l.saySteady()
}

// saySteady records that the service is steady, unless that was the last thing said.
func (l *look) saySteady() {
	for e := range l.v.LatestEventsOf(l.s.ARN) {
		if again := e.At.Add(sixHours); strings.HasSuffix(e.Message, steady) && l.now.Before(again) {
			l.p.WakeAt(again)
			return
		}
		break
	}
	l.p.Do(plan.RecordEvent{Service: l.s.ARN, Message: l.title() + steady})
	l.p.WakeAt(l.now) // an event changes nothing that wakes anybody
	l.prune()
}

// Steady reports whether s, which has deployments, runs what it is to run and
// nothing else.
func Steady(v *state.View, s state.Service) bool {
	primary := s.Primary()
	if primary == nil || primary.State != types.DeploymentRolloutStateCompleted || len(s.Deployments) > 1 {
		return false
	}
	tasks, desired := count(v, s, primary.ID), (&look{v: v, s: s}).desired()
	return tasks.healthy == desired && tasks.all() == desired
}

// Missing is how many tasks s has fewer than it is to have, whatever keeps it
// from starting them.
func Missing(v *state.View, s state.Service) int {
	if s.Status != "ACTIVE" {
		return 0
	}
	n := 0
	if primary := s.Primary(); primary != nil {
		n = max(0, (&look{v: v, s: s}).desired()-count(v, s, primary.ID).staying())
	}
	for set := range v.TaskSetsOf(s.ARN) {
		n += max(0, ComputedDesired(s, set)-count(v, s, set.ID).staying())
	}
	return n
}

// desired is how many tasks the service is to run.
func (l *look) desired() int { return l.s.Desired }
