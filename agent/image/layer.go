package image

import (
	"context"
	"errors"

	"berth/agent/runtime"
)

// Snapshot makes the writable layer of a container on top of an image and
// returns how to mount its root. The same key gives the same layer again, after a restart too.
//
// key is a file name, such as <task id>-<container>. The layer is kept in dir,
// which has the task's ephemeral storage; empty is the store's own directory.
func (s *Store) Snapshot(ctx context.Context, key string, img Image, dir string) ([]runtime.Mount, error) {
	return nil, errors.New("not built yet")
}

// RemoveSnapshot removes a container's writable layer. It must be unmounted. One that is not there is no error.
func (s *Store) RemoveSnapshot(key string) error {
	return errors.New("not built yet")
}

// Snapshots are the keys of all writable layers, for the engine to remove those that no task owns.
func (s *Store) Snapshots() ([]string, error) {
	return nil, errors.New("not built yet")
}

// View mounts an image for reading, calls look with the mount's path, and unmounts it.
func (s *Store) View(ctx context.Context, img Image, look func(root string) error) error {
	return errors.New("not built yet")
}
