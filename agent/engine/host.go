package engine

import (
	"context"
	"errors"
	"syscall"

	"berth/agent/runtime"
)

// Host does the steps of tasks on this machine. Its methods may be called at
// the same time, and again after an error or a crash; those that remove
// something answer nil where nothing is left. They do not keep t.
//
// An error that is a [*Failure] names itself; another is named after its step,
// as ECS names it: CannotPullContainerError and so on.
type Host interface {
	// Prepare makes what the containers of a task share: the cgroup and its
	// shim, the network, volumes.
	Prepare(ctx context.Context, t *Task) error

	// Fetch gets what its containers find in their environment and is not in
	// the payload: secrets and environment files. It lasts as long as the process.
	Fetch(ctx context.Context, t *Task) error

	// Pull brings a container's image, as the pull behaviour says.
	Pull(ctx context.Context, t *Task, container string) (Image, error)

	// Create makes a container up to its first instruction. One of that name
	// that is there already is left of an earlier attempt, and replaced.
	Create(ctx context.Context, t *Task, container string) (Made, error)

	// Start lets a created container run.
	Start(ctx context.Context, t *Task, container string) error

	// Wait blocks until a container has ended; runtime.ErrNotFound says that
	// nobody knows of it any more.
	Wait(ctx context.Context, t *Task, container string) (runtime.Exit, error)

	// Probe runs a container's health check, for no longer than its limit.
	Probe(ctx context.Context, t *Task, container string) (ok bool, output string, err error)

	// Signal sends a signal to a container; SIGKILL to all in it.
	Signal(ctx context.Context, t *Task, container string, signal syscall.Signal) error

	// Discard removes a container, but not its log.
	Discard(ctx context.Context, t *Task, container string) error

	// Release removes a task's containers, cgroup and network.
	Release(ctx context.Context, t *Task) error

	// Clean removes what is left of a task, after its logs have been shipped
	// or given up.
	Clean(ctx context.Context, t *Task) error

	// Retain removes all that was made for tasks other than these, by id.
	Retain(ctx context.Context, ids []string) error
}

// Made is what is known of a container once it is there.
type Made struct {
	Bindings []Binding
	Address  string // in the network mode bridge
	Volumes  []Volume
}

// Volume is what a container has mounted.
type Volume struct {
	Name        string `json:",omitempty"` // docker's of it; empty for a path of the host
	Source      string
	Destination string
}

// Failure is an error with the name that ECS gives it.
type Failure struct {
	Name string // such as ResourceInitializationError
	Err  error
}

func (f *Failure) Error() string { return f.Name + ": " + f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// named is err as ECS shows it: under its own name, or else under name.
func named(name string, err error) string {
	var f *Failure
	if errors.As(err, &f) {
		return f.Error()
	}
	return name + ": " + err.Error()
}
