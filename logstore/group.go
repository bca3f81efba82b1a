package logstore

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// DeleteGroup deletes all streams of a group with their events.
func (s *Store) DeleteGroup(group string) error {
	if err := s.deletable(); err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer b.Close()
	for _, kind := range []byte{streamKind, eventKind} {
		prefix := groupPrefix(kind, group)
		if err := b.DeleteRange(prefix, after(prefix), nil); err != nil {
			return err
		}
	}
	return s.commitDeletion(b)
}

// commitDeletion is commit for what covers many keys: it has Pebble give the
// room back soon, not only when others have written enough.
func (s *Store) commitDeletion(b *pebble.Batch) error {
	if err := s.commit(b); err != nil {
		return err
	}
	_, err := s.db.AsyncFlush()
	return err
}

// Size is about how many bytes the events of a group take on disk. What was
// written in the last moments is not counted yet.
func (s *Store) Size(group string) (int64, error) {
	prefix := groupPrefix(eventKind, group)
	n, err := s.db.EstimateDiskUsage(prefix, after(prefix))
	if err != nil {
		return 0, fmt.Errorf("size of a log group: %w", err)
	}
	return int64(n), nil
}

// Sweep deletes the days that are wholly before the time that keep has for a
// group (0: keep all), and the groups that keep does not have. Such a group is
// deleted by the second sweep that misses it: no passing error of a caller
// deletes a history.
func (s *Store) Sweep(keep map[string]int64) error {
	s.sweeps.Lock()
	defer s.sweeps.Unlock()
	if err := s.deletable(); err != nil {
		return err
	}
	groups, err := s.groups()
	if err != nil {
		return err
	}
	orphans := map[string]bool{}
	for _, group := range groups {
		oldest, known := keep[group]
		switch {
		case known && oldest > 0:
			err = s.expire(group, dayOf(oldest))
		case !known && s.orphans[group]:
			err = s.DeleteGroup(group)
		case !known:
			orphans[group] = true
		}
		if err != nil {
			return err
		}
	}
	s.orphans = orphans
	return nil
}

// expire deletes the events of the days before one, if there are any.
func (s *Store) expire(group string, day int64) error {
	start, end := groupPrefix(eventKind, group), dayPrefix(group, day)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return fmt.Errorf("read log events: %w", err)
	}
	found := it.First()
	if err := it.Close(); err != nil || !found {
		return err
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.DeleteRange(start, end, nil); err != nil {
		return err
	}
	return s.commitDeletion(b)
}

// groups lists the ids of all groups that have streams or events.
func (s *Store) groups() (groups []string, err error) {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return nil, fmt.Errorf("read log groups: %w", err)
	}
	defer it.Close()
	seen := map[string]bool{}
	for it.First(); it.Valid(); {
		kind, group := it.Key()[0], groupOf(it.Key())
		if !seen[group] {
			seen[group] = true
			groups = append(groups, group)
		}
		it.SeekGE(after(groupPrefix(kind, group)))
	}
	return groups, it.Error()
}
