package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// newSets is a service that an external controller deploys, without task sets.
func newSets(t *testing.T, desired int) *world {
	w := newWorld(t, desired, 0, 100, "") // an external controller's service has the default percents
	w.change(func(_ *state.Tx, s *state.Service) {
		s.Controller, s.Deployments = types.DeploymentControllerTypeExternal, nil
	})
	return w
}

// set makes or changes a task set.
func (w *world) set(name string, how func(*state.TaskSet)) {
	w.t.Helper()
	w.update(func(tx *state.Tx) {
		set, ok := tx.TaskSets.Get("set/" + name)
		if !ok {
			set = state.TaskSet{
				ARN: "set/" + name, ID: "ecs-svc/" + name, Service: serviceARN, Status: "ACTIVE", CreatedAt: tx.Now(),
				Stability: types.StabilityStatusStabilizing, Scale: types.Scale{Unit: types.ScaleUnitPercent},
				Workload: state.Workload{Definition: "arn:aws:ecs:r:1:task-definition/v1:1", LaunchType: "EC2"},
			}
		}
		how(&set)
		tx.TaskSets.Put(tx, set)
	})
}

func scale(percent float64) func(*state.TaskSet) {
	return func(set *state.TaskSet) { set.Scale.Value = percent }
}

func TestComputedDesired(t *testing.T) {
	for _, tc := range []struct {
		desired int
		percent float64
		status  string
		want    int
	}{
		{0, 100, "ACTIVE", 0}, {3, 0, "ACTIVE", 0}, {3, 40, "PRIMARY", 2}, {10, 100, "ACTIVE", 10},
		{100, 29, "ACTIVE", 29}, {1000, 0.1, "ACTIVE", 1}, {1, 0.5, "ACTIVE", 1}, {7, 100, "DRAINING", 0},
	} {
		set := state.TaskSet{Status: tc.status, Scale: types.Scale{Value: tc.percent}}
		if got := ComputedDesired(state.Service{Desired: tc.desired}, set); got != tc.want {
			t.Errorf("%v %% of %d: got %d, want %d", tc.percent, tc.desired, got, tc.want)
		}
	}
}

func TestTaskSets(t *testing.T) {
	w := newSets(t, 3)
	expect := func(sets ...string) {
		t.Helper()
		w.settle()
		var got []string
		for set := range w.store.View().TaskSetsOf(serviceARN) {
			c := count(w.store.View(), w.service(), set.ID)
			got = append(got, strings.Join([]string{set.ID, string(set.Stability), strings.Repeat("+", c.healthy) + strings.Repeat("?", c.all()-c.healthy)}, " "))
		}
		if !slices.Equal(got, sets) {
			t.Fatalf("got %q, want %q\n%q", got, sets, w.plan().Notes)
		}
	}
	expect()
	w.set("1", scale(100))
	expect("ecs-svc/1 STEADY_STATE +++")
	w.set("2", scale(50))
	expect("ecs-svc/1 STEADY_STATE +++", "ecs-svc/2 STEADY_STATE ++")
	w.set("1", scale(0))
	w.set("2", scale(100))
	expect("ecs-svc/1 STEADY_STATE ", "ecs-svc/2 STEADY_STATE +++")
	w.change(func(_ *state.Tx, s *state.Service) { s.Desired = 2 })
	expect("ecs-svc/1 STEADY_STATE ", "ecs-svc/2 STEADY_STATE ++")
	w.set("1", func(set *state.TaskSet) { set.Status = "DRAINING" })
	expect("ecs-svc/2 STEADY_STATE ++")
	w.instance("i0", drains)
	w.instance("i1", drains)
	expect("ecs-svc/2 STEADY_STATE ++")

	var texts []string
	for _, message := range w.events() {
		texts = append(texts, strings.SplitN(message, ": (task", 2)[0])
	}
	for _, want := range []string{
		"(service web) updated computedDesiredCount for taskSet ecs-svc/1 to 3.",
		"(service web, taskSet ecs-svc/1) has started 3 tasks",
		"(service web, taskSet ecs-svc/1) updated state to STEADY_STATE.",
		"(service web) has reached a steady state.",
		"(service web) updated computedDesiredCount for taskSet ecs-svc/1 to 0.",
		"(service web, taskSet ecs-svc/1) has stopped 3 running tasks",
		"(service web, taskSet ecs-svc/2) has stopped 1 running tasks",
	} {
		if !slices.Contains(texts, want) {
			t.Errorf("no event %q in %q", want, texts)
		}
	}

	w.change(func(_ *state.Tx, s *state.Service) { s.Status = "DRAINING" })
	w.settle()
	if _, left := w.store.View().TaskSets.Get("set/2"); left || w.service().Status == "DRAINING" {
		t.Errorf("the deleted service is %s, its task set is left: %v", w.service().Status, left)
	}
}

// A task set is steady only with all tasks healthy, none on an instance that
// drains.
func TestStability(t *testing.T) {
	w := newSets(t, 1)
	w.set("1", scale(100))
	stability := func() types.StabilityStatus {
		set, _ := w.store.View().TaskSets.Get("set/1")
		return set.Stability
	}
	for w.step() || w.obey() { // but for the time that a task needs to count as healthy
	}
	if got := stability(); got != types.StabilityStatusStabilizing {
		t.Errorf("%s with a task that is not healthy yet", got)
	}
	w.settle()
	at := w.now
	if got := stability(); got != types.StabilityStatusSteadyState {
		t.Errorf("%s with one healthy task", got)
	}
	for _, name := range []string{"i0", "i1", "i2", "i3"} {
		w.instance(name, drains)
	}
	w.now = at.Add(time.Second)
	w.step()
	if got := stability(); got != types.StabilityStatusStabilizing {
		t.Errorf("%s with a task on an instance that drains", got)
	}
}

// The tasks of a set that fail are started again with growing pauses.
func TestTaskSetThrottle(t *testing.T) {
	w := newSets(t, 1)
	w.set("1", func(set *state.TaskSet) { set.Scale.Value, set.Computed, set.Streak, set.FailedAt = 100, 1, 3, w.now })
	w.step()
	if p := w.plan(); len(p.Actions) > 0 || !p.Wake.After(w.now) {
		t.Errorf("starts %q at once, wakes at %s", p.Strings(), p.Wake)
	}
	w.now = w.plan().Wake
	w.check("start 1 tasks of v1:1 for ecs-svc/1")
}
