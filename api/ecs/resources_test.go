package ecs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/state"
)

func TestResources(t *testing.T) {
	a := testAPI()
	write(t, a, func(tx *state.Tx) { tx.Families.Put(tx, state.Family{Name: "web", LastRevision: 7}) })
	for _, tc := range []struct {
		input any
		want  string // without the prefix all ARNs of ours share
	}{
		{&ecs.CreateClusterInput{}, "cluster/default"},
		{&ecs.CreateClusterInput{ClusterName: aws.String("main")}, "cluster/main"},
		{&ecs.DescribeClustersInput{Clusters: []string{"a", ourARN + "cluster/b"}}, "cluster/a cluster/b"},
		{&ecs.DescribeCapacityProvidersInput{}, "capacity-provider/*"},
		{&ecs.UpdateCapacityProviderInput{Name: aws.String("asg")}, "capacity-provider/asg"},
		{&ecs.RunTaskInput{TaskDefinition: aws.String("web"), Cluster: aws.String("main")}, "task-definition/web:7"},
		{&ecs.RunTaskInput{TaskDefinition: aws.String("web:3")}, "task-definition/web:3"},
		{&ecs.RegisterTaskDefinitionInput{Family: aws.String("web")}, "task-definition/web:*"},
		{&ecs.DescribeTasksInput{Cluster: aws.String(ourARN + "cluster/main"), Tasks: []string{"1", "2"}}, "task/main/1 task/main/2"},
		{&ecs.ListTasksInput{}, "container-instance/default/*"},
		{&ecs.PutAttributesInput{Attributes: []types.Attribute{{TargetId: aws.String("1")}}}, "container-instance/default/1"},
		{&ecs.CreateServiceInput{ServiceName: aws.String("web")}, "service/default/web"},
		{&ecs.CreateTaskSetInput{Cluster: aws.String("main"), Service: aws.String("web")}, "task-set/main/web/*"},
		{&ecs.UpdateServicePrimaryTaskSetInput{Cluster: aws.String("main"), Service: aws.String("web"), PrimaryTaskSet: aws.String("ecs-svc/1")}, "service/main/web"},
		{&ecs.ListServiceDeploymentsInput{Service: aws.String("web")}, "service/default/web"},
		{&ecs.StopServiceDeploymentInput{ServiceDeploymentArn: aws.String(ourARN + "service-deployment/main/web/1")}, "service-deployment/main/web/1"},
		{&ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{ourARN + "service-revision/main/web/1"}}, "service-revision/main/web/1"},
		{&ecs.UpdateTaskSetInput{Cluster: aws.String("main"), Service: aws.String("web"), TaskSet: aws.String("ecs-svc/1")}, "task-set/main/web/ecs-svc/1"},
		{&ecs.ExecuteCommandInput{Cluster: aws.String("main"), Task: aws.String("1")}, "cluster/main task/main/1"},
		{&ecs.TagResourceInput{ResourceArn: aws.String(ourARN + "task/main/1")}, "task/main/1"},
	} {
		operation := strings.TrimSuffix(reflect.TypeOf(tc.input).Elem().Name(), "Input")
		got := strings.ReplaceAll(strings.Join(a.Resources(operation, tc.input), " "), ourARN, "")
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", operation, got, tc.want)
		}
	}
}

// Every operation that clients know is authorized on ARNs of the type that AWS
// says, and on "*" only where AWS knows no type.
func TestResourcesOfEveryOperation(t *testing.T) {
	wide := []string{"DeleteAccountSetting", "DeregisterTaskDefinition", "DescribeTaskDefinition", "DiscoverPollEndpoint",
		"ListAccountSettings", "ListClusters", "ListDaemonTaskDefinitions", "ListGateways", "ListServices",
		"ListServicesByNamespace", "ListTaskDefinitionFamilies", "ListTaskDefinitions", "PutAccountSetting", "PutAccountSettingDefault"}
	a, client, operations := testAPI(), reflect.TypeFor[*ecs.Client](), 0
	for i := range client.NumMethod() {
		method := client.Method(i)
		if method.Type.NumIn() < 3 || !strings.HasSuffix(method.Type.In(2).String(), "Input") {
			continue
		}
		operations++
		for _, fill := range []bool{false, true} {
			input := reflect.New(method.Type.In(2).Elem())
			if fill || strings.HasSuffix(method.Name, "Resource") {
				fillStrings(input.Elem())
			}
			resources := a.Resources(method.Name, input.Interface())
			if slices.Contains(wide, method.Name) {
				if !slices.Equal(resources, []string{"*"}) {
					t.Errorf("%s: %q, want *", method.Name, resources)
				}
				continue
			}
			if len(resources) == 0 {
				t.Errorf("%s: no resource", method.Name)
			}
			for _, r := range resources {
				if id, err := arn.Parse(r); err != nil || id.Service != "ecs" || strings.HasSuffix(id.Resource, "/") || strings.Contains(id.Resource, "//") {
					t.Errorf("%s: %q is not an ARN of a resource", method.Name, r)
				} else if fill && !strings.Contains(id.Resource, "some") {
					t.Errorf("%s: %s is not what the input names", method.Name, r)
				}
			}
		}
	}
	if operations != 88 {
		t.Errorf("the client has %d operations, want 88", operations)
	}
}

// fillStrings gives the members of an input names, or ARNs where they are to be.
func fillStrings(in reflect.Value) {
	for i := range in.NumField() {
		field, value := in.Field(i), "some"
		if strings.Contains(in.Type().Field(i).Name, "Arn") {
			value = ourARN + "thing/some"
		}
		if !field.CanSet() {
			continue
		}
		switch field.Interface().(type) {
		case *string:
			field.Set(reflect.ValueOf(&value))
		case []string:
			field.Set(reflect.ValueOf([]string{value, value}))
		case []types.Attribute:
			field.Set(reflect.ValueOf([]types.Attribute{{TargetId: &value}}))
		}
	}
}
