package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Import reads an OCI or docker archive, which may be compressed, and returns
// the images in it by the names that it gives them. They are kept until Remove.
func (s *Store) Import(ctx context.Context, from io.Reader) ([]Image, error) {
	ctx = s.parts.context(ctx)
	plain, err := compression.DecompressStream(from)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer plain.Close()
	unlock, err := s.locks.Acquire(ctx, "import") // two would take each other's lease away
	if err != nil {
		return nil, err
	}
	defer unlock()
	var imported []Image
	err = s.leased(ctx, "import", func(ctx context.Context) error {
		index, err := archive.ImportIndex(ctx, s.parts.content, plain)
		if err != nil {
			return err
		}
		entries, err := s.entries(ctx, index)
		if err != nil {
			return err
		}
		for _, e := range entries {
			img, err := s.enter(ctx, e)
			if err != nil {
				return err
			}
			imported = append(imported, img)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return imported, nil
}

// enter unpacks one image of an archive and records it.
func (s *Store) enter(ctx context.Context, e entry) (Image, error) {
	only := platform("")
	if err := s.unpack(ctx, e.target, only); err != nil {
		return Image{}, fmt.Errorf("%s: %w", e.name, err)
	}
	record := images.Image{Name: e.name, Target: e.target, Labels: map[string]string{loadedLabel: "true"}}
	img, err := s.load(ctx, record, only)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", e.name, err)
	}
	s.touch(img.Digest)
	return img, s.record(ctx, e.name, e.target, true)
}

// entry is one named image of an archive.
type entry struct {
	name   string
	target ocispec.Descriptor
}

// entries reads an archive's index.
func (s *Store) entries(ctx context.Context, index ocispec.Descriptor) (all []entry, err error) {
	text, err := content.ReadBlob(ctx, s.parts.content, index)
	if err != nil {
		return nil, err
	}
	var read ocispec.Index
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	for _, m := range read.Manifests {
		name := m.Annotations[images.AnnotationImageName]
		if ref := m.Annotations[ocispec.AnnotationRefName]; name == "" && strings.ContainsAny(ref, ":/") {
			name = ref // some tools write a tag alone here, which names nothing
		}
		if name == "" {
			continue
		}
		named, err := reference.ParseDockerRef(name)
		if err != nil {
			return nil, fmt.Errorf("the archive names an image %q: %w", name, err)
		}
		m.Annotations = nil
		all = append(all, entry{named.String(), m})
	}
	if len(all) == 0 {
		return nil, errors.New("the archive names none of its images: save it with a name and a tag")
	}
	return all, nil
}
