package state

import (
	"crypto/rand"
	"time"
)

// Fork returns a store that starts with what s knows and then goes its own way:
// what is tried there happens nowhere else. It takes its time from now.
func (s *Store) Fork(now func() time.Time) *Store {
	f := NewReplayable(now, rand.Reader)
	s.mu.Lock()
	defer s.mu.Unlock()
	from, to := s.head.tables(), f.head.tables()
	for i := range from {
		from[i].fork(to[i])
	}
	f.last = s.last
	f.view.Store(f.head.snapshot(newView()))
	f.pending = newPending(f.view.Load(), f.pending.limits)
	return f
}
