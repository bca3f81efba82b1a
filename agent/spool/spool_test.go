package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// create opens a writer that the test closes.
func create(t *testing.T, cfg Config) *Writer {
	t.Helper()
	w, err := Create(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func open(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func copyAll(t *testing.T, w *Writer, stream string, text string) {
	t.Helper()
	if err := w.Copy(stream, strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// next reads one record, or fails the test after a while.
func next(t *testing.T, r *Reader) Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	record, err := r.Next(ctx)
	if err != nil {
		t.Fatalf("no record: %v", err)
	}
	return record
}

// readAll reads until the end of the spool.
func readAll(t *testing.T, r *Reader) (logs []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		record, err := r.Next(ctx)
		if err == io.EOF {
			return logs
		}
		if err != nil {
			t.Fatalf("after %d records: %v", len(logs), err)
		}
		logs = append(logs, record.Log)
	}
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// lines is n numbered lines of 100 bytes.
func lines(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%-99d\n", from+i)
	}
	return b.String()
}

// checkLines wants numbered lines without a gap.
func checkLines(t *testing.T, logs []string, from, n int) {
	t.Helper()
	if got, want := strings.Join(logs, ""), lines(from, n); got != want {
		first, last := "", ""
		if len(logs) > 0 {
			first, last = strings.TrimSpace(logs[0]), strings.TrimSpace(logs[len(logs)-1])
		}
		t.Fatalf("read %d lines, %q to %q, want %d from %d", len(logs), first, last, n, from)
	}
}

// used is what the segments in dir take.
func used(t *testing.T, dir string) (total int64) {
	t.Helper()
	numbers, err := segmentsIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range numbers {
		if info, err := os.Stat(segmentName(dir, number)); err == nil {
			total += info.Size()
		}
	}
	return total
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, tc := range []struct {
		name   string
		writes []string
		want   []string
	}{
		{"a line each", []string{"a\n", "b\n"}, []string{"a\n", "b\n"}},
		{"several in a write", []string{"a\n\nb\n"}, []string{"a\n", "\n", "b\n"}},
		{"parts are joined", []string{"a", "b", "c\nd", "e\n"}, []string{"abc\n", "de\n"}},
		{"the end ends a line", []string{"a\nb"}, []string{"a\n", "b"}},
		{"nothing", nil, nil},
		{"what JSON escapes", []string{"\"\\\t\x00\x1b[1m \u2028<é>\r\n"}, []string{"\"\\\t\x00\x1b[1m \u2028<é>\r\n"}},
		{"what is not text", []string{"a\xffb\xc3\n"}, []string{"a\ufffdb\ufffd\n"}},
		{"the longest line", []string{long, "\nb\n"}, []string{long + "\n", "b\n"}},
		{"a longer one is cut", []string{long, "y\nb\n"}, []string{long, "y\n", "b\n"}},
		{"but not a character", []string{long[1:], "é", "y\n"}, []string{long[1:], "éy\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			w := create(t, Config{Dir: dir})
			from, to := io.Pipe()
			go func() {
				defer to.Close()
				for _, text := range tc.writes {
					io.WriteString(to, text)
				}
			}()
			if err := w.Copy("stdout", from); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if got := readAll(t, open(t, dir)); fmt.Sprintf("%.40q", got) != fmt.Sprintf("%.40q", tc.want) || strings.Join(got, "") != strings.Join(tc.want, "") {
				t.Errorf("read %.40q, want %.40q", got, tc.want)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	dir, before := t.TempDir(), time.Now()
	w := create(t, Config{Dir: dir})
	copyAll(t, w, "stdout", "out\n")
	copyAll(t, w, "stderr", "err\n")
	text, err := os.ReadFile(segmentName(dir, 1))
	if err != nil || !strings.HasPrefix(string(text), `{"log":"out\n","stream":"stdout","time":"20`) {
		t.Errorf("not docker's form: %s %v", text, err)
	}
	r := open(t, dir)
	for _, want := range []string{"stdout out\n", "stderr err\n"} {
		got := next(t, r)
		if got.Stream+" "+got.Log != want || got.Time.Before(before.Round(0)) || got.Time.After(time.Now()) {
			t.Errorf("read %+v, want %q after %v", got, want, before)
		}
	}
	if _, err := r.TryNext(); err != ErrNone {
		t.Errorf("the writer is there: %v, want ErrNone", err)
	}
	w.Close()
	if _, err := r.TryNext(); err != io.EOF {
		t.Errorf("the writer has gone: %v, want EOF", err)
	}
}

func TestAckConsumes(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, MaxBytes: 40 << 10})
	copyAll(t, w, "stdout", lines(0, 200)) // 3 segments of 10 KiB
	r := open(t, dir)
	var middle Record
	for range 150 {
		middle = next(t, r)
	}
	if err := r.Ack(middle); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(segmentName(dir, 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first segment is consumed, and there: %v", err)
	}
	r.Close()
	w.Close()
	r = open(t, dir) // as after a kill: nothing more was acknowledged
	checkLines(t, readAll(t, r), 150, 50)
	if err := r.Ack(middle); err != nil { // late, and of no effect
		t.Fatal(err)
	}
	checkLines(t, readAll(t, open(t, dir)), 150, 50)
}

func TestBlockingWaitsForTheReader(t *testing.T) {
	const bound, n = 64 << 10, 5000
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, MaxBytes: bound})
	done := make(chan error, 1)
	go func() { done <- w.Copy("stdout", strings.NewReader(lines(0, n))) }()
	eventually(t, "the spool fills", func() bool { return used(t, dir) > bound/2 })
	r := open(t, dir)
	var logs []string
	for len(logs) < n {
		record := next(t, r)
		logs = append(logs, record.Log)
		if len(logs)%100 > 0 {
			continue
		}
		if total := used(t, dir); total > bound+1<<10 {
			t.Fatalf("%d bytes unread, want at most %d", total, bound)
		}
		select {
		case err := <-done:
			if len(logs) < n-bound/100 {
				t.Fatalf("the writer did not wait: %v", err)
			}
		default:
		}
		if err := r.Ack(record); err != nil {
			t.Fatal(err)
		}
	}
	checkLines(t, logs, 0, n)
}

// A record longer than the whole bound must not stop the spool for ever.
func TestBlockingTakesAnyRecord(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, MaxBytes: 4 << 10})
	done := make(chan error, 1)
	line := strings.Repeat("\x01", MaxLine-1) + "\n"
	go func() { done <- w.Copy("stdout", strings.NewReader(strings.Repeat(line, 5))) }()
	r := open(t, dir)
	for range 5 {
		record := next(t, r)
		if record.Log != line {
			t.Fatalf("read %.20q of %d bytes", record.Log, len(record.Log))
		}
		if err := r.Ack(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, MaxBytes: 8 << 10})
	done := make(chan error, 1)
	go func() { done <- w.Copy("stdout", strings.NewReader(lines(0, 1000))) }()
	eventually(t, "the spool fills", func() bool { return used(t, dir) > 5<<10 })
	w.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Copy returned %v, want ErrClosed", err)
	}
}

func TestNonBlockingDropsTheOldest(t *testing.T) {
	const n = 5000
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, Mode: NonBlocking, MaxBytes: 64 << 10})
	copyAll(t, w, "stdout", lines(0, n)) // nobody reads, and it returns
	if total := used(t, dir); total > 66<<10 {
		t.Errorf("%d bytes buffered, want at most 64 KiB", total)
	}
	w.Close()
	logs, dropped := split(readAll(t, open(t, dir)))
	if len(logs) < 300 || len(logs) > 700 || dropped == 0 {
		t.Errorf("read %d lines, and notes of %d dropped", len(logs), dropped)
	}
	checkLines(t, logs, n-len(logs), len(logs)) // the newest
}

