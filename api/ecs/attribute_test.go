package ecs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// attributesIn reads "a stack=prod, b stack" as attributes for the instances a and b.
func attributesIn(text string) (all []types.Attribute) {
	for part := range strings.SplitSeq(text, ", ") {
		target, attribute, ok := strings.Cut(part, " ")
		if !ok {
			continue
		}
		t := types.Attribute{TargetId: &target}
		if !strings.HasPrefix(target, "arn:") {
			t.TargetType = types.TargetTypeContainerInstance
		}
		name, value, hasValue := strings.Cut(attribute, "=")
		t.Name = &name
		if hasValue {
			t.Value = &value
		}
		all = append(all, t)
	}
	return all
}

// attributesOut is attributesIn the other way round.
func attributesOut(all []types.Attribute) string {
	var text []string
	for _, t := range all {
		text = append(text, strings.TrimPrefix(*t.TargetId, stubInstances)+" "+attributeText([]types.Attribute{t}))
	}
	return strings.Join(text, ", ")
}

func putAttributes(t *testing.T, a *API, text string) {
	t.Helper()
	if _, err := a.PutAttributes(t.Context(), &ecs.PutAttributesInput{Cluster: aws.String("stub"), Attributes: attributesIn(text)}); err != nil {
		t.Fatal(err)
	}
}

func TestPutAttributes(t *testing.T) {
	eleven := func(format string) string {
		var parts []string
		for n := range 11 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
		return strings.Join(parts, ", ")
	}
	const characters = " letters, numbers, and - _ . / \\."
	for _, tc := range []struct{ put, want string }{
		{"a stack=prod", "a stack=prod"},
		{stubInstances + "a stack=prod", "a stack=prod"},
		{"a stack=prod, b stack=test, b big", "a stack=prod, b stack=test, b big"},
		{`a A-z_0./\=x@y/z\:1 2`, `a A-z_0./\=x@y/z\:1 2`},
		{"", "InvalidParameterException: attributes can not be empty"},
		{eleven("a n%d"), "InvalidParameterException: attributes can have at most 10 items."},
		{"a n1, a n2", "AttributeLimitExceededException: A container instance can have at most 10 custom attributes."}, // it has nine
		{"a n1", "a n1"},
		{"a old0=x, a n1", "a old0=x, a n1"},
		{"a st@ck", `InvalidParameterException: Invalid attribute name "st@ck". It must have between 1 and 128` + characters},
		{"a " + strings.Repeat("n", 129), `InvalidParameterException: Invalid attribute name "` + strings.Repeat("n", 129) + `". It must have between 1 and 128` + characters},
		{"a stack=", `InvalidParameterException: Invalid value "" of the attribute stack. It must have between 1 and 128 letters, numbers, spaces, and - _ . @ / \ :, and cannot start or end with a space.`},
		{"a stack=x ", `InvalidParameterException: Invalid value "x " of the attribute stack. It must have between 1 and 128 letters, numbers, spaces, and - _ . @ / \ :, and cannot start or end with a space.`},
		{"a =x", "InvalidParameterException: The name of an attribute can not be empty."},
		{"a ecs.os-type=windows", "InvalidParameterException: Invalid attribute name ecs.os-type. The prefixes ecs., com.amazonaws.ecs. and berth. are reserved."},
		{"missing stack", "TargetNotFoundException: Could not find missing in cluster stub."},
		{"d stack", "TargetNotFoundException: Could not find d in cluster stub."},
		{" stack", "InvalidParameterException: The attribute stack needs a targetId."},
	} {
		a := stubFleet(t)
		putAttributes(t, a, "a old0, a old1, a old2, a old3, a old4, a old5, a old6, a old7, a old8")
		out, err := a.PutAttributes(t.Context(), &ecs.PutAttributesInput{Cluster: aws.String("stub"), Attributes: attributesIn(tc.put)})
		got := ""
		if err != nil {
			got = complaint(err)
		} else {
			got = attributesOut(out.Attributes)
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.put, got, tc.want)
		}
	}
}

