// Package shim runs containers by shims: one process of ours per task, the
// program berth-shim, which is the parent of the task's containers.
//
// [Open] is the implementation of runtime.Runtime. It keeps nothing that the
// shims and their directories do not know: an agent that starts again finds
// every task as it left it, and how containers ended in between. A shim that
// was killed is noticed at once; its containers are killed and reported lost.
// Package task is the other side, package wire what the two say to each other.
package shim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// Config says where shims live. All of it is required.
type Config struct {
	Dir    string // one directory per task is made in it
	Cgroup string // the parent of the tasks' cgroups, such as /berth/5f2c31d0; of this Dir alone
	Binary string // the program berth-shim
}

// Shims is a runtime.Runtime of one process per task.
type Shims struct {
	cfg  Config
	lock *os.File // of Dir, while this agent lives

	mu        sync.Mutex
	sandboxes map[string]*sandbox
	making    map[string]bool // tasks of a CreateSandbox that has not ended
}

var _ runtime.Runtime = (*Shims)(nil)

// Open takes over the sandboxes in cfg.Dir, which it makes if it is not there.
// Where a shim has died, what it left is removed first.
func Open(ctx context.Context, cfg Config) (*Shims, error) {
	if cfg.Dir == "" || !strings.HasPrefix(cfg.Cgroup, "/") || cfg.Binary == "" {
		return nil, errors.New("shims need a directory, a cgroup's path from its root, and a program")
	}
	if err := os.MkdirAll(cfg.Dir, 0o711); err != nil {
		return nil, err
	}
	s := &Shims{cfg: cfg, sandboxes: map[string]*sandbox{}, making: map[string]bool{}}
	var err error
	if s.lock, err = wire.Hold(filepath.Join(cfg.Dir, ".lock"), time.Second); err != nil {
		return nil, fmt.Errorf("another agent has %s: %w", cfg.Dir, err)
	}
	if err := s.adopt(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// adopt connects to the shims there are.
func (s *Shims) adopt(ctx context.Context) error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(16)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(s.cfg.Dir, e.Name())
		group.Go(func() error {
			record, err := os.Stat(filepath.Join(dir, wire.SandboxFile))
			if errors.Is(err, fs.ErrNotExist) || err == nil && record.Size() == 0 {
				return os.RemoveAll(dir) // an agent, or the machine, ended before there was anything
			}
			b, err := s.connect(ctx, dir)
			if err != nil {
				return fmt.Errorf("sandbox %s: %w", e.Name(), err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.sandboxes[e.Name()] = b
			return nil
		})
	}
	return group.Wait()
}

// Close lets go of the shims. They and their containers go on.
func (s *Shims) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.sandboxes {
		b.close()
	}
	return s.lock.Close()
}

// Features asks the shim's program.
func (s *Shims) Features(ctx context.Context) (runtime.Features, error) {
	var f runtime.Features
	text, err := exec.CommandContext(ctx, s.cfg.Binary, "features").Output()
	if err != nil {
		return f, fmt.Errorf("%s features: %w", s.cfg.Binary, err)
	}
	return f, json.Unmarshal(text, &f)
}

// CreateSandbox makes the directory of a task and starts its shim.
func (s *Shims) CreateSandbox(ctx context.Context, sandbox runtime.Sandbox) error {
	if err := validName(sandbox.Task); err != nil {
		return fmt.Errorf("task %q: %w", sandbox.Task, err)
	}
	s.mu.Lock()
	existing, making := s.sandboxes[sandbox.Task], s.making[sandbox.Task]
	if existing == nil && !making {
		s.making[sandbox.Task] = true
	}
	s.mu.Unlock()
	switch {
	case making:
		return fmt.Errorf("sandbox %s: %w, and is not ready", sandbox.Task, runtime.ErrExists)
	case existing != nil:
		status, err := existing.status(ctx)
		if err != nil || status.Lost == "" || len(status.Containers) > 0 {
			return err
		}
		// The shim was lost before it had a container, as when the agent is killed while it starts it.
		if err := s.DeleteSandbox(ctx, sandbox.Task); err != nil {
			return err
		}
		return s.CreateSandbox(ctx, sandbox)
	}
	b, err := s.spawn(ctx, sandbox)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.making, sandbox.Task)
	if err != nil {
		return fmt.Errorf("sandbox %s: %w", sandbox.Task, err)
	}
	s.sandboxes[sandbox.Task] = b
	return nil
}

