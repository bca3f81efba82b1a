package ecs

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/state"
)

const mostTags = 50

var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags checks tags that a user gives a resource.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html#tag-restrictions
func checkTags(tags []types.Tag) error {
	if len(tags) > mostTags {
		return invalid(fmt.Sprintf("tags can have at most %d members.", mostTags))
	}
	seen := map[string]bool{}
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch n := utf8.RuneCountInString(key); {
		case n < 1 || n > 128:
			return invalid("A tag key must have between 1 and 128 characters.")
		case utf8.RuneCountInString(value) > 256:
			return invalid(fmt.Sprintf("The value of the tag %q must have at most 256 characters.", key))
		case !tagText.MatchString(key) || !tagText.MatchString(value):
			return invalid(fmt.Sprintf("The tag %q may contain only letters, numbers, spaces and _ . : / = + - @.", key))
		case reservedTag(key) || reservedTag(value):
			return invalid(fmt.Sprintf("The tag %q is invalid: aws: is a reserved prefix for tag keys and values.", key))
		case seen[key]:
			return invalid(fmt.Sprintf("Duplicate tag keys found: %q. Tag keys must be unique.", key))
		}
		seen[key] = true
	}
	return nil
}

// reservedTag reports whether s has the prefix that is reserved for AWS.
func reservedTag(s string) bool { return len(s) >= 4 && strings.EqualFold(s[:4], "aws:") }

func isReserved(t types.Tag) bool { return reservedTag(*t.Key) }

// tagMap is tags by key, where their order does not matter.
func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = aws.ToString(t.Value)
	}
	return m
}

// mergeTags returns old with the values of changed, and with its new tags at the end.
func mergeTags(old, changed []types.Tag) []types.Tag {
	tags := slices.Clone(old)
	for _, t := range changed {
		i := slices.IndexFunc(tags, func(o types.Tag) bool { return *o.Key == *t.Key })
		if i < 0 {
			tags = append(tags, t)
		} else {
			tags[i] = t
		}
	}
	return tags
}

// TagResource adds tags to a resource, or changes the values of those it has.
func (a *API) TagResource(ctx context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	if in.Tags == nil {
		return nil, invalid("Tags can not be empty.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	return &ecs.TagResourceOutput{}, a.retag(ctx, in.ResourceArn, func(old []types.Tag) ([]types.Tag, error) {
		tags := mergeTags(old, in.Tags)
		if n := len(slices.DeleteFunc(slices.Clone(tags), isReserved)); n > mostTags {
			return nil, &types.LimitExceededException{Message: aws.String(
				fmt.Sprintf("A resource can have at most %d tags; this one would have %d.", mostTags, n))}
		}
		return tags, nil
	})
}

// UntagResource takes tags off a resource. Keys that it lacks are ignored.
func (a *API) UntagResource(ctx context.Context, in *ecs.UntagResourceInput) (*ecs.UntagResourceOutput, error) {
	if in.TagKeys == nil {
		return nil, invalid("Tag keys can not be empty.")
	}
	if slices.ContainsFunc(in.TagKeys, reservedTag) {
		return nil, invalid("Tags with the prefix aws: are reserved and can not be removed.")
	}
	return &ecs.UntagResourceOutput{}, a.retag(ctx, in.ResourceArn, func(old []types.Tag) ([]types.Tag, error) {
		return slices.DeleteFunc(slices.Clone(old), func(t types.Tag) bool {
			return slices.Contains(in.TagKeys, *t.Key)
		}), nil
	})
}

// ListTagsForResource returns the tags of a resource.
func (a *API) ListTagsForResource(ctx context.Context, in *ecs.ListTagsForResourceInput) (*ecs.ListTagsForResourceOutput, error) {
	name := aws.ToString(in.ResourceArn)
	kind, err := a.taggedKind(name)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	tags, ok := kind.get(v, name)
	if !ok {
		return nil, untaggable(v, name)
	}
	return &ecs.ListTagsForResourceOutput{Tags: append([]types.Tag{}, tags...)}, nil
}

// retag replaces the tags of a resource by what change makes of them.
func (a *API) retag(ctx context.Context, resource *string, change func([]types.Tag) ([]types.Tag, error)) error {
	name := aws.ToString(resource)
	kind, err := a.taggedKind(name)
	if err != nil {
		return err
	}
	return a.store.Update(ctx, func(tx *state.Tx) error {
		old, ok := kind.get(tx.View, name)
		if !ok {
			return untaggable(tx.View, name)
		}
		tags, err := change(old)
		if err != nil {
			return err
		}
		kind.put(tx, name, tags)
		return nil
	})
}

