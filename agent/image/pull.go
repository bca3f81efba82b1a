package image

import (
	"context"
	"fmt"
)

// Policy says when an image is pulled:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html (ECS_IMAGE_PULL_BEHAVIOR).
type Policy string

const (
	PullDefault      Policy = "default"       // asks the registry; if that fails, uses what is here
	PullAlways       Policy = "always"        // asks the registry; if that fails, the pull fails
	PullOnce         Policy = "once"          // asks the registry only if no pull brought the image here
	PullPreferCached Policy = "prefer-cached" // asks the registry only if the image is not here
)

// PullOptions says how to pull one image.
type PullOptions struct {
	Policy Policy // default PullDefault

	// Credentials gives user and password for a registry's host. Nil, or an empty
	// password: none are sent.
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
// once, each with its own credentials. The error is a *PullError.
func (s *Store) Pull(ctx context.Context, ref string, o PullOptions) (Image, error) {
	return Image{}, &PullError{ref, fmt.Errorf("%s: not built yet", ref)}
}

// pulls are the downloads in flight.
type pulls struct{}
