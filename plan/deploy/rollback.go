package deploy

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// failure is why a deployment is given up, and whether it is rolled back.
type failure struct {
	by       string // ECS deployment circuit breaker
	what     string // tasks failed to start.
	because  string // of the service deployment: the circuit breaker threshold was exceeded.
	rollback bool
}

// fail gives up a deployment that cannot complete, or that its user stops.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
func (l *look) fail() bool {
	if !l.unfinished() {
		return false
	}
	f := l.failure()
	if f == nil {
		return false
	}
	back := Return{Service: l.s.ARN, failure: *f}
	if f.rollback && l.sd.Rollback == nil {
		back.Revision = l.completed()
	}
	l.p.Do(back)
	return true
}

// failure is what ends the primary deployment; nil for nothing.
func (l *look) failure() *failure {
	breaker, alarms := l.s.Rollout.DeploymentCircuitBreaker, l.s.Rollout.Alarms
	switch {
	case l.sd.Status == types.ServiceDeploymentStatusStopRequested:
		return &failure{"ECS deployment", "stopped by the user.", "it was stopped by the user.", false}
	case l.sd.Status == types.ServiceDeploymentStatusRollbackRequested:
		return &failure{"ECS deployment", "stopped by the user.", "it was stopped by the user.", true}
	case l.timedOut():
		return &failure{"ECS deployment lifecycle hook", "timed out.", "a lifecycle hook timed out.", true}
	case l.tripped():
		return &failure{"ECS deployment circuit breaker", "tasks failed to start.", "the circuit breaker threshold was exceeded.", breaker.Rollback}
	case alarms != nil && alarms.Enable && len(l.sd.Triggered) > 0:
		return &failure{"ECS deployment alarm", "alarm detected.", "an alarm was detected.", alarms.Rollback}
	}
	return nil
}

// completed is the service revision that completed last, by its ARN: what a
// deployment that fails is rolled back to. Empty if none ever did.
func (l *look) completed() (revision string) {
	var at time.Time
	for sd := range l.v.DeploymentsOf(l.s.ARN) {
		to := sd.Target
		switch sd.Status {
		case types.ServiceDeploymentStatusRollbackSuccessful:
			to = *sd.Rollback.ServiceRevisionArn
		case types.ServiceDeploymentStatusSuccessful:
		default:
			continue
		}
		if sd.FinishedAt.After(at) {
			revision, at = to, sd.FinishedAt
		}
	}
	return revision
}

// Return ends the primary deployment of a service as FAILED. If there is a
// revision to return to, its deployment is primary again, or a new one if its
// last task is gone.
type Return struct {
	Service  string // ARN
	Revision string // ARN; empty to stay
	failure
}

func (a Return) String() string {
	if a.Revision == "" {
		return fmt.Sprintf("give the deployment up: %s", a.what)
	}
	return fmt.Sprintf("give the deployment up: %s and roll back to service revision %s", a.what, idOf(a.Revision))
}

// Apply writes the service and the service deployment, and what happened.
func (a Return) Apply(tx *state.Tx) {
	s, _ := tx.Services.Get(a.Service)
	s.Deployments = slices.Clone(s.Deployments)
	failed := &s.Deployments[0]
	failed.State, failed.Reason, failed.UpdatedAt = types.DeploymentRolloutStateFailed, a.by+": "+a.what, tx.Now()
	sd, _ := tx.ServiceDeployments.Get(failed.ServiceDeployment)
	events := []string{fmt.Sprintf("(service %s) (deployment %s) deployment failed: %s", s.Name, failed.ID, a.what)}
	sd.Tripped = sd.Tripped || a.by == "ECS deployment circuit breaker"
	sd.Hooks = nil
	switch {
	case a.Revision != "":
		to := a.turn(tx, &s)
		sd.Status, sd.Reason = types.ServiceDeploymentStatusRollbackInProgress, "Service deployment rolled back because "+a.because
		sd.Rollback = &types.Rollback{Reason: &sd.Reason, ServiceRevisionArn: &a.Revision, StartedAt: new(tx.Now())}
		sd.Stage, sd.StageAt = types.ServiceDeploymentLifecycleStageScaleUp, tx.Now()
		events = append(events, fmt.Sprintf("(service %s) rolling back to deployment %s.", s.Name, to))
	case sd.Rollback != nil || a.rollback && sd.Status == types.ServiceDeploymentStatusRollbackRequested:
		sd.Status, sd.Reason, sd.FinishedAt = types.ServiceDeploymentStatusRollbackFailed, "Service deployment failed because "+a.because, tx.Now()
	default:
		sd.Status, sd.Reason = types.ServiceDeploymentStatusStopped, "Service deployment stopped because "+a.because
		sd.StoppedAt, sd.FinishedAt = tx.Now(), tx.Now()
	}
	tx.Services.Put(tx, s)
	plan.PutServiceDeployment{Deployment: sd}.Apply(tx)
	for _, message := range events {
		plan.RecordEvent{Service: s.ARN, Message: message}.Apply(tx)
	}
}

// turn makes a deployment of the revision to return to primary, and returns its id.
func (a Return) turn(tx *state.Tx, s *state.Service) string {
	failed := s.Deployments[0]
	i := slices.IndexFunc(s.Deployments, func(d state.Deployment) bool { return d.Revision == a.Revision })
	var to state.Deployment
	if i >= 0 {
		to = s.Deployments[i]
		s.Deployments = slices.Delete(s.Deployments, i, i+1)
	} else {
		r, _ := tx.ServiceRevisions.Get(a.Revision)
		to = state.Deployment{ID: "ecs-svc/" + newNumber(tx), Revision: r.ARN, Definition: r.Definition, CreatedAt: tx.Now()}
	}
	to.ServiceDeployment, to.State = failed.ServiceDeployment, types.DeploymentRolloutStateInProgress
	to.Reason = fmt.Sprintf("%s: rolling back to deploymentId %s.", a.by, to.ID)
	to.Failed, to.Streak, to.UpdatedAt = 0, 0, tx.Now()
	s.Deployments = append([]state.Deployment{to}, s.Deployments...)
	return to.ID
}
