// Package runtimetest has a container runtime in memory, for tests of those
// who use one, and [Suite], which every runtime has to pass.
//
// What a container of the [Fake] does follows from its first argument: "exit 3"
// ends at once, "stubborn" heeds SIGKILL only, "missing" is not in the image;
// all others run until a signal or [Fake.End] ends them.
package runtimetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"berth/agent/runtime"
)

// Fake is a runtime.Runtime in memory. Its containers survive the agent under
// test: give the same Fake to the next one.
type Fake struct {
	mu        sync.Mutex
	sandboxes map[string]*sandbox
	pid       int
	fail      map[string]error // by the name of a method
	calls     []string
}

var _ runtime.Runtime = (*Fake)(nil)

type sandbox struct {
	runtime.Sandbox
	containers []*container
	lost       string
}

type container struct {
	spec    runtime.Container
	state   runtime.State
	started runtime.Started
	exit    runtime.Exit
	exited  chan struct{}
}

// New makes an empty fake.
func New() *Fake {
	return &Fake{sandboxes: map[string]*sandbox{}, fail: map[string]error{}}
}

// End ends a container as if by itself.
func (f *Fake) End(id runtime.ID, exit runtime.Exit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, err := f.find(id); err == nil {
		c.end(exit)
	}
}

// KillShim ends a sandbox as if its shim had been killed.
func (f *Fake) KillShim(task string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sandboxes[task]; s != nil {
		s.lost = "its shim was killed"
		for _, c := range s.containers {
			c.end(runtime.Exit{Code: 137, Lost: s.lost})
		}
	}
}

// Fail makes every call of a method fail with err, until err is nil.
func (f *Fake) Fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

// Calls lists the calls that changed something, such as "Start t1/web".
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Created gives what a container was created with.
func (f *Fake) Created(id runtime.ID) (runtime.Container, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return runtime.Container{}, false
	}
	return c.spec, true
}

// call notes a call, and gives the error it is to fail with. f.mu is held.
func (f *Fake) call(method string, on any) error {
	f.calls = append(f.calls, fmt.Sprintf("%s %v", method, on))
	return f.fail[method]
}

// find finds a container. f.mu is held.
func (f *Fake) find(id runtime.ID) (*container, error) {
	s := f.sandboxes[id.Task]
	if s == nil {
		return nil, fmt.Errorf("sandbox %s: %w", id.Task, runtime.ErrNotFound)
	}
	for _, c := range s.containers {
		if c.spec.ID == id {
			return c, nil
		}
	}
	return nil, fmt.Errorf("container %s: %w", id, runtime.ErrNotFound)
}

func (c *container) end(exit runtime.Exit) {
	if c.state != runtime.Exited {
		if exit.At.IsZero() {
			exit.At = time.Now()
		}
		c.state, c.exit = runtime.Exited, exit
		close(c.exited)
	}
}

func (f *Fake) Features(context.Context) (runtime.Features, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return runtime.Features{Seccomp: true}, f.fail["Features"]
}

func (f *Fake) CreateSandbox(_ context.Context, s runtime.Sandbox) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("CreateSandbox", s.Task); err != nil {
		return err
	}
	if f.sandboxes[s.Task] == nil {
		f.sandboxes[s.Task] = &sandbox{Sandbox: s}
	}
	return nil
}

func (f *Fake) Create(_ context.Context, spec runtime.Container) (runtime.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("Create", spec.ID); err != nil {
		return runtime.Started{}, err
	}
	s := f.sandboxes[spec.ID.Task]
	switch {
	case s == nil:
		return runtime.Started{}, fmt.Errorf("sandbox %s: %w", spec.ID.Task, runtime.ErrNotFound)
	case s.lost != "":
		return runtime.Started{}, fmt.Errorf("sandbox %s: %s", spec.ID.Task, s.lost)
	}
	if _, err := f.find(spec.ID); err == nil {
		return runtime.Started{}, fmt.Errorf("container %s: %w", spec.ID, runtime.ErrExists)
	}
	if err := check(spec.Spec.Process.Args); err != nil {
		return runtime.Started{}, err
	}
	f.pid++
	c := &container{spec: spec, state: runtime.Created, started: runtime.Started{Pid: f.pid}, exited: make(chan struct{})}
	s.containers = append(s.containers, c)
	return c.started, nil
}

// check fails for what is not in any image.
func check(args []string) error {
	if args[0] != "missing" {
		return nil
	}
	return &runtime.ProcessError{Message: fmt.Sprintf("unable to start container process: error during container init: exec: %q: executable file not found in $PATH", args[0])}
}