// split takes the notes of dropped lines out, and adds them up.
func split(logs []string) (others []string, dropped int) {
	for _, log := range logs {
		count := 0
		if _, err := fmt.Sscanf(log, "[%d lines dropped", &count); err != nil {
			others = append(others, log)
		}
		dropped += count
	}
	return others, dropped
}

// A reader that is not stopped sees each line, or its number in a note.
func TestNonBlockingCountsWhatItDrops(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, Mode: NonBlocking, MaxBytes: 16 << 10})
	r := open(t, dir)
	copyAll(t, w, "stdout", lines(0, 10))
	checkLines(t, []string{next(t, r).Log}, 0, 1) // it is in the first segment
	copyAll(t, w, "stdout", lines(10, 1000))
	w.Close()
	logs, dropped := split(readAll(t, r))
	// Notes are dropped too, with their segments; and a segment that is dropped
	// while it is read is read and counted.
	if sum := 1 + len(logs) + dropped; len(logs) < 100 || dropped == 0 || sum > 1010+50 {
		t.Errorf("read %d lines and notes of %d dropped, of 1010", len(logs), dropped)
	}
}

func TestRotate(t *testing.T) {
	for _, tc := range []struct {
		name               string
		maxBytes           int64
		maxFiles           int
		wantFiles, atLeast int
	}{
		{"one file", 20 << 10, 0, 1, 1},
		{"three files", 20 << 10, 3, 3, 250},
		{"no bound", 0, 0, 1, 1000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			w := create(t, Config{Dir: dir, Mode: Rotate, MaxBytes: tc.maxBytes, MaxFiles: tc.maxFiles})
			copyAll(t, w, "stdout", lines(0, 1000))
			w.Close()
			numbers, err := segmentsIn(dir)
			if err != nil || len(numbers) != tc.wantFiles {
				t.Errorf("%d files, want %d; %v", len(numbers), tc.wantFiles, err)
			}
			r, err := Tail(dir, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			logs := readAll(t, r)
			if len(logs) < tc.atLeast {
				t.Errorf("%d lines are left, want at least %d", len(logs), tc.atLeast)
			}
			checkLines(t, logs, 1000-len(logs), len(logs))
		})
	}
}

