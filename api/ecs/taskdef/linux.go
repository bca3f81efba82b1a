package taskdef

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
)

// capabilityNames are the Linux capabilities that a container may add or drop.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
var capabilityNames = strings.Fields(`ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE
	DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD
	NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT
	SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
	SYSLOG WAKE_ALARM`)

// mountOptions are those of a tmpfs; some take a value: mode=1777.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tmpfs.html
var mountOptions = strings.Fields(`defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount
	mand nomand atime noatime diratime nodiratime bind rbind unbindable runbindable private rprivate shared
	rshared slave rslave relatime norelatime strictatime nostrictatime mode uid gid nr_inodes nr_blocks mpol`)

func checkLinuxParameters(_ *definition, c *container) error {
	p := c.LinuxParameters
	if p == nil {
		return nil
	}
	if p.Capabilities != nil {
		for _, name := range slices.Concat(p.Capabilities.Add, p.Capabilities.Drop) {
			if !slices.Contains(capabilityNames, name) {
				return refuse("Invalid Linux capability '%s' for container '%s'.", name, *c.Name)
			}
		}
	}
	for _, device := range p.Devices {
		if empty(device.HostPath) {
			return blank("Device.hostPath")
		}
	}
	for _, t := range p.Tmpfs {
		if err := checkTmpfs(c, t); err != nil {
			return err
		}
	}
	switch {
	case p.SharedMemorySize != nil && *p.SharedMemorySize < 1:
		return refuse("Invalid 'sharedMemorySize' setting for container '%s'.", *c.Name)
	case number(p.MaxSwap) < 0:
		return refuse("Invalid 'maxSwap' setting for container '%s'.", *c.Name)
	}
	return between(c, "swappiness", p.Swappiness, 0, 100)
}

func checkTmpfs(c *container, t types.Tmpfs) error {
	switch {
	case empty(t.ContainerPath):
		return blank("Tmpfs.containerPath")
	case !strings.HasPrefix(*t.ContainerPath, "/"):
		return refuse("The tmpfs path '%s' of container '%s' must be absolute.", *t.ContainerPath, *c.Name)
	case t.Size < 1:
		return refuse("The size of the tmpfs '%s' of container '%s' must be at least 1 MiB.", *t.ContainerPath, *c.Name)
	}
	for _, option := range t.MountOptions {
		if word, _, _ := strings.Cut(option, "="); !slices.Contains(mountOptions, word) {
			return refuse("Invalid tmpfs mount option '%s' for container '%s'.", option, *c.Name)
		}
	}
	return nil
}

func checkUlimits(_ *definition, c *container) error {
	const unlimited = -1
	seen := map[types.UlimitName]bool{}
	for _, u := range c.Ulimits {
		switch {
		case !slices.Contains(u.Name.Values(), u.Name):
			return refuse("Unrecognized ulimit name %s", u.Name)
		case seen[u.Name]:
			return refuse("The ulimit '%s' is set multiple times for container '%s'.", u.Name, *c.Name)
		case u.SoftLimit < unlimited || u.HardLimit < unlimited,
			u.HardLimit != unlimited && (u.SoftLimit > u.HardLimit || u.SoftLimit == unlimited):
			return refuse("The soft limit of ulimit '%s' for container '%s' cannot be greater than its hard limit.", u.Name, *c.Name)
		}
		seen[u.Name] = true
	}
	return nil
}

var ipcControls = []string{
	"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
	"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
}

// checkSystemControls accepts kernel parameters of the container's own
// namespaces, unless it shares that namespace with the host.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_SystemControl.html
func checkSystemControls(d *definition, c *container) error {
	for _, s := range c.SystemControls {
		parameter := text(s.Namespace)
		ofNetwork := strings.HasPrefix(parameter, "net.")
		ofIPC := strings.HasPrefix(parameter, "fs.mqueue.") || slices.Contains(ipcControls, parameter)
		switch {
		case empty(s.Namespace):
			return blank("SystemControl.namespace")
		case empty(s.Value):
			return blank("SystemControl.value")
		case !ofNetwork && !ofIPC:
			return refuse("The system control '%s' of container '%s' is not a namespaced kernel parameter.", parameter, *c.Name)
		case ofNetwork && d.NetworkMode == types.NetworkModeHost:
			return refuse("The system control '%s' is not supported when networkMode=host.", parameter)
		case ofIPC && d.IpcMode == types.IpcModeHost:
			return refuse("The system control '%s' is not supported when ipcMode=host.", parameter)
		}
	}
	return nil
}

// The prefixes of what names a credential spec file for Active Directory.
const (
	credentialSpec           = "credentialspec"
	credentialSpecDomainless = "credentialspecdomainless"
)

var securityOptions = []string{"no-new-privileges", "apparmor", "label", credentialSpec}

func checkSecurity(_ *definition, c *container) error {
	for _, option := range c.DockerSecurityOptions {
		if !slices.Contains(securityOptions, securityOption(option)) {
			return refuse("Invalid docker security option '%s' for container '%s': it must be one of [%s].",
				option, *c.Name, strings.Join(securityOptions, ", "))
		}
	}
	if len(c.CredentialSpecs) > 1 {
		return refuse("Too many credential specs for container '%s': the maximum is 1.", *c.Name)
	}
	for _, spec := range c.CredentialSpecs {
		kind, file, _ := strings.Cut(spec, ":")
		if kind != credentialSpec && kind != credentialSpecDomainless || !arn.Is(file) {
			return refuse("Invalid credential spec '%s' for container '%s': it must be credentialspec:ARN or credentialspecdomainless:ARN.", spec, *c.Name)
		}
	}
	return nil
}

// securityOption is the word before the value of a docker security option:
// label of label:type:x and label=type:x.
func securityOption(option string) string {
	return option[:len(option)-len(strings.TrimLeft(option, "abcdefghijklmnopqrstuvwxyz-"))]
}
