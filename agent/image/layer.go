package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/continuity/fs"
	"github.com/containerd/errdefs"

	"berth/agent/runtime"
)

// layer is what is written down of a container's writable layer.
type layer struct {
	Image  string   // digest
	Dir    string   // has fs, which the container writes, and work, which the kernel does
	Lowers []string // directories of the image's layers, top first
}

var validKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,250}$`)

// Snapshot makes the writable layer of a container on top of an image and
// returns how to mount its root. The same key gives the same layer again, after
// a restart too.
//
// key is a file name, such as <task id>-<container>. The layer is kept in dir,
// which has the task's ephemeral storage; empty is the store's own directory.
// Where there are no overlay file systems it is a copy of the image.
func (s *Store) Snapshot(ctx context.Context, key string, img Image, dir string) ([]runtime.Mount, error) {
	if !validKey.MatchString(key) {
		return nil, fmt.Errorf("snapshot %q: a key is letters, digits, '_', '.' and '-'", key)
	}
	if l, err := s.layer(key); err == nil && l.Image == img.Digest {
		return s.mounts(l)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	lowers, err := s.layersOf(s.parts.context(ctx), img)
	if err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", img.Ref, err)
	}
	if dir == "" {
		dir = filepath.Join(s.cfg.Dir, "layers")
	}
	l := layer{Image: img.Digest, Dir: filepath.Join(dir, key), Lowers: lowers}
	if err := s.create(key, l); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot %s: %w", key, err), s.RemoveSnapshot(key))
	}
	s.touch(img.Digest)
	return s.mounts(l)
}

// create writes the layer down before it makes its directories, so that a crash leaves none that is not known.
func (s *Store) create(key string, l layer) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return err
	}
	if err := writeFile(s.layerFile(key), text); err != nil {
		return err
	}
	upper := filepath.Join(l.Dir, "fs")
	for _, d := range []string{l.Dir, upper, filepath.Join(l.Dir, "work")} {
		if err := os.Mkdir(d, 0o711); err != nil {
			return err
		}
	}
	if len(l.Lowers) == 0 {
		return os.Chmod(upper, 0o755)
	}
	if !s.parts.overlay {
		return fs.CopyDir(upper, l.Lowers[0])
	}
	return likeRoot(upper, l.Lowers[0])
}

// likeRoot gives the upper directory, which is the container's /, the owner and mode of the image's.
func likeRoot(upper, lower string) error {
	was, err := os.Stat(lower)
	if err != nil {
		return err
	}
	owner := was.Sys().(*syscall.Stat_t)
	if err := os.Chown(upper, int(owner.Uid), int(owner.Gid)); err != nil {
		return err
	}
	return os.Chmod(upper, was.Mode())
}

// writeFile replaces a file at once. It is not synced: nothing that it is about outlives the machine's restart.
func writeFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (s *Store) layerFile(key string) string { return filepath.Join(s.cfg.Dir, "layers", key+".json") }

// layer reads what is written down of a layer. What the machine's restart tore is as good as not there.
func (s *Store) layer(key string) (l layer, err error) {
	text, err := os.ReadFile(s.layerFile(key))
	if err != nil {
		return l, err
	}
	if json.Unmarshal(text, &l) != nil {
		return layer{Dir: filepath.Join(s.cfg.Dir, "layers", key)}, nil
	}
	return l, nil
}

// mounts says how to mount a layer.
func (s *Store) mounts(l layer) ([]runtime.Mount, error) {
	upper := filepath.Join(l.Dir, "fs")
	if !s.parts.overlay || len(l.Lowers) == 0 {
		return []runtime.Mount{{Type: "bind", Source: upper, Options: []string{"rbind", "rw"}}}, nil
	}
	options := append(indexOff(),
		"workdir="+filepath.Join(l.Dir, "work"), "upperdir="+upper, "lowerdir="+strings.Join(l.Lowers, ":"))
	return []runtime.Mount{{Type: "overlay", Source: "overlay", Options: options}}, nil
}

// indexOff lets a layer be mounted again where the kernel would refuse it because it was copied.
func indexOff() []string {
	if _, err := os.Stat("/sys/module/overlay/parameters/index"); err != nil {
		return nil
	}
	return []string{"index=off"}
}

// layersOf finds the directories of an image's unpacked layers, top first.
func (s *Store) layersOf(ctx context.Context, img Image) ([]string, error) {
	if img.ChainID == "" {
		return nil, nil
	}
	unlock, err := s.locks.Acquire(ctx, "look-"+img.ChainID) // two would take each other's lease away
	if err != nil {
		return nil, err
	}
	defer unlock()
	s.mu.Lock()
	known := s.lowers[img.ChainID]
	s.mu.Unlock()
	if known != nil && !slices.ContainsFunc(known, gone) {
		return known, nil
	}
	var lowers []string
	err = s.leased(ctx, "look-"+img.ChainID, func(ctx context.Context) error {
		key := "look-" + img.ChainID
		view, err := s.parts.snapshots.View(ctx, key, img.ChainID)
		if errdefs.IsAlreadyExists(err) {
			view, err = s.parts.snapshots.Mounts(ctx, key)
		}
		if err != nil {
			return err
		}
		lowers = lowersOf(view)
		return s.parts.snapshots.Remove(ctx, key)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lowers[img.ChainID] = lowers
	return lowers, nil
}

// lowersOf reads what a snapshotter says about a view: a directory, or an overlay of several.
func lowersOf(view []mount.Mount) []string {
	for _, m := range view {
		for _, option := range m.Options {
			if dirs, ok := strings.CutPrefix(option, "lowerdir="); ok {
				return strings.Split(dirs, ":")
			}
		}
	}
	return []string{view[0].Source}
}

// gone reports whether a path is no longer there: its image was removed.
func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// RemoveSnapshot removes a container's writable layer. It must be unmounted.
// One that is not there is no error.
func (s *Store) RemoveSnapshot(key string) error {
	l, err := s.layer(key)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return fmt.Errorf("remove snapshot %s: %w", key, err)
	}
	s.touch(l.Image)
	return os.Remove(s.layerFile(key))
}

// Snapshots are the keys of all writable layers, for the engine to remove those
// that no task owns.
func (s *Store) Snapshots() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.cfg.Dir, "layers", "*.json"))
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files, nil
}

// users are the digests of the images that containers use.
func (s *Store) users() (map[string]bool, error) {
	keys, err := s.Snapshots()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, key := range keys {
		l, err := s.layer(key)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		used[l.Image] = true
	}
	return used, nil
}

// View mounts an image for reading, calls look with the mount's path, and unmounts it.
func (s *Store) View(ctx context.Context, img Image, look func(root string) error) error {
	lowers, err := s.layersOf(s.parts.context(ctx), img)
	if err != nil {
		return fmt.Errorf("view %s: %w", img.Ref, err)
	}
	if len(lowers) == 1 {
		return look(lowers[0])
	}
	root, err := os.MkdirTemp(s.viewsDir(), "")
	if err != nil {
		return err
	}
	defer os.Remove(root)
	if len(lowers) == 0 {
		return look(root)
	}
	options := append(indexOff(), "ro", "lowerdir="+strings.Join(lowers, ":"))
	if err := (&mount.Mount{Type: "overlay", Source: "overlay", Options: options}).Mount(root); err != nil {
		return fmt.Errorf("view %s: %w", img.Ref, err)
	}
	return errors.Join(look(root), mount.UnmountAll(root, 0))
}

func (s *Store) viewsDir() string { return filepath.Join(s.cfg.Dir, "views") }