// codeOf is the exit code of a program that ends at once.
func codeOf(args []string) (code int, ends bool) {
	if len(args) != 2 || args[0] != "exit" {
		return 0, false
	}
	code, err := strconv.Atoi(args[1])
	return code, err == nil
}

func (f *Fake) Start(_ context.Context, id runtime.ID) (runtime.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("Start", id); err != nil {
		return runtime.Started{}, err
	}
	c, err := f.find(id)
	if err != nil {
		return runtime.Started{}, err
	}
	if c.state == runtime.Created {
		c.state, c.started.At = runtime.Running, time.Now()
		if code, ends := codeOf(c.spec.Spec.Process.Args); ends {
			c.end(runtime.Exit{Code: code})
		}
	}
	return c.started, nil
}

func (f *Fake) Signal(_ context.Context, id runtime.ID, signal syscall.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("Signal", fmt.Sprintf("%s %d", id, signal)); err != nil {
		return err
	}
	c, err := f.find(id)
	if err == nil && (signal == syscall.SIGKILL || c.spec.Spec.Process.Args[0] != "stubborn") {
		c.end(runtime.Exit{Code: 128 + int(signal)})
	}
	return err
}

func (f *Fake) Wait(ctx context.Context, id runtime.ID) (runtime.Exit, error) {
	f.mu.Lock()
	c, err := f.find(id)
	f.mu.Unlock()
	if err != nil {
		return runtime.Exit{}, err
	}
	select {
	case <-ctx.Done():
		return runtime.Exit{}, ctx.Err()
	case <-c.exited:
		return c.exit, nil
	}
}

// Exec does what the arguments say: "exit 3", "echo text", "missing", or
// nothing until ctx ends.
func (f *Fake) Exec(ctx context.Context, id runtime.ID, p runtime.Process) (runtime.Exit, error) {
	f.mu.Lock()
	c, err := f.find(id)
	if err == nil {
		err = cmp.Or(f.call("Exec", fmt.Sprintf("%s %q", id, p.Args)), check(p.Args))
	}
	if err == nil && c.state != runtime.Running {
		err = fmt.Errorf("container %s: %w", id, runtime.ErrNotRunning)
	}
	f.mu.Unlock()
	if err != nil {
		return runtime.Exit{}, err
	}
	code, ends := codeOf(p.Args)
	if p.Args[0] == "echo" && len(p.Args) == 2 && p.Stdout != nil {
		fmt.Fprintln(p.Stdout, p.Args[1])
		ends = true
	}
	if ends {
		return runtime.Exit{Code: code, At: time.Now()}, nil
	}
	select {
	case <-ctx.Done():
		return runtime.Exit{}, ctx.Err()
	case <-c.exited:
		return runtime.Exit{Code: 137, At: c.exit.At}, nil
	}
}

func (f *Fake) Stats(_ context.Context, id runtime.ID) (runtime.Stats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return runtime.Stats{}, err
	}
	if c.state == runtime.Exited {
		return runtime.Stats{}, fmt.Errorf("container %s: %w", id, runtime.ErrNotRunning)
	}
	return runtime.Stats{At: time.Now(), CPU: time.Millisecond, Memory: 1 << 20, Pids: 1, MemoryStat: map[string]uint64{}}, f.fail["Stats"]
}

func (f *Fake) Delete(_ context.Context, id runtime.ID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("Delete", id); err != nil {
		return err
	}
	if c, err := f.find(id); err == nil {
		c.end(runtime.Exit{Code: 137})
		s := f.sandboxes[id.Task]
		s.containers = slices.DeleteFunc(s.containers, func(other *container) bool { return other == c })
	}
	return nil
}

func (f *Fake) DeleteSandbox(_ context.Context, task string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DeleteSandbox", task); err != nil {
		return err
	}
	if s := f.sandboxes[task]; s != nil {
		for _, c := range s.containers {
			c.end(runtime.Exit{Code: 137})
		}
	}
	delete(f.sandboxes, task)
	return nil
}

func (f *Fake) Sandboxes(context.Context) ([]runtime.SandboxStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []runtime.SandboxStatus
	for task, s := range f.sandboxes {
		status := runtime.SandboxStatus{Task: task, Lost: s.lost}
		for _, c := range s.containers {
			status.Containers = append(status.Containers, runtime.ContainerStatus{Name: c.spec.ID.Container, State: c.state, Started: c.started, Exit: c.exit})
		}
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b runtime.SandboxStatus) int { return cmp.Compare(a.Task, b.Task) })
	return all, f.fail["Sandboxes"]
}
