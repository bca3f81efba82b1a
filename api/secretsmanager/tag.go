package secretsmanager

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"berth/aws/validate"
	"berth/state"
)

const mostTags = 50

// mergeTags returns old with the values of changed, and with its new tags at the end.
func mergeTags(old []state.Tag, changed []types.Tag) ([]state.Tag, error) {
	tags := slices.Clone(old)
	for i, t := range changed {
		err := check(
			validate.Text{Member: fmt.Sprintf("tags.%d.member.key", i+1), Value: t.Key, Required: true, Min: 1, Max: 128},
			validate.Text{Member: fmt.Sprintf("tags.%d.member.value", i+1), Value: t.Value, Max: 256},
		)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, invalidParameter("Tag keys with the prefix aws: are reserved.")
		}
		tag := state.Tag{Key: *t.Key, Value: aws.ToString(t.Value)}
		if i := slices.IndexFunc(tags, func(o state.Tag) bool { return o.Key == tag.Key }); i >= 0 {
			tags[i] = tag
		} else {
			tags = append(tags, tag)
		}
	}
	if len(tags) > mostTags {
		return nil, invalidParameter("A secret can have at most %d tags.", mostTags)
	}
	return tags, nil
}

func describeTags(tags []state.Tag) (out []types.Tag) {
	for _, t := range tags {
		out = append(out, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	return out
}

// TagResource adds tags to a secret, or changes the values of those it has.
func (a *API) TagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	_, err := a.change(ctx, in.SecretId, func(_ *state.Tx, s *state.Secret) (err error) {
		s.Tags, err = mergeTags(s.Tags, in.Tags)
		return err
	})
	return &secretsmanager.TagResourceOutput{}, err
}

// UntagResource takes tags off a secret. Keys that it lacks are ignored.
func (a *API) UntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	_, err := a.change(ctx, in.SecretId, func(_ *state.Tx, s *state.Secret) error {
		s.Tags = slices.DeleteFunc(slices.Clone(s.Tags), func(t state.Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return nil
	})
	return &secretsmanager.UntagResourceOutput{}, err
}
