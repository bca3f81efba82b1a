package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// parts are what containerd gives: the same interfaces over its own code in
// this process, or over the socket of a containerd that runs already.
type parts struct {
	namespace   string
	content     content.Store
	images      images.Store
	leases      leases.Manager
	snapshotter string // its name
	snapshots   snapshots.Snapshotter
	applier     diff.Applier
	apply       []diff.ApplyOpt
	settle      func() error                // waits until unpacked layers are on the disk
	overlay     bool                        // this machine mounts overlays in our directory
	collect     func(context.Context) error // removes what nothing refers to
	closers     []io.Closer                 // in the order of their making
}

func openParts(ctx context.Context, cfg Config) (*parts, error) {
	p := &parts{namespace: cfg.Namespace, snapshotter: "native"}
	if strings.ContainsAny(cfg.Dir, ":,\\") {
		return nil, errors.New("the path has a character that mount options cannot hold: one of : , \\")
	}
	layers := filepath.Join(cfg.Dir, "layers")
	for _, dir := range []string{layers, filepath.Join(cfg.Dir, "views")} {
		if err := os.MkdirAll(dir, 0o711); err != nil { // containers' root directories are below
			return nil, err
		}
	}
	if err := unmountViews(filepath.Join(cfg.Dir, "views")); err != nil {
		return nil, err
	}
	if err := overlayutils.Supported(layers); err == nil {
		p.overlay, p.snapshotter = true, "overlayfs"
	} else {
		cfg.Log.Warn("no overlay file systems here: each container gets a copy of its image", "dir", cfg.Dir, "err", err)
	}
	open := p.embed
	if cfg.Address != "" {
		open = p.connect
	}
	if err := open(p.context(ctx), cfg); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// embed opens containerd's stores in cfg.Dir. Nothing else of it runs: no
// server, no plugins, no shims.
func (p *parts) embed(ctx context.Context, cfg Config) error {
	logrus.SetLevel(logrus.ErrorLevel) // where it has no context, it warns of what is no fault: a disk without fs-verity
	blobs, err := local.NewStore(filepath.Join(cfg.Dir, "content"))
	if err != nil {
		return err
	}
	newSnapshotter := native.NewSnapshotter
	if p.overlay {
		newSnapshotter = func(root string) (snapshots.Snapshotter, error) { return overlay.NewSnapshotter(root) }
	}
	// Every commit of this database is synced: only pulls, imports and removals
	// write to it, and a container's start does not.
	db, err := bolt.Open(filepath.Join(cfg.Dir, "meta.db"), 0o600, &bolt.Options{Timeout: time.Second})
	if errors.Is(err, berrors.ErrTimeout) {
		return errors.New("another process has them open")
	}
	if err != nil {
		return err
	}
	p.closers = append(p.closers, db)
	unpacked, err := newSnapshotter(filepath.Join(cfg.Dir, p.snapshotter))
	if err != nil {
		return err
	}
	p.closers = append(p.closers, unpacked)

	meta := metadata.NewDB(db, blobs, map[string]snapshots.Snapshotter{p.snapshotter: unpacked})
	if err := meta.Init(ctx); err != nil {
		return err
	}
	p.content = meta.ContentStore()
	p.snapshots = meta.Snapshotter(p.snapshotter)
	p.images = metadata.NewImageStore(meta)
	p.leases = metadata.NewLeaseManager(meta)
	p.applier = apply.NewFileSystemApplier(p.content)
	p.settle = func() error { return syncFileSystem(cfg.Dir) }
	p.collect = func(ctx context.Context) error {
		_, err := meta.GarbageCollect(ctx)
		return err
	}
	return p.heal(ctx, cfg.Dir, unpacked)
}

func syncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// unmountViews removes what View left when the process was killed.
func unmountViews(dir string) error {
	left, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, view := range left {
		root := filepath.Join(dir, view.Name())
		if err := errors.Join(mount.UnmountAll(root, 0), os.Remove(root)); err != nil {
			return err
		}
	}
	return nil
}

// heal removes what a process that was killed had begun. What it had fetched
// stays for the next pull, unless the machine restarted since: layers of a pull
// that did not end may then not be on the disk, whatever the database says.
func (p *parts) heal(ctx context.Context, dir string, unpacked snapshots.Snapshotter) error {
	now, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "boot")
	if last, err := os.ReadFile(file); err != nil || !bytes.Equal(last, now) {
		if err := p.dropLeases(ctx); err != nil {
			return err
		}
		if err := os.WriteFile(file, now, 0o600); err != nil {
			return err
		}
	}
	if err := p.collect(ctx); err != nil {
		return fmt.Errorf("collect garbage: %w", err)
	}
	if c, ok := unpacked.(snapshots.Cleaner); ok {
		if err := c.Cleanup(ctx); err != nil && !errdefs.IsNotFound(err) { // not found: it never had a snapshot
			return err
		}
	}
	return nil
}

func (p *parts) dropLeases(ctx context.Context) error {
	all, err := p.leases.List(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		if err := p.leases.Delete(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// connect uses a containerd that runs already. It collects its garbage by itself.
func (p *parts) connect(ctx context.Context, cfg Config) error {
	if _, err := os.Stat(cfg.Address); err != nil { // the client would wait for it
		return fmt.Errorf("containerd: %w", err)
	}
	c, err := client.New(cfg.Address, client.WithDefaultNamespace(cfg.Namespace), client.WithTimeout(10*time.Second))
	if err != nil {
		return fmt.Errorf("containerd at %s: %w", cfg.Address, err)
	}
	p.closers = append(p.closers, c)
	if _, err := c.Version(ctx); err != nil {
		return fmt.Errorf("containerd at %s: %w", cfg.Address, err)
	}
	p.content = c.ContentStore()
	p.snapshots = c.SnapshotService(p.snapshotter)
	p.images = c.ImageService()
	p.leases = c.LeasesService()
	p.applier = c.DiffService()
	p.apply = []diff.ApplyOpt{diff.WithSyncFs(true)}
	p.settle = func() error { return nil }
	p.collect = func(context.Context) error { return nil }
	return nil
}

// context makes ctx one for containerd: with our namespace, and without its log,
// because what goes wrong comes back as an error.
func (p *parts) context(ctx context.Context) context.Context {
	return log.WithLogger(namespaces.WithNamespace(ctx, p.namespace), silent())
}

func silent() *log.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

func (p *parts) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i].Close())
	}
	return errors.Join(errs...)
}
