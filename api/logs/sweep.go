package logs

import (
	"context"
	"time"
)

const sweepInterval = time.Hour

// Maintain deletes from the log store, once an hour until ctx ends, what has
// expired and what belongs to no group any more. It may run on every server:
// each has the events that came while it led.
func (a *API) Maintain(ctx context.Context) error {
	if a.store.WaitReady(ctx) != nil {
		return nil
	}
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		if err := a.sweep(); err != nil {
			a.log.Warn("cannot delete expired log events; trying again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (a *API) sweep() error {
	keep, at := map[string]int64{}, now()
	for g := range a.store.View().LogGroups.All() {
		keep[g.ID] = expiry(g, at)
	}
	return a.logs.Sweep(keep)
}
