// Package journaltest holds the tests that every journal passes, and starts
// etcd clusters for tests. Used by the tests of journal and state alone.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/state/journal"
)

// Open returns an empty journal, as the servers with some ids have it.
type Open func(t *testing.T) (server func(id string) journal.Journal)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, a, b journal.Journal)
	}{
		{"is empty at first", empty},
		{"keeps what is committed", keeps},
		{"commits up to its limits", limits},
		{"watches", watches},
		{"ends a watch with its context", endsWatch},
		{"has one leader", oneLeader},
		{"lets the next lead when one resigns", resigns},
		{"lets a restarted server replace itself", restarts},
		{"forgets history", forgets},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := open(t)
			tc.test(t, server("a"), server("b"))
		})
	}
}

func empty(t *testing.T, a, _ journal.Journal) {
	values, now := load(t, a)
	if values != "" || now.Revision < 1 || now.Leader == nil || *now.Leader != (journal.Leader{}) {
		t.Errorf("loaded %q at %+v, want nothing and no leader", values, now)
	}
}

func keeps(t *testing.T, a, _ journal.Journal) {
	term := campaign(t, a)
	first := commit(t, term, "x=1", "y=2", "z/with/slashes=3")
	second := commit(t, term, "x=4", "y", "w")
	values, now := load(t, a)
	if want := "x=4 z/with/slashes=3"; values != want {
		t.Errorf("loaded %q, want %q", values, want)
	}
	if term.Revision() >= first || first >= second || now.Revision != second {
		t.Errorf("revisions: term %d, commits %d and %d, loaded %d", term.Revision(), first, second, now.Revision)
	}
	if now.Leader.Server != a.Server() || now.Leader.URL != "http://"+a.Server() {
		t.Errorf("the leader is %+v", now.Leader)
	}
}

func limits(t *testing.T, a, _ journal.Journal) {
	term, limits := campaign(t, a), a.Limits()
	changes := make([]journal.Change, limits.Changes)
	for i := range changes {
		key := fmt.Sprintf("key/%d", i)
		changes[i] = journal.Change{Key: key, Value: make([]byte, limits.Bytes/limits.Changes-len(key))}
	}
	if _, err := term.Commit(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := a.Load(t.Context(), func(journal.Change) error { n++; return nil }); err != nil || n != limits.Changes {
		t.Errorf("loaded %d of %d: %v", n, limits.Changes, err)
	}
	stop := errors.New("stop")
	if _, err := a.Load(t.Context(), func(journal.Change) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Load hides its caller's error: %v", err)
	}
}

func watches(t *testing.T, a, b journal.Journal) {
	_, start := load(t, b)
	term := campaign(t, a)
	commit(t, term, "x=1", "y=2")
	middle := commit(t, term, "x=3")
	last := commit(t, term, "x")

	if got, want := collect(t, b, start.Revision, last), "leader="+a.Server()+" x=1 y=2 x=3 x"; got != want {
		t.Errorf("watched %q, want %q", got, want)
	}
	if got, want := collect(t, b, middle, last), "x"; got != want {
		t.Errorf("watched %q, want %q", got, want)
	}
	if err := term.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, now := load(t, b)
	if got, want := collect(t, b, last, now.Revision), "leader="; got != want {
		t.Errorf("watched %q, want %q", got, want)
	}
}

func endsWatch(t *testing.T, a, _ journal.Journal) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Watch(ctx, 1, make(chan journal.Event)) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: %v", err)
	}
}

func oneLeader(t *testing.T, a, b journal.Journal) {
	term := campaign(t, a)
	if _, err := b.Campaign(t.Context(), ""); !errors.Is(err, journal.ErrLed) {
		t.Errorf("the second campaign: %v", err)
	}
	commit(t, term, "x=1")
}

func resigns(t *testing.T, a, b journal.Journal) {
	old := campaign(t, a)
	if err := old.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-old.Done()
	if _, err := old.Commit(t.Context(), changes("x=lost")); !errors.Is(err, journal.ErrDeposed) {
		t.Errorf("commit without leader: %v", err)
	}
	commit(t, campaign(t, b), "x=1")
	if _, err := old.Commit(t.Context(), changes("x=lost")); !errors.Is(err, journal.ErrDeposed) {
		t.Errorf("commit under another leader: %v", err)
	}
	if values, _ := load(t, a); values != "x=1" {
		t.Errorf("loaded %q", values)
	}
}

func restarts(t *testing.T, a, b journal.Journal) {
	old := campaign(t, a)
	_, start := load(t, b)
	term := campaign(t, a)
	if _, err := old.Commit(t.Context(), changes("x=lost")); !errors.Is(err, journal.ErrDeposed) {
		t.Errorf("commit of the earlier run: %v", err)
	}
	if err := old.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := commit(t, term, "x=1")
	if got := collect(t, b, start.Revision, last); !strings.HasSuffix(got, "leader="+a.Server()+" x=1") {
		t.Errorf("watched %q", got)
	}
}

func forgets(t *testing.T, a, b journal.Journal) {
	term := campaign(t, a)
	first := commit(t, term, "x=1")
	commit(t, term, "x=2")
	last := commit(t, term, "x=3")
	if err := a.Maintain(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if err := b.Watch(t.Context(), first-1, make(chan journal.Event)); !errors.Is(err, journal.ErrCompacted) {
		t.Errorf("Watch from what is forgotten: %v", err)
	}
	if got := collect(t, b, last, commit(t, term, "x=4")); got != "x=4" {
		t.Errorf("watched %q", got)
	}
	if size, err := a.Size(t.Context()); err != nil || size <= 0 {
		t.Errorf("size %d, %v", size, err)
	}
}

func campaign(t *testing.T, j journal.Journal) journal.Term {
	t.Helper()
	term, err := j.Campaign(t.Context(), "http://"+j.Server())
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// changes reads "x=1" as a new value, "x" as a deletion.
func changes(texts ...string) (out []journal.Change) {
	for _, text := range texts {
		key, value, written := strings.Cut(text, "=")
		c := journal.Change{Key: key}
		if written {
			c.Value = []byte(value)
		}
		out = append(out, c)
	}
	return out
}

func text(c journal.Change) string {
	if c.Value == nil {
		return c.Key
	}
	return c.Key + "=" + string(c.Value)
}

func commit(t *testing.T, term journal.Term, texts ...string) int64 {
	t.Helper()
	revision, err := term.Commit(t.Context(), changes(texts...))
	if err != nil {
		t.Fatalf("commit %q: %v", texts, err)
	}
	return revision
}

func load(t *testing.T, j journal.Journal) (values string, now journal.Event) {
	t.Helper()
	var all []string
	now, err := j.Load(t.Context(), func(c journal.Change) error {
		all = append(all, text(c))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " "), now
}

// collect watches from one revision to another. Changes of one revision are
// sorted; a change of leader reads leader=id.
func collect(t *testing.T, j journal.Journal, after, until int64) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, failed := make(chan journal.Event), make(chan error, 1)
	go func() { failed <- j.Watch(ctx, after, events) }()
	var out []string
	for at := after; at < until; {
		select {
		case e := <-events:
			if e.Revision <= at {
				t.Fatalf("revision %d after %d", e.Revision, at)
			}
			at = e.Revision
			if e.Leader != nil {
				out = append(out, "leader="+e.Leader.Server)
			}
			var all []string
			for _, c := range e.Changes {
				all = append(all, text(c))
			}
			if len(e.Changes) == 2 {
				slices.Sort(all)
			}
			out = append(out, all...)
		case err := <-failed:
			t.Fatal(err)
		}
	}
	return strings.Join(out, " ")
}
