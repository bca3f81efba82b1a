package logstore

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const day = dayMillis

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// temp is a store that the test closes.
func temp(t *testing.T) *Store {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() { s.Close() })
	return s
}

func create(t *testing.T, s *Store, group, name string) {
	t.Helper()
	if err := s.CreateStream(group, name, 1); err != nil {
		t.Fatal(err)
	}
}

// put appends events written as "time:message time:message".
func put(t *testing.T, s *Store, group, name, text string) {
	t.Helper()
	var events []Event
	for _, word := range strings.Fields(text) {
		var e Event
		fmt.Sscanf(word, "%d:%s", &e.Time, &e.Message)
		events = append(events, e)
	}
	if err := s.Append(group, name, events, 100*day); err != nil {
		t.Fatal(err)
	}
}

func streams(t *testing.T, s *Store, group, prefix string) (all []Stream) {
	t.Helper()
	for stream, err := range s.Streams(group, prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stream)
	}
	return all
}

// words writes events as put reads them.
func words(t *testing.T, events iter.Seq2[Event, error]) string {
	t.Helper()
	var all []string
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d:%s", e.Time, e.Message))
	}
	return strings.Join(all, " ")
}

var always = Range{0, 1 << 50}

func TestStreams(t *testing.T) {
	s := temp(t)
	for _, name := range []string{"b", "web/c/2", "web/c/1", "web"} {
		create(t, s, "g", name)
	}
	create(t, s, "g2", "other")
	if err := s.CreateStream("g", "b", 1); !errors.Is(err, ErrExists) {
		t.Errorf("a second b: %v", err)
	}
	names := func(group, prefix, from string) (all []string) {
		for stream, err := range s.StreamsFrom(group, prefix, from) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, stream.Name)
		}
		return all
	}
	for _, tc := range []struct{ prefix, from, want string }{
		{"", "", "[b web web/c/1 web/c/2]"},
		{"web/", "", "[web/c/1 web/c/2]"},
		{"", "web/c/1", "[web/c/1 web/c/2]"},
		{"web/", "a", "[web/c/1 web/c/2]"},
		{"x", "", "[]"},
	} {
		if got := fmt.Sprint(names("g", tc.prefix, tc.from)); got != tc.want {
			t.Errorf("prefix %q from %q: %s, want %s", tc.prefix, tc.from, got, tc.want)
		}
	}
	put(t, s, "g", "b", "5:x 3:y 9:z")
	b, err := s.Stream("g", "b")
	if err != nil || b.Created != 1 || b.First != 3 || b.Last != 9 || b.Ingested != 100*day {
		t.Errorf("%+v, %v", b, err)
	}
	if err := s.DeleteStream("g", "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stream("g", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if err := s.Append("g", "b", []Event{{Message: "x"}}, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("append to a deleted stream: %v", err)
	}
	if err := s.DeleteStream("g", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if got := words(t, s.Scan("g", []Stream{b}, always, Position{})); got != "" {
		t.Errorf("events of a deleted stream: %s", got)
	}
}

func TestEvents(t *testing.T) {
	s := temp(t)
	create(t, s, "g", "a")
	create(t, s, "g", "b")
	put(t, s, "g", "a", fmt.Sprintf("1:a1 5:a2 %d:a3", 3*day))
	put(t, s, "g", "b", fmt.Sprintf("2:b1 5:b2 5:b3 %d:b4", 9*day))
	put(t, s, "g", "a", "4:late")
	a, _ := s.Stream("g", "a")
	b, _ := s.Stream("g", "b")
	for _, tc := range []struct {
		name    string
		streams []Stream
		r       Range
		want    string
	}{
		{"one stream", []Stream{a}, always, "1:a1 4:late 5:a2 259200000:a3"},
		{"a part of it", []Stream{b}, Range{3, 6}, "5:b2 5:b3"},
		{"nothing", []Stream{a}, Range{6, 1000}, ""},
		{"no streams", nil, always, ""},
		{"a day without any", []Stream{a, b}, Range{5 * day, 6 * day}, ""},
		{"the last", []Stream{a, b}, Range{4 * day, 10 * day}, "777600000:b4"},
	} {
		if got := words(t, s.Scan("g", tc.streams, tc.r, Position{})); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	if got := words(t, s.Backward("g", a, always, Position{Time: 1 << 50})); got != "259200000:a3 5:a2 4:late 1:a1" {
		t.Errorf("backward: %s", got)
	}
	for e, err := range s.Scan("g", []Stream{a}, always, Position{}) {
		if err != nil || e.Ingested != 100*day {
			t.Errorf("%+v %v", e, err)
		}
	}
}

// Whatever was appended comes back in order, from any position on, both ways.
func TestAgainstModel(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	s := temp(t)
	var model []Event
	for i := range 300 {
		name := fmt.Sprint("stream", random.Intn(20))
		if err := s.CreateStream("g", name, 1); err != nil && !errors.Is(err, ErrExists) {
			t.Fatal(err)
		}
		before, err := s.Stream("g", name)
		if err != nil {
			t.Fatal(err)
		}
		var batch []Event
		for j := range random.Intn(60) + 1 {
			batch = append(batch, Event{Position: Position{Time: random.Int63n(4 * day)}, Message: fmt.Sprint(i, ".", j)})
			e := batch[j]
			e.Stream, e.Seq, e.Ingested = before.ID, before.Seq+uint64(j)+1, 7*day
			model = append(model, e)
		}
		if err := s.Append("g", name, batch, 7*day); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(model, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Seq, b.Seq))
	})
	all := streams(t, s, "g", "")
	collect := func(events iter.Seq2[Event, error]) (got []Event) {
		for e, err := range events {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		return got
	}
	for range 40 {
		i := random.Intn(len(model) + 1)
		from := Position{}
		if i > 0 {
			from = model[i-1].Position
		}
		r := Range{random.Int63n(2 * day), random.Int63n(2*day) + 2*day}
		in := func(events []Event, one uint64) (got []Event) {
			for _, e := range events {
				if e.Time >= r.Start && e.Time < r.End && (one == 0 || e.Stream == one) {
					got = append(got, e)
				}
			}
			return got
		}
		if got, want := collect(s.Scan("g", all, r, from)), in(model[i:], 0); !slices.Equal(got, want) {
			t.Fatalf("after %+v in %+v: %d events, want %d", from, r, len(got), len(want))
		}
		one := all[random.Intn(len(all))]
		if got, want := collect(s.Scan("g", []Stream{one}, r, from)), in(model[i:], one.ID); !slices.Equal(got, want) {
			t.Fatalf("one stream after %+v in %+v: %d events, want %d", from, r, len(got), len(want))
		}
		end := Position{Time: 5 * day}
		upTo := model
		if own := in(model, one.ID); len(own) > 0 {
			j := random.Intn(len(own))
			end, upTo = own[j].Position, own[:j]
		}
		want := in(upTo, one.ID)
		slices.Reverse(want)
		if got := collect(s.Backward("g", one, r, end)); !slices.Equal(got, want) {
			t.Fatalf("backward before %+v in %+v: %d events, want %d", end, r, len(got), len(want))
		}
	}
}

