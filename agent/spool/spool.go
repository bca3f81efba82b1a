// Package spool keeps a container's output in files, between the shim that
// writes it and the agent that reads it: two processes that die on their own.
//
// A [Writer] splits streams into lines and writes them as docker's json-file
// does, in numbered segments; a [Reader] reads them in order, remembers on disk
// how far it came, and deletes what it has consumed. A kill of either loses
// nothing that reached a file; a reader may see again what it did not [Reader.Ack].
// Used by agent/shim, agent/logdriver and agent/runtime.
package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mode says what a writer does with output that nobody has read yet.
type Mode string

const (
	// Blocking stops reading the container's output while MaxBytes are unread or
	// the disk is full, so that the container waits and no line is lost.
	Blocking Mode = "blocking"
	// NonBlocking drops the oldest segment instead, and what a full disk refuses.
	NonBlocking Mode = "non-blocking"
	// Rotate keeps the newest MaxFiles segments of MaxBytes; nobody consumes them.
	Rotate Mode = "rotate"
	// Discard throws output away, and touches no file.
	Discard Mode = "discard"
)

// Config says where a writer writes, and how much.
type Config struct {
	Dir  string // made if it is not there; one writer at a time
	Mode Mode   // default Blocking

	// MaxBytes bounds what is unread: default 64 MiB if Blocking, 10 MiB if
	// NonBlocking. In mode Rotate it bounds one segment, and 0 means no bound.
	MaxBytes int64
	MaxFiles int // mode Rotate with MaxBytes: how many segments stay; default 1
}

const (
	// MaxLine is where a longer line is cut: what CloudWatch Logs long took as
	// one event, 256 KiB with 26 bytes of overhead.
	MaxLine = 256<<10 - 26

	maxSegment = 1 << 20
	lockName   = "lock"     // held by the writer while it lives; empty before the first held it
	ackName    = "position" // of the reader: segment and offset, in fixed width
)

// ErrClosed is what a writer that was closed answers.
var ErrClosed = errors.New("the spool is closed")

// Record is one line of output.
type Record struct {
	Log    string    `json:"log"`    // with its newline; without where it was cut, or the output ended in it
	Stream string    `json:"stream"` // stdout or stderr
	Time   time.Time `json:"time"`   // when the writer read it

	end position
}

// position is a place between two records.
type position struct {
	segment uint64
	offset  int64
}

func (c Config) withDefaults() (Config, error) {
	c.Mode = cmp.Or(c.Mode, Blocking)
	switch c.Mode {
	case Blocking:
		c.MaxBytes = cmp.Or(c.MaxBytes, 64<<20)
	case NonBlocking:
		c.MaxBytes = cmp.Or(c.MaxBytes, 10<<20)
	case Rotate, Discard:
		c.MaxFiles = cmp.Or(c.MaxFiles, 1)
	default:
		return c, fmt.Errorf("invalid mode %q of a spool: want %s, %s, %s or %s", c.Mode, Blocking, NonBlocking, Rotate, Discard)
	}
	if c.Dir == "" && c.Mode != Discard {
		return c, errors.New("a spool needs a directory")
	}
	if c.MaxBytes < 0 || c.MaxFiles < 0 {
		return c, fmt.Errorf("invalid bounds of a spool: %d bytes, %d files", c.MaxBytes, c.MaxFiles)
	}
	return c, nil
}

// segmentBytes is how long a segment grows, unless one record is longer.
func (c Config) segmentBytes() int64 {
	switch {
	case c.Mode != Rotate:
		return min(maxSegment, c.MaxBytes/4)
	case c.MaxBytes > 0:
		return c.MaxBytes
	}
	return 64 * maxSegment
}

func segmentName(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d.json", number))
}

// segmentsIn lists the numbers of the segments in dir, the oldest first.
func segmentsIn(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if number, err := strconv.ParseUint(name, 10, 64); ok && err == nil {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// hold takes the writer's lock of dir. The kernel gives it back when the
// process ends, however it ends; that is how a reader learns of it.
func hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if err == nil {
		// Not empty: from now on, unheld means that the writer has gone.
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	} else if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		err = fmt.Errorf("the spool %s has a writer already", dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// wasHeld reports whether a writer ever held the lock.
func wasHeld(lock *os.File) bool {
	info, err := lock.Stat()
	return err == nil && info.Size() > 0
}

// isHeld reports whether a writer holds the lock.
func isHeld(lock *os.File) bool {
	question := unix.Flock_t{Type: unix.F_WRLCK} // only asked about, not taken
	err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_GETLK, &question)
	return err != nil || question.Type != unix.F_UNLCK
}
