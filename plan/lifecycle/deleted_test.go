package lifecycle

import (
	"slices"
	"testing"
	"time"

	"berth/state"
)

func TestDeleted(t *testing.T) {
	deleted := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	week := deleted.AddDate(0, 0, 7)
	for _, tc := range []struct {
		name    string
		deleted time.Time
		now     time.Time
		want    []string
		wake    time.Time
	}{
		{"keeps what is not deleted", time.Time{}, week, nil, time.Time{}},
		{"keeps what was just deleted", deleted, deleted, nil, week},
		{"keeps it for a week", deleted, week.Add(-1), nil, week},
		{"then removes it", deleted, week, []string{"remove x"}, time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cluster := Cluster(nil, state.Cluster{ARN: "x", DeletedAt: tc.deleted}, tc.now)
			provider := CapacityProvider(nil, state.CapacityProvider{ARN: "x", DeletedAt: tc.deleted}, tc.now)
			if !slices.Equal(cluster.Strings(), tc.want) || !slices.Equal(provider.Strings(), tc.want) {
				t.Errorf("got %q and %q, want %q", cluster.Strings(), provider.Strings(), tc.want)
			}
			if !cluster.Wake.Equal(tc.wake) || !provider.Wake.Equal(tc.wake) {
				t.Errorf("wakes at %v and %v, want %v", cluster.Wake, provider.Wake, tc.wake)
			}
		})
	}
}
