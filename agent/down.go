package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/agent/network"
	"berth/agent/runtime"
	"berth/agent/shim"
	"berth/agent/shim/binary"
)

// Down ends every container of a data directory's agents and removes all that
// they made on this machine outside of that directory: shims, cgroups, network
// namespaces, links, packet filters and mounts. It refuses while an agent runs,
// and does as well where the directory is gone.
//
// Files stay; an agent that starts later reports the tasks in them as stopped.
func Down(ctx context.Context, dataDir string) error {
	if os.Geteuid() != 0 {
		return errors.New("what agents made takes root to remove")
	}
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return err
	}
	_, err = os.Stat(Dir(dir))
	gone := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(Dir(dir), 0o711); err != nil {
		return err
	}
	agents := &Agents{cfg: Config{DataDir: dir}, name: Name(dir)}
	lock, err := agents.lock()
	if err != nil {
		return err
	}
	defer lock.Close()

	program, err := binary.Unpack(Dir(dir, "bin"))
	if err != nil && !errors.Is(err, runtime.ErrNoShim) { // without one, nothing has run
		return err
	}
	err = down(ctx, dir, program)
	if gone {
		err = errors.Join(err, os.RemoveAll(Dir(dir)))
		os.Remove(dir) // made just now, unless something else is in it
	}
	return err
}

// down is Down with the shim's program; empty if there is none.
func down(ctx context.Context, dir, program string) error {
	var errs []error
	for _, pool := range []string{"ec2", "fargate", "external"} {
		if err := endTasks(ctx, dir, pool, program); err != nil {
			errs = append(errs, fmt.Errorf("end the tasks of pool %s: %w", pool, err))
		}
	}
	errs = append(errs, unmountBelow("/proc/self/mountinfo", Dir(dir)))
	errs = append(errs, network.Down(ctx, network.Config{Name: Name(dir), Dir: Dir(dir, "network")}))
	parents, _ := filepath.Glob("/sys/fs/cgroup/*/berth") // of version 1
	for _, parent := range append(parents, "/sys/fs/cgroup/berth") {
		_ = os.Remove(parent) // unless another Berth on this machine uses it
	}
	return errors.Join(errs...)
}

// endTasks ends the shims of a pool, and all that is in its cgroup.
func endTasks(ctx context.Context, dir, pool, program string) error {
	cfg := shim.Config{Dir: Dir(dir, pool, "shims"), Cgroup: Cgroup(Name(dir), pool), Binary: program}
	if _, err := os.Stat(cfg.Dir); program == "" && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	shims, err := shim.Open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := shims.Down(ctx); err != nil {
		return errors.Join(err, shims.Close())
	}
	return nil
}

// unmountBelow unmounts all that mountinfo (proc_pid_mountinfo(5)) lists below
// dir, the last mounted first.
func unmountBelow(mountinfo, dir string) error {
	f, err := os.Open(mountinfo)
	if err != nil {
		return err
	}
	defer f.Close()
	var points []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		if strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	slices.Reverse(points)
	var errs []error
	for _, point := range points {
		// A mount below another may have gone with it.
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}
