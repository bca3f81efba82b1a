package state

import (
	"context"
	"sync"
	"time"
)

const (
	// upkeepEvery is how many records a leader writes between two upkeeps. What
	// was overwritten before the one is forgotten at the next, so the journal
	// holds the records and at most twice as many old versions.
	upkeepEvery = 10_000
	// upkeepAtLeast is the longest time between two.
	upkeepAtLeast = 5 * time.Minute
)

// upkeep keeps the journal small while this server leads.
type upkeep struct {
	store  *Store
	cancel context.CancelFunc
	done   sync.WaitGroup
	due    chan int64 // the newest revision

	written int // records, since the last upkeep
}

func (s *Store) startUpkeep(ctx context.Context) *upkeep {
	ctx, cancel := context.WithCancel(ctx)
	u := &upkeep{store: s, cancel: cancel, due: make(chan int64, 1)}
	u.done.Go(func() { u.run(ctx) })
	return u
}

func (u *upkeep) stop() {
	u.cancel()
	u.done.Wait()
}

// wrote counts what a commit wrote. Only the committer calls it.
func (u *upkeep) wrote(changes int, revision int64) {
	if u.written += changes; u.written < upkeepEvery {
		return
	}
	select {
	case u.due <- revision:
		u.written = 0
	default: // one is under way
	}
}

func (u *upkeep) run(ctx context.Context) {
	before := u.store.Revision()
	tick := time.NewTicker(upkeepAtLeast)
	defer tick.Stop()
	for {
		next := before
		select {
		case next = <-u.due:
		case <-tick.C:
			next = u.store.Revision()
		case <-ctx.Done():
			return
		}
		if err := u.store.cfg.Journal.Maintain(ctx, before); err != nil && ctx.Err() == nil {
			u.store.log.WarnContext(ctx, "the journal's upkeep failed", "err", err)
		}
		if size, err := u.store.cfg.Journal.Size(ctx); err == nil {
			u.store.metrics.journalBytes.Set(float64(size))
		}
		before = next
	}
}
