package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/distribution/distribution/v3"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Layer returns the size of a blob of a repository in bytes, or ErrNotFound.
func (r *Registry) Layer(ctx context.Context, name, id string) (int64, error) {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return 0, err
	}
	d, err := digest.Parse(id)
	if err != nil {
		return 0, ErrNotFound
	}
	found, err := repository.Blobs(ctx).Stat(ctx, d)
	if notFound(err) {
		return 0, ErrNotFound
	}
	return found.Size, err
}

// StartUpload begins the upload of a layer and returns its id, a UUID.
func (r *Registry) StartUpload(ctx context.Context, name string) (string, error) {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return "", err
	}
	w, err := repository.Blobs(ctx).Create(ctx)
	if err != nil {
		return "", err
	}
	return w.ID(), w.Close()
}

// WrongPart is a part of a layer that does not follow what was received.
type WrongPart struct{ Received int64 }

func (w *WrongPart) Error() string {
	return fmt.Sprintf("the next part must start at byte %d", w.Received)
}

// UploadPart adds a part, which starts at byte first, to an upload. It returns
// how many bytes there are now. Errors are ErrNotFound and *WrongPart.
func (r *Registry) UploadPart(ctx context.Context, name, upload string, first int64, part []byte) (int64, error) {
	w, err := r.upload(ctx, name, upload)
	if err != nil {
		return 0, err
	}
	if w.Size() != first {
		return 0, errors.Join(&WrongPart{w.Size()}, w.Close())
	}
	if _, err := w.Write(part); err != nil {
		return 0, errors.Join(err, w.Close())
	}
	size := w.Size()
	return size, w.Close()
}

// ErrDigest is an upload that does not have the digest it should.
var ErrDigest = errors.New("the digest does not match what was uploaded")

// ErrEmpty is an upload without any part.
var ErrEmpty = errors.New("nothing was uploaded")

// FinishUpload makes a layer of an upload. Errors are ErrNotFound, ErrEmpty and
// ErrDigest.
func (r *Registry) FinishUpload(ctx context.Context, name, upload, id string) error {
	w, err := r.upload(ctx, name, upload)
	if err != nil {
		return err
	}
	if w.Size() == 0 {
		return errors.Join(ErrEmpty, w.Close())
	}
	_, err = w.Commit(ctx, v1.Descriptor{Digest: digest.Digest(id), Size: w.Size()})
	var wrong distribution.ErrBlobInvalidDigest
	if errors.As(err, &wrong) || errors.Is(err, distribution.ErrBlobDigestUnsupported) {
		return errors.Join(ErrDigest, w.Close())
	}
	return err
}

func (r *Registry) upload(ctx context.Context, name, upload string) (distribution.BlobWriter, error) {
	repository, err := r.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	w, err := repository.Blobs(ctx).Resume(ctx, upload)
	if errors.Is(err, distribution.ErrBlobUploadUnknown) {
		return nil, ErrNotFound
	}
	return w, err
}
