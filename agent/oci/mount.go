package oci

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// defaultShm is docker's size of /dev/shm.
const defaultShm = 64 * mebibyte

// mounts are docker's usual ones and the container's own, which replace them.
func mounts(c Container) ([]specs.Mount, error) {
	own, err := ownMounts(c)
	if err != nil {
		return nil, err
	}
	covered := func(m specs.Mount) bool {
		return slices.ContainsFunc(own, func(o specs.Mount) bool {
			return o.Destination == m.Destination || o.Destination == "/dev" && strings.HasPrefix(m.Destination, "/dev/")
		})
	}
	all := slices.DeleteFunc(append(systemMounts(c), etcMounts(c)...), covered)
	return append(all, own...), nil
}

// ownMounts are volumes, tmpfs and the init process, outer directories before inner ones.
func ownMounts(c Container) (own []specs.Mount, err error) {
	for _, m := range c.Mounts {
		m.Destination = path.Clean(m.Destination)
		own = append(own, m)
	}
	for target, options := range c.Docker.HostConfig.Tmpfs {
		m, err := tmpfs(target, options)
		if err != nil {
			return nil, err
		}
		own = append(own, m)
	}
	if c.Docker.HostConfig.Init {
		own = append(own, bind(c.Init, initPath, true))
	}
	slices.SortFunc(own, func(a, b specs.Mount) int { return cmp.Compare(a.Destination, b.Destination) })
	for i, m := range own {
		switch {
		case !path.IsAbs(m.Destination):
			return nil, fmt.Errorf("invalid mount: mount path must be absolute: %q", m.Destination)
		case m.Destination == "/":
			return nil, errors.New("invalid mount: destination can't be '/'")
		case i > 0 && own[i-1].Destination == m.Destination:
			return nil, fmt.Errorf("Duplicate mount point: %s", m.Destination)
		}
	}
	return own, nil
}

func bind(source, target string, readOnly bool) specs.Mount {
	mode := "rw"
	if readOnly {
		mode = "ro"
	}
	return specs.Mount{Type: "bind", Source: source, Destination: target, Options: []string{"rbind", mode, "rprivate"}}
}

// tmpfs has docker's options unless the definition says their opposites.
func tmpfs(target, options string) (specs.Mount, error) {
	opposite := map[string]string{"exec": "noexec", "suid": "nosuid", "dev": "nodev", "noexec": "exec", "nosuid": "suid", "nodev": "dev", "ro": "rw", "rw": "ro"}
	all := []string{"noexec", "nosuid", "nodev", "rprivate"}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "", "defaults":
			continue
		case "bind", "rbind", "remount", "move":
			return specs.Mount{}, fmt.Errorf("linuxParameters.tmpfs %s: the option %s is not for a tmpfs", target, option)
		}
		all = slices.DeleteFunc(all, func(o string) bool { return o == option || o == opposite[option] })
		all = append(all, option)
	}
	return specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: path.Clean(target), Options: all}, nil
}

// etcMounts are the files that say who the container is and how names are resolved.
func etcMounts(c Container) (all []specs.Mount) {
	for _, file := range []struct{ source, target string }{
		{c.Etc.Hosts, "/etc/hosts"}, {c.Etc.Hostname, "/etc/hostname"}, {c.Etc.ResolvConf, "/etc/resolv.conf"},
	} {
		if file.source != "" {
			all = append(all, bind(file.source, file.target, c.Docker.HostConfig.ReadonlyRootfs))
		}
	}
	return all
}

// systemMounts are what every container has.
func systemMounts(c Container) []specs.Mount {
	strict := func(more ...string) []string { return append([]string{"nosuid", "noexec", "nodev"}, more...) }
	readOnly := []string{"ro"}
	if c.Docker.HostConfig.Privileged {
		readOnly = nil
	}
	all := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: strict()},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: strict(readOnly...)},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: strict(readOnly...)},
	}
	// Its queues are those of the IPC namespace, also if that is the host's.
	all = append(all, specs.Mount{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: strict()})
	switch {
	case c.IPC == None:
	case c.IPC == Host:
		all = append(all, bind("/dev/shm", "/dev/shm", false))
	case c.IPC == Task && c.Shm != "":
		all = append(all, bind(c.Shm, "/dev/shm", false))
	default:
		size := cmp.Or(c.Docker.HostConfig.ShmSize, defaultShm)
		all = append(all, specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: strict("mode=1777", fmt.Sprintf("size=%d", size))})
	}
	return all
}
