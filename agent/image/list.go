package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ErrNotFound is returned for an image that is not here.
var ErrNotFound = errors.New("no such image")

// ErrInUse is returned by Remove for an image that a container uses.
var ErrInUse = errors.New("image is in use by a container")

// loadedLabel marks records of images that were imported.
const loadedLabel = "berth.loaded"

// Get finds an image that is here, by a reference as in a task definition, for this machine's architecture.
func (s *Store) Get(ctx context.Context, ref string) (Image, error) {
	named, err := parse(ref)
	if err != nil {
		return Image{}, err
	}
	return s.find(s.parts.context(ctx), named.String(), platform(""))
}

// List has all images here, by reference. One that is not whole, or not for this machine, is left out.
func (s *Store) List(ctx context.Context) ([]Image, error) {
	ctx = s.parts.context(ctx)
	records, err := s.parts.images.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []Image
	for _, r := range records {
		if img, err := s.load(ctx, r, platform("")); err == nil {
			all = append(all, img)
		}
	}
	slices.SortFunc(all, func(a, b Image) int { return strings.Compare(a.Ref, b.Ref) })
	return all, nil
}

// Remove removes an image and frees what only it used. The last name of an image that a container uses stays.
func (s *Store) Remove(ctx context.Context, ref string) error {
	ctx = s.parts.context(ctx)
	named, err := parse(ref)
	if err != nil {
		return err
	}
	record, err := s.parts.images.Get(ctx, named.String())
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("%s: %w", named, ErrNotFound)
	}
	if err != nil {
		return err
	}
	names, err := s.names(ctx, record.Target.Digest)
	if err != nil {
		return err
	}
	users, err := s.users()
	if err != nil {
		return err
	}
	if users[record.Target.Digest.String()] && len(names) == 1 {
		return fmt.Errorf("%s: %w", named, ErrInUse)
	}
	if err := s.parts.images.Delete(ctx, record.Name, images.SynchronousDelete()); err != nil {
		return err
	}
	return s.parts.collect(ctx)
}

// names are all references to one digest.
func (s *Store) names(ctx context.Context, d digest.Digest) ([]string, error) {
	records, err := s.parts.images.List(ctx, "target.digest=="+d.String())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
	}
	return names, nil
}

// find loads an image by its full reference.
func (s *Store) find(ctx context.Context, name string, only machine) (Image, error) {
	record, err := s.parts.images.Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return Image{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return Image{}, err
	}
	return s.load(ctx, record, only)
}

// load reads what is known of an image. One whose parts are not all here is ErrNotFound.
func (s *Store) load(ctx context.Context, record images.Image, only machine) (Image, error) {
	manifest, err := images.Manifest(ctx, s.parts.content, record.Target, only)
	if errdefs.IsNotFound(err) {
		return Image{}, fmt.Errorf("%s: %w (%w)", record.Name, ErrNotFound, err)
	}
	if err != nil {
		return Image{}, err
	}
	text, err := content.ReadBlob(ctx, s.parts.content, manifest.Config)
	if errdefs.IsNotFound(err) {
		return Image{}, fmt.Errorf("%s: %w (%w)", record.Name, ErrNotFound, err)
	}
	if err != nil {
		return Image{}, err
	}
	var config struct {
		ocispec.Image
		Config struct {
			ocispec.ImageConfig
			Healthcheck json.RawMessage
		} `json:"config"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return Image{}, fmt.Errorf("%s: configuration: %w", record.Name, err)
	}
	if config.Architecture != "" && !only.Match(platforms.Normalize(config.Platform)) {
		return Image{}, only.noMatch(fmt.Errorf("it is for %s", platforms.Format(config.Platform)))
	}
	chain := identity.ChainID(config.RootFS.DiffIDs).String()
	if chain != "" {
		if _, err := s.parts.snapshots.Stat(ctx, chain); errdefs.IsNotFound(err) {
			return Image{}, fmt.Errorf("%s: %w (its layers are not unpacked)", record.Name, ErrNotFound)
		} else if err != nil {
			return Image{}, err
		}
	}
	img := Image{
		Ref:     record.Name,
		Digest:  record.Target.Digest.String(),
		ID:      manifest.Config.Digest.String(),
		ChainID: chain,
		Size:    manifest.Config.Size,
		OS:      config.OS,
		Arch:    config.Architecture,
		Loaded:  record.Labels[loadedLabel] != "",
		Created: record.UpdatedAt,
		Config:  config.Config.ImageConfig,

		Healthcheck: config.Config.Healthcheck,
	}
	for _, layer := range manifest.Layers {
		img.Size += layer.Size
	}
	return img, nil
}

// record gives a digest its name. A name that was another digest's leaves that
// one under repository@digest, for containers that use it: Clean removes it later.
func (s *Store) record(ctx context.Context, name string, target ocispec.Descriptor, loaded bool) error {
	unlock, err := s.locks.Acquire(ctx, "name "+name)
	if err != nil {
		return err
	}
	defer unlock()
	now := images.Image{Name: name, Target: target}
	if loaded {
		now.Labels = map[string]string{loadedLabel: "true"}
	}
	old, err := s.parts.images.Get(ctx, name)
	if errdefs.IsNotFound(err) {
		_, err = s.parts.images.Create(ctx, now)
		return err
	}
	if err != nil || old.Target.Digest == target.Digest && maps.Equal(old.Labels, now.Labels) {
		return err
	}
	if old.Target.Digest != target.Digest {
		if err := s.keep(ctx, old); err != nil {
			return err
		}
	}
	_, err = s.parts.images.Update(ctx, now)
	return err
}

func (s *Store) keep(ctx context.Context, old images.Image) error {
	named, err := reference.ParseNormalizedNamed(old.Name)
	if err != nil {
		return err
	}
	byDigest, err := reference.WithDigest(reference.TrimNamed(named), old.Target.Digest)
	if err != nil {
		return err
	}
	_, err = s.parts.images.Create(ctx, images.Image{Name: byDigest.String(), Target: old.Target})
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// touch notes that an image was used just now.
func (s *Store) touch(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[digest] = time.Now()
}
