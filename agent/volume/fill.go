package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	continuity "github.com/containerd/continuity/fs"
	securejoin "github.com/cyphar/filepath-securejoin"
)

// Fill copies what an image has at a container's path into a docker volume that
// is empty, with owners and modes, as docker does when a container is created.
// root is where the image is mounted. Paths of the host and EFS are left as they are.
func (s *Store) Fill(ctx context.Context, v Volume, root, containerPath string) error {
	if v.ID == "" {
		return nil
	}
	from, err := securejoin.SecureJoin(root, containerPath)
	if err != nil {
		return err
	}
	unlock, err := s.locks.Acquire(ctx, "fill "+v.Path)
	if err != nil {
		return err
	}
	defer unlock()
	if err := fill(v.Path, from); err != nil {
		return fmt.Errorf("fill volume %s from the image's %s: %w", v.Name, containerPath, err)
	}
	return nil
}

func fill(path, from string) error {
	f, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !f.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	// A mark says that a copy has begun: what a crash left half full is not what somebody wrote.
	mark := filepath.Join(filepath.Dir(path), ".fill-"+filepath.Base(path))
	_, err = os.Stat(mark)
	begun := err == nil
	there, err := os.ReadDir(path)
	if err != nil || len(there) > 0 && !begun {
		return err
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return err
	}
	for _, f := range there {
		if err := os.RemoveAll(filepath.Join(path, f.Name())); err != nil {
			return err
		}
	}
	if err := continuity.CopyDir(path, from); err != nil { // in place: other containers may have it mounted
		return err
	}
	return os.Remove(mark)
}
