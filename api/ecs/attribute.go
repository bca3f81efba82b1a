package ecs

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/state"
)

// What AWS allows in custom attributes.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attribute.html
var (
	attributeName  = regexp.MustCompile(`^[A-Za-z0-9_./\\-]{1,128}$`)
	attributeValue = regexp.MustCompile(`^[A-Za-z0-9_.@/\\: -]{1,128}$`)
)

// mostAttributes is how many custom attributes a container instance may have,
// and how many one call may name.
const mostAttributes = 10

// checkAttribute checks the name and value of a custom attribute.
func checkAttribute(t types.Attribute) error {
	name := aws.ToString(t.Name)
	if !attributeName.MatchString(name) {
		return invalid(fmt.Sprintf("Invalid attribute name %q. It must have between 1 and 128 letters, numbers, and - _ . / \\.", name))
	}
	if v := t.Value; v != nil && (!attributeValue.MatchString(*v) || strings.TrimSpace(*v) != *v) {
		return invalid(fmt.Sprintf("Invalid value %q of the attribute %s. It must have between 1 and 128 letters, numbers, spaces, "+
			"and - _ . @ / \\ :, and cannot start or end with a space.", *v, name))
	}
	return nil
}

// reservedAttribute reports whether only agents and the control plane give
// attributes of that name.
func reservedAttribute(name string) bool {
	return strings.HasPrefix(name, "ecs.") || strings.HasPrefix(name, "com.amazonaws.ecs.") || strings.HasPrefix(name, "berth.")
}

// splitAttributes parts what an agent registers into reserved attributes, which
// describe the machine, and custom ones, which its user chose.
func splitAttributes(all []types.Attribute) (reserved, custom []types.Attribute, err error) {
	for _, t := range all {
		t = types.Attribute{Name: t.Name, Value: t.Value}
		switch {
		case reservedAttribute(aws.ToString(t.Name)):
			if !hasAttribute(reserved, *t.Name) {
				reserved = append(reserved, t)
			} else if valueOf(reserved, *t.Name) != aws.ToString(t.Value) {
				return nil, nil, invalid("The attribute " + *t.Name + " is given twice, with different values.")
			}
		default:
			if err := checkAttribute(t); err != nil {
				return nil, nil, err
			}
			custom = append(custom, t)
		}
	}
	return reserved, custom, nil
}

func hasAttribute(all []types.Attribute, name string) bool {
	return slices.ContainsFunc(all, func(t types.Attribute) bool { return *t.Name == name })
}

// valueOf is the value of the attribute of that name, empty if there is none.
func valueOf(all []types.Attribute, name string) string {
	for _, t := range all {
		if *t.Name == name {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// tooManyAttributes says that a container instance has too many custom attributes,
// or nothing.
func tooManyAttributes(v *state.View, target string) string {
	n := 0
	for range v.AttributesOf(target) {
		n++
	}
	if n <= mostAttributes {
		return ""
	}
	return fmt.Sprintf("A container instance can have at most %d custom attributes.", mostAttributes)
}

// PutAttributes gives container instances custom attributes, or those they
// have new values.
func (a *API) PutAttributes(ctx context.Context, in *ecs.PutAttributesInput) (*ecs.PutAttributesOutput, error) {
	if err := checkAttributes(in.Attributes); err != nil {
		return nil, err
	}
	for _, t := range in.Attributes {
		if err := checkAttribute(t); err != nil {
			return nil, err
		}
	}
	out := &ecs.PutAttributesOutput{Attributes: []types.Attribute{}}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		targets, err := a.targets(tx.View, in.Cluster, in.Attributes)
		if err != nil {
			return err
		}
		for n, t := range in.Attributes {
			tx.Attributes.Put(tx, state.Attribute{Target: targets[n], Name: *t.Name, Value: t.Value})
			out.Attributes = append(out.Attributes, types.Attribute{Name: t.Name, Value: t.Value, TargetId: &targets[n]})
		}
		for _, target := range targets {
			if problem := tooManyAttributes(tx.View, target); problem != "" {
				return &types.AttributeLimitExceededException{Message: &problem}
			}
		}
		return nil
	})
	return out, err
}

// DeleteAttributes takes custom attributes off container instances and answers
// which of those named there were.
func (a *API) DeleteAttributes(ctx context.Context, in *ecs.DeleteAttributesInput) (*ecs.DeleteAttributesOutput, error) {
	if err := checkAttributes(in.Attributes); err != nil {
		return nil, err
	}
	out := &ecs.DeleteAttributesOutput{Attributes: []types.Attribute{}}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		targets, err := a.targets(tx.View, in.Cluster, in.Attributes)
		if err != nil {
			return err
		}
		for n, t := range in.Attributes {
			key := state.AttributeKey(targets[n], *t.Name)
			had, ok := tx.Attributes.Get(key)
			if !ok || t.Value != nil && *t.Value != aws.ToString(had.Value) {
				continue
			}
			tx.Attributes.Delete(tx, key)
			out.Attributes = append(out.Attributes, types.Attribute{Name: t.Name, Value: had.Value, TargetId: &targets[n]})
		}
		return nil
	})
	return out, err
}

