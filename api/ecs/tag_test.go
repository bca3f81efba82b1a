package ecs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

const ourARN = "arn:aws:ecs:us-east-1:123456789012:"

func TestTagResource(t *testing.T) {
	a := testAPI()
	write(t, a, func(tx *state.Tx) {
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{TaskDefinitionArn: aws.String(ourARN + "task-definition/web:1")}})
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: ourARN + "container-instance/main/1"})
		tx.Services.Put(tx, state.Service{ARN: ourARN + "service/main/web"})
		tx.Tasks.Put(tx, state.Task{ARN: ourARN + "task/main/1"})
	})
	script{
		{"CreateCluster", `{"clusterName":"main"}`, `{}`},
		{"CreateCapacityProvider", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, `{}`},
	}.run(t, a)
	for _, resource := range []string{"cluster/main", "capacity-provider/web", "task-definition/web:1",
		"container-instance/main/1", "service/main/web", "task/main/1"} {
		t.Run(resource, func(t *testing.T) {
			id := `"resourceArn":"` + ourARN + resource + `"`
			script{
				{"ListTagsForResource", `{` + id + `}`, `{"tags":[]}`},
				{"TagResource", `{` + id + `,"tags":[{"key":"a","value":"1"},{"key":"b","value":"2"}]}`, `{}`},
				{"TagResource", `{` + id + `,"tags":[{"key":"c","value":"3"},{"key":"a","value":"4"}]}`, `{}`},
				{"UntagResource", `{` + id + `,"tagKeys":["b","unknown"]}`, `{}`},
				{"ListTagsForResource", `{` + id + `}`, `{"tags":[{"key":"a","value":"4"},{"key":"c","value":"3"}]}`},
			}.run(t, a)
		})
	}
	script{
		{"DescribeClusters", `{"clusters":["main"],"include":["TAGS"]}`, `{"clusters":[{"tags":[{"key":"a"},{"key":"c"}]}]}`},
	}.run(t, a)
}

// A view that someone holds keeps the tags it had.
func TestTagResourceLeavesViewsAlone(t *testing.T) {
	for operation, more := range map[string]string{"TagResource": `"tags":[{"key":"a","value":"new"}]`, "UntagResource": `"tagKeys":["a"]`} {
		a := testAPI()
		script{{"CreateCluster", `{"clusterName":"main","tags":[{"key":"a","value":"old"},{"key":"b"}]}`, `{}`}}.run(t, a)
		before := a.store.View()
		script{{operation, `{"resourceArn":"` + mainCluster + `",` + more + `}`, `{}`}}.run(t, a)
		if c, _ := before.Clusters.Get(mainCluster); aws.ToString(c.Tags[0].Value) != "old" {
			t.Errorf("%s: the view taken before shows %v", operation, tagMap(c.Tags))
		}
	}
}

func TestTagResourceRefuses(t *testing.T) {
	a := testAPI()
	var fifty []string
	for i := range 50 {
		fifty = append(fifty, fmt.Sprintf(`{"key":"%d"}`, i))
	}
	script{
		{"CreateCluster", `{"clusterName":"full","tags":[` + strings.Join(fifty, ",") + `]}`, `{}`},
		{"CreateCluster", `{"clusterName":"gone"}`, `{}`}, {"DeleteCluster", `{"cluster":"gone"}`, `{}`},
	}.run(t, a)
	const missing = "ResourceNotFoundException: The specified resource "
	for _, tc := range []struct{ resource, want string }{
		{"", `InvalidParameterException: The resource ARN "" is invalid.`},
		{"main", `InvalidParameterException: The resource ARN "main" is invalid.`},
		{"arn:aws:ecs:eu-west-1:123456789012:cluster/full", `InvalidParameterException: The resource ARN`},
		{"arn:aws:ec2:us-east-1:123456789012:instance/i-1", `InvalidParameterException: The resource ARN`},
		{ourARN + "volume/1", `InvalidParameterException: The resource ARN`},
		{ourARN + "service/web", "InvalidParameterException: Long arn format must be used for tagging operations"},
		{ourARN + "cluster/none", noCluster},
		{ourARN + "cluster/gone", "InvalidParameterException: The specified cluster is inactive. Specify an active cluster and try again."},
		{ourARN + "service/main/none", missing},
		{ourARN + "task/main/none", missing},
		{ourARN + "capacity-provider/none", missing},
		{ourARN + "task-definition/none:1", missing},
		{ourARN + "container-instance/main/none", missing},
		{ourARN + "cluster/full", "LimitExceededException: A resource can have at most 50 tags; this one would have 51."},
	} {
		t.Run(tc.resource, func(t *testing.T) {
			script{{"TagResource", `{"resourceArn":"` + tc.resource + `","tags":[{"key":"new"}]}`, tc.want}}.run(t, a)
		})
	}
	script{
		{"TagResource", `{"resourceArn":"` + ourARN + `cluster/full"}`, "InvalidParameterException: Tags can not be empty."},
		{"TagResource", `{"resourceArn":"` + ourARN + `cluster/full","tags":[{"key":"1","value":"changed"}]}`, `{}`},
		{"UntagResource", `{"resourceArn":"` + ourARN + `cluster/full"}`, "InvalidParameterException: Tag keys can not be empty."},
		{"UntagResource", `{"resourceArn":"` + ourARN + `cluster/full","tagKeys":["aws:x"]}`, "InvalidParameterException: Tags with the prefix aws:"},
	}.run(t, a)
}

func TestCheckTags(t *testing.T) {
	long := strings.Repeat("ö", 129)
	for _, tc := range []struct{ key, value, want string }{
		{"team", "web & more", "letters, numbers, spaces"},
		{"Größe.v1:/=+-@_", "", ""},
		{"", "x", "between 1 and 128"},
		{long, "x", "between 1 and 128"},
		{long[:256], long + long[:256], "at most 256"}, // 128 and 257 characters
		{long[:256], long[:256] + long[:256], ""},
		{"Aws:team", "x", "reserved prefix"},
		{"team", "AWS:x", "reserved prefix"},
		{"awsome", "x", ""},
		{"tab\t", "x", "letters, numbers, spaces"},
	} {
		t.Run(tc.key+"="+tc.value, func(t *testing.T) {
			err := checkTags([]types.Tag{{Key: &tc.key, Value: &tc.value}})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if err := checkTags(make([]types.Tag, 51)); err == nil {
		t.Error("51 tags are accepted")
	}
}
