package plan

import (
	"testing"
	"time"
)

func TestWakeAtKeepsTheEarliest(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var p Plan
	for _, after := range []time.Duration{2 * time.Hour, time.Hour, 3 * time.Hour} {
		p.WakeAt(noon.Add(after))
	}
	if want := noon.Add(time.Hour); !p.Wake.Equal(want) {
		t.Errorf("wakes at %v, want %v", p.Wake, want)
	}
}
