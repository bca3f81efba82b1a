package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"berth/aws/validate"
	"berth/state"
)

const tagChars = `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`

// mergeTags returns old with the values of changed, and with its new tags at the
// end. Keys that differ in case only are the same.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
func mergeTags(old []state.Tag, changed []types.Tag) ([]state.Tag, error) {
	tags, seen := slices.Clone(old), map[string]bool{}
	for i, t := range changed {
		err := check(
			validate.Text{Member: fmt.Sprintf("tags.%d.member.key", i+1), Value: t.Key, Required: true, Min: 1, Max: 128, Pattern: tagChars},
			validate.Text{Member: fmt.Sprintf("tags.%d.member.value", i+1), Value: t.Value, Required: true, Max: 256, Pattern: tagChars},
		)
		if err != nil {
			return nil, err
		}
		key := strings.ToLower(*t.Key)
		switch {
		case strings.HasPrefix(key, "aws:"):
			return nil, invalidInput("Tag keys with the prefix aws: are reserved.")
		case seen[key]:
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[key] = true
		tag := state.Tag{Key: *t.Key, Value: *t.Value}
		if i := slices.IndexFunc(tags, func(o state.Tag) bool { return strings.EqualFold(o.Key, tag.Key) }); i >= 0 {
			tags[i] = tag
		} else {
			tags = append(tags, tag)
		}
	}
	if len(tags) > mostTags {
		return nil, exceeded("The number of tags has reached the maximum limit: %d", mostTags)
	}
	return tags, nil
}

func invalidInput(message string) error { return &types.InvalidInputException{Message: &message} }

// without returns tags without those of some keys.
func without(tags []state.Tag, keys []string) []state.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(t state.Tag) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return strings.EqualFold(key, t.Key) })
	})
}

func describeTags(tags []state.Tag) (out []types.Tag) {
	for _, t := range tags {
		out = append(out, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out
}

// pageOfTags is a page of tags in the order of their keys.
func pageOfTags(tags []state.Tag, marker *string, maxItems *int32) (out []types.Tag, truncated bool, next *string, err error) {
	sorted := slices.SortedFunc(slices.Values(tags), func(a, b state.Tag) int { return strings.Compare(a.Key, b.Key) })
	sorted, truncated, next, err = page(sorted, func(t state.Tag) string { return t.Key }, marker, maxItems)
	return append([]types.Tag{}, describeTags(sorted)...), truncated, next, err
}

// TagRole adds tags to a role, or changes the values of those it has.
func (a *API) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) (err error) {
		r.Tags, err = mergeTags(r.Tags, in.Tags)
		return err
	})
	return &iam.TagRoleOutput{}, err
}

// UntagRole takes tags off a role. Keys that it lacks are ignored.
func (a *API) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		r.Tags = without(r.Tags, in.TagKeys)
		return nil
	})
	return &iam.UntagRoleOutput{}, err
}

// ListRoleTags returns a role's tags.
func (a *API) ListRoleTags(_ context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	r, err := role(a.store.View(), in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, truncated, next, err := pageOfTags(r.Tags, in.Marker, in.MaxItems)
	return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: truncated, Marker: next}, err
}

// TagPolicy adds tags to a policy, or changes the values of those it has.
func (a *API) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	return &iam.TagPolicyOutput{}, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *state.Policy) (err error) {
		p.Tags, err = mergeTags(p.Tags, in.Tags)
		return err
	})
}

// UntagPolicy takes tags off a policy. Keys that it lacks are ignored.
func (a *API) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return &iam.UntagPolicyOutput{}, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *state.Policy) error {
		p.Tags = without(p.Tags, in.TagKeys)
		return nil
	})
}

// ListPolicyTags returns a policy's tags.
func (a *API) ListPolicyTags(_ context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	p, err := findPolicy(a.store.View(), in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tags, truncated, next, err := pageOfTags(p.Tags, in.Marker, in.MaxItems)
	return &iam.ListPolicyTagsOutput{Tags: tags, IsTruncated: truncated, Marker: next}, err
}
