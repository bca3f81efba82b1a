package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/unpack"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Policy says when an image is pulled:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html (ECS_IMAGE_PULL_BEHAVIOR).
type Policy string

// The policies.
const (
	PullDefault      Policy = "default"       // asks the registry; if that fails, uses what is here
	PullAlways       Policy = "always"        // asks the registry; if that fails, the pull fails
	PullOnce         Policy = "once"          // asks the registry only if no pull brought the image here
	PullPreferCached Policy = "prefer-cached" // asks the registry only if the image is not here
)

// PullOptions says how to pull one image.
type PullOptions struct {
	Policy Policy // default PullDefault

	// Credentials gives user and password for a registry, as the reference names
	// it (docker.io). Nil, or an empty password: none are sent.
	Credentials func(ctx context.Context, registry string) (user, password string, err error)

	Architecture string // X86_64, ARM64 or Go's names; default this machine's
}

// PullError is why an image is not here. Its text is ECS's, whole.
type PullError struct {
	Ref string
	Err error
}

func (e *PullError) Error() string { return "CannotPullContainerError: " + e.Err.Error() }

func (e *PullError) Unwrap() error { return e.Err }

// Pull brings an image here and unpacks it, as far as its policy demands. An
// image that was imported under this name came from no registry: only
// PullAlways asks one for it. Pulls of the same image at the same time download it
// once, but each proves its own credentials. The error is a *PullError, or ctx's.
func (s *Store) Pull(ctx context.Context, ref string, o PullOptions) (Image, error) {
	ctx = s.parts.context(ctx)
	named, err := parse(ref)
	if err != nil {
		return Image{}, &PullError{ref, err}
	}
	img, err := s.pull(ctx, named, o)
	if err != nil {
		if ctx.Err() != nil {
			return Image{}, context.Cause(ctx)
		}
		return Image{}, &PullError{ref, err}
	}
	s.touch(img.Digest)
	return img, nil
}

func (s *Store) pull(ctx context.Context, named reference.Named, o PullOptions) (Image, error) {
	cached, err := s.find(ctx, named.String(), platform(o.Architecture))
	here := err == nil
	if here && s.enough(cached, named, o.Policy) {
		return cached, nil
	}
	attempts := s.cfg.Attempts
	fallBack := here && o.Policy != PullAlways
	if fallBack {
		attempts = 1 // a registry that is away must not hold up what is here
	}
	img, err := s.download(ctx, named, o, attempts)
	if err == nil || !fallBack || ctx.Err() != nil {
		return img, err
	}
	s.log.Warn("cannot pull, using the image that is here", "image", named.String(), "digest", cached.Digest, "err", err)
	return cached, nil
}

// enough reports whether an image that is here need not be asked for.
func (s *Store) enough(img Image, named reference.Named, p Policy) bool {
	switch p {
	case PullAlways:
		return false
	case PullOnce, PullPreferCached:
		return true
	}
	_, fixed := named.(reference.Digested) // a digest never names anything else
	return fixed || img.Loaded
}

