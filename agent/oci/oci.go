// Package oci turns a container of a task, as the control plane describes it,
// into the OCI runtime specification that Docker would make of it.
//
// It is pure: [Spec] reads its arguments and nothing else. What a container asks
// for and this machine or this version cannot do is an error that names it;
// nothing is ignored. Images, volumes, networks and secrets come in as values,
// made by others; the user's name and the root file system's path are for the
// runtime to resolve. Used by agent/engine.
package oci

import (
	"cmp"
	"fmt"
	"maps"
	"path"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/api/acs/message"
)

// Container is one container and all that was prepared for it.
type Container struct {
	message.Container
	Docker Docker // its DockerConfig, from Parse
	Image  ocispec.ImageConfig

	Files    map[string]string // variables of its environment files
	Secrets  map[string]string // variables that secrets gave
	Injected map[string]string // variables of the agent; they win over all others
	Defaults map[string]string // variables of the agent where nothing else sets them: AWS_REGION

	Hostname string            // where the container asks for none
	Mounts   []specs.Mount     // its volumes, from volume.Mounts
	Etc      Etc               // bound over the image's own
	Network  string            // path of its network namespace; empty: the host's
	PID      Namespace         // the task's pidMode
	IPC      Namespace         // the task's ipcMode
	Shm      string            // path on the host of the task's /dev/shm, where IPC is Task
	Init     string            // path on the host of what runs as "docker-init" where the container asks for an init process
	Labels   map[string]string // added to its own: com.amazonaws.ecs.task-arn …
}

// Etc has paths on the host of what a container sees in /etc. Empty: what its image has.
type Etc struct{ Hosts, Hostname, ResolvConf string }

// Namespace says whose namespace of a kind a container uses, in the words of
// the task definition's pidMode and ipcMode.
type Namespace string

// The namespaces.
const (
	Own  Namespace = ""     // one for the container alone
	Host Namespace = "host" // the machine's
	Task Namespace = "task" // one for the task, which the runtime makes
	None Namespace = "none" // of IPC: one for the container alone, and no /dev/shm
)

// Machine is what [Spec] must know of where the container will run.
type Machine struct {
	Seccomp      bool     // the runtime can filter system calls
	CgroupV2     bool     // the unified hierarchy is in use
	SwapLimit    bool     // cgroups can limit swap
	AppArmor     bool     // the kernel enforces AppArmor profiles
	Capabilities []string // that the agent may give away: CAP_CHOWN …
	MaxFiles     uint64   // the agent's own hard limit of open files

	// Devices finds the device at a path of the host, or all below a directory:
	// their paths begin with that one.
	Devices func(path string) ([]specs.LinuxDevice, error)
}

// Spec makes the specification. Root.Path and Linux.CgroupsPath are left to the
// runtime, and so is who it runs as: see [User].
func Spec(c Container, m Machine) (*specs.Spec, error) {
	process, err := processOf(c, m)
	if err != nil {
		return nil, err
	}
	resources, err := resourcesOf(c, m)
	if err != nil {
		return nil, err
	}
	s := &specs.Spec{
		Version:     specs.Version,
		Process:     process,
		Root:        &specs.Root{Readonly: c.Docker.HostConfig.ReadonlyRootfs},
		Hostname:    cmp.Or(c.Docker.Config.Hostname, c.Hostname),
		Domainname:  c.Docker.Config.Domainname,
		Annotations: labels(c),
		Linux: &specs.Linux{
			Sysctl:     sysctls(c),
			Resources:  resources,
			Namespaces: namespaces(c, m),
		},
	}
	if s.Mounts, err = mounts(c); err != nil {
		return nil, err
	}
	if err := addDevices(s, c, m); err != nil {
		return nil, err
	}
	if c.Docker.HostConfig.Privileged {
		return s, nil
	}
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = maskedPaths(), readonlyPaths()
	if m.Seccomp {
		s.Linux.Seccomp = seccomp.DefaultProfile(s)
	}
	return s, nil
}

// User is who a container's first process runs as, as docker writes it: name,
// uid, name:group or uid:gid. Empty is root.
func User(c Container) string { return cmp.Or(c.Docker.Config.User, c.Image.User) }

// labels are the image's, the definition's and the agent's, the last one winning.
func labels(c Container) map[string]string {
	all := map[string]string{}
	for _, some := range []map[string]string{c.Image.Labels, c.Docker.Config.Labels, c.Labels} {
		for k, v := range some {
			all[k] = v
		}
	}
	return all
}

// sysctls are the container's own, and docker's where it has a network namespace:
// who is not root may listen on port 80 and may ping.
func sysctls(c Container) map[string]string {
	if c.Network == "" {
		return c.Docker.HostConfig.Sysctls
	}
	all := map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
	maps.Copy(all, c.Docker.HostConfig.Sysctls)
	return all
}

func namespaces(c Container, m Machine) []specs.LinuxNamespace {
	all := []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.UTSNamespace}}
	if c.PID != Host {
		all = append(all, specs.LinuxNamespace{Type: specs.PIDNamespace})
	}
	if c.IPC != Host {
		all = append(all, specs.LinuxNamespace{Type: specs.IPCNamespace})
	}
	if c.Network != "" {
		all = append(all, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: c.Network})
	}
	if m.CgroupV2 && !c.Docker.HostConfig.Privileged {
		all = append(all, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return all
}

// addDevices lets the container use devices of the host: those it asks for, or
// every one if it is privileged. The usual ones (null, zero, tty …) the runtime adds.
func addDevices(s *specs.Spec, c Container, m Machine) error {
	if c.Docker.HostConfig.Privileged {
		all, err := m.Devices("/dev")
		s.Linux.Devices = all
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		return err
	}
	s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	for _, d := range c.Docker.HostConfig.Devices {
		d.PathOnHost = path.Clean(d.PathOnHost)
		found, err := m.Devices(d.PathOnHost)
		if err != nil {
			return fmt.Errorf("error gathering device information while adding custom device %q: %w", d.PathOnHost, err)
		}
		for _, device := range found {
			device.Path = cmp.Or(d.PathInContainer, d.PathOnHost) + device.Path[len(d.PathOnHost):]
			s.Linux.Devices = append(s.Linux.Devices, device)
			s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
				Allow: true, Type: device.Type, Major: &device.Major, Minor: &device.Minor, Access: cmp.Or(d.CgroupPermissions, "rwm")})
		}
	}
	return nil
}

func maskedPaths() []string {
	return []string{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"}
}

func readonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}
