package logs

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/state"
)

const mostTags = 50

var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags checks tags that a user gives a group.
func checkTags(tags map[string]string) error {
	if len(tags) > mostTags {
		return constraint("{…}", "tags", fmt.Sprintf("Member must have length less than or equal to %d", mostTags))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		switch n := utf8.RuneCountInString(key); {
		case n < 1 || n > 128:
			return invalid("A tag key must have between 1 and 128 characters.")
		case utf8.RuneCountInString(value) > 256:
			return invalid(fmt.Sprintf("The value of the tag %q must have at most 256 characters.", key))
		case !tagText.MatchString(key) || !tagText.MatchString(value):
			return invalid(fmt.Sprintf("The tag %q may contain only letters, numbers, spaces and _ . : / = + - @.", key))
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return invalid(fmt.Sprintf("The tag %q is invalid: aws: is a reserved prefix for tag keys.", key))
		}
	}
	return nil
}

// TagResource adds tags to a log group, or changes the values of those it has.
func (a *API) TagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	name, err := a.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.TagResourceOutput{}, a.tag(ctx, name, in.Tags)
}

// TagLogGroup is TagResource in its older form.
func (a *API) TagLogGroup(ctx context.Context, in *cloudwatchlogs.TagLogGroupInput) (*cloudwatchlogs.TagLogGroupOutput, error) {
	return &cloudwatchlogs.TagLogGroupOutput{}, a.tag(ctx, in.LogGroupName, in.Tags)
}

// UntagResource takes tags off a log group. Keys that it lacks are ignored.
func (a *API) UntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	name, err := a.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.UntagResourceOutput{}, a.untag(ctx, name, in.TagKeys)
}

// UntagLogGroup is UntagResource in its older form.
func (a *API) UntagLogGroup(ctx context.Context, in *cloudwatchlogs.UntagLogGroupInput) (*cloudwatchlogs.UntagLogGroupOutput, error) {
	return &cloudwatchlogs.UntagLogGroupOutput{}, a.untag(ctx, in.LogGroupName, in.Tags)
}

// ListTagsForResource returns the tags of a log group.
func (a *API) ListTagsForResource(_ context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	name, err := a.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := a.tags(name)
	return &cloudwatchlogs.ListTagsForResourceOutput{Tags: tags}, err
}

// ListTagsLogGroup is ListTagsForResource in its older form.
func (a *API) ListTagsLogGroup(_ context.Context, in *cloudwatchlogs.ListTagsLogGroupInput) (*cloudwatchlogs.ListTagsLogGroupOutput, error) {
	tags, err := a.tags(in.LogGroupName)
	return &cloudwatchlogs.ListTagsLogGroupOutput{Tags: tags}, err
}

// tagged is the name of the group with an ARN.
func (a *API) tagged(resource *string) (*string, error) {
	if err := checkLength("resourceArn", resource, 1011); err != nil {
		return nil, err
	}
	name := a.nameOf(*resource)
	if name == "" {
		return nil, invalid("The resource ARN " + *resource + " is not that of a log group of this account and Region.")
	}
	return &name, nil
}

func (a *API) tags(name *string) (map[string]string, error) {
	g, err := a.groupNamed(a.store.View(), name)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	maps.Copy(tags, g.Tags)
	return tags, nil
}

func (a *API) tag(ctx context.Context, name *string, tags map[string]string) error {
	if len(tags) == 0 {
		return constraint("{}", "tags", "Member must have length greater than or equal to 1")
	}
	if err := checkTags(tags); err != nil {
		return err
	}
	return a.retag(ctx, name, func(all map[string]string) error {
		maps.Copy(all, tags)
		if n := len(all); n > mostTags {
			return &types.TooManyTagsException{Message: aws.String(
				fmt.Sprintf("A resource can have at most %d tags; this one would have %d.", mostTags, n)), ResourceName: name}
		}
		return nil
	})
}

func (a *API) untag(ctx context.Context, name *string, keys []string) error {
	return a.retag(ctx, name, func(all map[string]string) error {
		for _, key := range keys {
			delete(all, key)
		}
		return nil
	})
}

// retag changes a copy of a group's tags.
func (a *API) retag(ctx context.Context, name *string, change func(map[string]string) error) error {
	return a.store.Update(ctx, func(tx *state.Tx) error {
		g, err := a.groupNamed(tx.View, name)
		if err != nil {
			return err
		}
		tags := map[string]string{}
		maps.Copy(tags, g.Tags)
		if err := change(tags); err != nil {
			return err
		}
		g.Tags = tags
		tx.LogGroups.Put(tx, g)
		return nil
	})
}
