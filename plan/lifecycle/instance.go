package lifecycle

import (
	"time"

	"berth/plan"
	"berth/state"
)

// remembered is how long a deregistered container instance can still be
// described: as long as AWS shows stopped tasks.
const remembered = time.Hour

// ContainerInstance removes i some time after it was deregistered.
func ContainerInstance(_ *state.View, i state.ContainerInstance, now time.Time) (p plan.Plan) {
	if i.Status != "INACTIVE" {
		return p
	}
	if end := i.DeregisteredAt.Add(remembered); now.Before(end) {
		p.WakeAt(end)
	} else {
		p.Do(plan.RemoveContainerInstance{ARN: i.ARN})
	}
	return p
}
