// Package volume has the volumes of tasks: directories of the host, docker's
// named volumes, EFS file systems mapped to what the operator has, and a file
// system of a given size for a task's ephemeral storage.
//
// [Store.Attach] makes one true and gives its directory; [Store.Detach] undoes all
// of a task. What it made is written down before it is made, so that a crash
// leaves nothing unknown. [Mounts] is pure: it says where a container sees which
// directory. Used by agent/engine.
package volume

import (
	"context"
	"errors"
	"log/slog"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/api/acs/message"
)

// Config says where volumes are kept. The zero value of a field is its default.
type Config struct {
	Dir string // required

	// EFS maps file system ids to what stands for them: a directory of this
	// machine (/srv/shared) or a path of an NFS server (nas:/export/shared).
	EFS map[string]string

	// NoHostPaths refuses volumes that name a path of the host, as Fargate does.
	NoHostPaths bool

	Log *slog.Logger
}

// Store is the volumes of one machine. All methods may be called at the same time.
type Store struct{ cfg Config }

// Volume is one volume that is ready for a container.
type Volume struct {
	Name string // in the task definition
	Path string // on the host
	ID   string // docker's name of it: ecs-web-3-scratch-…, or its plain name where it is shared; empty for a path of the host
	Fill bool   // new and empty: an image that has files where a container mounts it gives it those
}

// Open opens the volumes in cfg.Dir.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("volume: Dir is required")
	}
	return &Store{cfg}, nil
}

// Attach makes a task's volume true. To attach it again gives the same.
func (s *Store) Attach(ctx context.Context, t message.Task, v message.Volume) (Volume, error) {
	return Volume{}, errors.New("not built yet")
}

// Fill copies what an image has at a container's path into a volume that is
// new, once, as docker does. root is where the image is mounted.
func (s *Store) Fill(ctx context.Context, v Volume, root, containerPath string) error {
	return errors.New("not built yet")
}

// Ephemeral makes a file system of that size for what a task's containers
// write, and returns its directory. It is Detach's to remove.
func (s *Store) Ephemeral(ctx context.Context, taskARN string, gib int32) (dir string, err error) {
	return "", errors.New("not built yet")
}

// Detach unmounts a task's volumes and removes those that end with it.
func (s *Store) Detach(ctx context.Context, taskARN string) error {
	return errors.New("not built yet")
}

// Tasks are the ARNs of all tasks that volumes are attached to, for the engine to detach those it does not know.
func (s *Store) Tasks() ([]string, error) {
	return nil, errors.New("not built yet")
}

// Mounts says what a container mounts: its mount points, what it takes from
// other containers of the task (from has their mounts by name), and a new volume for
// each VOLUME of its image that is not covered (anonymous has them by path).
func Mounts(c message.Container, volumes map[string]Volume, from map[string][]specs.Mount, anonymous map[string]Volume) ([]specs.Mount, error) {
	return nil, errors.New("not built yet")
}
