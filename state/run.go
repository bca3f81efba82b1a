package state

import (
	"context"
	"errors"
	"time"

	"berth/state/journal"
)

const (
	// retryAfter is the pause after a failure of the journal.
	retryAfter = 250 * time.Millisecond
	// slowCommit is how long a commit takes that is worth a warning.
	slowCommit = time.Second
	// resignWithin bounds what a server that stops leading does for the next.
	resignWithin = time.Second
)

var errStopping = errors.New("the server is stopping")

// Run loads the journal, follows it, leads when it is elected, and starts again
// when it fails, until ctx ends. Then transactions that ran become durable, and
// another server can lead at once. It returns an error only where waiting does
// not help: a [SchemaError] or an [Unreadable].
func (s *Store) Run(ctx context.Context) error {
	for {
		err := s.round(ctx)
		if ctx.Err() != nil {
			s.refuse(errStopping)
			return nil
		}
		s.refuse(err)
		var newer *SchemaError
		var bad *Unreadable
		if errors.As(err, &newer) || errors.As(err, &bad) {
			return err
		}
		s.log.WarnContext(ctx, "the store starts again", "because", err)
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}

// round is one way from loading to the failure that ends it.
func (s *Store) round(ctx context.Context) error {
	now, err := s.load(ctx)
	if err != nil {
		return err
	}
	watchCtx, endWatch := context.WithCancel(ctx)
	defer endWatch()
	events, watched := make(chan journal.Event), make(chan error, 1)
	go func() { watched <- s.cfg.Journal.Watch(watchCtx, now.Revision, events) }()
	term, err := s.follow(ctx, events, watched)
	if err != nil {
		return err
	}
	endWatch() // a leader knows what it writes
	return s.lead(ctx, term)
}

// show makes the head the view. last is the snapshot before. The lock is held.
func (s *Store) show(last *View, revision int64) {
	view := s.head.snapshot(last)
	view.revision = revision
	s.view.Store(view)
	s.metrics.revision.Set(float64(revision))
}

// follow applies what others write until this server is elected and has seen
// all that earlier leaders wrote.
func (s *Store) follow(ctx context.Context, events <-chan journal.Event, watched <-chan error) (term journal.Term, err error) {
	defer func() {
		if err != nil && term != nil {
			s.resign(term)
		}
	}()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case e := <-events:
			if err := s.apply(e); err != nil {
				return term, err
			}
			if term != nil && e.Revision >= term.Revision() {
				return term, nil
			}
			if e.Leader != nil {
				retry.Reset(0)
			}
		case <-retry.C:
			if term != nil || s.follows() {
				continue
			}
			if term, err = s.cfg.Journal.Campaign(ctx, s.cfg.URL); err != nil {
				term = nil
				if !errors.Is(err, journal.ErrLed) {
					s.refuse(err)
				}
				retry.Reset(time.Second)
			}
		case err := <-watched:
			return term, err
		case <-ctx.Done():
			return term, ctx.Err()
		}
	}
}

// follows reports whether another server leads.
func (s *Store) follows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leader.Server != ""
}

// other returns the leader, or nobody if that is this server: as long as it
// only follows, it does not lead.
func (s *Store) other(leader *journal.Leader) journal.Leader {
	if leader.Server == s.cfg.Journal.Server() {
		return journal.Leader{}
	}
	return *leader
}

// apply shows what another server wrote.
func (s *Store) apply(e journal.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.head.apply(e.Changes...); err != nil {
		return err
	}
	var keys []Key
	for _, c := range e.Changes {
		if key, ok := keyOf(c.Key); ok {
			keys = append(keys, key)
		}
	}
	if err := s.head.usable(schema(s.migrations)); err != nil {
		return err
	}
	if e.Leader != nil {
		s.leader = s.other(e.Leader)
	}
	s.show(s.View(), e.Revision)
	s.subs.add(keys)
	s.change.fire()
	return nil
}

// lead runs transactions until ctx ends or the term does.
func (s *Store) lead(ctx context.Context, term journal.Term) (err error) {
	defer s.resign(term)
	if err := s.migrate(ctx, term); err != nil {
		return err
	}
	p := newPending(s.View(), s.cfg.Journal.Limits())
	s.mu.Lock()
	s.pending, s.leader = p, journal.Leader{Server: s.cfg.Journal.Server(), URL: s.cfg.URL}
	s.mu.Unlock()
	s.change.fire()
	s.metrics.leader.Set(1)
	s.log.InfoContext(ctx, "this server leads", "revision", s.Revision())
	upkeep := s.startUpkeep(ctx)
	defer func() {
		s.metrics.leader.Set(0)
		s.refuse(err)
		p.fail(err)
		upkeep.stop()
	}()
	for {
		stopping := ctx.Err() != nil
		if stopping {
			s.refuse(errStopping) // nothing is added to p any more
		}
		committed, err := s.commitNext(p, term, upkeep)
		switch {
		case err != nil:
			return err
		case committed:
			continue
		case stopping:
			return ctx.Err()
		}
		select {
		case <-p.some:
		case <-term.Done():
			return errors.New("the lease of this server's leadership ended")
		case <-ctx.Done():
		}
	}
}

// commitNext makes the oldest batch durable, if there is one.
func (s *Store) commitNext(p *pending, term journal.Term, upkeep *upkeep) (committed bool, err error) {
	s.mu.Lock()
	b := p.take(s.head)
	s.mu.Unlock()
	if b == nil {
		return false, nil
	}
	revision, err := s.commit(b, term)
	if err != nil {
		s.metrics.failures.Inc()
		s.refuse(err)
		b.fail(&Unavailable{err})
		return false, err
	}
	s.publish(b, revision)
	upkeep.wrote(b, revision)
	return true, nil
}

// commit makes one batch durable.
func (s *Store) commit(b *batch, term journal.Term) (revision int64, err error) {
	if len(b.changes) == 0 {
		return 0, nil
	}
	start := time.Now()
	revision, err = term.Commit(context.Background(), b.journalled()) // it has a time limit of its own
	took := time.Since(start)
	if took > slowCommit {
		s.log.Warn("a commit was slow; is the disk?", "seconds", took.Seconds(), "records", len(b.changes))
	}
	s.metrics.commits.Observe(took.Seconds())
	s.metrics.batch.Observe(float64(len(b.changes)))
	return revision, err
}

// refuse takes no more transactions, for that reason. Readers keep the last
// durable view.
func (s *Store) refuse(reason error) {
	s.mu.Lock()
	s.pending, s.leader, s.reason = nil, journal.Leader{}, reason
	s.mu.Unlock()
	s.change.fire()
}

func (s *Store) resign(term journal.Term) {
	ctx, cancel := context.WithTimeout(context.Background(), resignWithin)
	defer cancel()
	if err := term.Resign(ctx); err != nil {
		s.log.Warn("another server can lead only when this one's lease has expired", "because", err)
	}
}
