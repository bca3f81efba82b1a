package registry

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/distribution/distribution/v3/registry/storage"
)

// Swept is what a sweep removed.
type Swept struct {
	Blobs   int
	Bytes   int64
	Uploads int
}

// Sweep removes blobs that no image refers to, and uploads that were given up,
// as far as they are older than a time: a push that is under way has not named
// its blobs yet. A push that finds a blob instead of sending it makes the blob
// young again (see [Registry.Touch]).
func (r *Registry) Sweep(ctx context.Context, before time.Time) (s Swept, err error) {
	used, err := r.used(ctx)
	if err != nil {
		return s, err
	}
	old, err := r.oldBlobs(used, before)
	if err != nil {
		return s, err
	}
	if s.Uploads, err = r.sweepUploads(before); err != nil || len(old) == 0 {
		return s, err
	}

	// Nobody may come to refer to a blob from here on.
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	if used, err = r.used(ctx); err != nil {
		return s, err
	}
	if old, err = r.oldBlobs(used, before); err != nil {
		return s, err
	}
	for id, size := range old {
		if err := r.removeBlob(ctx, id); err != nil {
			return s, err
		}
		s.Blobs++
		s.Bytes += size
	}
	return s, nil
}

// used is the set of all digests that images of any repository refer to, and of
// their own.
func (r *Registry) used(ctx context.Context) (map[string]bool, error) {
	names, err := r.names()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, name := range names {
		images, err := r.images(ctx, name)
		if err != nil {
			return nil, err // better to keep a blob than to lose one
		}
		for _, i := range images {
			used[i.Digest] = true
			for _, part := range i.Parts {
				used[part] = true
			}
		}
	}
	return used, nil
}

// names lists the repositories that have ever been pushed to.
func (r *Registry) names() (names []string, err error) {
	root := filepath.Join(r.dir, "repositories")
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.Name() == "_manifests":
			name, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			names = append(names, filepath.ToSlash(name))
			return fs.SkipDir
		case strings.HasPrefix(d.Name(), "_"):
			return fs.SkipDir
		}
		return nil
	})
	return names, err
}

// oldBlobs are the blobs, with their sizes, that are not used and were written
// or touched before a time.
func (r *Registry) oldBlobs(used map[string]bool, before time.Time) (map[string]int64, error) {
	old := map[string]int64{}
	files, err := filepath.Glob(filepath.Join(r.dir, "blobs", "sha256", "*", "*", "data"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		id := "sha256:" + filepath.Base(filepath.Dir(file))
		info, err := os.Stat(file)
		if err == nil && !used[id] && info.ModTime().Before(before) {
			old[id] = info.Size()
		}
	}
	return old, nil
}

// removeBlob deletes a blob and what links to it as a layer.
func (r *Registry) removeBlob(ctx context.Context, id string) error {
	links, err := r.linksTo(id)
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := os.RemoveAll(link); err != nil {
			return err
		}
	}
	return storage.NewVacuum(ctx, r.driver).RemoveBlob(id)
}

// linksTo are the directories by which repositories have a layer.
func (r *Registry) linksTo(id string) (links []string, err error) {
	names, err := r.names()
	for _, name := range names {
		link := filepath.Join(r.dir, "repositories", filepath.FromSlash(name), "_layers", "sha256", strings.TrimPrefix(id, "sha256:"))
		if _, err := os.Stat(link); err == nil {
			links = append(links, link)
		}
	}
	return links, err
}

// sweepUploads deletes uploads that nothing was added to since a time.
func (r *Registry) sweepUploads(before time.Time) (n int, err error) {
	root := filepath.Join(r.dir, "repositories")
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !d.IsDir() || filepath.Base(filepath.Dir(file)) != "_uploads":
			return nil
		}
		at := d
		if data, err := os.Stat(filepath.Join(file, "data")); err == nil {
			at = fs.FileInfoToDirEntry(data)
		}
		if info, err := at.Info(); err != nil || !info.ModTime().Before(before) {
			return fs.SkipDir
		}
		if err := os.RemoveAll(file); err != nil {
			return err
		}
		n++
		return fs.SkipDir
	})
	return n, err
}

// Touch makes a blob young, so that no sweep takes it before the image that is
// being pushed with it is there.
func (r *Registry) Touch(id string) {
	hex, ok := strings.CutPrefix(id, "sha256:")
	if !ok || len(hex) != 64 || strings.ContainsAny(hex, "/.") {
		return
	}
	now := time.Now()
	os.Chtimes(filepath.Join(r.dir, "blobs", "sha256", hex[:2], hex, "data"), now, now) // it need not be there
}
