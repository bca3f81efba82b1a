package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// prefix stands before all our keys in etcd.
const prefix = "/berth/"

// leaderKey holds the Leader, under the lease of its term.
const leaderKey = prefix + "leader"

// Config says which etcd keeps the journal.
type Config struct {
	DataDir string // required: the server's id and lock, and the embedded etcd

	Endpoints                 []string // of an external etcd, which is for Berth alone; none: embedded
	CAFile, CertFile, KeyFile string   // TLS towards it
	User, Password            string

	Limits  Limits        // of the external etcd; default 128 changes and 1 MiB
	Lease   time.Duration // until a leader that vanished is replaced; default 5s
	Timeout time.Duration // of one call; default 5s
	Reserve int64         // free bytes on the embedded etcd's disk below which it takes no writes; default 64 MiB, negative: none
	Quota   int64         // bytes that the embedded etcd may take for records and history; default 8 GiB
	Log     *slog.Logger  // default slog.Default()
}

// Etcd is a journal in etcd. It is safe for concurrent use.
type Etcd struct {
	cfg Config
	dir *directory
	log *slog.Logger

	external *clientv3.Client // nil when embedded
	embedded *embedded
}

var _ Journal = (*Etcd)(nil)

// Open locks the data directory and starts the embedded etcd, or connects to
// the external one. It fails after cfg.Timeout when that does not answer.
func Open(ctx context.Context, cfg Config) (_ *Etcd, err error) {
	if cfg.DataDir == "" {
		return nil, errors.New("journal: DataDir is required")
	}
	cfg.Lease = cmp.Or(cfg.Lease, 5*time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.Reserve = cmp.Or(cfg.Reserve, 64<<20)
	cfg.Quota = cmp.Or(cfg.Quota, 8<<30)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	e := &Etcd{cfg: cfg, log: cfg.Log}
	if e.dir, err = openDirectory(cfg.DataDir); err != nil {
		return nil, err
	}
	if len(cfg.Endpoints) > 0 {
		e.cfg.Limits.Changes = cmp.Or(cfg.Limits.Changes, 128)
		e.cfg.Limits.Bytes = cmp.Or(cfg.Limits.Bytes, 1<<20)
		e.external, err = connect(ctx, e.cfg)
	} else {
		e.cfg.Limits = embeddedLimits
		e.embedded = newEmbedded(e.dir, e.cfg)
		_, err = e.embedded.client(ctx)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close stops the embedded etcd, or disconnects, and unlocks the directory.
func (e *Etcd) Close() error {
	var err error
	if e.external != nil {
		err = e.external.Close()
	}
	if e.embedded != nil {
		err = e.embedded.stop()
	}
	return errors.Join(err, e.dir.close())
}

// Server is the id that the data directory keeps.
func (e *Etcd) Server() string { return e.dir.id }

// Limits bounds one commit.
func (e *Etcd) Limits() Limits { return e.cfg.Limits }

// client returns a client of the etcd. It starts an embedded one that died.
func (e *Etcd) client(ctx context.Context) (*clientv3.Client, error) {
	if e.external != nil {
		return e.external, nil
	}
	return e.embedded.client(ctx)
}

// call runs fn with the time limit of one call, and says what failed.
func (e *Etcd) call(ctx context.Context, what string, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	deadline, _ := ctx.Deadline() // perhaps the caller's
	within := time.Until(deadline).Round(100 * time.Millisecond)
	err := fn(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rpctypes.ErrTimeout):
		return fmt.Errorf("%s: etcd did not answer within %v", what, within)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Load reads all keys at one revision. For each page etcd walks along all keys
// that are left, to count them: so pages are large.
func (e *Etcd) Load(ctx context.Context, each func(Change) error) (Event, error) {
	const pageBytes, mostKeys = 32 << 20, 20_000
	client, err := e.client(ctx)
	if err != nil {
		return Event{}, err
	}
	now := Event{Leader: &Leader{}}
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for limit := int64(1000); ; {
		var page *clientv3.GetResponse
		err := e.call(ctx, "load", func(ctx context.Context) (err error) {
			page, err = client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(limit), clientv3.WithRev(now.Revision))
			return err
		})
		if err != nil {
			return Event{}, err
		}
		now.Revision = cmp.Or(now.Revision, page.Header.Revision)
		size := 1
		for _, kv := range page.Kvs {
			size += len(kv.Key) + len(kv.Value)
			if string(kv.Key) == leaderKey {
				now.Leader = leaderOf(kv.Value)
				continue
			}
			if err := each(Change{strings.TrimPrefix(string(kv.Key), prefix), kv.Value}); err != nil {
				return Event{}, err
			}
		}
		if !page.More {
			return now, nil
		}
		from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
		limit = min(mostKeys, 1+int64(len(page.Kvs))*pageBytes/int64(size))
	}
}

// Watch sends the changes after a revision.
func (e *Etcd) Watch(ctx context.Context, after int64, events chan<- Event) error {
	client, err := e.client(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Cut off from the majority, a member of the etcd cluster fails the watch.
	watch := client.Watch(clientv3.WithRequireLeader(ctx), prefix, clientv3.WithPrefix(), clientv3.WithRev(after+1))
	for response := range watch {
		switch err := response.Err(); {
		case response.CompactRevision > 0:
			return ErrCompacted
		case err != nil:
			return fmt.Errorf("watch: %w", err)
		case len(response.Events) == 0:
			continue
		}
		select {
		case events <- eventOf(response.Events):
		case <-ctx.Done():
		}
	}
	return cmp.Or(ctx.Err(), errors.New("watch: etcd ended it"))
}

func eventOf(events []*clientv3.Event) Event {
	var out Event
	for _, ev := range events {
		out.Revision = ev.Kv.ModRevision
		deleted := ev.Type == mvccpb.Event_DELETE
		switch {
		case string(ev.Kv.Key) != leaderKey && deleted:
			out.Changes = append(out.Changes, Change{Key: strings.TrimPrefix(string(ev.Kv.Key), prefix)})
		case string(ev.Kv.Key) != leaderKey:
			out.Changes = append(out.Changes, Change{strings.TrimPrefix(string(ev.Kv.Key), prefix), ev.Kv.Value})
		case deleted:
			out.Leader = &Leader{}
		default:
			out.Leader = leaderOf(ev.Kv.Value)
		}
	}
	return out
}

// leaderOf reads the leader key. A value that we cannot read is still a leader.
func leaderOf(value []byte) *Leader {
	leader := new(Leader)
	if err := json.Unmarshal(value, leader); err != nil || leader.Server == "" {
		return &Leader{Server: "unknown"}
	}
	return leader
}
