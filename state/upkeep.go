package state

import (
	"context"
	"sync"
	"time"
)

const (
	// upkeepRecords and upkeepBytes are what a leader writes between two
	// upkeeps at most. What was overwritten before the one is forgotten at the
	// next, so the journal holds the records and at most twice as much history.
	upkeepRecords = 10_000
	upkeepBytes   = 32 << 20
	// upkeepAtLeast is the longest time between two.
	upkeepAtLeast = 5 * time.Minute
)

// upkeep keeps the journal small while this server leads.
type upkeep struct {
	store  *Store
	cancel context.CancelFunc
	done   sync.WaitGroup
	due    chan int64 // the newest revision

	records, bytes int // written since the last upkeep
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
func (u *upkeep) wrote(b *batch, revision int64) {
	u.records += len(b.changes)
	u.bytes += b.bytes
	if u.records < upkeepRecords && u.bytes < upkeepBytes {
		return
	}
	select {
	case u.due <- revision:
		u.records, u.bytes = 0, 0
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
