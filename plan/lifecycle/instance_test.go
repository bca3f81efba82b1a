package lifecycle

import (
	"slices"
	"testing"
	"time"

	"berth/state"
)

func TestContainerInstance(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		status string
		after  time.Duration // since it was deregistered
		want   []string
		wake   time.Time
	}{
		{"ACTIVE", 2 * time.Hour, nil, time.Time{}},
		{"DRAINING", 2 * time.Hour, nil, time.Time{}},
		{"INACTIVE", 0, nil, noon.Add(time.Hour)},
		{"INACTIVE", time.Hour - time.Millisecond, nil, noon.Add(time.Hour)},
		{"INACTIVE", time.Hour, []string{"remove i"}, time.Time{}},
	} {
		i := state.ContainerInstance{ARN: "i", Status: tc.status, DeregisteredAt: noon}
		p := ContainerInstance(state.NewMemory().View(), i, noon.Add(tc.after))
		if got := p.Strings(); !slices.Equal(got, tc.want) || !p.Wake.Equal(tc.wake) {
			t.Errorf("%s after %v: got %q and wake at %v, want %q and %v", tc.status, tc.after, got, p.Wake, tc.want, tc.wake)
		}
	}
}
