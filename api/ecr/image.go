package ecr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/registry"
	"berth/state"
)

// open finds a repository, on the server that has its images.
func (a *API) open(ctx context.Context, registryID, name *string) (state.Repository, error) {
	if err := a.here(ctx); err != nil {
		return state.Repository{}, err
	}
	return a.find(a.cfg.Store.View(), registryID, name)
}

// wanted reports whether an image with those tags passes a filter.
func wanted(tags []string, status types.TagStatus, image types.ImageStatusFilter) bool {
	switch {
	case image == types.ImageStatusFilterArchived || image == types.ImageStatusFilterActivating:
		return false // nothing here is ever archived
	case status == types.TagStatusTagged:
		return len(tags) > 0
	case status == types.TagStatusUntagged:
		return len(tags) == 0
	}
	return true
}

// DescribeImages describes images of a repository: all, or those that are named.
func (a *API) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	limit, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	from, err := decodeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	images, err := a.cfg.Registry.Images(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	if len(in.ImageIds) > 0 {
		if in.MaxResults != nil || in.NextToken != nil {
			return nil, invalid("'imageIds': cannot be used together with nextToken or maxResults")
		}
		if images, err = a.pick(r.Name, images, in.ImageIds); err != nil {
			return nil, err
		}
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	slices.SortFunc(images, func(a, b registry.Image) int { return strings.Compare(a.Digest, b.Digest) })
	for _, i := range images {
		f := in.Filter
		if i.Digest < from || f != nil && !wanted(i.Tags, f.TagStatus, f.ImageStatus) {
			continue
		}
		if len(out.ImageDetails) == limit && len(in.ImageIds) == 0 {
			out.NextToken = encodeToken(i.Digest)
			break
		}
		out.ImageDetails = append(out.ImageDetails, a.describeImage(r.Name, i))
	}
	return out, nil
}

func (a *API) describeImage(repository string, i registry.Image) types.ImageDetail {
	d := types.ImageDetail{
		RegistryId:             &a.cfg.Account,
		RepositoryName:         &repository,
		ImageDigest:            &i.Digest,
		ImageTags:              i.Tags,
		ImagePushedAt:          &i.PushedAt,
		ImageManifestMediaType: &i.MediaType,
		ImageStatus:            types.ImageStatusActive,
	}
	if !i.List {
		d.ImageSizeInBytes, d.ArtifactMediaType = &i.Size, &i.ArtifactType
	}
	return d
}

// pick returns the images that ids mean, or the error that one is not there.
func (a *API) pick(repository string, images []registry.Image, ids []types.ImageIdentifier) (named []registry.Image, err error) {
	for _, id := range ids {
		n := slices.IndexFunc(images, func(i registry.Image) bool { return means(id, i) })
		if n < 0 {
			return nil, &types.ImageNotFoundException{Message: aws.String(fmt.Sprintf(
				"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
				orNull(id.ImageDigest), orNull(id.ImageTag), repository, a.cfg.Account))}
		}
		if !slices.ContainsFunc(named, func(i registry.Image) bool { return i.Digest == images[n].Digest }) {
			named = append(named, images[n])
		}
	}
	return named, nil
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// means reports whether all that id says is true of i.
func means(id types.ImageIdentifier, i registry.Image) bool {
	return (id.ImageDigest != nil || id.ImageTag != nil) &&
		(id.ImageDigest == nil || *id.ImageDigest == i.Digest) &&
		(id.ImageTag == nil || slices.Contains(i.Tags, *id.ImageTag))
}

// ListImages lists the images of a repository, each once for every tag.
func (a *API) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	limit, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	from, err := decodeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	images, err := a.cfg.Registry.Images(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	type entry struct {
		key string
		id  types.ImageIdentifier
	}
	var all []entry
	for _, i := range images {
		if f := in.Filter; f != nil && !wanted(i.Tags, f.TagStatus, f.ImageStatus) {
			continue
		}
		for _, tag := range i.Tags {
			all = append(all, entry{i.Digest + " " + tag, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: &tag}})
		}
		if len(i.Tags) == 0 {
			all = append(all, entry{i.Digest, types.ImageIdentifier{ImageDigest: &i.Digest}})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	out := &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}}
	for _, e := range all {
		if e.key < from {
			continue
		}
		if len(out.ImageIds) == limit {
			out.NextToken = encodeToken(e.key)
			break
		}
		out.ImageIds = append(out.ImageIds, e.id)
	}
	return out, nil
}

// failure says why an image that was asked for cannot be had.
func failure(id types.ImageIdentifier, code types.ImageFailureCode, reason string) types.ImageFailure {
	return types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: &reason}
}

