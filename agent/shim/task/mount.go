//go:build cgo

package task

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	berth "berth/agent/runtime"
)

// mountAll mounts each of mounts at target, one over the other.
func mountAll(mounts []berth.Mount, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, m := range mounts {
		if err := mount(m, target); err != nil {
			return errors.Join(fmt.Errorf("%s from %s: %w", m.Type, m.Source, err), unmountBelow(target))
		}
	}
	return nil
}

// mountFlags are the options of mount(8) that are flags of mount(2).
func mountFlags() map[string]uintptr {
	return map[string]uintptr{
		"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
		"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME,
		"strictatime": unix.MS_STRICTATIME, "sync": unix.MS_SYNCHRONOUS, "dirsync": unix.MS_DIRSYNC,
		"bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC,
		"rw": 0, "suid": 0, "dev": 0, "exec": 0, "atime": 0, "defaults": 0,
	}
}

func mount(m berth.Mount, target string) error {
	var flags uintptr
	var rest []string
	for _, option := range m.Options {
		if flag, ok := mountFlags()[option]; ok {
			flags |= flag
		} else {
			rest = append(rest, option)
		}
	}
	// The kernel takes one page of options, which many layers exceed: their
	// paths are then given from the directory that they share.
	options, dir := strings.Join(rest, ","), ""
	if m.Type == "overlay" && len(options) >= os.Getpagesize() {
		options, dir = shorten(rest)
	}
	if err := mountFrom(dir, m.Source, target, m.Type, flags, options); err != nil {
		return err
	}
	if flags&unix.MS_BIND != 0 && flags&unix.MS_RDONLY != 0 { // a bind mount is born writable
		return unix.Mount("", target, "", flags|unix.MS_REMOUNT, "")
	}
	return nil
}

// shorten gives the layers of an overlay as paths from dir.
func shorten(options []string) (short, dir string) {
	const key = "lowerdir="
	i := slices.IndexFunc(options, func(o string) bool { return strings.HasPrefix(o, key) })
	if i < 0 {
		return strings.Join(options, ","), ""
	}
	layers := strings.Split(options[i][len(key):], ":")
	dir = filepath.Dir(layers[0])
	for _, layer := range layers {
		for !strings.HasPrefix(layer, dir+"/") && dir != "/" {
			dir = filepath.Dir(dir)
		}
	}
	if dir == "/" {
		return strings.Join(options, ","), ""
	}
	for j, layer := range layers {
		layers[j] = layer[len(dir)+1:]
	}
	options = slices.Clone(options)
	options[i] = key + strings.Join(layers, ":")
	return strings.Join(options, ","), dir
}

// mountFrom mounts with dir as the working directory, unless it is empty.
func mountFrom(dir, source, target, kind string, flags uintptr, options string) error {
	if dir == "" {
		return unix.Mount(source, target, kind, flags, options)
	}
	done := make(chan error)
	go func() {
		// A thread whose working directory is its own; it ends with the goroutine.
		runtime.LockOSThread()
		done <- errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chdir(dir), unix.Mount(source, target, kind, flags, options))
	}()
	return <-done
}

// unmountBelow unmounts whatever is mounted at dir and below it.
func unmountBelow(dir string) error {
	points, err := mountPoints(dir)
	for _, point := range slices.Backward(points) { // the last mounted first
		if e := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); e != nil && !errors.Is(e, unix.EINVAL) {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", point, e))
		}
	}
	// The table is read in pieces, and lacks an entry at times while others
	// change: what is mounted at dir goes in any case, with all that is below it.
	for unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
	}
	return err
}

// mountPoints lists what is mounted at dir and below it, in the order of mounting.
func mountPoints(dir string) ([]string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	var points []string
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line)) // proc(5): the fifth is the mount point
		if len(fields) < 5 {
			continue
		}
		if point := unescape.Replace(fields[4]); point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points, nil
}
