package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/api/acs/message"
)

// source is what stands behind a volume's directory. The zero value is nothing: the directory itself.
type source struct {
	bind    string // a path of the host
	kind    string // file system: nfs, tmpfs, ext4 …
	device  string
	options []string
}

// parseDriver reads what docker's driver local knows:
// https://docs.docker.com/reference/cli/docker/volume/create/#driver-specific-options
func parseDriver(d message.DockerVolume) (source, error) {
	if d.Driver != "" && d.Driver != "local" {
		return source{}, fmt.Errorf("the driver %q is not supported by this agent, which has local", d.Driver)
	}
	for name := range d.DriverOpts {
		if !slices.Contains([]string{"type", "device", "o"}, name) {
			return source{}, fmt.Errorf("driverOpts: invalid option %q: the driver local has type, device and o", name)
		}
	}
	s := source{kind: d.DriverOpts["type"], device: d.DriverOpts["device"]}
	for option := range strings.SplitSeq(d.DriverOpts["o"], ",") {
		if option != "" {
			s.options = append(s.options, option)
		}
	}
	binds := slices.Contains(s.options, "bind") || slices.Contains(s.options, "rbind")
	switch {
	case binds && filepath.IsAbs(s.device):
		return source{bind: s.device}, nil
	case binds:
		return source{}, fmt.Errorf("driverOpts.device %q: to bind it, it must be an absolute path", s.device)
	case len(d.DriverOpts) == 0:
		return source{}, nil
	case s.kind == "":
		return source{}, errors.New("driverOpts.type is missing")
	case s.device == "":
		return source{}, errors.New("driverOpts.device is missing")
	}
	return s, nil
}

// mount mounts s on path, unless it is there.
func (s source) mount(ctx context.Context, path string) error {
	if mounted, err := mountinfo.Mounted(path); mounted || err != nil {
		return err
	}
	if s.kind == "nfs" || s.kind == "nfs4" {
		var err error
		if s, err = s.resolved(ctx); err != nil {
			return err
		}
	}
	m := mount.Mount{Type: s.kind, Source: s.device, Options: s.options}
	done := make(chan error, 1)
	go func() { done <- m.Mount(path) }() // of a server that is gone it may take long
	select {
	case err := <-done:
		if errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("this machine's kernel has no file system of the type %s", s.kind)
		}
		if err != nil {
			return fmt.Errorf("mount %s %s: %w", s.kind, s.device, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("mount %s %s: %w", s.kind, s.device, context.Cause(ctx))
	}
}

// resolved does what mount.nfs does for mount(2): it finds the server's address,
// and whether anybody is there.
func (s source) resolved(ctx context.Context) (source, error) {
	host, _, _ := strings.Cut(s.device, ":/")
	addr := ""
	for _, option := range s.options {
		if value, ok := strings.CutPrefix(option, "addr="); ok {
			addr = value
		}
	}
	s.options = slices.DeleteFunc(slices.Clone(s.options), func(o string) bool { return strings.HasPrefix(o, "addr=") })
	port := "2049"
	for _, option := range s.options {
		if value, ok := strings.CutPrefix(option, "port="); ok {
			port = value
		}
	}
	if addr == "" {
		addr = host
	}
	if addr == "" {
		return s, fmt.Errorf("%q names no server: want server:/path, or the option addr=", s.device)
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(addr, port))
	if err != nil {
		return s, fmt.Errorf("NFS server %s: %w", addr, err)
	}
	defer conn.Close()
	ip := conn.RemoteAddr().(*net.TCPAddr).IP.String()
	mine := conn.LocalAddr().(*net.TCPAddr).IP.String()
	s.options = append(s.options, "addr="+ip, "clientaddr="+mine)
	return s, nil
}

// remove unmounts all below dir and deletes dir. What is under "mounts" it only
// deletes if it is an empty directory: a mount that stays must not lose its data.
func remove(dir string) error {
	if err := unmountBelow(dir); err != nil {
		return err
	}
	mounts, err := os.ReadDir(filepath.Join(dir, "mounts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, m := range mounts {
		if err := os.Remove(filepath.Join(dir, "mounts", m.Name())); err != nil { // refuses a directory with files
			return err
		}
	}
	return os.RemoveAll(dir)
}

// unmountBelow unmounts all below dir, and finds that nothing is left.
func unmountBelow(dir string) error {
	for range 10 { // one may hide another
		found, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
		if err != nil || len(found) == 0 {
			return err
		}
		for _, m := range slices.Backward(found) {
			if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", m.Mountpoint, err)
			}
		}
	}
	return fmt.Errorf("something is mounted below %s again and again", dir)
}
