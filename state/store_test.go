package state

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"berth/state/journal"
)

// start runs a store over a journal until the test ends, or the returned
// function is called, and waits until it is ready.
func start(t *testing.T, j journal.Journal, url string) (*Store, func()) {
	t.Helper()
	s, err := New(Config{Journal: j, URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, stop
}

func put(t *testing.T, s *Store, name string) {
	t.Helper()
	if err := putErr(s, name); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

func putErr(s *Store, name string) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		tx.Clusters.Put(tx, Cluster{ARN: name, Name: name, CreatedAt: tx.Now()})
		return nil
	})
}

func TestEmbeddedSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	open := func() *journal.Etcd {
		j, err := journal.Open(t.Context(), journal.Config{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	s, stop := start(t, j, "http://one")
	put(t, s, "a")
	if _, err := journal.Open(t.Context(), journal.Config{DataDir: dir}); err == nil {
		t.Error("a second server opened the same directory")
	} else {
		t.Log(err)
	}
	before, _ := s.View().Clusters.Get("a")
	stop()
	if err := putErr(s, "b"); !errors.As(err, new(*Unavailable)) {
		t.Errorf("after the end: %v", err)
	}
	j.Close()
	j = open()
	defer j.Close()
	s, _ = start(t, j, "http://one")
	after, ok := s.View().Clusters.Get("a")
	if !ok || after.Name != "a" || !after.CreatedAt.Equal(before.CreatedAt) {
		t.Errorf("after a restart: %+v, want %+v", after, before)
	}
	put(t, s, "c")
}