// A container that restarts continues its log, even in one file.
func TestRotateContinues(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		w := create(t, Config{Dir: dir, Mode: Rotate, MaxBytes: 20 << 10})
		copyAll(t, w, "stdout", lines(10*i, 10))
		w.Close()
	}
	r, err := Tail(dir, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	checkLines(t, readAll(t, r), 0, 30)
}

func TestDiscard(t *testing.T) {
	w := create(t, Config{Mode: Discard})
	from, to := io.Pipe()
	go func() {
		io.WriteString(to, lines(0, 1000))
		to.CloseWithError(syscall.EIO) // as a terminal ends
	}()
	if err := w.Copy("stdout", from); err != nil {
		t.Error(err)
	}
}

func TestTail(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir, MaxBytes: 40 << 10})
	copyAll(t, w, "stdout", lines(0, 200))
	for _, n := range []int{0, 1, 7, 100, 199, 200, 1000, -1} {
		r, err := Tail(dir, n)
		if err != nil {
			t.Fatal(err)
		}
		var logs []string
		for {
			record, err := r.TryNext()
			if err == ErrNone {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			logs = append(logs, record.Log)
			r.Ack(record)
		}
		want := min(n, 200)
		if n < 0 {
			want = 200
		}
		checkLines(t, logs, 200-want, want)
		r.Close()
	}
	checkLines(t, readAllOf(t, w, dir), 0, 200) // nothing was consumed
}

func readAllOf(t *testing.T, w *Writer, dir string) []string {
	w.Close()
	return readAll(t, open(t, dir))
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir})
	if _, err := Create(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "has a writer already") {
		t.Errorf("a second writer: %v", err)
	}
	w.Close()
	create(t, Config{Dir: dir})
}

func TestInvalidConfig(t *testing.T) {
	for _, cfg := range []Config{{}, {Dir: "x", Mode: "sometimes"}, {Dir: "x", MaxBytes: -1}} {
		if w, err := Create(cfg); err == nil {
			w.Close()
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// A reader that is there before the writer waits for it, and for its last line.
func TestReaderIsFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	r := open(t, dir)
	if _, err := r.TryNext(); err != ErrNone {
		t.Fatalf("%v, want ErrNone", err)
	}
	go func() {
		w, err := Create(Config{Dir: dir})
		if err == nil {
			w.Copy("stdout", strings.NewReader(lines(0, 3)))
			w.Close()
		}
	}()
	checkLines(t, readAll(t, r), 0, 3)
}

// What a crash left of a record is neither read nor in the way.
func TestTornRecord(t *testing.T) {
	dir := t.TempDir()
	w := create(t, Config{Dir: dir})
	copyAll(t, w, "stdout", lines(0, 5))
	w.Close()
	f, err := os.OpenFile(segmentName(dir, 1), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, `{"log":"half a li`); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	checkLines(t, readAll(t, r), 0, 5)
	w = create(t, Config{Dir: dir})
	copyAll(t, w, "stdout", lines(5, 5))
	w.Close()
	checkLines(t, readAll(t, r), 5, 5)
	checkLines(t, readAll(t, open(t, dir)), 0, 10)
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("text\n"))
	f.Add([]byte("\x00\xff\"\\\u2028"))
	f.Fuzz(func(t *testing.T, line []byte) {
		encoded := appendRecord(nil, line, "stdout", time.Unix(0, 1))
		if bytes.IndexByte(encoded, '\n') != len(encoded)-1 {
			t.Fatalf("more than one line: %q", encoded)
		}
		got, err := decode(encoded)
		if want := string([]rune(string(line))); err != nil || got.Log != want || got.Stream != "stdout" || got.Time.UnixNano() != 1 {
			t.Fatalf("%q became %+v, %v", line, got, err)
		}
	})
}
