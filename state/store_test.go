package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"

	"berth/state/journal"
)

// start runs a store over a journal until the test ends, or the returned
// function is called, and waits until it is ready.
func start(t *testing.T, j journal.Journal) (*Store, func()) {
	t.Helper()
	s, err := New(Config{Journal: j, URL: "http://" + j.Server(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, s)
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, stop
}

// run runs a store until the test ends, or the returned function is called.
func run(t *testing.T, s *Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	return stop
}

// put writes clusters of these names in one transaction.
func put(s *Store, names ...string) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		for _, name := range names {
			tx.Clusters.Put(tx, Cluster{ARN: name, Name: name, CreatedAt: tx.Now()})
		}
		return nil
	})
}

func mustPut(t *testing.T, s *Store, names ...string) {
	t.Helper()
	if err := put(s, names...); err != nil {
		t.Fatalf("put %s: %v", names, err)
	}
}

// names returns the names of a view's clusters.
func names(v *View) string {
	var out []string
	for c := range v.Clusters.All() {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

func checkNames(t *testing.T, v *View, want string) {
	t.Helper()
	if got := names(v); got != want {
		t.Errorf("the view has %q, want %q", got, want)
	}
}

// queued waits until n transactions or more wait for the committer, and
// returns in how many batches.
func queued(s *Store, transactions int) (batches int) {
	for {
		s.mu.Lock()
		n := 0
		for _, b := range s.pending.batches {
			n += len(b.changes)
		}
		batches = len(s.pending.batches)
		s.mu.Unlock()
		if n >= transactions {
			return batches
		}
		runtime.Gosched()
	}
}

// gate is a journal whose commits wait until the test lets them.
type gate struct {
	journal.Journal
	reached chan []journal.Change // a commit is about to happen
	proceed chan error            // nil: it happens; errLater: it happens and fails all the same; else it fails
}

var errLater = errors.New("the answer got lost")

func newGate(j journal.Journal) *gate {
	return &gate{j, make(chan []journal.Change), make(chan error)}
}

func (g *gate) Campaign(ctx context.Context, url string) (journal.Term, error) {
	t, err := g.Journal.Campaign(ctx, url)
	if err != nil {
		return nil, err
	}
	return &gateTerm{t, g}, nil
}

type gateTerm struct {
	journal.Term
	*gate
}

func (t *gateTerm) Commit(ctx context.Context, changes []journal.Change) (int64, error) {
	if changes[0].Key == schemaKey {
		return t.Term.Commit(ctx, changes)
	}
	t.reached <- changes
	err := <-t.proceed
	if err != nil && err != errLater {
		return 0, err
	}
	revision, commitErr := t.Term.Commit(ctx, changes)
	return revision, errors.Join(err, commitErr)
}

// async runs fn and returns where its error arrives.
func async(fn func() error) <-chan error {
	out := make(chan error, 1)
	go func() { out <- fn() }()
	return out
}

func TestUpdatesShareCommits(t *testing.T) {
	g := newGate(journal.NewMemory().Server("a"))
	s, _ := start(t, g)
	first := async(func() error { return put(s, "a") })
	<-g.reached
	var rest []<-chan error
	for i := range 10 {
		rest = append(rest, async(func() error { return put(s, fmt.Sprint("b", i)) }))
	}
	queued(s, 10)
	checkNames(t, s.View(), "")
	g.proceed <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if n := len(<-g.reached); n != 10 {
		t.Errorf("the second commit has %d changes, want 10", n)
	}
	checkNames(t, s.View(), "a")
	g.proceed <- nil
	for _, err := range rest {
		if err := <-err; err != nil {
			t.Error(err)
		}
	}
	checkNames(t, s.View(), "a b0 b1 b2 b3 b4 b5 b6 b7 b8 b9")
}

func TestBatchesKeepLimits(t *testing.T) {
	g := newGate(journal.NewMemory().Server("a"))
	s, _ := start(t, g)
	first := async(func() error { return put(s, "first") })
	<-g.reached
	var all []string
	var answers []<-chan error
	for i := range 100 { // pairs: 128 records is the limit, so 64 pairs
		pair := []string{fmt.Sprintf("%02da", i), fmt.Sprintf("%02db", i)}
		all = append(all, pair...)
		answers = append(answers, async(func() error { return put(s, pair...) }))
	}
	if n := queued(s, 200); n != 2 {
		t.Errorf("%d batches, want 2", n)
	}
	g.proceed <- nil
	<-first
	if n := len(<-g.reached); n != 128 {
		t.Errorf("the full batch has %d changes, want 128", n)
	}
	g.proceed <- nil
	<-g.reached
	if n := s.View().Clusters.Len(); n != 129 {
		t.Errorf("the view has %d records, want the 129 of two commits", n)
	}
	g.proceed <- nil
	for _, err := range answers {
		if err := <-err; err != nil {
			t.Error(err)
		}
	}
	checkNames(t, s.View(), strings.Join(append(all, "first"), " "))
}

func TestTooLarge(t *testing.T) {
	s, _ := start(t, journal.NewMemory().Server("a"))
	many := make([]string, 129)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, write := range map[string][]string{"records": many, "bytes": {strings.Repeat("x", 1<<20)}} {
		var large *TooLarge
		if err := put(s, write...); !errors.As(err, &large) {
			t.Errorf("too many %s: %v", name, err)
		}
	}
	mustPut(t, s, slices.Repeat([]string{"x"}, 500)...) // one record, written often
	checkNames(t, s.View(), "x")
}

func TestFailedTransactionsWriteNothing(t *testing.T) {
	s, _ := start(t, journal.NewMemory().Server("a"))
	mustPut(t, s, "a", "b")
	want := errors.New("no")
	err := s.Update(t.Context(), func(tx *Tx) error {
		tx.Clusters.Put(tx, Cluster{ARN: "a", Name: "changed"})
		tx.Clusters.Delete(tx, "b")
		tx.Clusters.Put(tx, Cluster{ARN: "c", Name: "c"})
		if got := names(tx.View); got != "changed c" {
			t.Errorf("the transaction sees %q", got)
		}
		return want
	})
	if err != want {
		t.Errorf("got %v, want fn's own error", err)
	}
	func() {
		defer func() { recover() }()
		s.Update(t.Context(), func(tx *Tx) error {
			tx.Clusters.Delete(tx, "a")
			panic("bug")
		})
	}()
	mustPut(t, s, "d")
	checkNames(t, s.View(), "a b d")
}

// A transaction that only reads may have read what is not durable yet.
func TestReadsWaitForWhatTheyRead(t *testing.T) {
	g := newGate(journal.NewMemory().Server("a"))
	s, _ := start(t, g)
	write := async(func() error { return put(s, "a") })
	<-g.reached
	ran := make(chan struct{})
	read := async(func() error {
		return s.Update(context.Background(), func(tx *Tx) error {
			close(ran)
			if !tx.Clusters.Has("a") {
				t.Error("a later transaction does not see an earlier one")
			}
			return nil
		})
	})
	<-ran
	queued(s, 0) // the lock is free again: its transaction is over
	select {
	case <-read:
		t.Error("the reader was answered before what it read was durable")
	default:
	}
	g.proceed <- errors.New("disk on fire")
	for _, answer := range []<-chan error{write, read} {
		if err := <-answer; !errors.As(err, new(*Unavailable)) || !strings.Contains(err.Error(), "disk on fire") {
			t.Errorf("got %v, want Unavailable with the reason", err)
		}
	}
}

func TestFailedCommitsLoseOnlyWhatWasNotAnswered(t *testing.T) {
	g := newGate(journal.NewMemory().Server("a"))
	s, _ := start(t, g)
	g.do(t, nil, func() error { return put(s, "kept") })
	lost := async(func() error { return put(s, "lost") })
	<-g.reached
	later := async(func() error { return put(s, "later") })
	queued(s, 1)
	g.proceed <- errors.New("disk on fire")
	for _, answer := range []<-chan error{lost, later} {
		if err := <-answer; !errors.As(err, new(*Unavailable)) {
			t.Errorf("got %v, want Unavailable", err)
		}
	}
	checkNames(t, s.View(), "kept") // readers are served meanwhile
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, s.View(), "kept")
	g.do(t, nil, func() error { return put(s, "next") })
	checkNames(t, s.View(), "kept next")

	if err := g.do(t, errLater, func() error { return put(s, "unknown") }); !errors.As(err, new(*Unavailable)) {
		t.Errorf("got %v, want Unavailable, as nobody knows", err)
	}
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, s.View(), "kept next unknown") // it had been written after all
}

