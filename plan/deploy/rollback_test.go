package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// guard gives the service a circuit breaker.
func guard(rollback bool) func(*state.Tx, *state.Service) {
	return func(_ *state.Tx, s *state.Service) {
		s.Rollout.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: true, Rollback: rollback}
	}
}

// crash ends all tasks of a deployment that are not healthy, by themselves.
func (w *world) crash(id string) {
	w.update(func(tx *state.Tx) {
		for _, phase := range []state.Phase{state.Pending, state.Running} {
			for task := range tx.TasksOfDeployment(serviceARN, id, phase) {
				plan.End(tx, task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
			}
		}
	})
}

// crashUntil lets tasks of a deployment crash until something is so.
func (w *world) crashUntil(id string, done func(state.Service) bool) {
	w.t.Helper()
	for range 200 {
		w.step()
		if done(w.service()) {
			return
		}
		w.crash(id)
		w.obey()
		if p := w.plan(); len(p.Actions) == 0 && !p.Wake.IsZero() {
			w.now = p.Wake
		}
	}
	w.t.Fatalf("never happens:\n%s", strings.Join(w.trace, "\n"))
}

func primaryIs(state types.DeploymentRolloutState) func(state.Service) bool {
	return serviceIs(func(d deployment) bool { return d.State == state })
}

type deployment = state.Deployment

func serviceIs(primary func(deployment) bool) func(state.Service) bool {
	return func(s state.Service) bool { return primary(s.Deployments[0]) }
}

func TestRollBack(t *testing.T) {
	w := newWorld(t, 2, 100, 200, "")
	w.settle()
	w.change(guard(true))
	w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
	w.crashUntil("v2", serviceIs(func(d deployment) bool { return d.ID == "v1" }))

	s := w.service()
	sd, _ := w.store.View().ServiceDeployments.Get("sd/v2")
	if back, bad := s.Deployments[0], s.Deployments[1]; back.State != "IN_PROGRESS" || bad.State != "FAILED" || sd.Status != "ROLLBACK_IN_PROGRESS" ||
		back.Reason != "ECS deployment circuit breaker: rolling back to deploymentId v1." || bad.Reason != "ECS deployment circuit breaker: tasks failed to start." {
		t.Errorf("got %+v, %+v and %+v", back, bad, sd)
	}
	if n := count(w.store.View(), s, "v1"); n.healthy != 2 {
		t.Errorf("of the tasks before the deployment, %+v are left", n)
	}
	w.settle()
	s = w.service()
	sd, _ = w.store.View().ServiceDeployments.Get("sd/v2")
	if len(s.Deployments) != 1 || s.Deployments[0].State != "COMPLETED" || sd.Status != "ROLLBACK_SUCCESSFUL" || *sd.Rollback.ServiceRevisionArn != "revision/v1" {
		t.Errorf("ends with %+v and %+v", s.Deployments, sd)
	}
	want := []string{
		"(service web) (deployment v2) deployment failed: tasks failed to start.",
		"(service web) rolling back to deployment v1.",
		"(service web) (deployment v1) deployment completed.",
		"(service web) has reached a steady state.",
	}
	if got := w.events(); !slices.Equal(got[len(got)-len(want):], want) {
		t.Errorf("got events\n%s", strings.Join(got, "\n"))
	}
}

// When the old tasks are gone, a rollback is a deployment of their revision anew.
func TestRollBackToNewDeployment(t *testing.T) {
	w := newWorld(t, 2, 0, 100, "")
	w.settle()
	w.change(guard(true))
	w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
	w.crashUntil("v2", serviceIs(func(d deployment) bool { return d.Revision == "revision/v1" }))
	if d := w.service().Deployments[0]; d.ID == "v1" || !strings.HasPrefix(d.ID, "ecs-svc/") {
		t.Errorf("rolls back to %s", d.ID)
	}
	w.settle()
	if s := w.service(); len(s.Deployments) != 1 || s.Deployments[0].State != "COMPLETED" {
		t.Errorf("ends with %+v", s.Deployments)
	}
}

func TestFailedRollBack(t *testing.T) {
	w := newWorld(t, 2, 0, 100, "")
	w.settle()
	w.change(guard(true))
	w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
	w.crashUntil("v2", serviceIs(func(d deployment) bool { return d.Revision == "revision/v1" }))
	w.crashUntil(w.service().Deployments[0].ID, primaryIs("FAILED"))
	if sd, _ := w.store.View().ServiceDeployments.Get("sd/v2"); sd.Status != "ROLLBACK_FAILED" {
		t.Errorf("ends as %s", sd.Status)
	}
}

// Without a deployment that ever completed, or without rollback, nothing starts
// any more and what runs stays.
func TestFailedDeployment(t *testing.T) {
	w := newWorld(t, 4, 100, 150, "")
	w.change(guard(true))
	w.crashUntil("v1", primaryIs("FAILED"))
	if sd, _ := w.store.View().ServiceDeployments.Get("sd/v1"); sd.Status != "STOPPED" || !sd.Tripped {
		t.Errorf("the service deployment is %+v", sd)
	}
	w.check()

	w = newWorld(t, 4, 50, 100, "")
	w.settle()
	w.change(guard(false))
	w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
	w.crashUntil("v2", primaryIs("FAILED"))
	w.settle()
	if n := count(w.store.View(), w.service(), "v1"); n.healthy != 2 {
		t.Errorf("of the old tasks %+v are left", n)
	}
	w.change(func(_ *state.Tx, s *state.Service) { s.Desired = 0 })
	w.settle()
	if n := count(w.store.View(), w.service(), "v1"); n.all() != 0 {
		t.Errorf("scaled in to 0, it leaves %+v", n)
	}
}

// A healthy task resets the circuit breaker's count, unless it is told not to;
// the pauses end in any case.
func TestResetOnHealthyTask(t *testing.T) {
	for _, tc := range []struct {
		reset  *bool
		failed int
	}{{nil, 0}, {aws.Bool(true), 0}, {aws.Bool(false), 1}} {
		w := newWorld(t, 2, 100, 200, "v1. v1-")
		w.change(guard(false))
		w.change(func(_ *state.Tx, s *state.Service) { s.Rollout.DeploymentCircuitBreaker.ResetOnHealthyTask = tc.reset })
		w.update(func(tx *state.Tx) {
			task, _ := tx.Tasks.Get("arn:aws:ecs:r:1:task/c/v1.0")
			plan.End(tx, task, types.TaskStopCodeTaskFailedToStart, "CannotPullContainerError")
		})
		if d := w.service().Deployments[0]; d.Failed != 1 || d.Streak != 1 || d.FailedAt != noon {
			t.Errorf("counts %+v", d)
		}
		w.now = noon.Add(time.Minute)
		w.step()
		if d := w.service().Deployments[0]; d.Failed != tc.failed || d.Streak != 0 {
			t.Errorf("counts %+v after a healthy task, want %d", d, tc.failed)
		}
	}
}

func TestStopServiceDeployment(t *testing.T) {
	for _, tc := range []struct {
		ask             func(*state.Tx, state.ServiceDeployment)
		status, primary string
	}{{Abort, "STOPPED", "v2"}, {RollBack, "ROLLBACK_SUCCESSFUL", "v1"}} {
		w := newWorld(t, 2, 50, 100, "v1+ v1+ v2.")
		w.update(func(tx *state.Tx) {
			sd, _ := tx.ServiceDeployments.Get("sd/v2")
			tc.ask(tx, sd)
		})
		w.settle()
		sd, _ := w.store.View().ServiceDeployments.Get("sd/v2")
		if got := w.service().Deployments[0].ID; string(sd.Status) != tc.status || got != tc.primary {
			t.Errorf("ends %s with %s as primary, want %s with %s", sd.Status, got, tc.status, tc.primary)
		}
	}
}

func TestAlarm(t *testing.T) {
	w := newWorld(t, 2, 50, 100, "v1+ v1+ v2.")
	w.change(func(tx *state.Tx, s *state.Service) {
		s.Rollout.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true}
		sd, _ := tx.ServiceDeployments.Get("sd/v2")
		sd.Triggered = []string{"errors"}
		tx.ServiceDeployments.Put(tx, sd)
	})
	w.check("give the deployment up: alarm detected. and roll back to service revision v1")
}

// Tasks of a deployment that failed, and of those before it, leave instances
// that drain as far as the floor allows.
func TestDrainingAfterFailure(t *testing.T) {
	w := newWorld(t, 4, 50, 100, "v1+@i1 v1+@i1 v1+@i1 v2+")
	w.change(func(_ *state.Tx, s *state.Service) { s.Deployments[0].State = types.DeploymentRolloutStateFailed })
	w.drain("i1")
	w.check("stop v1.0 v1.1: its container instance drains")
}
