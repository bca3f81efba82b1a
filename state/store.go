package state

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"berth/state/journal"
)

// Config says what a store is.
type Config struct {
	Journal journal.Journal // required
	URL     string          // where other servers reach this one when it leads
	Metrics *Metrics        // default: none that anybody sees
	Log     *slog.Logger    // default slog.Default()
}

// Store is the one place that remembers. Any number of readers hold views;
// transactions run one at a time, on the server that leads.
type Store struct {
	cfg        Config
	metrics    *Metrics
	log        *slog.Logger
	migrations []migration
	now        func() time.Time
	random     io.Reader // of which ids are made

	mu      sync.Mutex // held by the one transaction that runs
	head    *View      // the newest state, on a leader perhaps not durable yet
	last    time.Time  // of the newest transaction
	pending *pending   // transactions that are not durable yet; nil: this server does not lead
	leader  journal.Leader
	reason  error // why this server can neither lead nor follow a leader

	view   atomic.Pointer[View] // the newest durable state
	subs   subscriptions
	change signal // fires when the view, the leader or the reason changes
}

// New returns a store over a journal. It knows nothing until Run has loaded it.
func New(cfg Config) (*Store, error) {
	if cfg.Journal == nil {
		return nil, errors.New("state: Journal is required")
	}
	s := &Store{cfg: cfg, migrations: migrations, now: time.Now, random: rand.Reader, head: newView(), reason: errors.New("the store is starting")}
	s.log = cmp.Or(cfg.Log, slog.Default())
	if s.metrics = cfg.Metrics; s.metrics == nil {
		s.metrics = NewMetrics(nil)
	}
	s.view.Store(newView())
	return s, nil
}

// NewMemory returns a store that has no journal, needs no Run and leads at
// once: for tests.
func NewMemory() *Store { return NewReplayable(time.Now, rand.Reader) }

// NewReplayable is NewMemory for the simulator, which gives the time and what
// ids are made of.
func NewReplayable(now func() time.Time, random io.Reader) *Store {
	s := &Store{now: now, random: random, head: newView(), metrics: NewMetrics(nil)}
	s.view.Store(newView())
	s.pending = newPending(s.view.Load(), journal.Limits{Changes: 10_000, Bytes: 8 << 20})
	return s
}

// Reload returns a store as after a restart: it knows what s made durable, read
// from a snapshot, and nothing else that s knew. For the simulator.
func (s *Store) Reload() (*Store, error) {
	var file bytes.Buffer
	if err := s.View().save(&file, s.now()); err != nil {
		return nil, err
	}
	_, changes, err := readSnapshot(&file)
	if err != nil {
		return nil, err
	}
	next := NewReplayable(s.now, s.random)
	if err := next.head.apply(changes...); err != nil {
		return nil, err
	}
	next.show(next.View(), s.Revision())
	next.pending.sealed = next.View()
	return next, nil
}

// View returns the newest durable state. On a server that does not lead, or
// cannot reach the journal, it may be behind.
func (s *Store) View() *View { return s.view.Load() }

// Revision returns the journal's revision that View shows.
func (s *Store) Revision() int64 { return s.View().revision }

// CaughtUp waits until View shows a revision: that of a write which another
// server answered.
func (s *Store) CaughtUp(ctx context.Context, revision int64) error {
	return s.wait(ctx, func() bool { return s.Revision() >= revision })
}

// Ready says why transactions are not possible now, neither here nor on a
// leader that is known: an [*Unavailable]. Nil means that they are.
func (s *Store) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil || s.leader.Server != "" {
		return nil
	}
	return &Unavailable{s.reason}
}

// WaitReady returns when Ready would return nil, or with the reason it gives
// when ctx ends.
func (s *Store) WaitReady(ctx context.Context) error {
	if err := s.wait(ctx, func() bool { return s.Ready() == nil }); err != nil {
		return cmp.Or(s.Ready(), err)
	}
	return nil
}

// wait returns when the condition is true, which only a change can make it.
func (s *Store) wait(ctx context.Context, condition func() bool) error {
	for {
		changed := s.change.next()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Elsewhere returns a [*NotLeader] where another server leads: for what the
// leader keeps beside the state.
func (s *Store) Elsewhere() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil && s.leader.Server != "" {
		return &NotLeader{s.leader.URL}
	}
	return nil
}

// Update runs fn as one transaction and returns when all that it wrote and
// read is durable. When fn returns an error nothing is written, and Update
// returns that error. Any other error is one of:
//   - *NotLeader: nothing was written; the leader that it names can do it.
//   - *Unavailable: the store cannot write. What fn wrote is lost, except when
//     the journal did not answer in time; then nobody knows.
//   - *TooLarge: fn wrote more than one commit can hold; nothing was written.
//   - ctx's error: when ctx ended while the commit was under way, what fn
//     wrote may still become durable.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	b, err := s.transact(ctx, fn)
	if err != nil {
		return err
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transact runs fn and returns the batch that its writes are in.
func (s *Store) transact(ctx context.Context, fn func(*Tx) error) (*batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case s.pending == nil && s.leader.Server != "":
		return nil, &NotLeader{s.leader.URL}
	case s.pending == nil:
		return nil, &Unavailable{s.reason}
	}
	tx := s.begin()
	if err := tx.run(fn); err != nil {
		return nil, err
	}
	b, err := s.pending.add(tx)
	if err != nil {
		return nil, err
	}
	s.metrics.transactions.Inc()
	if s.cfg.Journal == nil {
		s.publish(s.pending.take(s.head), s.Revision()+1)
	}
	return b, nil
}

func (s *Store) begin() *Tx {
	now := s.now().UTC().Truncate(time.Millisecond)
	if now.Before(s.last) {
		now = s.last
	}
	s.last = now
	return &Tx{View: s.head, now: now, random: s.random}
}

// publish shows a durable batch to everybody, and answers its callers.
func (s *Store) publish(b *batch, revision int64) {
	if len(b.changes) > 0 {
		b.view.revision = revision
		s.view.Store(b.view)
		s.metrics.revision.Set(float64(revision))
		s.subs.add(b.keys())
		s.change.fire()
	}
	close(b.done)
}

// NotLeader says that another server runs the transactions now.
type NotLeader struct{ url string }

// Leader is the URL at which that server takes requests.
func (e *NotLeader) Leader() string { return e.url }

func (e *NotLeader) Error() string { return "another server leads: " + e.url }

// Unavailable says that the store cannot write now.
type Unavailable struct{ Reason error }

// Public is what a user may know of it.
func (e *Unavailable) Public() string {
	return fmt.Sprintf("The store cannot accept writes: %v.", e.Reason)
}

func (e *Unavailable) Error() string {
	return fmt.Sprintf("the store cannot accept writes: %v", e.Reason)
}

func (e *Unavailable) Unwrap() error { return e.Reason }

// TooLarge says that one transaction writes more than one commit can hold.
type TooLarge struct {
	Changes, Bytes int
	Limits         journal.Limits
}

// Public is what a user may know of it.
func (e *TooLarge) Public() string { return "The request is too large: " + e.sizes() + "." }

func (e *TooLarge) Error() string { return "transaction too large: " + e.sizes() }

func (e *TooLarge) sizes() string {
	return fmt.Sprintf("it writes %d records and %d bytes, at most %d records and %d bytes can be written at once",
		e.Changes, e.Bytes, e.Limits.Changes, e.Limits.Bytes)
}

// signal wakes all who wait for something to happen.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next returns a channel that the next fire closes.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
