package deploy

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// pause gives the service a hook that pauses it in a stage, for ten minutes.
func pause(stage types.DeploymentLifecycleHookStage, then types.DeploymentLifecycleHookAction) func(*state.Tx, *state.Service) {
	return func(_ *state.Tx, s *state.Service) {
		s.Rollout.LifecycleHooks = []types.DeploymentLifecycleHook{{
			TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{stage},
			TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: aws.Int32(10), Action: then},
		}}
	}
}

// deployV2 begins a deployment as UpdateService does, by its stages.
func (w *world) deployV2() {
	w.change(func(tx *state.Tx, s *state.Service) {
		addDeployment(tx, s, "v2")
		sd, _ := tx.ServiceDeployments.Get("sd/v2")
		sd.Status, sd.Stage = types.ServiceDeploymentStatusPending, ""
		tx.ServiceDeployments.Put(tx, sd)
	})
}

func (w *world) serviceDeployment(arn string) state.ServiceDeployment {
	sd, _ := w.store.View().ServiceDeployments.Get(arn)
	return sd
}

// work lets plans and agents work until they wait for the time.
func (w *world) work() {
	for w.step() || w.obey() {
	}
}

// A hook before the first task holds the deployment back, and what ran before is
// kept meanwhile.
func TestPause(t *testing.T) {
	w := newWorld(t, 2, 100, 200, "")
	w.settle()
	w.change(pause("PRE_SCALE_UP", "ROLLBACK"))
	w.deployV2()
	w.work()
	sd := w.serviceDeployment("sd/v2")
	if sd.Status != "IN_PROGRESS" || sd.Stage != "PRE_SCALE_UP" || len(sd.Hooks) != 1 || len(*sd.Hooks[0].HookId) != len("ecs-pause-e7tK9G_WRJqNF_EOMjztDXfKenlJuEUVjsNStf4WLKw") {
		t.Fatalf("paused as %+v", sd)
	}
	w.crashHealthy("v1")
	w.work()
	if n := count(w.store.View(), w.service(), "v1"); n.staying() != 2 {
		t.Errorf("while it is paused, the old deployment has %+v", n)
	}
	w.update(func(tx *state.Tx) {
		if Continue(tx, sd, "other") || !Continue(tx, sd, *sd.Hooks[0].HookId) {
			t.Error("continues the wrong hook")
		}
	})
	w.settle()
	if s := w.service(); len(s.Deployments) != 1 || s.Deployments[0].ID != "v2" || s.Deployments[0].State != "COMPLETED" {
		t.Errorf("ends with %+v", s.Deployments)
	}
}

// crashHealthy ends one healthy task of a deployment.
func (w *world) crashHealthy(id string) {
	w.update(func(tx *state.Tx) {
		for task := range tx.TasksOfDeployment(serviceARN, id, state.Healthy) {
			tx.Tasks.Delete(tx, task.ARN)
			return
		}
	})
}

func TestPauseTimesOut(t *testing.T) {
	for _, tc := range []struct{ then, want string }{{"CONTINUE", "SUCCESSFUL"}, {"ROLLBACK", "ROLLBACK_SUCCESSFUL"}} {
		w := newWorld(t, 2, 100, 200, "")
		w.settle()
		w.change(pause("POST_SCALE_UP", types.DeploymentLifecycleHookAction(tc.then)))
		w.deployV2()
		w.settle()
		if sd := w.serviceDeployment("sd/v2"); string(sd.Status) != tc.want || w.now.Before(noon.Add(10*time.Minute)) {
			t.Errorf("%s ends as %s at %v", tc.then, sd.Status, w.now)
		}
	}
}

func TestBakeTime(t *testing.T) {
	w := newWorld(t, 2, 100, 200, "")
	w.settle()
	w.change(func(_ *state.Tx, s *state.Service) { s.Rollout.BakeTimeInMinutes = aws.Int32(5) })
	w.deployV2()
	began := w.now
	w.settle()
	if sd := w.serviceDeployment("sd/v2"); sd.Status != "SUCCESSFUL" || sd.FinishedAt.Sub(began) < 5*time.Minute+40*time.Second {
		t.Errorf("ends as %s after %v", sd.Status, sd.FinishedAt.Sub(began))
	}
}

// With early success criteria, a share of healthy tasks is enough; the old ones
// go before that, or after it.
func TestEarlySuccess(t *testing.T) {
	for _, tc := range []struct {
		tasks   string
		cleanup types.ServiceRevisionCleanup
		want    string
	}{
		{"v1+ v1+ v2+ v2.", "DEFERRED", "deployment v2 completed"},
		{"v1+ v1+ v2. v2.", "DEFERRED", ""},
		{"v1+ v2+ v2+ v2.", "BLOCKING", "service deployment v2 enters stage CLEAN_UP"},
		{"v1/ v2+ v2+ v2.", "BLOCKING", "deployment v2 completed"},
	} {
		w := newWorld(t, 4, 25, 200, tc.tasks)
		w.change(func(_ *state.Tx, s *state.Service) {
			s.Rollout.EarlySuccessCriteria = &types.DeploymentEarlySuccessCriteria{
				Enable: true, HealthyPercent: aws.Int32(25), SourceServiceRevisionCleanup: tc.cleanup,
			}
		})
		if got := w.plan().Strings(); tc.want != "" && !slices.Contains(got, tc.want) || tc.want == "" && slices.Contains(got, "deployment v2 completed") {
			t.Errorf("%s %s: got %q, want %q", tc.tasks, tc.cleanup, got, tc.want)
		}
	}
}
