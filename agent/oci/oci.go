// Package oci turns a container of a task, as the control plane describes it,
// into the OCI runtime specification that Docker would make of it.
//
// It is pure: [Spec] reads its arguments and nothing else. What a container asks
// for and this machine or this version cannot do is an error that names the member;
// nothing is ignored. Images, volumes, networks and secrets come in as values,
// made by others; the user's name and the root file system's path are for the runtime
// to resolve. Used by agent/engine.
package oci

import (
	"errors"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/api/acs/message"
)

// Container is one container and all that was prepared for it.
type Container struct {
	message.Container
	Image ocispec.ImageConfig

	Files    map[string]string // variables of its environment files
	Secrets  map[string]string // variables that secrets gave
	Injected map[string]string // variables of the agent; they win over all others
	Defaults map[string]string // variables of the agent where nothing else sets them: AWS_REGION

	Hostname string            // where the container asks for none: docker's is the container's short id
	Mounts   []specs.Mount     // its volumes, from [volume.Mounts]
	Etc      EtcFiles          // bound over those of the image
	Network  string            // path of its network namespace; empty: the host's
	PID      Namespace         // the task's pidMode
	IPC      Namespace         // the task's ipcMode
	Init     string            // path on the host of the program that runs as process 1 where the container asks for init
	Labels   map[string]string // added to its own: com.amazonaws.ecs.task-arn …
}

// EtcFiles are paths on the host of what a container sees in /etc. Empty: the image's own.
type EtcFiles struct{ Hosts, Hostname, ResolvConf string }

// Namespace says whose namespace of a kind a container uses.
type Namespace string

const (
	Own  Namespace = ""     // one for the container alone
	Host Namespace = "host" // the machine's
	Task Namespace = "task" // one for the task, which the runtime makes
)

// Machine is what [Spec] must know of where the container will run.
type Machine struct {
	Seccomp      bool                                           // the runtime can filter system calls
	Capabilities []string                                       // CAP_… that the kernel knows and the agent has; empty: all that this package knows
	SwapLimit    bool                                           // cgroups can limit swap
	Devices      func(path string) ([]specs.LinuxDevice, error) // the devices at a path of the host; a directory has many
}

// Docker is what a payload's dockerConfig says, parsed.
type Docker struct {
	Config     Config
	HostConfig HostConfig
}

// Parse reads a payload's dockerConfig. A member that is set and that nothing
// here can do is an error which names it.
func Parse(c message.DockerConfig) (Docker, error) {
	return Docker{}, errors.New("not built yet")
}

// Spec makes the specification. Root.Path and Linux.CgroupsPath are left to the
// runtime, and so is the user: see [User].
func Spec(c Container, m Machine) (*specs.Spec, error) {
	return nil, errors.New("not built yet")
}

// User is who a container's first process runs as, as docker writes it: name, uid, name:group or uid:gid. Empty is root.
func User(d Docker, image ocispec.ImageConfig) string {
	if d.Config.User != "" {
		return d.Config.User
	}
	return image.User
}
