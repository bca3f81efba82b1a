package state

import (
	"context"
	"fmt"
	"testing"

	"berth/state/journal"
)

// maintained is a journal that tells of its upkeep.
type maintained struct {
	journal.Journal
	before chan int64
}

func (m *maintained) Maintain(ctx context.Context, before int64) error {
	m.before <- before
	return m.Journal.Maintain(ctx, before)
}

// While a leader writes the same records again and again, what was overwritten
// before the last upkeep is forgotten.
func TestUpkeep(t *testing.T) {
	m := &maintained{journal.NewMemory().Server("a"), make(chan int64, 100)}
	s, _ := start(t, m)
	start := s.Revision()
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprint(i))
	}
	var due []int64 // the revisions after every upkeepRecords
	for n := range 3 * upkeepRecords / 100 {
		mustPut(t, s, names...)
		if (n+1)*100%upkeepRecords == 0 {
			due = append(due, s.Revision())
			want := start
			if len(due) > 1 {
				want = due[len(due)-2]
			}
			if before := <-m.before; before != want {
				t.Errorf("upkeep %d forgets what is before %d, want %d", len(due), before, want)
			}
		}
	}
}