// download asks the registry what the reference names, and brings in what is missing.
func (s *Store) download(ctx context.Context, named reference.Named, o PullOptions, attempts int) (img Image, err error) {
	name, only := named.String(), platform(o.Architecture)
	resolver, err := s.resolver(ctx, named, o)
	if err != nil {
		return Image{}, err
	}
	var target ocispec.Descriptor
	err = s.retry(ctx, "pull image manifest", attempts, func() error {
		_, target, err = resolver.Resolve(ctx, name)
		if err != nil {
			return fmt.Errorf("failed to resolve ref %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return Image{}, err
	}
	unlock, err := s.locks.Acquire(ctx, target.Digest.String())
	if err != nil {
		return Image{}, err
	}
	defer unlock()

	img, err = s.load(ctx, images.Image{Name: name, Target: target}, only)
	if err != nil { // nobody brought it in before us
		err = s.retry(ctx, "ref pull", attempts, func() error { return s.bring(ctx, resolver, name, target, only) })
		if err != nil {
			return Image{}, err
		}
		if img, err = s.load(ctx, images.Image{Name: name, Target: target}, only); err != nil {
			return Image{}, err
		}
	}
	return img, s.record(ctx, name, target, false)
}

// retry calls f until it succeeds, fails for good, or has failed so many times.
// The words of its error are ECS's.
func (s *Store) retry(ctx context.Context, what string, attempts int, f func() error) error {
	wait := s.cfg.Backoff
	for n := 1; ; n++ {
		err := f()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case n == attempts || !mayPass(err):
			return fmt.Errorf("%s has been retried %d time(s): %w", what, n, err)
		}
		s.log.Info("will try again", "what", what, "in", wait, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// bring fetches and unpacks what is missing of an image. What a failed attempt
// fetched is kept for the next, and for a day.
func (s *Store) bring(ctx context.Context, from remotes.Resolver, name string, target ocispec.Descriptor, only machine) error {
	fetcher, err := from.Fetcher(ctx, name)
	if err != nil {
		return err
	}
	source, err := docker.AppendDistributionSourceLabel(s.parts.content, name)
	if err != nil {
		return err
	}
	return s.leased(ctx, "pull-"+target.Digest.String(), func(ctx context.Context) error {
		if err := s.unpack(ctx, target, only, s.fetch(fetcher), source); err != nil {
			return err
		}
		return s.record(ctx, name, target, false)
	})
}

// fetch downloads one blob, from where an earlier attempt stopped.
func (s *Store) fetch(from remotes.Fetcher) images.HandlerFunc {
	return func(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if d.MediaType == images.MediaTypeDockerSchema1Manifest {
			return nil, errors.New("its manifest is of docker's schema 1, which registries gave up: build and push it again")
		}
		err := remotes.Fetch(ctx, s.parts.content, from, d)
		if errdefs.IsAlreadyExists(err) {
			return nil, nil
		}
		if errdefs.IsFailedPrecondition(err) || statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
			// What there is of it is not what its digest says, or the registry does not go on from there.
			_ = s.parts.content.Abort(context.WithoutCancel(ctx), remotes.MakeRefKey(ctx, d))
		}
		return nil, err
	}
}

// unpack walks an image's tree, first with the handlers given, and unpacks the
// layers for one platform while they come in.
func (s *Store) unpack(ctx context.Context, target ocispec.Descriptor, only machine, before ...images.Handler) error {
	unpacker, err := unpack.NewUnpacker(ctx, s.parts.content,
		unpack.WithUnpackPlatform(unpack.Platform{
			Platform:       only,
			SnapshotterKey: s.parts.snapshotter,
			Snapshotter:    s.parts.snapshots,
			Applier:        s.parts.applier,
			ApplyOpts:      s.parts.apply,
		}),
		unpack.WithLimiter(s.downloads),
		unpack.WithDuplicationSuppressor(&s.locks))
	if err != nil {
		return err
	}
	children := images.SetChildrenMappedLabels(s.parts.content, images.ChildrenHandler(s.parts.content), nil)
	children = images.LimitManifests(images.FilterPlatforms(children, only), only, 1)
	err = images.Dispatch(ctx, unpacker.Unpack(images.Handlers(append(before, children)...)), s.downloads, target)
	_, unpackErr := unpacker.Wait()
	if errdefs.IsNotFound(err) && images.IsIndexType(target.MediaType) {
		return only.noMatch(err)
	}
	if err := errors.Join(err, unpackErr); err != nil {
		return err
	}
	return s.parts.settle()
}

// leased calls f with a lease that protects what it brings in from garbage
// collection. It ends with success; else after a day, in which the same id goes on where f stopped.
func (s *Store) leased(ctx context.Context, id string, f func(context.Context) error) error {
	_, err := s.parts.leases.Create(ctx, leases.WithID(id), leases.WithExpiration(24*time.Hour))
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return err
	}
	if err := f(leases.WithLease(ctx, id)); err != nil {
		return err
	}
	return s.parts.leases.Delete(ctx, leases.Lease{ID: id})
}

// parse reads an image of a task definition, as docker does.
func parse(ref string) (reference.Named, error) {
	return reference.ParseDockerRef(ref)
}
