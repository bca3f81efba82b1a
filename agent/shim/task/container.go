//go:build cgo

package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// container is one container of the task, from its creation to its deletion.
type container struct {
	task    *task
	name    string
	rootfs  string // where its mounts are; empty where it came with none
	process *specs.Process
	box     *libcontainer.Container
	first   *libcontainer.Process
	cgroup  cgroups.Manager
	sharing bool // its pid namespace is not its own
	output  *output

	doing sync.Mutex // one of create, start and delete at a time

	mu      sync.Mutex // of what follows
	state   runtime.State
	started runtime.Started
	exit    runtime.Exit
	exited  chan struct{} // closed when exit is known
}

// create makes a container, up to its first instruction.
func (t *task) create(spec runtime.Container) (_ *runtime.Started, err error) {
	c := &container{task: t, name: spec.ID.Container, exited: make(chan struct{})}
	c.doing.Lock()
	defer c.doing.Unlock()
	if err := t.add(c); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.remove()
		}
	}()
	if len(spec.Rootfs) > 0 {
		c.rootfs = filepath.Join(t.dir, "rootfs", c.name)
		if err := mountAll(spec.Rootfs, c.rootfs); err != nil {
			return nil, fmt.Errorf("mount the root file system: %w", err)
		}
	}
	if err := c.complete(&spec); err != nil {
		return nil, err
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: c.name, Spec: spec.Spec})
	if err != nil {
		return nil, fmt.Errorf("OCI specification: %w", err)
	}
	c.process, c.sharing = spec.Spec.Process, !config.Namespaces.IsPrivate(configs.NEWPID)
	if c.box, err = libcontainer.Create(filepath.Join(t.dir, "state"), c.name, config); err != nil {
		return nil, err
	}
	if c.cgroup, err = manager.New(config.Cgroups); err != nil {
		return nil, err
	}
	if c.first, err = newProcess(c.process); err != nil {
		return nil, err
	}
	c.first.Init = true
	if c.output, err = connect(c.first, c.process.Terminal, spec); err != nil {
		return nil, err
	}
	err = c.box.Start(c.first)
	c.output.begun(err)
	if err != nil {
		return nil, &runtime.ProcessError{Message: err.Error()}
	}
	return c.created()
}

// created writes down that the container is there, and begins to wait for it.
func (c *container) created() (*runtime.Started, error) {
	pid, err := c.first.Pid()
	if err != nil {
		return nil, err
	}
	started := runtime.Started{Pid: pid}
	err = c.task.journal.Append(wire.Entry{What: wire.Created, Container: c.name, Started: &started})
	c.mu.Lock()
	c.state, c.started = runtime.Created, started
	c.mu.Unlock()
	go c.reap()
	return &started, err
}

// add takes the container's name.
func (t *task) add(c *container) error {
	if t.err != nil {
		return t.err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing {
		return errors.New("the task is being deleted")
	}
	for _, other := range t.containers {
		if other.name == c.name {
			return fmt.Errorf("container %s: %w", c.name, runtime.ErrExists)
		}
	}
	t.containers = append(t.containers, c)
	return nil
}

// reap waits for the first process, and makes known how it ended.
func (c *container) reap() {
	state, err := c.first.Wait()
	exit := runtime.Exit{At: time.Now()}
	if state != nil {
		exit.Code = exitCode(state)
	} else {
		exit.Lost = fmt.Sprintf("wait for the process: %v", err)
	}
	if c.sharing {
		_ = c.box.Signal(unix.SIGKILL) // what it left behind in a namespace of others
	}
	kills, err := c.cgroup.OOMKillCount()
	if err != nil {
		slog.Warn("cannot tell whether memory ran out", "container", c.name, "err", err)
	}
	exit.OOMKilled = kills > 0
	if err := c.task.journal.Append(wire.Entry{What: wire.Exited, Container: c.name, Exit: &exit}); err != nil {
		slog.Error("cannot write down an exit", "container", c.name, "exit", exit, "err", err)
	}
	c.mu.Lock()
	c.state, c.exit = runtime.Exited, exit
	c.mu.Unlock()
	close(c.exited)
}

// exitCode is as a shell shows it: 128 and the signal where one ended it.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(interface {
		Signaled() bool
		Signal() unix.Signal
	}); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func (c *container) start() (*runtime.Started, error) {
	c.doing.Lock()
	defer c.doing.Unlock()
	status, there := c.status()
	if !there {
		return nil, fmt.Errorf("container %s: %w", c.name, runtime.ErrNotFound)
	}
	if status.State != runtime.Created {
		return &status.Started, nil
	}
	started := runtime.Started{Pid: status.Started.Pid}
	exe := fmt.Sprintf("/proc/%d/exe", started.Pid)
	before, _ := os.Readlink(exe)
	if err := c.box.Exec(); err != nil {
		return nil, &runtime.ProcessError{Message: err.Error()}
	}
	// It was let go, and becomes the container's program in a moment. A signal
	// before that would not meet the program.
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Microsecond) {
		if now, err := os.Readlink(exe); err != nil || now != before {
			break
		}
	}
	started.At = time.Now()
	err := c.task.journal.Append(wire.Entry{What: wire.Started, Container: c.name, Started: &started})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = started
	if c.state == runtime.Created {
		c.state = runtime.Running
	}
	return &started, err
}

// status is false of a container that is not created yet.
func (c *container) status() (runtime.ContainerStatus, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return runtime.ContainerStatus{Name: c.name, State: c.state, Started: c.started, Exit: c.exit}, c.state != ""
}

func (c *container) wait(ctx context.Context) (*runtime.Exit, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.exited:
		return &c.exit, nil // it does not change any more
	}
}

func (c *container) signal(signal unix.Signal) error {
	status, there := c.status()
	if !there || status.State == runtime.Exited {
		return nil
	}
	err := c.box.Signal(signal)
	if errors.Is(err, libcontainer.ErrNotRunning) || errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// delete kills what runs and removes the container.
func (c *container) delete() error {
	c.doing.Lock()
	defer c.doing.Unlock()
	if _, there := c.status(); there {
		if err := c.signal(unix.SIGKILL); err != nil {
			return err
		}
		<-c.exited
	}
	return c.remove()
}

// remove gives back all that a container has and that does not run any more.
func (c *container) remove() error {
	c.output.drain()
	c.output.end()
	var errs []error
	if c.box != nil {
		errs = append(errs, c.box.Destroy())
	}
	if c.rootfs != "" {
		errs = append(errs, unmountBelow(c.rootfs), os.Remove(c.rootfs))
	}
	if err := errors.Join(errs...); err != nil {
		slog.Error("cannot remove a container", "container", c.name, "err", err)
		return err
	}
	t := c.task
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.containers {
		if other == c {
			t.containers = append(t.containers[:i], t.containers[i+1:]...)
			return t.journal.Append(wire.Entry{What: wire.Deleted, Container: c.name})
		}
	}
	return nil
}
