package host

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/agent/engine"
	"berth/agent/image"
	"berth/agent/oci"
	"berth/agent/volume"
	"berth/api/acs/message"
)

// attachVolumes makes what a task mounts, and room for what it writes.
func (h *Host) attachVolumes(ctx context.Context, t *engine.Task) error {
	if err := os.MkdirAll(h.dir(t.ID()), 0o711); err != nil {
		return err
	}
	for _, v := range t.Payload.Volumes {
		if _, err := h.cfg.Volumes.Attach(ctx, t.Payload, v); err != nil {
			return err
		}
	}
	if size := t.Payload.EphemeralStorage; size != nil {
		at, err := h.cfg.Volumes.Ephemeral(ctx, t.Payload.ARN, size.SizeInGiB)
		if err != nil {
			return err
		}
		link := h.dir(t.ID(), "ephemeral")
		if err := errors.Join(removeIfThere(link), os.Symlink(at, link)); err != nil {
			return err
		}
	}
	if at := h.shm(t); at != "" {
		size, err := shmSize(t)
		return errors.Join(err, mountShm(at, size))
	}
	return nil
}

// shmSize is the most that a container of a task asks for, in bytes, and
// otherwise what Docker gives one.
func shmSize(t *engine.Task) (int64, error) {
	size := int64(0)
	for _, c := range t.Payload.Containers {
		docker, err := oci.Parse(c.DockerConfig)
		if err != nil {
			return 0, fmt.Errorf("container %s: %w", c.Name, err)
		}
		size = max(size, docker.HostConfig.ShmSize)
	}
	return cmp.Or(size, 64<<20), nil
}

// ephemeral is where a task's containers write; empty is beside the images.
func (h *Host) ephemeral(t *engine.Task) string {
	if t.Payload.EphemeralStorage == nil {
		return ""
	}
	at, _ := filepath.EvalSymlinks(h.dir(t.ID(), "ephemeral"))
	return at
}

// shm is the /dev/shm that the containers of a task share, if they do.
func (h *Host) shm(t *engine.Task) string {
	if t.Payload.IPCMode != "task" {
		return ""
	}
	return h.dir(t.ID(), "shm")
}

// mountShm mounts a tmpfs of a size, once.
func mountShm(at string, size int64) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	var s unix.Statfs_t
	if err := unix.Statfs(at, &s); err != nil || s.Type == unix.TMPFS_MAGIC {
		return err
	}
	return unix.Mount("shm", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, fmt.Sprintf("mode=1777,size=%d", size))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// detachVolumes undoes attachVolumes.
func (h *Host) detachVolumes(ctx context.Context, t *engine.Task) error {
	h.unmountShm(t.ID())
	return h.cfg.Volumes.Detach(ctx, t.Payload.ARN)
}

func (h *Host) unmountShm(task string) {
	_ = unix.Unmount(h.dir(task, "shm"), unix.MNT_DETACH) // most tasks have none
}

func (h *Host) retainVolumes(ctx context.Context, tasks []string) error {
	arns, err := h.cfg.Volumes.Tasks()
	if err != nil {
		return err
	}
	var errs []error
	for _, arn := range arns {
		if !slices.Contains(tasks, engine.ID(arn)) {
			errs = append(errs, h.cfg.Volumes.Detach(ctx, arn))
		}
	}
	entries, err := os.ReadDir(h.cfg.Dir)
	for _, e := range entries {
		if !slices.Contains(tasks, e.Name()) {
			h.unmountShm(e.Name())
		}
	}
	return errors.Join(append(errs, err)...)
}

// mounts are where a container sees volumes: those of the task, those of other
// containers, and those of its image. Names gets docker's names of them, by source.
func (h *Host) mounts(ctx context.Context, t *engine.Task, container string, img image.Image, names map[string]string) ([]specs.Mount, error) {
	def := t.Definition(container)
	volumes, own, from := map[string]volume.Volume{}, map[string]volume.Volume{}, map[string][]specs.Mount{}
	var err error
	for _, v := range t.Payload.Volumes {
		if volumes[v.Name], err = h.cfg.Volumes.Attach(ctx, t.Payload, v); err != nil { // gives what Prepare made
			return nil, err
		}
	}
	for path := range img.Config.Volumes {
		v := message.Volume{Name: container + "-" + hex.EncodeToString([]byte(path)), Type: "docker", Docker: &message.DockerVolume{Scope: "task"}}
		if own[path], err = h.cfg.Volumes.Attach(ctx, t.Payload, v); err != nil {
			return nil, err
		}
	}
	for _, source := range def.VolumesFrom {
		other, err := h.image(ctx, t, source.SourceContainer)
		if err != nil {
			return nil, err
		}
		if from[source.SourceContainer], err = h.mounts(ctx, t, source.SourceContainer, other, names); err != nil {
			return nil, err
		}
	}
	for _, some := range []map[string]volume.Volume{volumes, own} {
		for _, v := range some {
			names[v.Path] = v.ID
		}
	}
	if err := h.fill(ctx, def, img, volumes, own); err != nil {
		return nil, err
	}
	return volume.Mounts(*def, volumes, from, own)
}

// fill gives new volumes what the image has where they are mounted.
func (h *Host) fill(ctx context.Context, def *message.Container, img image.Image, volumes, own map[string]volume.Volume) error {
	ours := func(p message.MountPoint) bool { return volumes[p.SourceVolume].ID != "" }
	if len(own) == 0 && !slices.ContainsFunc(def.MountPoints, ours) {
		return nil // paths of the host are as they are
	}
	return h.cfg.Images.View(ctx, img, func(root string) error {
		var errs []error
		for _, p := range def.MountPoints {
			errs = append(errs, h.cfg.Volumes.Fill(ctx, volumes[p.SourceVolume], root, p.ContainerPath))
		}
		for path, v := range own {
			errs = append(errs, h.cfg.Volumes.Fill(ctx, v, root, path))
		}
		return errors.Join(errs...)
	})
}