// untaggable says why there is no resource of that name to tag.
func untaggable(v *state.View, name string) error {
	switch {
	case v.Clusters.Has(name):
		return invalid("The specified cluster is inactive. Specify an active cluster and try again.")
	case strings.Contains(name, ":cluster/"):
		return clusterNotFound()
	}
	return &types.ResourceNotFoundException{Message: aws.String(
		"The specified resource " + name + " does not exist. Specify a valid ARN and try again.")}
}

// taggedKind reads and writes the tags of one kind of resource, by ARN.
type taggedKind struct {
	get func(v *state.View, arn string) ([]types.Tag, bool)
	put func(tx *state.Tx, arn string, tags []types.Tag)
}

// tagsIn is the kind of resource whose records are in table, at where tags
// points. Records that are not live are only remembered.
func tagsIn[T any](table func(*state.View) *state.Table[T], tags func(*T) *[]types.Tag, live func(*T) bool) taggedKind {
	return taggedKind{
		get: func(v *state.View, arn string) ([]types.Tag, bool) {
			record, ok := table(v).Get(arn)
			return *tags(&record), ok && live(&record)
		},
		put: func(tx *state.Tx, arn string, changed []types.Tag) {
			record, _ := table(tx.View).Get(arn)
			*tags(&record) = changed
			table(tx.View).Put(tx, record)
		},
	}
}

// taggedKind finds the kind of resource that an ARN names.
func (a *API) taggedKind(name string) (taggedKind, error) {
	id, err := arn.Parse(name)
	if err != nil || id.Service != "ecs" || id.Region != a.region || id.Account != a.account {
		return taggedKind{}, invalid(fmt.Sprintf("The resource ARN %q is invalid. Specify the ARN of an Amazon ECS resource of this account and Region and try again.", name))
	}
	kind, path, _ := strings.Cut(id.Resource, "/")
	short := !strings.Contains(path, "/") // the form without the cluster's name
	if short && slices.Contains([]string{"container-instance", "service", "task"}, kind) {
		return taggedKind{}, invalid("Long arn format must be used for tagging operations")
	}
	switch kind {
	case "cluster":
		return tagsIn(func(v *state.View) *state.Table[state.Cluster] { return &v.Clusters },
			func(c *state.Cluster) *[]types.Tag { return &c.Tags },
			func(c *state.Cluster) bool { return c.Status != "INACTIVE" }), nil
	case "capacity-provider":
		return tagsIn(func(v *state.View) *state.Table[state.CapacityProvider] { return &v.CapacityProviders },
			func(p *state.CapacityProvider) *[]types.Tag { return &p.Tags },
			func(p *state.CapacityProvider) bool { return p.Status != types.CapacityProviderStatusInactive }), nil
	case "task-definition":
		return tagsIn(func(v *state.View) *state.Table[state.TaskDefinition] { return &v.TaskDefinitions },
			func(d *state.TaskDefinition) *[]types.Tag { return &d.Tags },
			func(d *state.TaskDefinition) bool { return true }), nil
	case "container-instance":
		return tagsIn(func(v *state.View) *state.Table[state.ContainerInstance] { return &v.ContainerInstances },
			func(i *state.ContainerInstance) *[]types.Tag { return &i.Tags },
			func(i *state.ContainerInstance) bool { return i.Status != "INACTIVE" }), nil
	case "service":
		return tagsIn(func(v *state.View) *state.Table[state.Service] { return &v.Services },
			func(s *state.Service) *[]types.Tag { return &s.Tags },
			func(s *state.Service) bool { return s.Status != "INACTIVE" }), nil
	case "task-set":
		return tagsIn(func(v *state.View) *state.Table[state.TaskSet] { return &v.TaskSets },
			func(s *state.TaskSet) *[]types.Tag { return &s.Tags },
			func(s *state.TaskSet) bool { return true }), nil
	case "daemon":
		return tagsIn(func(v *state.View) *state.Table[state.Daemon] { return &v.Daemons },
			func(d *state.Daemon) *[]types.Tag { return &d.Tags },
			func(d *state.Daemon) bool { return d.Status == types.DaemonStatusActive }), nil
	case "daemon-task-definition":
		return tagsIn(func(v *state.View) *state.Table[state.DaemonTaskDefinition] { return &v.DaemonDefinitions },
			func(d *state.DaemonTaskDefinition) *[]types.Tag { return &d.Tags },
			func(d *state.DaemonTaskDefinition) bool { return true }), nil
	case "task":
		return tagsIn(func(v *state.View) *state.Table[state.Task] { return &v.Tasks },
			func(t *state.Task) *[]types.Tag { return &t.Tags },
			func(t *state.Task) bool { return true }), nil
	}
	return taggedKind{}, invalid(fmt.Sprintf("The resource ARN %q is invalid: resources of the type %q can not be tagged.", name, kind))
}
