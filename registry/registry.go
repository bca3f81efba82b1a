// Package registry keeps container images on disk and serves them by the OCI
// distribution protocol: the distribution project's registry, embedded, with
// what an ECR needs on top: images described, removed, and swept while others
// push.
//
// It knows no users and no policies: package api/ecr stands in front of it.
package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/distribution/reference"
)

// Config says where images are kept.
type Config struct {
	Dir string // made where it is missing
}

// Registry is a directory of repositories and the blobs they share.
type Registry struct {
	dir       string
	driver    driver.StorageDriver
	namespace distribution.Namespace
	app       *handlers.App

	// Sweeping removes blobs that nothing refers to. What may come to refer to
	// one meanwhile holds the lock for reading.
	sweeping sync.RWMutex
}

// threads is how many files are open at once.
const threads = 100

// Open returns the registry that is in a directory. Close ends it.
func Open(ctx context.Context, cfg Config) (*Registry, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep images: %w", err)
	}
	secret, err := uploadSecret(filepath.Join(cfg.Dir, "upload-secret"))
	if err != nil {
		return nil, err
	}
	files := filesystem.New(filesystem.DriverParameters{RootDirectory: cfg.Dir, MaxThreads: threads})
	namespace, err := storage.NewRegistry(ctx, files, storage.EnableDelete)
	if err != nil {
		return nil, err
	}
	settings := &configuration.Configuration{Storage: configuration.Storage{
		"filesystem":  configuration.Parameters{"rootdirectory": cfg.Dir, "maxthreads": threads},
		"delete":      configuration.Parameters{"enabled": true},
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}}, // Sweep does that
	}}
	settings.HTTP.Secret = secret
	settings.HTTP.RelativeURLs = true // where clients reach us is not ours to know
	settings.Log.AccessLog.Disabled = true
	return &Registry{
		dir:       filepath.Join(cfg.Dir, "docker", "registry", "v2"),
		driver:    files,
		namespace: namespace,
		app:       handlers.NewApp(ctx, settings),
	}, nil
}

// uploadSecret returns what signs the state of uploads that clients carry. It is
// kept in a file, so that uploads outlast a restart.
func uploadSecret(file string) (string, error) {
	if known, err := os.ReadFile(file); err == nil && len(known) > 0 {
		return string(known), nil
	}
	secret := rand.Text()
	return secret, os.WriteFile(file, []byte(secret), 0o600)
}

// Close ends what the registry does by itself.
func (r *Registry) Close() error { return r.app.Shutdown() }

// ServeHTTP serves the OCI distribution protocol below /v2/. It lets everyone do
// everything.
//
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.sweeping.RLock()
	defer r.sweeping.RUnlock()
	r.app.ServeHTTP(w, req)
}

// repository opens a repository, which need not have anything in it.
func (r *Registry) repository(ctx context.Context, name string) (distribution.Repository, error) {
	named, err := reference.WithName(name)
	if err != nil {
		return nil, err
	}
	return r.namespace.Repository(ctx, named)
}

// Remove deletes a repository with all its images. Their blobs go with a later
// sweep.
func (r *Registry) Remove(ctx context.Context, name string) error {
	r.sweeping.RLock()
	defer r.sweeping.RUnlock()
	return storage.NewVacuum(ctx, r.driver).RemoveRepository(name)
}

// notFound reports whether err says that something is not there.
func notFound(err error) bool {
	var path driver.PathNotFoundError
	var tag distribution.ErrTagUnknown
	var repository distribution.ErrRepositoryUnknown
	var revision distribution.ErrManifestUnknownRevision
	var manifest distribution.ErrManifestUnknown
	return errors.As(err, &path) || errors.As(err, &tag) || errors.As(err, &repository) ||
		errors.As(err, &revision) || errors.As(err, &manifest) || errors.Is(err, distribution.ErrBlobUnknown)
}
