package lifecycle

import (
	"time"

	"berth/plan"
	"berth/state"
)

// describable is how long what is deleted can still be described, as INACTIVE.
// AWS promises "a period of time" and speaks of seven days for the settings of
// deleted clusters.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateClusterSettings.html
const describable = 7 * 24 * time.Hour

// Cluster removes c a while after it was deleted.
func Cluster(_ *state.View, c state.Cluster, now time.Time) plan.Plan {
	return forget(c.DeletedAt, now, plan.RemoveCluster{ARN: c.ARN})
}

// CapacityProvider removes p a while after it was deleted.
func CapacityProvider(_ *state.View, p state.CapacityProvider, now time.Time) plan.Plan {
	return forget(p.DeletedAt, now, plan.RemoveCapacityProvider{ARN: p.ARN})
}

func forget(deleted, now time.Time, remove plan.Action) (p plan.Plan) {
	until := deleted.Add(describable)
	switch {
	case deleted.IsZero():
	case now.Before(until):
		p.WakeAt(until)
	default:
		p.Do(remove)
	}
	return p
}
