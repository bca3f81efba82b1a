//go:build cgo

// Package task is the inside of a shim: the parent of one task's containers.
//
// [Run] answers the calls of package wire with libcontainer in this process.
// Every start and end of a container is in the sandbox's journal before any
// caller learns of it. [Recover] buries what a killed shim has left. Only
// cmd/berth-shim uses it, as libcontainer needs cgo and a main of its own.
package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// task is what a shim keeps of its task.
type task struct {
	dir     string
	record  wire.SandboxRecord
	journal *wire.Journal
	lock    *os.File // flocked as long as this process lives
	cgroup  cgroups.Manager
	pause   *exec.Cmd // holds the shared namespaces; nil where there are none

	ready chan struct{} // closed when prepare has ended, with
	err   error         // this

	mu         sync.Mutex
	containers []*container // in the order of their creation
	closing    bool
}

// Run is the life of a shim: it answers agents on the listener until it is
// told to shut down, or its directory is removed.
func Run(ctx context.Context, dir string, listener net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t := &task{dir: dir, ready: make(chan struct{})}
	go func() {
		defer close(t.ready)
		t.err = t.prepare()
	}()
	go func() {
		if awaitRemoval(ctx, dir) {
			slog.Warn("the directory of the task is gone: killing it", "dir", dir)
			<-t.ready
			_ = t.shutdown()
			stop()
		}
	}()
	context.AfterFunc(ctx, func() { listener.Close() })
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		go t.answer(ctx, conn, stop)
	}
}

// prepare makes what all containers share.
func (t *task) prepare() error {
	var err error
	if t.lock, err = wire.Hold(filepath.Join(t.dir, wire.LockFile), time.Second); err != nil {
		return err
	}
	if t.record, _, err = wire.Read(t.dir); err != nil {
		return err
	}
	if t.journal, err = wire.OpenJournal(t.dir); err != nil {
		return err
	}
	pid := os.Getpid()
	if err := t.journal.Append(wire.Entry{What: wire.ShimStarted, Pid: pid, Ticks: wire.Ticks(pid)}); err != nil {
		return err
	}
	if t.cgroup, err = createCgroup(t.record.Cgroup, t.record.Resources); err != nil {
		return fmt.Errorf("make the cgroup of the task: %w", err)
	}
	if t.record.SharePID || t.record.ShareIPC {
		if t.pause, err = startPause(t.record); err != nil {
			return fmt.Errorf("start the process that holds the task's namespaces: %w", err)
		}
	}
	return nil
}

// answer serves one connection. One that starts with an exec is that process's.
func (t *task) answer(ctx context.Context, conn net.Conn, stop func()) {
	err := wire.Serve(ctx, conn, map[string]wire.Func{
		wire.OpSandbox: func(context.Context, json.RawMessage) (any, error) {
			<-t.ready
			return t.status(), t.err
		},
		wire.OpCreate: func(_ context.Context, arg json.RawMessage) (any, error) {
			var c runtime.Container
			if err := json.Unmarshal(arg, &c); err != nil {
				return nil, err
			}
			<-t.ready
			return t.create(c)
		},
		wire.OpStart:  t.withContainer(func(_ context.Context, c *container) (any, error) { return c.start() }),
		wire.OpWait:   t.withContainer(func(ctx context.Context, c *container) (any, error) { return c.wait(ctx) }),
		wire.OpStats:  t.withContainer(func(_ context.Context, c *container) (any, error) { return c.stats() }),
		wire.OpDelete: t.withContainer(func(_ context.Context, c *container) (any, error) { return nil, c.delete() }),
		wire.OpSignal: func(_ context.Context, arg json.RawMessage) (any, error) {
			var s wire.Signal
			if err := json.Unmarshal(arg, &s); err != nil {
				return nil, err
			}
			c, err := t.find(s.Container)
			if err != nil {
				return nil, err
			}
			return nil, c.signal(unix.Signal(s.Signal))
		},
		wire.OpShutdown: func(context.Context, json.RawMessage) (any, error) {
			<-t.ready
			if err := t.shutdown(); err != nil {
				return nil, err
			}
			time.AfterFunc(0, stop) // after the answer: see Run
			return nil, nil
		},
	}, map[string]wire.Takeover{wire.OpExec: t.answerExec})
	if err != nil && ctx.Err() == nil {
		slog.Warn("lost a connection", "err", err)
	}
}

// withContainer makes an op of what is done with one container.
func (t *task) withContainer(do func(context.Context, *container) (any, error)) wire.Func {
	return func(ctx context.Context, arg json.RawMessage) (any, error) {
		var name string
		if err := json.Unmarshal(arg, &name); err != nil {
			return nil, err
		}
		c, err := t.find(name)
		if err != nil {
			return nil, err
		}
		return do(ctx, c)
	}
}

func (t *task) find(name string) (*container, error) {
	<-t.ready
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.containers {
		if c.name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("container %s: %w", name, runtime.ErrNotFound)
}

func (t *task) status() runtime.SandboxStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := runtime.SandboxStatus{Task: t.record.Task}
	for _, c := range t.containers {
		if status, ok := c.status(); ok {
			s.Containers = append(s.Containers, status)
		}
	}
	return s
}

// shutdown deletes everything but the directory.
func (t *task) shutdown() error {
	t.mu.Lock()
	t.closing = true
	all := append([]*container(nil), t.containers...)
	t.mu.Unlock()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { errs[i] = c.delete() })
	}
	wg.Wait()
	if t.pause != nil {
		_ = t.pause.Process.Kill()
		_ = t.pause.Wait()
		t.pause = nil
	}
	if t.cgroup != nil {
		errs = append(errs, t.cgroup.Destroy())
	}
	return errors.Join(errs...)
}

// awaitRemoval returns true when dir was removed or moved away, and false when
// ctx ends. It looks now and then: to end an inotify watch would cost more,
// when the process ends, than all the looking.
func awaitRemoval(ctx context.Context, dir string) bool {
	first, err := os.Stat(dir)
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
			var now os.FileInfo
			if now, err = os.Stat(dir); err == nil && !os.SameFile(first, now) {
				return true
			}
		}
	}
	return errors.Is(err, os.ErrNotExist)
}
