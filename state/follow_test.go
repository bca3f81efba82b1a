package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"berth/state/journal"
)

func TestFollowersFollow(t *testing.T) {
	m := journal.NewMemory()
	leader, _ := start(t, m.Server("a"))
	mustPut(t, leader, "before")
	follower, _ := start(t, m.Server("b"))
	checkNames(t, follower.View(), "before")

	mustPut(t, leader, "x", "y")
	if err := follower.CaughtUp(t.Context(), leader.Revision()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, follower.View(), "before x y")

	var elsewhere *NotLeader
	if err := put(follower, "z"); !errors.As(err, &elsewhere) || elsewhere.Leader() != "http://a" {
		t.Errorf("a write on the follower: %v, want NotLeader with http://a", err)
	}
}

func TestAnotherServerTakesOver(t *testing.T) {
	for name, end := range map[string]func(m *journal.Memory, stop func()){
		"the leader stops":          func(_ *journal.Memory, stop func()) { stop() },
		"the leader's lease lapses": func(m *journal.Memory, _ func()) { m.Depose() },
	} {
		t.Run(name, func(t *testing.T) {
			m := journal.NewMemory()
			var stores []*Store
			var stops []func()
			for _, id := range []string{"a", "b", "c"} {
				s, stop := start(t, m.Server(id))
				stores, stops = append(stores, s), append(stops, stop)
			}
			mustPut(t, stores[0], "first")
			end(m, stops[0])
			// Whoever leads now, someone does, and both others know it.
			for i, s := range stores[1:] {
				if err := putSomewhere(t, fmt.Sprint("next", i), s, stores); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range stores[1:] {
				if err := s.wait(t.Context(), func() bool { return s.View().Clusters.Len() == 3 }); err != nil {
					t.Fatal(err)
				}
				checkNames(t, s.View(), "first next0 next1")
			}
		})
	}
}

// putSomewhere writes through s, or where s says, until it works.
func putSomewhere(t *testing.T, name string, s *Store, all []*Store) error {
	for t.Context().Err() == nil {
		err := put(s, name)
		var elsewhere *NotLeader
		if errors.As(err, &elsewhere) {
			for _, other := range all {
				if other.cfg.URL == elsewhere.Leader() {
					err = put(other, name)
				}
			}
		}
		if err == nil {
			return nil
		}
		if err := s.WaitReady(t.Context()); err != nil {
			return err
		}
	}
	return t.Context().Err()
}

// While the leader holds a commit its lease lapses, and another server writes.
// The commit must not happen.
func TestDeposedLeaderCannotWrite(t *testing.T) {
	m := journal.NewMemory()
	g := newGate(m.Server("a"))
	old, _ := start(t, g)
	lost := async(func() error { return put(old, "lost") })
	<-g.reached
	next, _ := start(t, m.Server("b"))
	m.Depose()
	if err := next.wait(t.Context(), func() bool { return put(next, "kept") == nil }); err != nil {
		t.Fatal(err)
	}
	g.proceed <- nil
	if err := <-lost; !errors.As(err, new(*Unavailable)) || !errors.Is(err, journal.ErrDeposed) {
		t.Errorf("the deposed leader's caller got %v", err)
	}
	if err := old.CaughtUp(t.Context(), next.Revision()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, old.View(), "kept")
}

func TestFollowerLoadsAgainWhenHistoryIsGone(t *testing.T) {
	m := journal.NewMemory()
	leader, _ := start(t, m.Server("a"))
	slow := &slowWatch{Journal: m.Server("b"), reached: make(chan struct{}), proceed: make(chan struct{})}
	follower, err := New(Config{Journal: slow, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, follower)
	<-slow.reached // it has loaded
	for i := range 10 {
		mustPut(t, leader, fmt.Sprint(i))
	}
	if err := m.Server("a").Maintain(t.Context(), leader.Revision()); err != nil {
		t.Fatal(err)
	}
	sub := follower.Subscribe("clusters")
	sub.Take()
	close(slow.proceed)
	if err := follower.CaughtUp(t.Context(), leader.Revision()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, follower.View(), "0 1 2 3 4 5 6 7 8 9")
	<-sub.Changed()
	if _, all := sub.Take(); !all {
		t.Error("a subscriber is not told that the store was loaded again")
	}
}

// slowWatch is a journal whose first watch begins late.
type slowWatch struct {
	journal.Journal
	reached, proceed chan struct{}
	late             bool
}

func (s *slowWatch) Watch(ctx context.Context, after int64, events chan<- journal.Event) error {
	if !s.late {
		s.late = true
		close(s.reached)
		<-s.proceed
	}
	return s.Journal.Watch(ctx, after, events)
}

func TestReadySaysWhy(t *testing.T) {
	s, err := New(Config{Journal: &broken{journal.NewMemory().Server("a")}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err == nil || err.Error() != "the store cannot accept writes: the store is starting" {
		t.Errorf("before Run: %v", err)
	}
	run(t, s)
	if err := s.wait(t.Context(), func() bool { return errors.Is(s.Ready(), errBroken) }); err != nil {
		t.Fatal(err)
	}
	var refused *Unavailable
	if err := put(s, "a"); !errors.As(err, &refused) || refused.Public() != "The store cannot accept writes: no quorum." {
		t.Errorf("a write: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitReady(ctx); !errors.Is(err, errBroken) {
		t.Errorf("WaitReady: %v", err)
	}
}

var errBroken = errors.New("no quorum")

type broken struct{ journal.Journal }

func (*broken) Campaign(context.Context, string) (journal.Term, error) { return nil, errBroken }
