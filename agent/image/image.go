// Package image has the images of one machine: it pulls, imports, lists and
// removes them, unpacks their layers, and gives each container a file system.
//
// It uses containerd's content store, image store and snapshotters as a library,
// in this process or in a containerd that runs already, and nothing else of it:
// [Store.Snapshot] makes a container's writable layer with three directories and no
// database. It mounts nothing for long: the shim mounts what it returns.
// Used by agent/engine; agent/volume fills new volumes from images.
package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"berth/agent/lock"
)

// Image is one image for one platform, unpacked and ready for [Store.Snapshot].
type Image struct {
	Ref     string    // full reference: docker.io/library/nginx:1.27
	Digest  string    // of what the reference names, an index or a manifest: ECS's imageDigest
	ID      string    // digest of the configuration: docker's image ID
	ChainID string    // of the unpacked layers
	Size    int64     // bytes of the compressed layers, the configuration and the manifest
	OS      string    // linux
	Arch    string    // as Go names it: amd64, arm64
	Loaded  bool      // imported from an archive, never pulled
	Created time.Time // when the reference got this digest on this machine

	Config      ocispec.ImageConfig
	Healthcheck json.RawMessage // docker's addition to it, as the image has it; nil without one
}

// Config says where images are kept and how they are pulled. The zero value of
// a field is its default.
type Config struct {
	Dir string // required; holds everything. One Store at a time.

	// Address of a running containerd's socket. Default: containerd's parts run in
	// this process, with their data in Dir.
	Address string

	// Namespace in containerd, for two Stores may share one. Default "berth".
	Namespace string

	// PlainHTTP are registries (host or host:port) spoken to without TLS, beside those on a loopback address.
	PlainHTTP []string

	Downloads int           // layers downloaded at once, of all pulls together; default 6
	Attempts  int           // of a pull, while its errors may pass; default 5
	Backoff   time.Duration // before the second attempt, doubled for each one after; default 1 second
	Stall     time.Duration // without a byte from a registry before an attempt fails; default 1 minute

	Cleanup Cleanup
	Log     *slog.Logger
}

// Cleanup says which images [Store.Run] removes. Defaults are those of
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/automated_image_cleanup.html
type Cleanup struct {
	Disabled   bool
	Interval   time.Duration // between cycles; default 30 minutes
	MinimumAge time.Duration // since an image was last used by a container or pulled; default 1 hour
	PerCycle   int           // images removed in one cycle at most, least recently used first; default 5
}

// Store is the images of one machine. All methods may be called at the same time.
type Store struct {
	cfg       Config
	log       *slog.Logger
	parts     *parts
	downloads *semaphore.Weighted
	http      *http.Client
	locks     lock.Named

	opened time.Time

	mu     sync.Mutex
	used   map[string]time.Time // by digest; when an image was last asked for
	lowers map[string][]string  // by chain ID; directories of the unpacked layers, top first
}

// Open opens the images in cfg.Dir. It heals what an earlier process left half done.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Dir == "" {
		return nil, errors.New("image: Dir is required")
	}
	cfg.fill()
	p, err := openParts(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open images in %s: %w", cfg.Dir, err)
	}
	return &Store{
		cfg:       cfg,
		log:       cfg.Log,
		parts:     p,
		downloads: semaphore.NewWeighted(int64(cfg.Downloads)),
		http:      newHTTP(cfg.Stall),
		opened:    time.Now(),
		used:      map[string]time.Time{},
		lowers:    map[string][]string{},
	}, nil
}

// Close lets go of the store's files. Pulls must have ended.
func (s *Store) Close() error { return s.parts.close() }

func (c *Config) fill() {
	def(&c.Namespace, "berth")
	def(&c.Downloads, 6)
	def(&c.Attempts, 5)
	def(&c.Backoff, time.Second)
	def(&c.Stall, time.Minute)
	def(&c.Cleanup.Interval, 30*time.Minute)
	def(&c.Cleanup.MinimumAge, time.Hour)
	def(&c.Cleanup.PerCycle, 5)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// machine is a kind of machine that images run on.
type machine struct {
	platforms.MatchComparer
	name string // linux/amd64
}

// platform is the machine of an architecture, in Go's or in ECS's words; empty is this one.
func platform(arch string) machine {
	p := platforms.Normalize(ocispec.Platform{OS: "linux", Architecture: Architecture(arch)})
	return machine{platforms.Only(p), platforms.Format(p)}
}

// Match takes as well an image that does not say what it runs on, as docker does.
func (m machine) Match(p ocispec.Platform) bool {
	return p.Architecture == "" || m.MatchComparer.Match(p)
}

// noMatch says that an image is not for such a machine, in ECS's words.
func (m machine) noMatch(err error) error {
	return fmt.Errorf("image Manifest does not contain descriptor matching platform '%s': %w", m.name, err)
}

// Architecture turns ECS's name of a CPU architecture (X86_64, ARM64) into Go's;
// empty is this machine's. Any other comes back as it is.
func Architecture(ecs string) string {
	switch ecs {
	case "":
		return runtime.GOARCH
	case "X86_64":
		return "amd64"
	case "ARM64":
		return "arm64"
	}
	return ecs
}