func TestSweep(t *testing.T) {
	s := temp(t)
	for _, group := range []string{"keeps", "expires", "gone"} {
		create(t, s, group, "s")
		put(t, s, group, "s", fmt.Sprintf("5:old %d:edge %d:new", 3*day, 4*day))
	}
	left := func(group string) string {
		stream, err := s.Stream(group, "s")
		if err != nil {
			return err.Error()
		}
		return words(t, s.Scan(group, []Stream{stream}, always, Position{}))
	}
	const all = "5:old 259200000:edge 345600000:new"
	for i, want := range []string{all, "the log stream does not exist"} {
		if err := s.Sweep(map[string]int64{"keeps": 0, "expires": 3*day + 5}); err != nil {
			t.Fatal(err)
		}
		if got := left("gone"); got != want {
			t.Errorf("sweep %d left %q of the group that is gone, want %q", i, got, want)
		}
	}
	if left("keeps") != all || left("expires") != "259200000:edge 345600000:new" {
		t.Errorf("left %q and %q", left("keeps"), left("expires"))
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "g", "s")
	put(t, s, "g", "s", "1:a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	put(t, s, "g", "s", "1:b")
	if got := words(t, s.Scan("g", streams(t, s, "g", ""), always, Position{})); got != "1:a 1:b" {
		t.Errorf("after a restart: %s", got)
	}
}

// TestMain lets a test start this program again as a writer, to kill it.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "log-writer" {
		fmt.Fprintln(os.Stderr, writeForEver(os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver says each number that was made durable.
func writeForEver(dir string) error {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	if err := s.CreateStream("g", "s", 1); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	stream, err := s.Stream("g", "s")
	if err != nil {
		return err
	}
	for i := stream.Seq + 1; ; i++ {
		if err := s.Append("g", "s", []Event{{Position: Position{Time: int64(i)}, Message: fmt.Sprint(i)}}, 1); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for range 3 {
		cmd := exec.Command(os.Args[0], "log-writer", dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 50 && lines.Scan(); n++ {
			fmt.Sscan(lines.Text(), &acknowledged)
		}
		cmd.Process.Kill()
		for lines.Scan() { // what it said before it died counts too
			fmt.Sscan(lines.Text(), &acknowledged)
		}
		cmd.Wait()
	}
	s := open(t, dir)
	defer s.Close()
	n := 0
	for e, err := range s.Scan("g", streams(t, s, "g", ""), always, Position{}) {
		if n++; err != nil || e.Message != fmt.Sprint(n) {
			t.Fatalf("event %d is %q, %v", n, e.Message, err)
		}
	}
	if acknowledged < 150 || n < acknowledged {
		t.Errorf("%d events of %d that were acknowledged", n, acknowledged)
	}
}

func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	s := open(t, filepath.Join(disk, "logs"))
	create(t, s, "g", "s")
	put(t, s, "g", "s", "1:before")

	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(block)
	}
	f.Close()
	event := []Event{{Position: Position{Time: 2}, Message: "after"}}
	if err := s.Append("g", "s", event, 1); !errors.Is(err, ErrFull) {
		t.Errorf("append to a full disk: %v", err)
	}
	if err := s.CreateStream("g", "new", 1); !errors.Is(err, ErrFull) {
		t.Errorf("create a stream on a full disk: %v", err)
	}
	all := streams(t, s, "g", "")
	if got := words(t, s.Scan("g", all, always, Position{})); got != "1:before" {
		t.Errorf("read from a full disk: %q", got)
	}

	// A write that began before the disk was full waits, and reads go on.
	done := make(chan error, 1)
	go func() { done <- s.db.Flush() }()
	waiting := func() bool { return s.full.Load() }
	for deadline := time.Now().Add(10 * time.Second); !waiting() && time.Now().Before(deadline); {
		s.Size("g")
	}
	if !waiting() {
		t.Fatal("no write waits for room")
	}
	if got := words(t, s.Scan("g", all, always, Position{})); got != "1:before" {
		t.Errorf("read while a write waits: %q", got)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the write that waited: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err := s.Append("g", "s", event, 1); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("there is room again: %v", err)
		}
	}
	if got := words(t, s.Scan("g", streams(t, s, "g", ""), always, Position{})); got != "1:before 2:after" {
		t.Errorf("in the end: %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
