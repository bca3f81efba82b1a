package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// streak is how many tasks of a deployment or task set failed since one became
// healthy, as somebody sees it who forgets nothing when the control plane
// restarts.
type streak struct {
	failures int
	last     time.Time
	ever     int // since it began
}

// observe keeps count of failures.
func (w *World) observe(before, after *state.View) {
	for t := range after.Tasks.All() {
		was, ok := before.Tasks.Get(t.ARN)
		failed := t.StopCode == string(types.TaskStopCodeTaskFailedToStart) || t.StopCode == string(types.TaskStopCodeEssentialContainerExited)
		switch {
		case t.Service == "" || !ok:
		case was.HealthyAt.IsZero() && !t.HealthyAt.IsZero():
			w.streaks[t.StartedBy] = streak{ever: w.streaks[t.StartedBy].ever}
		case was.Last != "STOPPED" && t.Last == "STOPPED" && failed && t.HealthyAt.IsZero():
			w.fails(t, 1, t.StoppedAt)
		case was.Desired == "RUNNING" && t.Desired == "STOPPED" && strings.Contains(t.StoppedReason, "health checks"):
			w.fails(t, 0, t.StoppingAt)
		}
	}
}

// fails counts a failure of a task's deployment, in its streak or not.
func (w *World) fails(t state.Task, inStreak int, at time.Time) {
	k := w.streaks[t.StartedBy]
	w.streaks[t.StartedBy] = streak{k.failures + inStreak, at, k.ever + 1}
}

// failuresAreCounted: none twice, or a circuit breaker would end a deployment early.
func (w *World) failuresAreCounted(_, after *state.View) error {
	for s := range after.Services.All() {
		for _, d := range s.Deployments {
			if ever := w.streaks[d.ID].ever; d.Failed > ever {
				return fmt.Errorf("%s has %d failed tasks, and %d failed", d.ID, d.Failed, ever)
			}
		}
	}
	return nil
}

// checkPauses: where tasks keep failing, starts have growing pauses. These are
// shorter than the pauses should be, so that nothing depends on how they grow.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html
func (w *World) checkPauses(s state.Service, started []state.Task) {
	for _, t := range started {
		k := w.streaks[t.StartedBy]
		least := time.Duration(0)
		switch rounds := k.failures / max(s.Desired, 1); {
		case rounds > 8:
			least = 5 * time.Minute
		case rounds > 4:
			least = 30 * time.Second
		case rounds > 2:
			least = 5 * time.Second
		}
		if t.CreatedAt.Sub(k.last) < least {
			w.broken("starts have pauses where tasks fail", fmt.Errorf("%s of %s starts %v after the last of %d failures", t.ARN, s.Name, t.CreatedAt.Sub(k.last), k.failures))
		}
	}
}
