package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Campaign takes the leader key, if it is free or an earlier run of this server
// holds it: the directory's lock says that run is over.
func (e *Etcd) Campaign(ctx context.Context, url string) (Term, error) {
	client, err := e.client(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.room(); err != nil {
		return nil, err
	}
	var t *term
	err = e.call(ctx, "campaign", func(ctx context.Context) (err error) {
		t, err = e.campaign(ctx, client, url)
		return err
	})
	if errors.Is(err, rpctypes.ErrNoSpace) {
		err = errors.Join(err, e.makeRoom(ctx, client)) // for the next campaign
	}
	if err != nil {
		return nil, err
	}
	if err := t.keepAlive(); err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	return t, nil
}

func (e *Etcd) campaign(ctx context.Context, client *clientv3.Client, url string) (*term, error) {
	current, err := client.Get(ctx, leaderKey)
	if err != nil {
		return nil, err
	}
	held := int64(0) // the leader key's revision; 0 when there is none
	if len(current.Kvs) > 0 {
		held = current.Kvs[0].ModRevision
		if leaderOf(current.Kvs[0].Value).Server != e.dir.id {
			return nil, ErrLed
		}
	}
	lease, err := client.Grant(ctx, int64(math.Ceil(e.cfg.Lease.Seconds())))
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(Leader{Server: e.dir.id, URL: url})
	if err != nil {
		return nil, err
	}
	won, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(leaderKey), "=", held)).
		Then(clientv3.OpPut(leaderKey, string(value), clientv3.WithLease(lease.ID))).
		Commit()
	if err != nil {
		return nil, err
	}
	if !won.Succeeded {
		client.Revoke(ctx, lease.ID) // if this fails, it expires by itself
		return nil, ErrLed
	}
	return &term{etcd: e, client: client, lease: lease.ID, revision: won.Header.Revision}, nil
}

// term holds the leader key while its lease is kept alive.
type term struct {
	etcd     *Etcd
	client   *clientv3.Client
	lease    clientv3.LeaseID
	revision int64 // of the leader key; every commit is guarded by it

	ctx    context.Context // ends with the term
	cancel context.CancelFunc
}

func (t *term) keepAlive() error {
	t.ctx, t.cancel = context.WithCancel(context.Background())
	alive, err := t.client.KeepAlive(t.ctx, t.lease)
	if err != nil {
		t.cancel()
		return err
	}
	var died <-chan struct{}
	if t.etcd.embedded != nil {
		died = t.etcd.embedded.died()
	}
	go func() {
		defer t.cancel()
		for {
			select {
			case _, ok := <-alive:
				if !ok {
					return
				}
			case <-died:
				return
			}
		}
	}()
	return nil
}

func (t *term) Revision() int64 { return t.revision }

func (t *term) Done() <-chan struct{} { return t.ctx.Done() }

// Commit writes the changes in one etcd transaction, if the leader key is
// still as this term's campaign wrote it.
func (t *term) Commit(ctx context.Context, changes []Change) (int64, error) {
	if t.ctx.Err() != nil {
		return 0, ErrDeposed
	}
	if err := t.etcd.room(); err != nil {
		return 0, err
	}
	ops := make([]clientv3.Op, len(changes))
	for i, c := range changes {
		if c.Value == nil {
			ops[i] = clientv3.OpDelete(prefix + c.Key)
		} else {
			ops[i] = clientv3.OpPut(prefix+c.Key, string(c.Value))
		}
	}
	var result *clientv3.TxnResponse
	err := t.etcd.call(ctx, "commit", func(ctx context.Context) (err error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(t.ctx, cancel)()
		guard := clientv3.Compare(clientv3.ModRevision(leaderKey), "=", t.revision)
		result, err = t.client.Txn(ctx).If(guard).Then(ops...).Commit()
		return err
	})
	switch {
	case err != nil && t.ctx.Err() != nil:
		return 0, t.end()
	case err != nil:
		return 0, err
	case !result.Succeeded:
		return 0, ErrDeposed
	}
	return result.Header.Revision, nil
}

// end says why the term ended while a commit was under way.
func (t *term) end() error {
	if e := t.etcd.embedded; e != nil {
		if err := e.cause(); err != nil {
			return fmt.Errorf("commit: etcd stopped: %w", err)
		}
	}
	return errors.New("commit: the lease of this server's leadership ended meanwhile")
}

// Resign revokes the lease, which deletes the leader key.
func (t *term) Resign(ctx context.Context) error {
	t.cancel()
	return t.etcd.call(ctx, "resign", func(ctx context.Context) error {
		_, err := t.client.Revoke(ctx, t.lease)
		if errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return nil // it expired
		}
		return err
	})
}
