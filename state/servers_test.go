package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/state/journal"
	"berth/state/journal/journaltest"
)

// server runs a store over an etcd until the test ends, or the returned
// function is called.
func server(t *testing.T, cfg journal.Config) (*Store, func()) {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	cfg.Timeout, cfg.Log = time.Second, slog.New(slog.DiscardHandler)
	j, err := journal.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, stop := start(t, j)
	closed := false
	end := func() {
		if !closed {
			closed = true
			stop()
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return s, end
}

func TestEmbeddedRestart(t *testing.T) {
	cfg := journal.Config{DataDir: t.TempDir()}
	s, stop := server(t, cfg)
	mustPut(t, s, "a")
	before, _ := s.View().Clusters.Get("a")
	stop()
	s, _ = server(t, cfg)
	after, _ := s.View().Clusters.Get("a")
	if !after.CreatedAt.Equal(before.CreatedAt) {
		t.Errorf("created at %v, was %v", after.CreatedAt, before.CreatedAt)
	}
	mustPut(t, s, "b")
	checkNames(t, s.View(), "a b")
}

func TestThreeServers(t *testing.T) {
	etcd := journaltest.StartEtcd(t, 1)
	var stores []*Store
	var stops []func()
	for range 3 {
		s, stop := server(t, journal.Config{Endpoints: etcd.Endpoints})
		stores, stops = append(stores, s), append(stops, stop)
	}
	mustPut(t, stores[0], "first")
	var elsewhere *NotLeader
	if err := put(stores[1], "x"); !errors.As(err, &elsewhere) || elsewhere.Leader() != stores[0].cfg.URL {
		t.Errorf("a write on a follower: %v, want NotLeader with %s", err, stores[0].cfg.URL)
	}
	stops[0]() // another leads at once, and does not wait for the lease
	if err := putSomewhere(t, "second", stores[1], stores); err != nil {
		t.Fatal(err)
	}
	if err := putSomewhere(t, "third", stores[2], stores); err != nil {
		t.Fatal(err)
	}
	for _, s := range stores[1:] {
		if err := s.wait(t.Context(), func() bool { return s.View().Clusters.Len() == 3 }); err != nil {
			t.Fatal(err)
		}
		checkNames(t, s.View(), "first second third")
	}
}

func TestSecureEtcd(t *testing.T) {
	ca := journaltest.NewAuthority(t)
	cfg := journal.Config{Endpoints: journaltest.StartSecureEtcd(t, ca, "secret").Endpoints, CAFile: ca.File, User: "root", Password: "secret"}
	cfg.CertFile, cfg.KeyFile = ca.Issue(t, "client")
	leader, _ := server(t, cfg)
	mustPut(t, leader, "a")
	follower, _ := server(t, cfg)
	mustPut(t, leader, "b")
	if err := follower.CaughtUp(t.Context(), leader.Revision()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, follower.View(), "a b")
}

func TestLostQuorum(t *testing.T) {
	etcd := journaltest.StartEtcd(t, 3)
	leader, _ := server(t, journal.Config{Endpoints: etcd.Endpoints})
	mustPut(t, leader, "before")
	follower, _ := server(t, journal.Config{Endpoints: etcd.Endpoints})
	etcd.Stop(1)
	etcd.Stop(2)

	var refused *Unavailable
	if err := put(leader, "lost"); !errors.As(err, &refused) || !strings.Contains(refused.Public(), "etcd did not answer within 1s") {
		t.Errorf("a write without quorum: %v", err)
	}
	for _, s := range []*Store{leader, follower} {
		checkNames(t, s.View(), "before")
	}

	etcd.Restart(t, 1)
	if err := putSomewhere(t, "after", leader, []*Store{leader, follower}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{leader, follower} {
		if err := s.wait(t.Context(), func() bool { return s.View().Clusters.Has("after") }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPausedLeader stops a leading process with SIGSTOP in the middle of its
// writes until its lease has expired and another server leads. When it goes on,
// it must not write any more. Both count up one record, and print or note each
// number they were answered: none may come twice.
func TestPausedLeader(t *testing.T) {
	etcd := journaltest.StartEtcd(t, 1)
	child := startChild(t, "pause", t.TempDir()+" "+etcd.Endpoints[0])
	seen := map[string]bool{}
	note := func(line string) {
		if seen[line] {
			t.Errorf("%q was answered twice", line)
		}
		seen[line] = true
	}
	for range 100 {
		note(<-child.lines)
	}
	follower, _ := server(t, journal.Config{Endpoints: etcd.Endpoints})
	if err := child.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	takesOver := func() bool {
		n, err := increment(follower)
		if err == nil {
			note(fmt.Sprint("ok ", n))
		}
		return err == nil
	}
	if err := follower.wait(t.Context(), takesOver); err != nil {
		t.Fatal(err)
	}
	if err := child.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for line := range child.lines { // what it was answered before the pause may still be in its pipe
		if strings.HasPrefix(line, "refused: ") {
			t.Log(line)
			break
		}
		note(line)
	}
	for range 10 {
		n, err := increment(follower)
		if err != nil {
			t.Fatal(err)
		}
		note(fmt.Sprint("ok ", n))
	}
}

// pauseChild counts up until it is refused.
func pauseChild(rest string) error {
	dir, endpoint, _ := strings.Cut(rest, " ")
	s, err := runChild(journal.Config{DataDir: dir, Endpoints: []string{endpoint}, Lease: 2 * time.Second}, "http://child")
	if err != nil {
		return err
	}
	for {
		n, err := increment(s)
		if err != nil {
			fmt.Println("refused:", err)
			select {}
		}
		fmt.Println("ok", n)
	}
}

// increment counts up one record and returns its new value, and 0 with an error.
func increment(s *Store) (n int32, err error) {
	err = s.Update(context.Background(), func(tx *Tx) error {
		f, _ := tx.Families.Get("counter")
		f.Name, f.LastRevision = "counter", f.LastRevision+1
		tx.Families.Put(tx, f)
		n = f.LastRevision
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// disk mounts a small file system of its own.
func disk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("mounting a small disk is not allowed here: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until that many bytes are left free, and returns how to
// remove it.
func fill(t *testing.T, dir string, left int64) (remove func()) {
	t.Helper()
	file := dir + "/filler"
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err != nil {
			t.Fatal(err)
		}
		err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(s.Bavail)*s.Bsize-left)
		if err == nil {
			break
		}
		if err != syscall.ENOSPC { // somebody else took some in between
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that is nearly full ends writes, not reads, until there is space again.
func TestFullDisk(t *testing.T) {
	dir := disk(t, "128m")
	s, _ := server(t, journal.Config{DataDir: dir + "/data", Reserve: 32 << 20})
	mustPut(t, s, "before")
	remove := fill(t, dir, 31<<20)
	var refused *Unavailable
	if err := put(s, "lost"); !errors.As(err, &refused) || !strings.HasPrefix(refused.Public(), "The store cannot accept writes: no space left on the disk of "+dir) {
		t.Errorf("a write: %v", err)
	}
	checkNames(t, s.View(), "before")
	full := func() bool { err := s.Ready(); return err != nil && strings.Contains(err.Error(), "no space left") }
	if err := s.wait(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	remove()
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "after")
	checkNames(t, s.View(), "after before")
}

// A server that starts on such a disk serves readers too.
func TestStartOnFullDisk(t *testing.T) {
	dir := disk(t, "128m")
	cfg := journal.Config{DataDir: dir + "/data", Reserve: 32 << 20, Log: slog.New(slog.DiscardHandler)}
	s, stop := server(t, cfg)
	mustPut(t, s, "before")
	stop()
	remove := fill(t, dir, 24<<20)
	j, err := journal.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	if s, err = New(Config{Journal: j, Log: cfg.Log}); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	full := func() bool { err := s.Ready(); return err != nil && strings.Contains(err.Error(), "no space left") }
	if err := s.wait(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	checkNames(t, s.View(), "before")
	remove()
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "after")
}

// A disk that fills up faster than we look stops etcd. It must not stop us:
// reads go on, and after a restart all that was answered is there.
func TestEtcdDies(t *testing.T) {
	dir := disk(t, "128m")
	child := startChild(t, "die", dir+"/data")
	remove := func() {}
	answered, shown := 0, 0
	for line := range child.lines {
		switch {
		case scan(line, "ok %d", &answered):
			if answered == 1 {
				remove = fill(t, dir, 64<<10)
			}
		case strings.HasPrefix(line, "refused: "):
			t.Log(line)
		case scan(line, "shown %d", &shown):
			child.kill()
		default:
			t.Fatalf("the server said: %s", line)
		}
	}
	child.wait()
	if answered == 0 || shown < answered {
		t.Errorf("%d transactions answered, readers see %d", answered, shown)
	}
	remove()
	s, _ := server(t, journal.Config{DataDir: dir + "/data", Reserve: -1})
	if n := s.View().Clusters.Len(); n < answered {
		t.Errorf("%d transactions answered, after a restart there are %d", answered, n)
	}
	mustPut(t, s, "after")
}

// dieChild writes until it is refused, and then says what readers see.
func dieChild(dir string) error {
	s, err := runChild(journal.Config{DataDir: dir, Reserve: -1}, "")
	if err != nil {
		return err
	}
	for n := 1; err == nil; n++ {
		err = s.Update(context.Background(), func(tx *Tx) error {
			tx.Clusters.Put(tx, Cluster{ARN: fmt.Sprint(n), Status: strings.Repeat("x", 1<<16)})
			return nil
		})
		if err == nil {
			fmt.Println("ok", n)
		}
	}
	fmt.Println("refused:", err)
	if err := s.wait(context.Background(), func() bool { return s.Ready() != nil }); err != nil {
		return err
	}
	fmt.Println("shown", s.View().Clusters.Len())
	select {}
}

// A snapshot of a memory journal becomes the data of an embedded etcd.
func TestRestoreIntoEtcd(t *testing.T) {
	s, _ := start(t, journal.NewMemory().Server("a"))
	for i := range 10 {
		var names []string
		for k := range 100 {
			names = append(names, fmt.Sprint(i, "-", k))
		}
		mustPut(t, s, names...)
	}
	var file bytes.Buffer
	if err := s.Save(&file); err != nil {
		t.Fatal(err)
	}
	cfg := journal.Config{DataDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	j, err := journal.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Restore(t.Context(), j, &file, false), j.Close()); err != nil {
		t.Fatal(err)
	}
	restored, _ := server(t, cfg)
	checkNames(t, restored.View(), names(s.View()))
}
