package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"berth/api/acs/message"
)

// record is what is kept of a shared volume: shared/<name>/volume.json.
type record struct {
	DriverOpts map[string]string
	Labels     map[string]string
}

// shared is a docker volume that outlives tasks, by its plain name. One that is
// there must be what the task expects: the texts are those of Amazon's agent.
func (s *Store) shared(ctx context.Context, taskDir string, v message.Volume) (Volume, error) {
	want := record{v.Docker.DriverOpts, v.Docker.Labels}
	m, err := parseDriver(*v.Docker)
	if err != nil {
		return Volume{}, err
	}
	unlock, err := s.locks.Acquire(ctx, "shared "+v.Name)
	if err != nil {
		return Volume{}, err
	}
	defer unlock()
	dir := filepath.Join(s.cfg.Dir, "shared", v.Name)
	var have record
	text, err := os.ReadFile(filepath.Join(dir, "volume.json"))
	switch {
	case errors.Is(err, os.ErrNotExist) && !v.Docker.Autoprovision:
		return Volume{}, errors.New("it is shared, is not on this instance, and autoprovision is off")
	case errors.Is(err, os.ErrNotExist):
		err = s.createShared(dir, want)
		have = want
	case err == nil:
		err = json.Unmarshal(text, &have)
	}
	switch {
	case err != nil:
		return Volume{}, err
	case v.Docker.Autoprovision && !maps.Equal(want.Labels, have.Labels):
		return Volume{}, fmt.Errorf("intended volume labels %v doesn't match existing volume labels %v", want.Labels, have.Labels)
	case v.Docker.Autoprovision && !maps.Equal(want.DriverOpts, have.DriverOpts):
		return Volume{}, fmt.Errorf("intended volume options %v doesn't match existing volume options %v", want.DriverOpts, have.DriverOpts)
	case !v.Docker.Autoprovision:
		if m, err = parseDriver(message.DockerVolume{DriverOpts: have.DriverOpts}); err != nil {
			return Volume{}, err
		}
	}
	user := filepath.Join(dir, "users", filepath.Base(taskDir))
	if err := os.WriteFile(user, nil, 0o600); err != nil {
		return Volume{}, err
	}
	path, err := s.provide(ctx, dir, "_data", m)
	return Volume{Path: path, ID: v.Name}, err
}

// createShared makes a shared volume; its record comes last.
func (s *Store) createShared(dir string, r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "users"), 0o711); err != nil {
		return err
	}
	file := filepath.Join(dir, "volume.json")
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// leaveShared ends a task's use of shared volumes.
func (s *Store) leaveShared(ctx context.Context, task string) error {
	uses, err := filepath.Glob(filepath.Join(s.cfg.Dir, "shared", "*", "users", task))
	if err != nil {
		return err
	}
	for _, use := range uses {
		if err := s.leave(ctx, use); err != nil {
			return err
		}
	}
	return nil
}

// leave ends one use of a shared volume, and unmounts it if it was the last.
func (s *Store) leave(ctx context.Context, use string) error {
	dir := filepath.Dir(filepath.Dir(use))
	unlock, err := s.locks.Acquire(ctx, "shared "+filepath.Base(dir))
	if err != nil {
		return err
	}
	defer unlock()
	users, err := os.ReadDir(filepath.Dir(use))
	if err != nil {
		return err
	}
	if len(users) == 1 {
		if err := unmountBelow(filepath.Join(dir, "mounts")); err != nil {
			return err
		}
	}
	return os.Remove(use)
}
