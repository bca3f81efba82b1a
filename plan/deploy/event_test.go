package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

func TestUnplaceable(t *testing.T) {
	for _, tc := range []struct{ launchType, reason, want string }{
		{"EC2", "", "(service web) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster."},
		{"EC2", "RESOURCE:MEMORY", "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance i1) has insufficient memory available."},
		{"EC2", "RESOURCE:CPU", "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance i1) has insufficient CPU units available."},
		{"EC2", "RESOURCE:PORTS", "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance i1) is already using a port required by your task."},
		{"EC2", "AGENT", `(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance i1) encountered error "AGENT".`},
		{"FARGATE", "AGENT", "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."},
	} {
		var refused []place.Refusal
		if tc.reason != "" {
			refused = []place.Refusal{{Instance: "x/i1", Reason: tc.reason}}
		}
		if got := unplaceable("(service web)", tc.launchType, refused); got != tc.want+troubleshooting {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// A service that finds no place says so once, then has nothing to do until six
// hours later, or until something changes.
func TestBlockedService(t *testing.T) {
	w := newWorld(t, 2, 100, 200, "")
	w.update(func(tx *state.Tx) {
		for i := range tx.ContainerInstances.All() {
			tx.ContainerInstances.Delete(tx, i.ARN)
		}
	})
	w.work()
	if got := w.events(); len(got) != 1 || !strings.Contains(got[0], "No Container Instances were found") {
		t.Errorf("says %q", got)
	}
	if p := w.plan(); len(p.Actions) > 0 || p.Wake.Sub(w.now) != sixHours || len(p.Notes) == 0 {
		t.Errorf("plans %q and wakes at %v, notes %q", p.Strings(), p.Wake, p.Notes)
	}
	w.now = w.now.Add(sixHours)
	w.work()
	if got := w.events(); len(got) != 2 {
		t.Errorf("says %q", got)
	}
	w.update(func(tx *state.Tx) { addInstance(tx, "new", "a") })
	w.settle()
	if last := w.events()[len(w.events())-1]; last != "(service web) has reached a steady state." {
		t.Errorf("ends with %q", last)
	}
}

func TestSteadyState(t *testing.T) {
	w := newWorld(t, 1, 100, 200, "")
	w.settle()
	steadyEvents := func() (n int) {
		for _, e := range w.events() {
			if strings.HasSuffix(e, steady) {
				n++
			}
		}
		return n
	}
	want := []string{"has started 1 tasks", "(deployment v1) deployment completed.", "has reached a steady state."}
	if got := w.events(); len(got) != 3 || !slices.EqualFunc(got, want, strings.Contains) {
		t.Errorf("says %q", got)
	}
	w.check()
	w.crashHealthy("v1")
	w.settle()
	if n := steadyEvents(); n != 2 {
		t.Errorf("after a task was replaced, it said %d times that it is steady", n)
	}
	w.now = w.now.Add(sixHours)
	w.step()
	if n := steadyEvents(); n != 3 {
		t.Errorf("six hours later, it said so %d times", n)
	}
}

// Each round of failures after the first is followed by a longer pause.
func TestThrottle(t *testing.T) {
	for _, tc := range []struct {
		streak, desired int
		want            time.Duration
	}{
		{0, 1, 0}, {1, 1, 0}, {2, 1, 10 * time.Second}, {3, 1, 20 * time.Second}, {9, 1, 1280 * time.Second}, {10, 1, 27 * time.Minute}, {1000, 1, 27 * time.Minute},
		{20, 20, 0}, {21, 20, 10 * time.Second}, {41, 20, 20 * time.Second}, {1, 0, 0},
	} {
		at := nextStart(source{streak: tc.streak, failedAt: noon}, tc.desired)
		if want := noon.Add(tc.want); tc.want == 0 && !at.IsZero() || tc.want > 0 && !at.Equal(want) {
			t.Errorf("%d of %d failed: starts at %v, want after %v", tc.streak, tc.desired, at, tc.want)
		}
	}
}

// A task that crashes again and again is started more and more rarely, which is
// said once. A new deployment starts at once.
func TestCrashLoop(t *testing.T) {
	w := newWorld(t, 1, 100, 200, "")
	var starts []time.Duration
	for w.now.Before(noon.Add(2 * time.Hour)) {
		if slices.ContainsFunc(w.plan().Strings(), func(a string) bool { return strings.HasPrefix(a, "start") }) {
			starts = append(starts, w.now.Sub(noon))
		}
		w.step()
		w.crash("v1")
		if p := w.plan(); len(p.Actions) == 0 {
			w.now = p.Wake
		}
	}
	if len(starts) != 12 || starts[1] != 0 || starts[2] != 10*time.Second || starts[11]-starts[10] != 27*time.Minute {
		t.Errorf("starts after %v", starts)
	}
	said := 0
	for _, e := range w.events() {
		if strings.Contains(e, "is unable to consistently start tasks successfully.") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("said %d times that tasks fail: %q", said, w.events())
	}
	w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
	w.step() // v1 has no task left
	w.check("start 1 tasks of v2:1 for v2")
}

func TestDelete(t *testing.T) {
	w := newWorld(t, 2, 100, 200, "v1+p v2.")
	w.change(func(_ *state.Tx, s *state.Service) { s.Status = "DRAINING" })
	w.work()
	if s := w.service(); s.Status != "INACTIVE" || len(s.Deployments) != 1 || s.DeletedAt.IsZero() {
		t.Errorf("ends as %+v", s)
	}
	w.now = w.now.Add(describable)
	w.check("remove " + serviceARN)
	w.step()
	v := w.store.View()
	if v.Services.Len()+v.ServiceRevisions.Len()+v.ServiceDeployments.Len()+v.ServiceEvents.Len() != 0 {
		t.Error("it leaves records")
	}
}

// Begin makes a deployment primary, and stops one that is under way.
func TestBegin(t *testing.T) {
	w := newWorld(t, 1, 100, 200, "v1+ v2.")
	w.change(func(tx *state.Tx, s *state.Service) {
		Begin(tx, s, state.ServiceRevision{Workload: state.Workload{Definition: s.Deployments[0].Definition}})
	})
	s := w.service()
	d, sd := s.Deployments[0], w.serviceDeployment(s.Deployments[0].ServiceDeployment)
	if len(s.Deployments) != 3 || d.State != "IN_PROGRESS" || sd.Status != "PENDING" || sd.Target != d.Revision || len(sd.Sources) != 2 {
		t.Errorf("begins %+v with %+v", d, sd)
	}
	if old := w.serviceDeployment("sd/v2"); old.Status != "STOPPED" || old.FinishedAt.IsZero() {
		t.Errorf("the one before is %s", old.Status)
	}
}

// Tasks that are stopped by their user do not count as failures.
func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		task string
		code types.TaskStopCode
		want int
	}{
		{"v1.", types.TaskStopCodeTaskFailedToStart, 1}, {"v1-", types.TaskStopCodeEssentialContainerExited, 1},
		{"v1+", types.TaskStopCodeEssentialContainerExited, 0}, {"v1-", types.TaskStopCodeUserInitiated, 0}, {"v1-", types.TaskStopCodeTerminationNotice, 0},
	} {
		w := newWorld(t, 1, 100, 200, tc.task)
		w.update(func(tx *state.Tx) {
			task, _ := tx.Tasks.Get("arn:aws:ecs:r:1:task/c/v1.0")
			plan.End(tx, task, tc.code, "")
		})
		if got := w.service().Deployments[0].Failed; got != tc.want {
			t.Errorf("%s ended by %s counts %d failures, want %d", tc.task, tc.code, got, tc.want)
		}
	}
}
