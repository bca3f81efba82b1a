// Package journal makes the store's commits durable and elects the one server
// that may write.
//
// It knows keys and bytes, not records. [Etcd] keeps them in etcd, embedded in
// this process or external; [Memory] forgets them with the process, and is for
// tests. Package journaltest holds the suite that both pass. Used by state.
package journal

import (
	"context"
	"errors"
)

// Journal is one server's access to the commits that all servers share.
type Journal interface {
	// Server is this server's id: the same after a restart, unlike any other's.
	Server() string

	// Limits bounds one commit.
	Limits() Limits

	// Load calls each with every key, in key order, as of one revision, and
	// returns that revision and who led at it.
	Load(ctx context.Context, each func(Change) error) (Event, error)

	// Watch sends what happened after a revision, in order and without gaps,
	// until ctx ends or it fails. It fails with ErrCompacted when the revision
	// is too old: load again.
	Watch(ctx context.Context, after int64, events chan<- Event) error

	// Campaign makes this server the leader, if nobody leads or if the leader
	// is an earlier run of this server; otherwise it fails with ErrLed. url is
	// where other servers reach this one.
	Campaign(ctx context.Context, url string) (Term, error)

	// Maintain forgets what was overwritten before a revision, and gives space
	// back to the disk when that is quick. Only a leader calls it.
	Maintain(ctx context.Context, before int64) error

	// Size returns the bytes that the journal takes on disk.
	Size(ctx context.Context) (int64, error)
}

// Term is one period of leadership.
type Term interface {
	// Revision is the revision of the election. Who has seen all events up to
	// it has seen all that earlier leaders wrote.
	Revision() int64

	// Commit makes all changes durable, or none, and returns their revision.
	// ErrDeposed says that none were made because the term is over. After any
	// other error they may have been made or not. A key occurs at most once.
	Commit(ctx context.Context, changes []Change) (revision int64, err error)

	// Done is closed when the term is known to be over.
	Done() <-chan struct{}

	// Resign ends the term, so that another server can lead at once.
	Resign(ctx context.Context) error
}

// Change is the new value of a key. Value is nil when the key is deleted.
type Change struct {
	Key   string
	Value []byte
}

// Event is what one revision, or several together, changed.
type Event struct {
	Revision int64 // the newest
	Changes  []Change
	Leader   *Leader // nil when leadership did not change
}

// Leader says who leads. The zero Leader is nobody.
type Leader struct {
	Server string `json:"server"` // id
	URL    string `json:"url"`    // where other servers reach it
}

// Limits bounds one commit: etcd's --max-txn-ops and --max-request-bytes.
type Limits struct {
	Changes int
	Bytes   int // of keys and values
}

var (
	// ErrLed says that another server leads.
	ErrLed = errors.New("another server leads")
	// ErrDeposed says that the term is over; nothing was written.
	ErrDeposed = errors.New("this server no longer leads")
	// ErrCompacted says that a revision is too old to watch from.
	ErrCompacted = errors.New("the revision to watch from is compacted")
)
