package image

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/images"
)

// Run removes images that nobody uses, cycle after cycle, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	if s.cfg.Cleanup.Disabled {
		<-ctx.Done()
		return nil
	}
	ticks := time.NewTicker(s.cfg.Cleanup.Interval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticks.C:
			removed, err := s.Clean(ctx, now)
			if err != nil && ctx.Err() == nil {
				s.log.Error("cannot clean images up", "err", err)
			}
			if len(removed) > 0 {
				s.log.Info("removed images that nobody uses", "images", removed)
			}
		}
	}
}

// Clean is one cycle of Run. It returns the references it removed. Images that
// were imported stay, and so do those of containers, running or stopped.
func (s *Store) Clean(ctx context.Context, now time.Time) (removed []string, err error) {
	ctx = s.parts.context(ctx)
	unused, err := s.unused(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, r := range unused[:min(len(unused), s.cfg.Cleanup.PerCycle)] {
		if err := s.parts.images.Delete(ctx, r.Name, images.SynchronousDelete()); err != nil {
			return removed, fmt.Errorf("remove %s: %w", r.Name, err)
		}
		removed = append(removed, r.Name)
	}
	return removed, s.parts.collect(ctx)
}

// unused are the records that may go, least recently used first.
func (s *Store) unused(ctx context.Context, now time.Time) ([]images.Image, error) {
	records, err := s.parts.images.List(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.users()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.used, func(digest string, at time.Time) bool {
		return !slices.ContainsFunc(records, func(r images.Image) bool { return r.Target.Digest.String() == digest })
	})
	last := func(r images.Image) time.Time {
		if at, ok := s.used[r.Target.Digest.String()]; ok {
			return at
		}
		return s.opened // an earlier process may have used it just before
	}
	records = slices.DeleteFunc(records, func(r images.Image) bool {
		return r.Labels[loadedLabel] != "" || users[r.Target.Digest.String()] || now.Sub(last(r)) < s.cfg.Cleanup.MinimumAge
	})
	slices.SortFunc(records, func(a, b images.Image) int {
		return cmp.Or(last(a).Compare(last(b)), cmp.Compare(a.Name, b.Name))
	})
	return records, nil
}
