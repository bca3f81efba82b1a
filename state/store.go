package state

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Store is the one place that remembers. Any number of readers hold views;
// transactions run one at a time.
type Store struct {
	mu   sync.Mutex // held by the one transaction that runs
	head *View      // the newest state, perhaps not durable yet
	last time.Time  // of the newest transaction

	view atomic.Pointer[View] // the newest durable state
}

// NewMemory returns a store that lives in memory and leads at once: for tests
// and the simulator.
func NewMemory() *Store {
	s := &Store{head: newView()}
	s.view.Store(newView())
	return s
}

// View returns the newest durable state.
func (s *Store) View() *View { return s.view.Load() }

// Update runs fn as one transaction and returns when what it wrote is durable.
// When fn returns an error nothing is written, and Update returns that error.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := s.begin()
	if err := fn(tx); err != nil {
		tx.undo()
		return err
	}
	s.view.Store(s.head.snapshot(s.view.Load()))
	return nil
}

func (s *Store) begin() *Tx {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if now.Before(s.last) {
		now = s.last
	}
	s.last = now
	return &Tx{View: s.head, now: now}
}
