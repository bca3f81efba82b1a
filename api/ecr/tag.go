package ecr

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/aws/arn"
	"berth/state"
)

var (
	validFilter = regexp.MustCompile(`^[0-9a-zA-Z._*-]{1,128}$`)
	validTag    = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

const mostTags = 50

// checkTags checks tags that a user gives a repository.
func checkTags(tags []types.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		var problem string
		switch {
		case key == "" || len([]rune(key)) > 128:
			problem = "a key must have 1 to 128 characters"
		case len([]rune(value)) > 256:
			problem = "the value of '" + key + "' must have at most 256 characters"
		case !validTag.MatchString(key + value):
			problem = "'" + key + "' may contain only letters, numbers, spaces and _ . : / = + - @"
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			problem = "keys that start with aws: are reserved"
		case seen[key]:
			problem = "the key '" + key + "' is given twice"
		default:
			seen[key] = true
			continue
		}
		return &types.InvalidTagParameterException{Message: aws.String("Invalid parameter at 'tags': " + problem)}
	}
	return tooMany(tags)
}

func tooMany(tags []types.Tag) error {
	if len(tags) > mostTags {
		return &types.TooManyTagsException{Message: aws.String("A repository can have at most 50 tags.")}
	}
	return nil
}

// named returns the name of the repository with an ARN.
func (a *API) named(resource *string) (*string, error) {
	name, ok := strings.CutPrefix(aws.ToString(resource), a.arn(""))
	if !ok || !arn.Is(aws.ToString(resource)) {
		return nil, invalid("'resourceArn' failed to satisfy constraint: 'Invalid ARN'; want %s", a.arn("NAME"))
	}
	return &name, nil
}

// TagResource adds tags to a repository, or changes the values of those it has.
func (a *API) TagResource(ctx context.Context, in *ecr.TagResourceInput) (*ecr.TagResourceOutput, error) {
	name, err := a.named(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	_, err = a.change(ctx, nil, name, func(r *state.Repository) error {
		r.Tags = slices.Clone(r.Tags)
		for _, t := range in.Tags {
			i := slices.IndexFunc(r.Tags, func(o types.Tag) bool { return *o.Key == *t.Key })
			if i < 0 {
				r.Tags = append(r.Tags, t)
			} else {
				r.Tags[i] = t
			}
		}
		return tooMany(r.Tags)
	})
	return &ecr.TagResourceOutput{}, err
}

// UntagResource takes tags off a repository. Keys that it lacks are ignored.
func (a *API) UntagResource(ctx context.Context, in *ecr.UntagResourceInput) (*ecr.UntagResourceOutput, error) {
	name, err := a.named(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	_, err = a.change(ctx, nil, name, func(r *state.Repository) error {
		r.Tags = slices.DeleteFunc(slices.Clone(r.Tags), func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
		return nil
	})
	return &ecr.UntagResourceOutput{}, err
}

// ListTagsForResource returns the tags of a repository.
func (a *API) ListTagsForResource(_ context.Context, in *ecr.ListTagsForResourceInput) (*ecr.ListTagsForResourceOutput, error) {
	name, err := a.named(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	r, err := a.find(a.cfg.Store.View(), nil, name)
	return &ecr.ListTagsForResourceOutput{Tags: append([]types.Tag{}, r.Tags...)}, err
}