// do runs fn and lets its one commit come to this end.
func (g *gate) do(t *testing.T, end error, fn func() error) error {
	t.Helper()
	answer := async(fn)
	<-g.reached
	g.proceed <- end
	err := <-answer
	if end == nil && err != nil {
		t.Fatal(err)
	}
	return err
}

func TestCancelledCallersAreAnsweredAtOnce(t *testing.T) {
	g := newGate(journal.NewMemory().Server("a"))
	s, _ := start(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	answer := async(func() error {
		return s.Update(ctx, func(tx *Tx) error {
			tx.Clusters.Put(tx, Cluster{ARN: "a", Name: "a"})
			return nil
		})
	})
	<-g.reached
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Update(ctx, func(*Tx) error { t.Error("it ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	g.proceed <- nil
	g.do(t, nil, func() error { return put(s, "b") })
	checkNames(t, s.View(), "a b") // what was under way became durable
}

// A server that is told to stop answers all it has begun.
func TestStopCommitsWhatWasBegun(t *testing.T) {
	m := journal.NewMemory()
	g := newGate(m.Server("a"))
	s, stop := start(t, g)
	first := async(func() error { return put(s, "a") })
	<-g.reached
	second := async(func() error { return put(s, "b") })
	queued(s, 1)
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	g.proceed <- nil
	<-g.reached
	g.proceed <- nil
	<-stopped
	for _, answer := range []<-chan error{first, second} {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	if err := put(s, "c"); !errors.As(err, new(*Unavailable)) {
		t.Errorf("after the end: %v", err)
	}
	other, _ := start(t, m.Server("b"))
	mustPut(t, other, "c")
	checkNames(t, other.View(), "a b c")
}

func TestTimeNeverGoesBack(t *testing.T) {
	s := NewMemory()
	s.last = s.begin().now.AddDate(1, 0, 0) // an earlier transaction's, on a clock that was wrong
	s.Update(t.Context(), func(tx *Tx) error {
		if tx.Now().Before(s.last) {
			t.Errorf("%v is before %v", tx.Now(), s.last)
		}
		return nil
	})
}

// Under a load that never pauses, a server still stops when it is told to.
func TestStopUnderLoad(t *testing.T) {
	s, stop := start(t, journal.NewMemory().Server("a"))
	var answers []<-chan error
	for w := range 8 {
		answers = append(answers, async(func() error {
			for n := 0; ; n++ {
				if err := put(s, fmt.Sprint(w)); err != nil {
					return err
				}
			}
		}))
	}
	stop()
	for _, answer := range answers {
		if err := <-answer; !errors.As(err, new(*Unavailable)) {
			t.Error(err)
		}
	}
}

func TestReloadKeepsWhatIsDurableAlone(t *testing.T) {
	s := NewMemory()
	mustPut(t, s, "a", "b")
	sub := s.Subscribe(s.View().Clusters.Name())
	next, err := s.Reload()
	if err != nil {
		t.Fatal(err)
	}
	sub.Take()
	mustPut(t, next, "c")
	if got := names(next.View()); got != "a b c" {
		t.Errorf("the new store has %q", got)
	}
	if got := names(s.View()); got != "a b" {
		t.Errorf("the old store has %q", got)
	}
	if keys, _ := sub.Take(); len(keys) > 0 {
		t.Errorf("who followed the old store learned of %v", keys)
	}
}