// validName takes what can be the name of a file, a cgroup and a container.
func validName(name string) error {
	ok := name != "" && len(name) <= 255 && name[0] != '.'
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.+", c) >= 0)
	}
	if !ok {
		return errors.New("want up to 255 letters, digits, hyphens and underscores")
	}
	return nil
}

// spawn starts a shim and returns when it is ready. It leaves nothing if it fails.
func (s *Shims) spawn(ctx context.Context, sandbox runtime.Sandbox) (_ *sandbox, err error) {
	dir := filepath.Join(s.cfg.Dir, sandbox.Task)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return nil, err
	}
	boot, err := wire.BootID()
	if err != nil {
		return nil, err
	}
	record := wire.SandboxRecord{Sandbox: sandbox, Boot: boot, Cgroup: s.cgroup(sandbox.Task)}
	text, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, wire.SandboxFile)
	if err := errors.Join(os.WriteFile(file+".new", text, 0o600), os.Rename(file+".new", file)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.start(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b, err := s.connect(ctx, dir)
	if err != nil {
		return nil, err
	}
	if _, err := b.status(ctx); err != nil {
		return nil, errors.Join(err, s.remove(context.WithoutCancel(ctx), b))
	}
	return b, nil
}

// start starts a shim with a listener that is there already, so that nobody
// has to wait until it listens.
func (s *Shims) start(dir string) error {
	listener, err := listen(filepath.Join(dir, wire.SocketFile))
	if err != nil {
		return err
	}
	defer listener.Close()
	log, err := os.OpenFile(filepath.Join(dir, wire.LogFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.cfg.Binary, "run", dir)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + shimPath}
	cmd.Stderr = log
	cmd.ExtraFiles = []*os.File{listener}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // how it ended, its socket tells
	return nil
}

// shimPath is where containers look for commands whose image names no path.
const shimPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (s *Shims) find(task string) (*sandbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.sandboxes[task]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("sandbox %s: %w", task, runtime.ErrNotFound)
}

// Sandboxes lists what there is, by the names of the tasks.
func (s *Shims) Sandboxes(ctx context.Context) ([]runtime.SandboxStatus, error) {
	s.mu.Lock()
	var all []*sandbox
	for _, b := range s.sandboxes {
		all = append(all, b)
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *sandbox) int { return strings.Compare(a.dir, b.dir) })
	statuses := make([]runtime.SandboxStatus, len(all))
	var group errgroup.Group
	group.SetLimit(16)
	for i, b := range all {
		group.Go(func() (err error) {
			statuses[i], err = b.status(ctx)
			return err
		})
	}
	return statuses, group.Wait()
}

// DeleteSandbox ends a shim and removes its directory.
func (s *Shims) DeleteSandbox(ctx context.Context, task string) error {
	b, err := s.find(task)
	if err != nil {
		return nil // there is none
	}
	if err := s.remove(ctx, b); err != nil {
		return fmt.Errorf("delete sandbox %s: %w", task, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sandboxes, task)
	return nil
}

// Down deletes all sandboxes and what they had in common, and closes s. It
// leaves nothing of Dir and Cgroup.
func (s *Shims) Down(ctx context.Context) error {
	statuses, err := s.Sandboxes(ctx)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(16)
	for _, sandbox := range statuses {
		group.Go(func() error { return s.DeleteSandbox(ctx, sandbox.Task) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, s.cfg.Binary, "remove", s.cfg.Cgroup).CombinedOutput()
	if err != nil {
		return fmt.Errorf("remove cgroup %s: %w: %s", s.cfg.Cgroup, err, bytes.TrimSpace(out))
	}
	return errors.Join(os.RemoveAll(s.cfg.Dir), s.Close())
}