// lookUp finds the image that id means among images.
func lookUp(id types.ImageIdentifier, images []registry.Image) (registry.Image, *types.ImageFailure) {
	fail := func(code types.ImageFailureCode, reason string) (registry.Image, *types.ImageFailure) {
		f := failure(id, code, reason)
		return registry.Image{}, &f
	}
	switch {
	case id.ImageDigest == nil && id.ImageTag == nil:
		return fail(types.ImageFailureCodeMissingDigestAndTag, "Invalid request parameters: both tag and digest cannot be null")
	case id.ImageDigest != nil && !validDigest.MatchString(*id.ImageDigest):
		return fail(types.ImageFailureCodeInvalidImageDigest, "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")
	}
	for _, i := range images {
		if means(id, i) {
			return i, nil
		}
		if id.ImageTag != nil && id.ImageDigest != nil && slices.Contains(i.Tags, *id.ImageTag) {
			return fail(types.ImageFailureCodeImageTagDoesNotMatchDigest, "Requested image tag does not match the image digest")
		}
	}
	return fail(types.ImageFailureCodeImageNotFound, "Requested image not found")
}

// BatchGetImage returns the manifests of images.
func (a *API) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	images, err := a.batch(ctx, in.RegistryId, in.RepositoryName, in.ImageIds)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		i, failed := lookUp(id, images)
		switch {
		case failed != nil:
			out.Failures = append(out.Failures, *failed)
		case len(in.AcceptedMediaTypes) > 0 && !slices.Contains(in.AcceptedMediaTypes, i.MediaType):
			out.Failures = append(out.Failures, failure(id, types.ImageFailureCodeImageNotFound, "Requested image has the media type "+i.MediaType+", which is not accepted"))
		default:
			out.Images = append(out.Images, *a.image(*in.RepositoryName, i, id.ImageTag))
		}
	}
	return out, nil
}

func (a *API) image(repository string, i registry.Image, tag *string) *types.Image {
	return &types.Image{
		RegistryId:             &a.cfg.Account,
		RepositoryName:         &repository,
		ImageId:                &types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: tag},
		ImageManifest:          aws.String(string(i.Manifest)),
		ImageManifestMediaType: &i.MediaType,
	}
}

func (a *API) batch(ctx context.Context, registryID, name *string, ids []types.ImageIdentifier) ([]registry.Image, error) {
	if len(ids) < 1 || len(ids) > 100 {
		return nil, invalid("'imageIds' failed to satisfy constraint: 'Member must have length between 1 and 100'")
	}
	r, err := a.open(ctx, registryID, name)
	if err != nil {
		return nil, err
	}
	return a.cfg.Registry.Images(ctx, r.Name)
}

// BatchDeleteImage takes tags off images, and deletes images that are named by
// digest or that lose their last tag.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html
func (a *API) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		images, err := a.batch(ctx, in.RegistryId, in.RepositoryName, in.ImageIds)
		if err != nil {
			return nil, err
		}
		i, failed := lookUp(id, images)
		if failed != nil {
			out.Failures = append(out.Failures, *failed)
			continue
		}
		if list := listWith(images, i.Digest); list != "" && (id.ImageTag == nil || len(i.Tags) == 1) {
			out.Failures = append(out.Failures, failure(id, types.ImageFailureCodeImageReferencedByManifestList,
				"Requested image referenced by manifest list: ["+list+"]"))
			continue
		}
		if id.ImageTag != nil && len(i.Tags) > 1 {
			err = a.cfg.Registry.Untag(ctx, *in.RepositoryName, *id.ImageTag)
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: id.ImageTag})
		} else {
			err = a.cfg.Registry.Delete(ctx, *in.RepositoryName, i)
			out.ImageIds = append(out.ImageIds, deleted(i)...)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(in.ImageIds) == 0 {
		_, err := a.batch(ctx, in.RegistryId, in.RepositoryName, in.ImageIds)
		return nil, err
	}
	return out, nil
}

