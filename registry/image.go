package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/distribution/distribution/v3"
	"github.com/distribution/distribution/v3/manifest/manifestlist"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	// Each makes a kind of manifest known to the package distribution.
	_ "github.com/distribution/distribution/v3/manifest/ocischema"
	_ "github.com/distribution/distribution/v3/manifest/schema2"
)

// Image is one manifest of a repository.
type Image struct {
	Digest       string // of the manifest
	Tags         []string
	MediaType    string // of the manifest
	ArtifactType string // what it is an image of: a container's configuration, mostly
	Size         int64  // bytes of its configuration and layers, as they travel
	PushedAt     time.Time
	Manifest     []byte
	Parts        []string // digests of its configuration and layers; of a list of images, those images
	List         bool     // it is a list of images
}

// ErrNotFound is what is not in the registry.
var ErrNotFound = errors.New("not found")

// Images lists the images of a repository, the oldest first.
func (r *Registry) Images(ctx context.Context, name string) ([]Image, error) {
	r.sweeping.RLock()
	defer r.sweeping.RUnlock()
	return r.images(ctx, name)
}

func (r *Registry) images(ctx context.Context, name string) ([]Image, error) {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	manifests, err := repository.Manifests(ctx)
	if err != nil {
		return nil, err
	}
	tags, err := tagsByDigest(ctx, repository)
	if err != nil {
		return nil, err
	}
	var images []Image
	err = manifests.(distribution.ManifestEnumerator).Enumerate(ctx, func(d digest.Digest) error {
		i, err := r.image(ctx, name, manifests, d)
		if errors.Is(err, ErrNotFound) {
			return nil // it was deleted meanwhile
		}
		i.Tags = tags[d.String()]
		images = append(images, i)
		return err
	})
	if err != nil && !notFound(err) {
		return nil, err
	}
	slices.SortFunc(images, func(a, b Image) int {
		return cmp.Or(a.PushedAt.Compare(b.PushedAt), cmp.Compare(a.Digest, b.Digest))
	})
	return images, nil
}

// tagsByDigest lists the tags of a repository, in order, by what they mean.
func tagsByDigest(ctx context.Context, repository distribution.Repository) (map[string][]string, error) {
	service := repository.Tags(ctx)
	all, err := service.All(ctx)
	if err != nil && !notFound(err) {
		return nil, err
	}
	slices.Sort(all)
	tags := map[string][]string{}
	for _, tag := range all {
		target, err := service.Get(ctx, tag)
		if notFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		tags[target.Digest.String()] = append(tags[target.Digest.String()], tag)
	}
	return tags, nil
}

// image describes a manifest, without its tags.
func (r *Registry) image(ctx context.Context, name string, manifests distribution.ManifestService, d digest.Digest) (Image, error) {
	m, err := manifests.Get(ctx, d)
	if notFound(err) {
		return Image{}, ErrNotFound
	}
	if err != nil {
		return Image{}, err
	}
	i := Image{Digest: d.String()}
	if i.MediaType, i.Manifest, err = m.Payload(); err != nil {
		return Image{}, err
	}
	i.List = i.MediaType == v1.MediaTypeImageIndex || i.MediaType == manifestlist.MediaTypeManifestList
	for _, part := range m.References() {
		i.Parts = append(i.Parts, part.Digest.String())
		if !i.List {
			i.Size += part.Size
		}
	}
	i.ArtifactType = artifactType(i.Manifest)
	link := path.Join("/docker/registry/v2/repositories", name, "_manifests/revisions", d.Algorithm().String(), d.Encoded(), "link")
	if info, err := r.driver.Stat(ctx, link); err == nil {
		i.PushedAt = info.ModTime().UTC()
	}
	return i, nil
}

// artifactType is what a manifest says it is of.
func artifactType(manifest []byte) string {
	var m struct {
		ArtifactType string
		Config       struct{ MediaType string }
	}
	json.Unmarshal(manifest, &m) // it was parsed before
	return cmp.Or(m.ArtifactType, m.Config.MediaType)
}

// Tag returns the digest that a tag means, or ErrNotFound.
func (r *Registry) Tag(ctx context.Context, name, tag string) (string, error) {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return "", err
	}
	target, err := repository.Tags(ctx).Get(ctx, tag)
	if notFound(err) {
		return "", ErrNotFound
	}
	return target.Digest.String(), err
}

// Image returns one image by its digest, or ErrNotFound.
func (r *Registry) Image(ctx context.Context, name, id string) (Image, error) {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return Image{}, err
	}
	d, err := digest.Parse(id)
	if err != nil {
		return Image{}, ErrNotFound
	}
	manifests, err := repository.Manifests(ctx)
	if err != nil {
		return Image{}, err
	}
	return r.image(ctx, name, manifests, d)
}

// MissingParts says which blobs or images a manifest names that the repository lacks.
type MissingParts struct{ Digests []string }

func (m *MissingParts) Error() string {
	return fmt.Sprintf("parts of the image are missing: %v", m.Digests)
}

// Invalid is a manifest that cannot be understood.
type Invalid struct{ Reason error }

func (i *Invalid) Error() string { return "invalid manifest: " + i.Reason.Error() }

// Put stores a manifest, whose parts must be there, and gives it a tag if there
// is one. An empty media type is the one that the manifest names. Errors are
// *MissingParts and *Invalid.
func (r *Registry) Put(ctx context.Context, name, tag, mediaType string, manifest []byte) (Image, error) {
	r.sweeping.RLock()
	defer r.sweeping.RUnlock()
	m, target, err := distribution.UnmarshalManifest(cmp.Or(mediaType, namedType(manifest)), manifest)
	if err != nil {
		return Image{}, &Invalid{err}
	}
	repository, err := r.repository(ctx, name)
	if err != nil {
		return Image{}, err
	}
	manifests, err := repository.Manifests(ctx)
	if err != nil {
		return Image{}, err
	}
	if _, err := manifests.Put(ctx, m); err != nil {
		return Image{}, putError(err)
	}
	if tag != "" {
		if err := repository.Tags(ctx).Tag(ctx, tag, target); err != nil {
			return Image{}, err
		}
	}
	return r.image(ctx, name, manifests, target.Digest)
}

// namedType is the media type that a manifest says it has.
func namedType(manifest []byte) string {
	var m struct{ MediaType string }
	json.Unmarshal(manifest, &m) // what cannot be parsed has no type, and is refused for that
	return cmp.Or(m.MediaType, v1.MediaTypeImageManifest)
}

func putError(err error) error {
	var problems distribution.ErrManifestVerification
	if !errors.As(err, &problems) {
		return &Invalid{err}
	}
	missing := &MissingParts{}
	for _, problem := range problems {
		var blob distribution.ErrManifestBlobUnknown
		if !errors.As(problem, &blob) {
			return &Invalid{problem}
		}
		missing.Digests = append(missing.Digests, blob.Digest.String())
	}
	return missing
}

// Untag takes a tag off whatever image it means.
func (r *Registry) Untag(ctx context.Context, name, tag string) error {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return err
	}
	return repository.Tags(ctx).Untag(ctx, tag)
}

// Delete removes an image and its tags. Its blobs go with a later sweep.
func (r *Registry) Delete(ctx context.Context, name string, i Image) error {
	r.sweeping.RLock()
	defer r.sweeping.RUnlock()
	for _, tag := range i.Tags {
		if err := r.Untag(ctx, name, tag); err != nil && !notFound(err) {
			return err
		}
	}
	err := storage.NewVacuum(ctx, r.driver).RemoveManifest(name, digest.Digest(i.Digest), nil)
	if notFound(err) {
		return nil
	}
	return err
}