func TestTargetType(t *testing.T) {
	for _, tc := range []struct{ kind, want string }{
		{"", "InvalidParameterException: The attribute stack needs a targetType, because its targetId is not a full ARN."},
		{"task", "InvalidParameterException: targetType should be one of [container-instance]"},
	} {
		_, err := stubFleet(t).PutAttributes(t.Context(), &ecs.PutAttributesInput{Cluster: aws.String("stub"),
			Attributes: []types.Attribute{{Name: aws.String("stack"), TargetId: aws.String("a"), TargetType: types.TargetType(tc.kind)}}})
		if got := complaint(err); got != tc.want {
			t.Errorf("%q: got %s, want %s", tc.kind, got, tc.want)
		}
	}
}

func TestDeleteAttributes(t *testing.T) {
	for _, tc := range []struct{ remove, want, left string }{
		{"a stack", "a stack=prod", "a big, b stack=test"},
		{"a stack=prod, b stack", "a stack=prod, b stack=test", "a big"},
		{"a stack=test, b big", "", "a big, a stack=prod, b stack=test"}, // neither is there
		{"a ecs.os-type", "InvalidParameterException: Invalid attribute name ecs.os-type. The prefixes ecs., com.amazonaws.ecs. and berth. are reserved.",
			"a big, a stack=prod, b stack=test"},
		{"a stack, missing stack", "TargetNotFoundException: Could not find missing in cluster stub.", "a big, a stack=prod, b stack=test"},
	} {
		a := stubFleet(t)
		putAttributes(t, a, "a stack=prod, a big, b stack=test")
		out, err := a.DeleteAttributes(t.Context(), &ecs.DeleteAttributesInput{Cluster: aws.String("stub"), Attributes: attributesIn(tc.remove)})
		got := ""
		if err != nil {
			got = complaint(err)
		} else {
			got = attributesOut(out.Attributes)
		}
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.remove, got, tc.want)
		}
		var left []types.Attribute
		for record := range a.store.View().Attributes.All() {
			left = append(left, types.Attribute{Name: &record.Name, Value: record.Value, TargetId: &record.Target})
		}
		if got := attributesOut(left); got != tc.left {
			t.Errorf("%s: left %s, want %s", tc.remove, got, tc.left)
		}
	}
}

func TestListAttributes(t *testing.T) {
	a := stubFleet(t)
	putAttributes(t, a, "a stack=prod, a big, b stack=test")
	for _, tc := range []struct{ name, value, want string }{
		{"", "", "a big, a ecs.os-type=linux, a stack=prod, b ecs.os-type=linux, b stack=test, c ecs.os-type=linux"},
		{"stack", "", "a stack=prod, b stack=test"},
		{"stack", "prod", "a stack=prod"},
		{"stack", "dev", ""},
		{"", "prod", "InvalidParameterException: attributeValue needs an attributeName."},
	} {
		for _, size := range []int32{1, 2, 100} {
			in := &ecs.ListAttributesInput{Cluster: aws.String("stub"), TargetType: types.TargetTypeContainerInstance, MaxResults: &size}
			if tc.name != "" {
				in.AttributeName = &tc.name
			}
			if tc.value != "" {
				in.AttributeValue = &tc.value
			}
			if got := allAttributes(t, a, in); got != tc.want {
				t.Errorf("%s=%s by %d: got %s, want %s", tc.name, tc.value, size, got, tc.want)
			}
		}
	}
	if got, want := allAttributes(t, a, &ecs.ListAttributesInput{}), "InvalidParameterException: targetType should be one of [container-instance]"; got != want {
		t.Errorf("no targetType: got %s, want %s", got, want)
	}
}

// allAttributes lists all pages.
func allAttributes(t *testing.T, a *API, in *ecs.ListAttributesInput) string {
	var all []types.Attribute
	for range 100 {
		out, err := a.ListAttributes(t.Context(), in)
		if err != nil {
			return complaint(err)
		}
		all = append(all, out.Attributes...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return attributesOut(all)
		}
	}
	return "the pages never end"
}