// deleted names an image by each of its tags.
func deleted(i registry.Image) (ids []types.ImageIdentifier) {
	for _, tag := range i.Tags {
		ids = append(ids, types.ImageIdentifier{ImageDigest: &i.Digest, ImageTag: &tag})
	}
	if len(i.Tags) == 0 {
		ids = append(ids, types.ImageIdentifier{ImageDigest: &i.Digest})
	}
	return ids
}

// listWith is a list of images that names an image.
func listWith(images []registry.Image, digest string) string {
	for _, i := range images {
		if i.List && slices.Contains(i.Parts, digest) {
			return i.Digest
		}
	}
	return ""
}

// PutImage stores the manifest of an image whose layers are there already.
func (a *API) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	manifest, tag := []byte(aws.ToString(in.ImageManifest)), aws.ToString(in.ImageTag)
	if in.ImageTag != nil && !validImageTag.MatchString(tag) {
		return nil, invalid("'imageTag' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}''")
	}
	digest := digestOf(manifest)
	if in.ImageDigest != nil && *in.ImageDigest != digest {
		return nil, &types.ImageDigestDoesNotMatchException{Message: aws.String(fmt.Sprintf(
			"The specified imageDigest '%s' does not match the digest of the manifest, '%s'", *in.ImageDigest, digest))}
	}
	if err := a.checkTag(ctx, r, tag, digest); err != nil {
		return nil, err
	}
	if err := a.checkNew(ctx, r.Name, tag, digest); err != nil {
		return nil, err
	}
	i, err := a.cfg.Registry.Put(ctx, r.Name, tag, aws.ToString(in.ImageManifestMediaType), manifest)
	var missing *registry.MissingParts
	var bad *registry.Invalid
	switch {
	case errors.As(err, &missing):
		return nil, &types.LayersNotFoundException{Message: aws.String(fmt.Sprintf(
			"Layers with digests '%v' required for pushing image into repository with name '%s' in the registry with id '%s' do not exist",
			missing.Digests, r.Name, a.cfg.Account))}
	case errors.As(err, &bad):
		return nil, invalid("'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax' or an unknown kind of manifest: %v", bad.Reason)
	case err != nil:
		return nil, err
	}
	return &ecr.PutImageOutput{Image: a.image(r.Name, i, in.ImageTag)}, nil
}

// checkTag refuses to move a tag that must not move.
func (a *API) checkTag(ctx context.Context, r state.Repository, tag, digest string) error {
	if tag == "" || !immutable(r, tag) {
		return nil
	}
	old, err := a.cfg.Registry.Tag(ctx, r.Name, tag)
	if errors.Is(err, registry.ErrNotFound) || err == nil && old == digest {
		return nil
	}
	if err != nil {
		return err
	}
	return &types.ImageTagAlreadyExistsException{Message: aws.String(fmt.Sprintf(
		"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, r.Name))}
}

// checkNew refuses an image that is there already, under that tag.
func (a *API) checkNew(ctx context.Context, name, tag, digest string) error {
	if tag != "" {
		if old, err := a.cfg.Registry.Tag(ctx, name, tag); err != nil || old != digest {
			return nil
		}
	} else if _, err := a.cfg.Registry.Image(ctx, name, digest); err != nil {
		return nil
	}
	return &types.ImageAlreadyExistsException{Message: aws.String(fmt.Sprintf(
		"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
		digest, tag, name, a.cfg.Account))}
}

// immutable reports whether a tag, once given, must stay.
func immutable(r state.Repository, tag string) bool {
	excepted := slices.ContainsFunc(r.Exclusions, func(f types.ImageTagMutabilityExclusionFilter) bool {
		return wildcard(aws.ToString(f.Filter), tag)
	})
	switch r.Mutability {
	case types.ImageTagMutabilityImmutable:
		return true
	case types.ImageTagMutabilityImmutableWithExclusion:
		return !excepted
	case types.ImageTagMutabilityMutableWithExclusion:
		return excepted
	}
	return false
}