// checkAttributes checks what is alike in putting and deleting attributes.
func checkAttributes(all []types.Attribute) error {
	if len(all) == 0 {
		return invalid("attributes can not be empty")
	}
	if len(all) > mostAttributes {
		return invalid(fmt.Sprintf("attributes can have at most %d items.", mostAttributes))
	}
	for _, t := range all {
		switch name := aws.ToString(t.Name); {
		case name == "":
			return invalid("The name of an attribute can not be empty.")
		case reservedAttribute(name):
			return invalid("Invalid attribute name " + name + ". The prefixes ecs., com.amazonaws.ecs. and berth. are reserved.")
		case aws.ToString(t.TargetId) == "":
			return invalid("The attribute " + name + " needs a targetId.")
		case t.TargetType == "" && !arn.Is(*t.TargetId):
			return invalid("The attribute " + name + " needs a targetType, because its targetId is not a full ARN.")
		case t.TargetType != "" && t.TargetType != types.TargetTypeContainerInstance:
			return invalid("targetType should be one of [container-instance]")
		}
	}
	return nil
}

// targets finds the ARNs of the container instances that attributes are for.
func (a *API) targets(v *state.View, cluster *string, attributes []types.Attribute) ([]string, error) {
	c, err := a.activeCluster(v, aws.ToString(cluster))
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, t := range attributes {
		i, ok := a.instance(v, c, *t.TargetId)
		if !ok || i.Status == inactive {
			return nil, &types.TargetNotFoundException{Message: aws.String("Could not find " + *t.TargetId + " in cluster " + c.Name + ".")}
		}
		arns = append(arns, i.ARN)
	}
	return arns, nil
}

// ListAttributes lists the attributes of the container instances of a cluster,
// custom and reserved ones.
func (a *API) ListAttributes(_ context.Context, in *ecs.ListAttributesInput) (*ecs.ListAttributesOutput, error) {
	if in.TargetType != types.TargetTypeContainerInstance {
		return nil, invalid("targetType should be one of [container-instance]")
	}
	if in.AttributeValue != nil && aws.ToString(in.AttributeName) == "" {
		return nil, invalid("attributeValue needs an attributeName.")
	}
	limit, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	found := map[string]types.Attribute{}
	keys, next, err := page(func(yield func(string) bool) {
		for i := range v.InstancesOf(c.ARN) {
			if i.Status == inactive {
				continue
			}
			for _, t := range attributesOf(v, i) {
				if !wanted(t, in.AttributeName, in.AttributeValue) {
					continue
				}
				key := state.AttributeKey(i.ARN, *t.Name)
				found[key] = types.Attribute{Name: t.Name, Value: t.Value, TargetId: &i.ARN}
				if !yield(key) {
					return
				}
			}
		}
	}, in.NextToken, limit)
	out := &ecs.ListAttributesOutput{Attributes: []types.Attribute{}, NextToken: next}
	for _, key := range keys {
		out.Attributes = append(out.Attributes, found[key])
	}
	return out, err
}

// wanted reports whether t has the name and the value; nil is any.
func wanted(t types.Attribute, name, value *string) bool {
	return (aws.ToString(name) == "" || *t.Name == *name) && (value == nil || aws.ToString(t.Value) == *value)
}
