// Package runtime is how the agent runs containers: the interface that the
// engine works with, and the values that cross it.
//
// A task is a [Sandbox]: a cgroup with the task's limits, and one process of
// ours (the shim) that is the parent of its containers and outlives the agent.
// Package shim implements it over the shims; package runtimetest has a fake in
// memory, and the suite that both pass. Images, networks, volumes and the
// OCI specification of a container are made by others and come in as values.
package runtime

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/agent/spool"
)

// Runtime runs the containers of tasks on this machine. Its methods may be
// called at the same time. Those that make or change something are safe to
// repeat after an error or a crash; those that remove something answer nil
// where there is nothing left to remove.
type Runtime interface {
	// Features says what a container may ask for here.
	Features(ctx context.Context) (Features, error)

	// CreateSandbox makes a task's cgroup and its shim.
	CreateSandbox(ctx context.Context, s Sandbox) error

	// Create makes a container up to, not including, its first instruction:
	// file system, namespaces, cgroup and log are there. The error is a
	// [*ProcessError] where the image or the definition is at fault.
	Create(ctx context.Context, c Container) (Started, error)

	// Start lets a created container run. To start it again does nothing.
	Start(ctx context.Context, id ID) (Started, error)

	// Signal sends a signal to a container's first process. SIGKILL goes to
	// every process in the container. It is no error if it has ended.
	Signal(ctx context.Context, id ID, signal syscall.Signal) error

	// Wait blocks until a container has ended and says how. It answers also
	// for one that ended while no agent was there, until Delete.
	Wait(ctx context.Context, id ID) (Exit, error)

	// Exec runs one more process in a running container, and waits for it.
	// When ctx ends, the process is killed and the error is ctx's. A command
	// that cannot be run is a [*ProcessError].
	Exec(ctx context.Context, id ID, p Process) (Exit, error)

	// Stats measures one running container.
	Stats(ctx context.Context, id ID) (Stats, error)

	// Delete kills what is left of a container and removes all of it but its
	// log. The name can then be used again.
	Delete(ctx context.Context, id ID) error

	// DeleteSandbox deletes a task's containers, its cgroup and its shim.
	DeleteSandbox(ctx context.Context, task string) error

	// Sandboxes lists what there is, also what an agent before this one made.
	Sandboxes(ctx context.Context) ([]SandboxStatus, error)
}

// Errors that the engine decides by.
var (
	// ErrNotFound: there is no such sandbox or container.
	ErrNotFound = errors.New("not found")
	// ErrExists: a container of that name was created and not yet deleted.
	ErrExists = errors.New("already exists")
	// ErrNotRunning: the container has not started yet, or has ended.
	ErrNotRunning = errors.New("not running")
	// ErrNoShim: berth was built without the program that runs containers.
	ErrNoShim = errors.New("berth was built without its shim: build it with make")
)

// ProcessError says that a container's or an Exec's process could not be made
// because of what it was asked to be, in the words that runc uses, and Docker
// after "OCI runtime create failed: runc create failed: ":
//
//	unable to start container process: error during container init: exec: "foo": executable file not found in $PATH
//
// ECS reports it as CannotStartContainerError.
type ProcessError struct{ Message string }

func (e *ProcessError) Error() string { return e.Message }

// ID names a container: the last part of its task's ARN and its own name in
// the task definition. Both are letters, digits, hyphens and underscores.
type ID struct{ Task, Container string }

func (id ID) String() string { return id.Task + "/" + id.Container }

// Features are what this machine and this build give to containers.
type Features struct {
	Seccomp  bool // the shim can filter system calls; without it a spec must not ask for it
	CgroupV2 bool // the unified hierarchy is in use
}

// Sandbox is what the containers of a task share.
type Sandbox struct {
	Task      string
	Resources Resources // of all its containers together
	SharePID  bool      // one pid namespace: the task's pidMode is task
	ShareIPC  bool      // one ipc namespace: the task's ipcMode is task
}

// Resources are the limits of a task's cgroup. Zero is no limit.
type Resources struct {
	CPUShares uint64 // relative weight, 1024 to a vCPU
	CPUQuota  int64  // microseconds of CPU in each 100 ms: 50000 is half a vCPU
	Memory    int64  // bytes
	Pids      int64
}

// Container is what Create makes a container of.
type Container struct {
	ID

	// Spec is its OCI specification. The shim fills in Root.Path from Rootfs,
	// Linux.CgroupsPath, and the pid and ipc namespaces that the task shares.
	// Process.Terminal makes a terminal.
	Spec *specs.Spec

	// Rootfs are the mounts that make up its root file system, as a
	// snapshotter gives them. Without any, Spec.Root.Path is used as it is.
	Rootfs []Mount

	// User is resolved in the /etc/passwd and /etc/group of its root file
	// system as Docker does: name, uid, name:group, uid:gid. Empty: what
	// Spec.Process.User says.
	User string

	// OpenStdin keeps its standard input open; nobody writes to it.
	OpenStdin bool

	// Log is where its output is spooled. Without a Dir it is discarded.
	Log spool.Config
}

// Mount is one mount(2), as containerd's snapshotters describe it.
type Mount struct {
	Type    string   `json:",omitempty"`
	Source  string   `json:",omitempty"`
	Options []string `json:",omitempty"`
}

// Process is one more process in a running container. It has the container's
// user, environment, directory, capabilities and limits where it names none.
type Process struct {
	Args     []string
	Env      []string // added to the container's
	Cwd      string
	User     string
	Terminal bool // Stdout then has both streams

	Stdin          io.Reader // nil: at its end
	Stdout, Stderr io.Writer // nil: discarded
	Resize         <-chan Size
}

// Size is that of a terminal, in characters.
type Size struct{ Width, Height uint16 }

// Started says which process a container's first one is.
type Started struct {
	Pid int // on the host
	At  time.Time
}

// Exit says how a container ended.
type Exit struct {
	Code      int // 128 + signal where a signal ended it
	At        time.Time
	OOMKilled bool // the kernel killed a process of it for want of memory

	// Lost says why Code is not known: the shim was killed, or the machine
	// restarted. Empty: it is known.
	Lost string
}

// State is how far a container has come.
type State string

// The states of a container, in order.
const (
	Created State = "created"
	Running State = "running"
	Exited  State = "exited"
)

// ContainerStatus is one container of a sandbox as it is now.
type ContainerStatus struct {
	Name    string
	State   State
	Started Started // At is zero until it was started
	Exit    Exit    // of an exited one
}

// SandboxStatus is one sandbox as it is now.
type SandboxStatus struct {
	Task       string
	Containers []ContainerStatus // in the order of their creation

	// Lost says why the shim is gone, and with it every container; empty
	// while it lives. The sandbox can only be deleted.
	Lost string
}

// Stats are a container's use of the machine since it was created, or now.
// They have what Docker's stats have, which the metadata endpoint shows.
type Stats struct {
	At time.Time

	CPU, CPUUser, CPUKernel      time.Duration // used by all its processes
	CPUPeriods, ThrottledPeriods uint64        // of its cgroup's quota
	Throttled                    time.Duration

	Memory      uint64            // bytes in use, page cache included
	MemoryPeak  uint64            // bytes; 0 where the kernel does not say
	MemoryLimit uint64            // bytes; 0: none of its own
	MemoryStat  map[string]uint64 // memory.stat, of this version of cgroups

	Pids, PidsLimit uint64

	BlockIO []BlockIO // bytes by device
}

// BlockIO counts one kind of operation on one block device.
type BlockIO struct {
	Major, Minor uint64
	Op           string // "Read", "Write" …: the kernel's words
	Bytes        uint64
}
