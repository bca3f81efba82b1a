package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// This reads what [Spec] must know of the machine that the agent runs on. What
// the runtime knows is its caller's to add: Seccomp and CgroupV2.
func This() (Machine, error) {
	m := Machine{Devices: devices}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return m, err
	}
	if m.Capabilities, err = permitted(string(status)); err != nil {
		return m, err
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return m, fmt.Errorf("limit of open files: %w", err)
	}
	m.MaxFiles = files.Max
	for _, file := range []string{"/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "/sys/fs/cgroup/*/memory.swap.max"} {
		found, _ := filepath.Glob(file)
		m.SwapLimit = m.SwapLimit || len(found) > 0
	}
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	m.AppArmor = bytes.HasPrefix(enabled, []byte("Y"))
	return m, nil
}

// permitted reads CapPrm of /proc/self/status.
func permitted(status string) (names []string, err error) {
	_, rest, _ := strings.Cut(status, "CapPrm:")
	line, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return nil, fmt.Errorf("CapPrm of /proc/self/status: %w", err)
	}
	for bit, name := range capabilityNames() {
		if set&(1<<bit) != 0 {
			names = append(names, "CAP_"+name)
		}
	}
	return names, nil
}

// capabilityNames are the kernel's, by number: capability.h.
func capabilityNames() []string {
	return strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
		NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
		SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
		SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)
}

// devices finds the device at path, or all below it but those that a container has of its own.
func devices(path string) (found []specs.LinuxDevice, err error) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return nil, err
	}
	if s.Mode&unix.S_IFMT != unix.S_IFDIR {
		d, ok := device(path, s)
		if !ok {
			return nil, errors.New("not a device node")
		}
		return []specs.LinuxDevice{d}, nil
	}
	err = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone since it was listed
		case err != nil:
			return err
		case e.IsDir() && (at == "/dev/pts" || at == "/dev/shm" || at == "/dev/mqueue"):
			return fs.SkipDir
		case e.IsDir() || at == "/dev/console" || e.Type()&fs.ModeDevice == 0:
			return nil
		}
		var s unix.Stat_t
		if err := unix.Stat(at, &s); err != nil {
			return nil
		}
		if d, ok := device(at, s); ok {
			found = append(found, d)
		}
		return nil
	})
	return found, err
}

func device(path string, s unix.Stat_t) (specs.LinuxDevice, bool) {
	kind, ok := map[uint32]string{unix.S_IFCHR: "c", unix.S_IFBLK: "b", unix.S_IFIFO: "p"}[s.Mode&unix.S_IFMT]
	mode := os.FileMode(s.Mode &^ unix.S_IFMT)
	return specs.LinuxDevice{Path: path, Type: kind, Major: int64(unix.Major(s.Rdev)), Minor: int64(unix.Minor(s.Rdev)),
		FileMode: &mode, UID: &s.Uid, GID: &s.Gid}, ok
}
