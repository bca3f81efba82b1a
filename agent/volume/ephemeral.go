package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/sys/mountinfo"
)

// CanSize says whether Ephemeral works on this machine.
func CanSize() error {
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return errors.New("a size of its own needs mkfs.ext4 (package e2fsprogs) on this instance")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("a size of its own needs loop devices on this instance: %w", err)
	}
	return nil
}

// Ephemeral makes a file system of that size for all that a task's containers
// write, and returns its directory, for image.Store.Snapshot. It is a sparse file
// with ext4 on a loop device: that bounds a task on any file system of the host,
// at the price of about 20 ms. Detach removes it.
func (s *Store) Ephemeral(ctx context.Context, arn string, gib int32) (string, error) {
	dir, unlock, err := s.taskDir(ctx, arn)
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, "mounts", ".ephemeral")
	if err := os.MkdirAll(path, 0o711); err != nil {
		return "", err
	}
	if mounted, err := mountinfo.Mounted(path); mounted || err != nil {
		return path, err
	}
	file := filepath.Join(dir, "ephemeral.ext4")
	if err := makeExt4(ctx, file, int64(gib)<<30); err != nil {
		return "", fmt.Errorf("ephemeralStorage: %w", err)
	}
	m := mount.Mount{Type: "ext4", Source: file, Options: []string{"loop", "noatime"}}
	if err := m.Mount(path); err != nil {
		return "", fmt.Errorf("ephemeralStorage: mount %s: %w", file, err)
	}
	return path, nil
}

func makeExt4(ctx context.Context, file string, size int64) error {
	if err := CanSize(); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	// No journal: it is gone with the task. No blocks for root: tasks run as root.
	cmd := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
