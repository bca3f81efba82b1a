package ecr

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/registry"
)

var (
	validDigest   = regexp.MustCompile(`^[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+$`)
	validImageTag = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

func digestOf(manifest []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(manifest)) }

// wildcard reports whether a tag matches a filter, in which * is any text.
func wildcard(filter, tag string) bool {
	ok, err := path.Match(filter, tag) // neither has a slash, nor filter any of path's other signs
	return ok && err == nil
}

// partSize is how much of a layer clients send at once: with base64 it stays
// below what a request may have.
const partSize = 4 << 20

// BatchCheckLayerAvailability says which layers a repository has.
func (a *API) BatchCheckLayerAvailability(ctx context.Context, in *ecr.BatchCheckLayerAvailabilityInput) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	if len(in.LayerDigests) < 1 || len(in.LayerDigests) > 100 {
		return nil, invalid("'layerDigests' failed to satisfy constraint: 'Member must have length between 1 and 100'")
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []types.Layer{}, Failures: []types.LayerFailure{}}
	for _, digest := range in.LayerDigests {
		if !validDigest.MatchString(digest) {
			out.Failures = append(out.Failures, types.LayerFailure{
				LayerDigest: &digest, FailureCode: types.LayerFailureCodeInvalidLayerDigest,
				FailureReason: aws.String("Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"),
			})
			continue
		}
		size, err := a.cfg.Registry.Layer(ctx, r.Name, digest)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			out.Layers = append(out.Layers, types.Layer{LayerDigest: &digest, LayerAvailability: types.LayerAvailabilityUnavailable})
		case err != nil:
			return nil, err
		default:
			a.cfg.Registry.Touch(digest)
			out.Layers = append(out.Layers, types.Layer{LayerDigest: &digest, LayerAvailability: types.LayerAvailabilityAvailable, LayerSize: &size})
		}
	}
	return out, nil
}

// GetDownloadUrlForLayer returns a URL that gives a layer for an hour.
func (a *API) GetDownloadUrlForLayer(ctx context.Context, in *ecr.GetDownloadUrlForLayerInput) (*ecr.GetDownloadUrlForLayerOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	_, err = a.cfg.Registry.Layer(ctx, r.Name, aws.ToString(in.LayerDigest))
	if errors.Is(err, registry.ErrNotFound) {
		return nil, &types.LayersNotFoundException{Message: aws.String(fmt.Sprintf(
			"The layer with digest '%s' does not exist in the repository with name '%s' in the registry with id '%s'",
			aws.ToString(in.LayerDigest), r.Name, a.cfg.Account))}
	}
	if err != nil {
		return nil, err
	}
	ticket, err := a.ticket(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	url := a.cfg.Endpoint + "/v2/" + r.Name + "/blobs/" + *in.LayerDigest + "?" + ticket
	return &ecr.GetDownloadUrlForLayerOutput{DownloadUrl: &url, LayerDigest: in.LayerDigest}, nil
}

// InitiateLayerUpload begins the upload of a layer.
func (a *API) InitiateLayerUpload(ctx context.Context, in *ecr.InitiateLayerUploadInput) (*ecr.InitiateLayerUploadOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	id, err := a.cfg.Registry.StartUpload(ctx, r.Name)
	return &ecr.InitiateLayerUploadOutput{UploadId: &id, PartSize: aws.Int64(partSize)}, err
}

func (a *API) noUpload(id *string, name string) error {
	return &types.UploadNotFoundException{Message: aws.String(fmt.Sprintf(
		"The upload with id '%s' was not found in the repository with name '%s' in the registry with id '%s'", aws.ToString(id), name, a.cfg.Account))}
}

var validUpload = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// UploadLayerPart adds the next part to an upload.
func (a *API) UploadLayerPart(ctx context.Context, in *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	first, last := aws.ToInt64(in.PartFirstByte), aws.ToInt64(in.PartLastByte)
	switch {
	case !validUpload.MatchString(aws.ToString(in.UploadId)):
		return nil, a.noUpload(in.UploadId, r.Name)
	case last-first+1 != int64(len(in.LayerPartBlob)):
		return nil, invalid("'partLastByte': layerPartBlob has %d bytes, and bytes %d to %d are %d", len(in.LayerPartBlob), first, last, last-first+1)
	}
	size, err := a.cfg.Registry.UploadPart(ctx, r.Name, *in.UploadId, first, in.LayerPartBlob)
	var wrong *registry.WrongPart
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, a.noUpload(in.UploadId, r.Name)
	case errors.As(err, &wrong):
		return nil, &types.InvalidLayerPartException{
			Message:               aws.String(fmt.Sprintf("The layer part starts at byte %d, and %d bytes were received", first, wrong.Received)),
			RegistryId:            &a.cfg.Account,
			RepositoryName:        &r.Name,
			UploadId:              in.UploadId,
			LastValidByteReceived: aws.Int64(wrong.Received - 1),
		}
	case err != nil:
		return nil, err
	}
	return &ecr.UploadLayerPartOutput{
		RegistryId: &a.cfg.Account, RepositoryName: &r.Name, UploadId: in.UploadId, LastByteReceived: aws.Int64(size - 1),
	}, nil
}

// CompleteLayerUpload makes a layer of an upload.
func (a *API) CompleteLayerUpload(ctx context.Context, in *ecr.CompleteLayerUploadInput) (*ecr.CompleteLayerUploadOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.LayerDigests) != 1 || !validDigest.MatchString(in.LayerDigests[0]):
		return nil, invalid("'layerDigests': want one digest, such as sha256:…")
	case !validUpload.MatchString(aws.ToString(in.UploadId)):
		return nil, a.noUpload(in.UploadId, r.Name)
	}
	if _, err := a.cfg.Registry.Layer(ctx, r.Name, in.LayerDigests[0]); err == nil {
		return nil, &types.LayerAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"The layer with digest '%s' already exists in the repository with name '%s' in the registry with id '%s'",
			in.LayerDigests[0], r.Name, a.cfg.Account))}
	}
	err = a.cfg.Registry.FinishUpload(ctx, r.Name, *in.UploadId, in.LayerDigests[0])
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, a.noUpload(in.UploadId, r.Name)
	case errors.Is(err, registry.ErrEmpty):
		return nil, &types.EmptyUploadException{Message: aws.String("The upload with id '" + *in.UploadId + "' has no parts")}
	case errors.Is(err, registry.ErrDigest):
		return nil, &types.InvalidLayerException{Message: aws.String("The layer that was uploaded does not have the digest '" + in.LayerDigests[0] + "'")}
	case err != nil:
		return nil, err
	}
	return &ecr.CompleteLayerUploadOutput{
		RegistryId: &a.cfg.Account, RepositoryName: &r.Name, UploadId: in.UploadId, LayerDigest: &in.LayerDigests[0],
	}, nil
}
