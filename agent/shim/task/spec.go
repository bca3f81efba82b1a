//go:build cgo

package task

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/moby/sys/user"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
)

// complete fills in what only the shim knows of a container's specification.
func (c *container) complete(r *runtime.Container) error {
	spec := r.Spec
	switch {
	case spec == nil || spec.Process == nil || spec.Linux == nil:
		return errors.New("OCI specification: Process and Linux are needed")
	case len(spec.Process.Args) == 0:
		return &runtime.ProcessError{Message: "no command specified"}
	}
	if c.rootfs != "" {
		if spec.Root == nil {
			spec.Root = &specs.Root{}
		}
		spec.Root.Path = c.rootfs
	}
	if spec.Root == nil {
		return errors.New("OCI specification: Root is needed where there are no mounts")
	}
	spec.Linux.CgroupsPath = path.Join(c.task.record.Cgroup, c.name)
	if c.task.record.SharePID {
		share(spec, specs.PIDNamespace, c.task.pauseNamespace("pid"))
	}
	if c.task.record.ShareIPC {
		share(spec, specs.IPCNamespace, c.task.pauseNamespace("ipc"))
	}
	if spec.Process.OOMScoreAdj == nil {
		spec.Process.OOMScoreAdj = new(int) // else it would have the shim's
	}
	if filter := spec.Linux.Seccomp; filter != nil {
		// No distribution starts with the x32 ABI switched on, and to compile
		// the filter for it costs 8 ms of every start.
		filter.Architectures = slices.DeleteFunc(filter.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
	}
	if r.User != "" {
		return setUser(&spec.Process.User, r.User, spec.Root.Path)
	}
	return nil
}

// share puts a container into a namespace that is there.
func share(spec *specs.Spec, kind specs.LinuxNamespaceType, path string) {
	spec.Linux.Namespaces = slices.DeleteFunc(spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind })
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
}

// setUser finds the ids of a user as Docker does: in the files of the root file
// system, where numbers need not be.
func setUser(u *specs.User, name, rootfs string) error {
	passwd, err := openWithin(rootfs, "/etc/passwd")
	if err != nil {
		return err
	}
	defer passwd.Close()
	group, err := openWithin(rootfs, "/etc/group")
	if err != nil {
		return err
	}
	defer group.Close()
	found, err := user.GetExecUser(name, nil, passwd, group)
	if err != nil {
		return &runtime.ProcessError{Message: err.Error()}
	}
	u.UID, u.GID = uint32(found.Uid), uint32(found.Gid)
	for _, gid := range found.Sgids {
		u.AdditionalGids = append(u.AdditionalGids, uint32(gid))
	}
	return nil
}

// openWithin opens a file of a root file system, wherever its links point. One
// that is not there is empty.
func openWithin(rootfs, name string) (io.ReadCloser, error) {
	f, err := pathrs.OpenInRoot(rootfs, name)
	if errors.Is(err, os.ErrNotExist) {
		return os.Open(os.DevNull)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return pathrs.Reopen(f, unix.O_RDONLY|unix.O_NONBLOCK)
}

// newProcess translates what libcontainer does not take from its own
// configuration of the container.
func newProcess(p *specs.Process) (*libcontainer.Process, error) {
	process := &libcontainer.Process{
		Args: p.Args,
		Env:  p.Env,
		Cwd:  p.Cwd,
		UID:  int(p.User.UID),
		GID:  int(p.User.GID),
	}
	for _, gid := range p.User.AdditionalGids {
		process.AdditionalGroups = append(process.AdditionalGroups, int(gid))
	}
	if p.ConsoleSize != nil {
		process.ConsoleWidth, process.ConsoleHeight = uint16(p.ConsoleSize.Width), uint16(p.ConsoleSize.Height)
	}
	for _, limit := range p.Rlimits {
		number, ok := rlimits()[limit.Type]
		if !ok {
			return nil, fmt.Errorf("OCI specification: unknown limit %s", limit.Type)
		}
		process.Rlimits = append(process.Rlimits, configs.Rlimit{Type: number, Hard: limit.Hard, Soft: limit.Soft})
	}
	return process, nil
}

func rlimits() map[string]int {
	return map[string]int{
		"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU,
		"RLIMIT_DATA": unix.RLIMIT_DATA, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS,
		"RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NICE": unix.RLIMIT_NICE,
		"RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_RSS": unix.RLIMIT_RSS,
		"RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME,
		"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_STACK": unix.RLIMIT_STACK,
	}
}

// Features says what this build and this machine give to containers.
func Features() runtime.Features {
	return runtime.Features{Seccomp: seccomp.Enabled, CgroupV2: cgroups.IsCgroup2UnifiedMode()}
}
