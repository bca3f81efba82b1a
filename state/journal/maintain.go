package journal

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// room refuses a write when the embedded etcd's disk is nearly full: etcd does
// not survive a write that fails. An external etcd looks after itself.
func (e *Etcd) room() error {
	if e.external != nil {
		return nil
	}
	return e.dir.room(e.cfg.Reserve)
}

func (d *directory) room(reserve int64) error {
	free, err := d.free()
	if err != nil {
		return err
	}
	if free < reserve {
		return fmt.Errorf("no space left on the disk of %s: %d MiB free, %d MiB needed", d.path, free>>20, reserve>>20)
	}
	return nil
}

// Maintain compacts the history before a revision. Where more than half of
// etcd's file is free then, and little is left to copy, it defragments it:
// meanwhile nothing else can happen. An embedded etcd with more to copy does it
// at its next start.
func (e *Etcd) Maintain(ctx context.Context, before int64) error {
	client, err := e.client(ctx)
	if err != nil {
		return err
	}
	if _, err := client.Compact(ctx, before, clientv3.WithCompactPhysical()); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("compact: %w", err)
	}
	return e.defragment(ctx, client, worthIt)
}

// worthIt reports whether to defragment a file of that size, with that much of
// it in use: much can be won, and it takes a second or two at most.
func worthIt(size, used int64) bool {
	const much, quick = 64 << 20, 256 << 20
	return size-used > max(much, used) && used < quick
}

func (e *Etcd) defragment(ctx context.Context, client *clientv3.Client, due func(size, used int64) bool) error {
	if e.external == nil {
		server := e.embedded.server()
		if server == nil || !due(server.Backend().Size(), server.Backend().SizeInUse()) {
			return nil
		}
		return server.Backend().Defrag()
	}
	for _, endpoint := range client.Endpoints() {
		status, err := client.Status(ctx, endpoint)
		if err == nil && due(status.DbSize, status.DbSizeInUse) {
			_, err = client.Defragment(ctx, endpoint)
		}
		if errors.Is(err, rpctypes.ErrPermissionDenied) {
			return nil // our user may not: it is the work of who runs that etcd
		}
		if err != nil {
			return fmt.Errorf("defragment %s: %w", endpoint, err)
		}
	}
	return nil
}

// makeRoom is what can be done when etcd has reached its quota: forget all
// history, give the space back, and take away the alarm that etcd raised. If it
// does not help, the alarm comes back.
func (e *Etcd) makeRoom(ctx context.Context, client *clientv3.Client) error {
	current, err := client.Get(ctx, leaderKey)
	if err != nil {
		return err
	}
	if err := e.Maintain(ctx, current.Header.Revision); err != nil {
		return err
	}
	if err := e.defragment(ctx, client, func(size, used int64) bool { return used < size }); err != nil {
		return err
	}
	alarms, err := client.AlarmList(ctx)
	if err != nil {
		return err
	}
	for _, alarm := range alarms.Alarms {
		if alarm.Alarm != etcdserverpb.AlarmType_NOSPACE {
			continue
		}
		if _, err := client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm)); err != nil {
			return err
		}
	}
	return nil
}

// Size returns the size of etcd's file, of the largest one if it has members.
func (e *Etcd) Size(ctx context.Context) (int64, error) {
	if e.external == nil {
		server := e.embedded.server()
		if server == nil {
			return 0, errors.New("the embedded etcd does not run")
		}
		return server.Backend().Size(), nil
	}
	size := int64(0)
	for _, endpoint := range e.external.Endpoints() {
		status, err := e.external.Status(ctx, endpoint)
		if err != nil {
			return 0, fmt.Errorf("size of %s: %w", endpoint, err)
		}
		size = max(size, status.DbSize)
	}
	return size, nil
}
