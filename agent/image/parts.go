package image

import (
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
	for _, dir := range []string{layers, filepath.Join(cfg.Dir, "l"), filepath.Join(cfg.Dir, "views")} {
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
	if errors.Is(err, bolt.ErrTimeout) {
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
	p.collect = func(ctx context.Context) error {
		_, err := meta.GarbageCollect(ctx)
		return err
	}
	return p.heal(ctx, unpacked)
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

// heal removes what a process that was killed had begun.
func (p *parts) heal(ctx context.Context, unpacked snapshots.Snapshotter) error {
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

// connect uses a containerd that runs already. It collects its garbage by itself.
func (p *parts) connect(_ context.Context, cfg Config) error {
	c, err := client.New(cfg.Address, client.WithDefaultNamespace(cfg.Namespace), client.WithTimeout(10*time.Second))
	if err != nil {
		return fmt.Errorf("containerd at %s: %w", cfg.Address, err)
	}
	p.closers = append(p.closers, c)
	p.content = c.ContentStore()
	p.snapshots = c.SnapshotService(p.snapshotter)
	p.images = c.ImageService()
	p.leases = c.LeasesService()
	p.applier = c.DiffService()
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
