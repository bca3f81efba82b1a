// Package volume has the volumes of tasks: directories of the host, docker's
// named volumes, EFS file systems mapped to what the operator has, and a file
// system of a given size for a task's ephemeral storage.
//
// [Store.Attach] makes one true and gives its directory; [Store.Detach] undoes
// all of a task. The directories are their own record, made before anything is
// mounted, so that a crash leaves nothing unknown. [Mounts] is pure: it says where
// a container sees which directory. Used by agent/engine.
package volume

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"berth/agent/lock"
	"berth/api/acs/message"
)

// Config says where volumes are kept. The zero value of a field is its default.
type Config struct {
	Dir string // required. One Store at a time.

	// EFS maps ids of file systems, and of access points, to what stands for them:
	// a directory of this machine (/srv/shared) or a path of an NFS server (nas:/export/shared).
	EFS map[string]string

	// NoHostPaths refuses volumes that name a path of the host, as Fargate does.
	NoHostPaths bool

	Log *slog.Logger
}

// Store is the volumes of one machine. All methods may be called at the same time.
type Store struct {
	cfg   Config
	locks lock.Named // by a task's id, and by "shared " and a volume's name: held while something of it is made or removed
}

// Volume is one volume that is ready for a container.
type Volume struct {
	Name string // in the task definition
	Path string // on the host: a directory, or one file
	ID   string // docker's name of it: ecs-web-3-scratch-…, or its plain name where it is shared; empty for a path of the host
}

// Open opens the volumes in cfg.Dir.
func Open(cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("volume: Dir is required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for id, target := range cfg.EFS {
		if _, err := parseTarget(target); err != nil {
			return nil, fmt.Errorf("efs %s: %w", id, err)
		}
	}
	for _, dir := range []string{"tasks", "shared"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, dir), 0o711); err != nil {
			return nil, err
		}
	}
	return &Store{cfg: cfg}, nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$`)

// Attach makes a task's volume true. To attach it again gives the same.
func (s *Store) Attach(ctx context.Context, t message.Task, v message.Volume) (Volume, error) {
	out, err := s.attach(ctx, t, v)
	if err != nil {
		return Volume{}, fmt.Errorf("volume %s: %w", v.Name, err)
	}
	out.Name = v.Name
	return out, nil
}

func (s *Store) attach(ctx context.Context, t message.Task, v message.Volume) (Volume, error) {
	if !validName.MatchString(v.Name) {
		return Volume{}, errors.New("its name must be letters, digits, hyphens and underscores")
	}
	dir, unlock, err := s.taskDir(ctx, t.ARN)
	if err != nil {
		return Volume{}, err
	}
	defer unlock()
	switch {
	case v.Docker != nil && v.Docker.Scope == "shared":
		return s.shared(ctx, dir, v)
	case v.Docker != nil:
		return s.ofTask(ctx, dir, t, v.Name, *v.Docker)
	case v.EFS != nil:
		return s.efs(ctx, dir, v)
	case v.Host == nil:
		return Volume{}, fmt.Errorf("the type %q is not supported by this agent", v.Type)
	case v.Host.SourcePath != "":
		return s.hostPath(v.Host.SourcePath)
	}
	return s.ofTask(ctx, dir, t, v.Name, message.DockerVolume{})
}

// hostPath is a path of the host, which docker makes a directory of where it is not there.
func (s *Store) hostPath(path string) (Volume, error) {
	if s.cfg.NoHostPaths {
		return Volume{}, errors.New("host.sourcePath is not supported on Fargate")
	}
	if !filepath.IsAbs(path) {
		return Volume{}, fmt.Errorf("host.sourcePath %q must be absolute", path)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return Volume{Path: path}, os.MkdirAll(path, 0o755)
	} else if err != nil {
		return Volume{}, err
	}
	return Volume{Path: path}, nil
}

// ofTask is a docker volume that ends with its task.
func (s *Store) ofTask(ctx context.Context, dir string, t message.Task, name string, d message.DockerVolume) (Volume, error) {
	m, err := parseDriver(d)
	if err != nil {
		return Volume{}, err
	}
	hash := sha256.Sum256([]byte(t.ARN + " " + name))
	v := Volume{ID: fmt.Sprintf("ecs-%s-%s-%s-%s", t.Family, t.Version, name, hex.EncodeToString(hash[:10]))}
	v.Path, err = s.provide(ctx, dir, name, m)
	return v, err
}

// provide makes a volume's directory below dir, and mounts m on it if there is
// something to mount. Directories with data and those with mounts are apart, so
// that nobody ever deletes what is in a mount.
func (s *Store) provide(ctx context.Context, dir, name string, m source) (string, error) {
	switch {
	case m.bind != "":
		if s.cfg.NoHostPaths {
			return "", errors.New("driverOpts.device: a path of the host is not supported on Fargate")
		}
		_, err := os.Stat(m.bind)
		return m.bind, err
	case m.kind == "":
		path := filepath.Join(dir, "data", name)
		return path, os.MkdirAll(path, 0o755)
	}
	path := filepath.Join(dir, "mounts", name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	return path, m.mount(ctx, path)
}

// taskDir locks a task and makes the directory that has all of its volumes and says whose it is.
func (s *Store) taskDir(ctx context.Context, arn string) (dir string, unlock func(), err error) {
	id, err := idOf(arn)
	if err != nil {
		return "", nil, err
	}
	unlock, err = s.locks.Acquire(ctx, id)
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(s.cfg.Dir, "tasks", id)
	err = os.MkdirAll(dir, 0o711)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "arn"), []byte(arn), 0o600)
	}
	if err != nil {
		unlock()
		return "", nil, err
	}
	return dir, unlock, nil
}

// idOf is the last part of a task's ARN.
func idOf(arn string) (string, error) {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	if !validName.MatchString(id) {
		return "", fmt.Errorf("not the ARN of a task: %q", arn)
	}
	return id, nil
}

// Detach unmounts a task's volumes and removes those that end with it. It may be repeated.
func (s *Store) Detach(ctx context.Context, arn string) error {
	id, err := idOf(arn)
	if err != nil {
		return err
	}
	unlock, err := s.locks.Acquire(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.leaveShared(ctx, id); err != nil {
		return fmt.Errorf("detach volumes of %s: %w", arn, err)
	}
	if err := remove(filepath.Join(s.cfg.Dir, "tasks", id)); err != nil {
		return fmt.Errorf("detach volumes of %s: %w", arn, err)
	}
	return nil
}

// Tasks are the ARNs of all tasks that volumes are attached to, for the engine
// to detach those it does not know.
func (s *Store) Tasks() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.cfg.Dir, "tasks", "*", "arn"))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, file := range files {
		arn, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // detached since it was listed
		}
		if err != nil {
			return nil, err
		}
		all = append(all, string(arn))
	}
	return all, nil
}

// Down detaches every task and unmounts every volume; the data of shared ones stays.
func (s *Store) Down(ctx context.Context) error {
	tasks, err := os.ReadDir(filepath.Join(s.cfg.Dir, "tasks"))
	if err != nil {
		return err
	}
	var errs []error
	for _, task := range tasks {
		errs = append(errs, s.Detach(ctx, task.Name()))
	}
	return errors.Join(errs...)
}
