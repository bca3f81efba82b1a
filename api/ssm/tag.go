package ssm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"berth/aws/validate"
	"berth/state"
)

const (
	mostTags = 50
	tagChars = `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`
)

// mergeTags returns old with the values of changed, and with its new tags at the end.
func mergeTags(old []state.Tag, changed []types.Tag) ([]state.Tag, error) {
	tags := slices.Clone(old)
	for i, t := range changed {
		err := check(
			validate.Text{Member: fmt.Sprintf("tags.%d.member.key", i+1), Value: t.Key, Required: true, Min: 1, Max: 128, Pattern: tagChars},
			validate.Text{Member: fmt.Sprintf("tags.%d.member.value", i+1), Value: t.Value, Required: true, Max: 256, Pattern: tagChars},
		)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, invalid("Tag keys with the prefix aws: are reserved.")
		}
		tag := state.Tag{Key: *t.Key, Value: *t.Value}
		if i := slices.IndexFunc(tags, func(o state.Tag) bool { return o.Key == tag.Key }); i >= 0 {
			tags[i] = tag
		} else {
			tags = append(tags, tag)
		}
	}
	if len(tags) > mostTags {
		return nil, &types.TooManyTagsError{Message: aws.String(fmt.Sprintf("A parameter can have at most %d tags.", mostTags))}
	}
	return tags, nil
}

// tagged finds the parameter whose tags a request is about: that of an id.
func (a *API) tagged(v *state.View, kind types.ResourceTypeForTagging, id *string) (state.Parameter, error) {
	if err := check(validate.OneOf("resourceType", kind, kind.Values()), validate.Text{Member: "resourceId", Value: id, Required: true, Min: 1}); err != nil {
		return state.Parameter{}, err
	}
	if kind != types.ResourceTypeForTaggingParameter {
		return state.Parameter{}, &types.InvalidResourceType{Message: aws.String(fmt.Sprintf("The resource type %q has nothing to tag in this version of Berth. Use Parameter.", kind))}
	}
	p, err := a.find(v, strings.TrimSpace(*id))
	if err != nil {
		return p, &types.InvalidResourceId{Message: aws.String("The resource ID is not valid. Verify that you entered the correct ID and try again: " + *id)}
	}
	return p, nil
}

func (a *API) retag(ctx context.Context, kind types.ResourceTypeForTagging, id *string, change func([]state.Tag) ([]state.Tag, error)) error {
	return a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		p, err := a.tagged(tx.View, kind, id)
		if err != nil {
			return err
		}
		if p.Tags, err = change(p.Tags); err != nil {
			return err
		}
		tx.Parameters.Put(tx, p)
		return nil
	})
}

// AddTagsToResource adds tags to a parameter, or changes the values of those it has.
func (a *API) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	return &ssm.AddTagsToResourceOutput{}, a.retag(ctx, in.ResourceType, in.ResourceId, func(old []state.Tag) ([]state.Tag, error) {
		return mergeTags(old, in.Tags)
	})
}

// RemoveTagsFromResource takes tags off a parameter. Keys that it lacks are ignored.
func (a *API) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	return &ssm.RemoveTagsFromResourceOutput{}, a.retag(ctx, in.ResourceType, in.ResourceId, func(old []state.Tag) ([]state.Tag, error) {
		return slices.DeleteFunc(slices.Clone(old), func(t state.Tag) bool { return slices.Contains(in.TagKeys, t.Key) }), nil
	})
}

// ListTagsForResource returns the tags of a parameter.
func (a *API) ListTagsForResource(_ context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	p, err := a.tagged(a.cfg.Store.View(), in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &ssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	for _, t := range p.Tags {
		out.TagList = append(out.TagList, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out, nil
}
