package spool

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the tests start this program again as a writer or a reader, to
// kill it.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		switch dir := os.Args[2]; os.Args[1] {
		case "spool-writer":
			play(writeForEver(dir))
		case "spool-reader":
			play(readForEver(dir))
		}
	}
	os.Exit(m.Run())
}

func play(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// writeForEver continues the numbered lines in dir.
func writeForEver(dir string) error {
	tail, err := Tail(dir, 1)
	if err != nil {
		return err
	}
	from := 0
	if last, err := tail.TryNext(); err == nil {
		fmt.Sscan(last.Log, &from)
		from++
	}
	w, err := Create(Config{Dir: dir, MaxBytes: 256 << 10})
	if err != nil {
		return err
	}
	out, in := io.Pipe()
	go func() {
		for ; ; from++ {
			io.WriteString(in, lines(from, 1))
		}
	}()
	return w.Copy("stdout", out)
}

// readForEver prints each record before it acknowledges it.
func readForEver(dir string) error {
	r, err := Open(dir)
	if err != nil {
		return err
	}
	for {
		record, err := r.TryNext()
		if err == ErrNone {
			continue
		}
		if err != nil {
			return err
		}
		os.Stdout.WriteString(record.Log)
		if err := r.Ack(record); err != nil {
			return err
		}
	}
}

// start runs this program as a role on dir; its output goes to file.
func start(t *testing.T, role, dir, file string) *exec.Cmd {
	t.Helper()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(os.Args[0], role, dir)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

func TestWriterIsKilled(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	var logs []string
	for round := range 8 {
		writer := start(t, "spool-writer", dir, os.DevNull)
		before := len(logs)
		eventually(t, "the writer writes", func() bool {
			for record, err := r.TryNext(); err == nil; record, err = r.TryNext() {
				logs = append(logs, record.Log)
				if err := r.Ack(record); err != nil {
					t.Fatal(err)
				}
			}
			return len(logs) > before+500+321*round
		})
		kill(writer)
		logs = append(logs, readAll(t, r)...)
	}
	checkLines(t, logs, 0, len(logs))
}

func TestReaderIsKilled(t *testing.T) {
	dir := t.TempDir()
	printed := filepath.Join(t.TempDir(), "printed")
	start(t, "spool-writer", dir, os.DevNull)
	for round := range 8 {
		reader := start(t, "spool-reader", dir, printed)
		eventually(t, "the reader reads on", func() bool {
			info, err := os.Stat(printed)
			return err == nil && info.Size() > int64(round+1)*123_456
		})
		kill(reader)
	}
	text, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for line := range strings.Lines(string(text)) {
		if len(logs) == 0 || line != logs[len(logs)-1] { // the one not acknowledged repeats
			logs = append(logs, line)
		}
	}
	checkLines(t, logs, 0, len(logs))
}

// smallDisk mounts a file system of 128 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestFullDiskBlocks(t *testing.T) {
	disk := smallDisk(t)
	dir := filepath.Join(disk, "spool")
	w := create(t, Config{Dir: dir})
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.Copy("stdout", strings.NewReader(lines(0, 500))) }()
	r := open(t, dir)
	var logs []string
	eventually(t, "the disk is full", func() bool {
		if record, err := r.TryNext(); err == nil {
			logs = append(logs, record.Log)
		}
		var fs syscall.Statfs_t
		return syscall.Statfs(disk, &fs) == nil && fs.Bavail <= 1 // a torn record takes its page back
	})
	select {
	case err := <-done:
		t.Fatalf("the writer did not wait: %v", err)
	case <-time.After(3 * retry): // whatever the time, nothing may come
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.Close()
	checkLines(t, append(logs, readAll(t, r)...), 0, 500)
}

func TestFullDiskDropsLines(t *testing.T) {
	for _, mode := range []Mode{NonBlocking, Rotate} {
		t.Run(string(mode), func(t *testing.T) {
			disk := smallDisk(t)
			dir := filepath.Join(disk, "spool")
			w := create(t, Config{Dir: dir, Mode: mode})
			copyAll(t, w, "stdout", lines(0, 5000)) // it returns
			if err := syscall.Mount("", disk, "tmpfs", syscall.MS_REMOUNT, "size=1m"); err != nil {
				t.Fatal(err)
			}
			copyAll(t, w, "stdout", lines(5000, 10))
			w.Close()
			r, err := Tail(dir, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			logs, dropped := split(readAll(t, r))
			if dropped == 0 || dropped+len(logs) != 5010 {
				t.Errorf("read %d lines and %d in notes, want 5010", len(logs), dropped)
			}
			checkLines(t, logs[len(logs)-10:], 5000, 10)
		})
	}
}
