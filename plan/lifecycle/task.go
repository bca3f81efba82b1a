package lifecycle

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// Task gives t up when its instance is there no more, and removes it some time
// after it has stopped. What happens in between is its agent's to say.
func (l Limits) Task(v *state.View, t state.Task, now time.Time) (p plan.Plan) {
	if t.Stopped() {
		if end := t.StoppedAt.Add(l.KeepStopped); now.Before(end) {
			p.WakeAt(end)
		} else {
			p.Do(plan.RemoveTask{ARN: t.ARN})
		}
		return p
	}
	if i, ok := v.ContainerInstances.Get(t.Instance); t.Instance != "" && (!ok || i.Status == "INACTIVE") {
		p.Do(plan.EndTask{ARN: t.ARN, Code: types.TaskStopCodeUserInitiated, Reason: Deregistered})
	}
	return p
}

// Deregistered is why the tasks of a container instance stop that was
// deregistered by force.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
const Deregistered = "Container instance deregistration forced by user"
