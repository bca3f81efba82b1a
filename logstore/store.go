// Package logstore keeps log events on disk, in Pebble: the streams of log
// groups, and their events in the order of time.
//
// It knows groups by an id alone: what a group is called, its tags and how long
// its events stay are records of the control plane's state. Losing this store
// loses history, never a task. What [Store.Append] has answered survives a crash.
// A full disk refuses writes with [ErrFull] until there is room; reads go on.
// Used by api/logs.
package logstore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// Errors that callers decide by.
var (
	ErrExists   = errors.New("the log stream exists")
	ErrNotFound = errors.New("the log stream does not exist")
	ErrFull     = errors.New("the disk is full")
)

// Config says where a store is. Dir is required.
type Config struct {
	Dir string       // made if it is not there; one process at a time
	Log *slog.Logger // default slog.Default()
}

// Store is a store that is open. Its methods may be called at the same time.
type Store struct {
	db      *pebble.DB
	dir     string
	full    atomic.Bool    // a write waits for room on the disk
	locks   [64]sync.Mutex // of streams, by the hash of their keys
	orphans map[string]bool
	sweeps  sync.Mutex // guards orphans
}

const (
	// Small: a region has one store, and it shares the machine with containers.
	cacheBytes    = 8 << 20
	memTableBytes = 4 << 20

	// mostReserve is how much room a write leaves on a disk, or a twentieth of
	// a small one: Pebble needs some to put its own files in order.
	mostReserve = 64 << 20
	lookForRoom = 100 * time.Millisecond
)

// Open opens a store, and makes it if there is none.
func Open(cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Store{dir: cfg.Dir, orphans: map[string]bool{}}
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	options := &pebble.Options{
		Cache:              cache,
		MemTableSize:       memTableBytes,
		MaxOpenFiles:       256,
		FormatMajorVersion: pebble.FormatNewest,
		// Pebble takes a write that fails for the end of the process. A full
		// disk is none: its writes wait.
		FS:     vfs.OnDiskFull(vfs.Default, s.awaitRoom),
		Logger: logger{cfg.Log},
	}
	options.ApplyCompressionSettings(func() pebble.DBCompressionSettings {
		return pebble.UniformDBCompressionSettings(sstable.ZstdCompression)
	})
	var err error
	if s.db, err = pebble.Open(filepath.Clean(cfg.Dir), options); err != nil {
		return nil, fmt.Errorf("open the log store: %w", err)
	}
	return s, nil
}

// Close closes the store. Nothing may use it any more.
func (s *Store) Close() error {
	if s.full.Load() {
		return nil // a write waits, and what it waits with is safe on disk
	}
	return s.db.Close()
}

// room is how much space the disk has, and how much a write must leave.
func (s *Store) room() (free, reserve uint64) {
	var fs unix.Statfs_t
	if unix.Statfs(s.dir, &fs) != nil {
		return 0, mostReserve
	}
	block := uint64(fs.Bsize)
	return fs.Bavail * block, min(mostReserve, fs.Blocks*block/20)
}

// awaitRoom returns when the disk has room again.
func (s *Store) awaitRoom() {
	s.full.Store(true)
	for free, reserve := s.room(); free < reserve; free, reserve = s.room() {
		time.Sleep(lookForRoom)
	}
	s.full.Store(false)
}

// writable returns ErrFull while there is no room for writes.
func (s *Store) writable() error {
	free, reserve := s.room()
	return s.check(free, reserve)
}

// deletable is writable for what makes room: it may use most of the reserve.
func (s *Store) deletable() error {
	free, reserve := s.room()
	return s.check(free, reserve/8)
}

func (s *Store) check(free, least uint64) error {
	if s.full.Load() || free < least {
		return fmt.Errorf("%w: %d MiB are free, and %d MiB must be", ErrFull, free>>20, least>>20)
	}
	return nil
}

// lock locks what changes one stream, until the function it returns is called.
func (s *Store) lock(key []byte) (unlock func()) {
	h := fnv.New32a()
	h.Write(key)
	mu := &s.locks[h.Sum32()%uint32(len(s.locks))]
	mu.Lock()
	return mu.Unlock
}

// commit makes a batch durable.
func (s *Store) commit(b *pebble.Batch) error {
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("write to the log store: %w", err)
	}
	return nil
}

// logger passes on what Pebble has to say.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any) {
	l.log.Debug("log store", "says", fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.log.Warn("log store", "err", fmt.Sprintf(format, args...))
}

// Fatalf is called when a write failed of which nobody knows how far it came.
// A restart reads what is there; to go on could lose what was answered.
func (l logger) Fatalf(format string, args ...any) {
	panic("log store: " + fmt.Sprintf(format, args...))
}
