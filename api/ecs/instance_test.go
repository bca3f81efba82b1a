package ecs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// stubFleet is the cluster stub with the instances a (ACTIVE, two tasks), b
// (ACTIVE), c (DRAINING) and d (INACTIVE), and other with the instance o.
func stubFleet(t *testing.T) *API {
	a := stubAPI(t)
	write(t, a, func(tx *state.Tx) {
		for _, i := range []struct{ id, cluster, status string }{
			{"a", "stub", "ACTIVE"}, {"b", "stub", "ACTIVE"}, {"c", "stub", "DRAINING"}, {"d", "stub", "INACTIVE"}, {"o", "other", "ACTIVE"},
		} {
			tx.ContainerInstances.Put(tx, state.ContainerInstance{
				ARN: a.arn("container-instance/" + i.cluster + "/" + i.id), Cluster: a.arn("cluster/" + i.cluster), Status: i.status,
				EC2ID: "i-" + i.id, RegisteredAt: tx.Now(), Version: 1,
				Resources:  []types.Resource{{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 1024}},
				Attributes: []types.Attribute{{Name: aws.String("ecs.os-type"), Value: aws.String("linux")}},
				Tags:       []types.Tag{{Key: aws.String("rack"), Value: aws.String("7")}},
			})
		}
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{TaskDefinitionArn: aws.String("web:1"), Cpu: aws.String("256")}})
		for id, last := range map[string]string{"1": "RUNNING", "2": "PENDING"} {
			tx.Tasks.Put(tx, state.Task{ARN: a.arn("task/stub/" + id), Cluster: a.arn("cluster/stub"), Instance: stubInstances + "a",
				Definition: "web:1", Takes: state.Resources{CPU: 256}, Group: "family:web", Last: last, Desired: "RUNNING"})
		}
	})
	return a
}

// instancesText is what an answer says of instances: "a:ACTIVE missing:MISSING".
func instancesText(all []types.ContainerInstance, failures []types.Failure) string {
	var text []string
	for _, i := range all {
		text = append(text, lastPart(*i.ContainerInstanceArn)+":"+*i.Status)
	}
	for _, f := range failures {
		text = append(text, lastPart(*f.Arn)+":"+*f.Reason)
	}
	return strings.Join(text, " ")
}

func TestDescribeContainerInstances(t *testing.T) {
	for _, tc := range []struct{ ids, want string }{
		{"a", "a:ACTIVE"},
		{stubInstances + "a", "a:ACTIVE"},
		{"arn:aws:ecs:us-east-1:123456789012:container-instance/a", "a:ACTIVE"}, // the form before 2018
		{"b missing d", "b:ACTIVE d:INACTIVE missing:MISSING"},
		{"o arn:aws:ecs:us-east-1:123456789012:container-instance/other/o", "o:MISSING o:MISSING"},
		{"arn:aws:ecs:eu-west-1:123456789012:container-instance/stub/a", "a:MISSING"},
		{"", "ClientException: Container Instances cannot be empty."},
		{strings.Repeat("a ", 101), "InvalidParameterException: instanceIds can have at most 100 items."},
	} {
		out, err := stubFleet(t).DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
			Cluster: aws.String("stub"), ContainerInstances: strings.Fields(tc.ids)})
		got := ""
		if err != nil {
			got = complaint(err)
		} else {
			got = instancesText(out.ContainerInstances, out.Failures)
		}
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.ids, got, tc.want)
		}
	}
}

func TestDescribeContainerInstance(t *testing.T) {
	describe := func(include ...types.ContainerInstanceField) types.ContainerInstance {
		out, err := stubFleet(t).DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{
			Cluster: aws.String("stub"), ContainerInstances: []string{"a"}, Include: include})
		if err != nil {
			t.Fatal(err)
		}
		return out.ContainerInstances[0]
	}
	i := describe()
	got := fmt.Sprintf("%s running %d pending %d, %d of %d CPU left", *i.Ec2InstanceId, i.RunningTasksCount, i.PendingTasksCount,
		i.RemainingResources[0].IntegerValue, i.RegisteredResources[0].IntegerValue)
	if want := "i-a running 1 pending 1, 512 of 1024 CPU left"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if i.Tags == nil || len(i.Tags) != 0 || i.HealthStatus != nil || i.Attachments == nil {
		t.Errorf("tags %v, health %v, attachments %v, want [], none, []", i.Tags, i.HealthStatus, i.Attachments)
	}
	if i.CapacityProviderName != nil || i.StatusReason != nil || i.VersionInfo != nil {
		t.Error("members without a value are not left out")
	}
	i = describe(types.ContainerInstanceFieldTags, types.ContainerInstanceFieldContainerInstanceHealth)
	if len(i.Tags) != 1 || i.HealthStatus == nil || i.HealthStatus.OverallStatus != types.InstanceHealthCheckStateInsufficientData {
		t.Errorf("tags %v, health %v", i.Tags, i.HealthStatus)
	}
}

func TestListContainerInstances(t *testing.T) {
	for _, tc := range []struct{ status, filter, want string }{
		{"", "", "a b c"},
		{"ACTIVE", "", "a b"},
		{"DRAINING", "", "c"},
		{"REGISTERING", "", ""},
		{"", "ec2InstanceId in [i-b, i-c, i-d]", "b c"},
		{"ACTIVE", "runningTasksCount == 0 and attribute:ecs.os-type == linux", "b"},
		{"", "not(task:group == family:web)", "b c"},
		{"INACTIVE", "", "InvalidParameterException: status should be one of [ACTIVE,DRAINING,REGISTERING,DEREGISTERING,REGISTRATION_FAILED]"},
		{"", "ec2InstanceId", "InvalidParameterException: Invalid filter expression: column 14: " +
			"expected an operator such as ==, !=, >, exists, in or =~, found the end"},
	} {
		in := &ecs.ListContainerInstancesInput{Cluster: aws.String("stub"), Status: types.ContainerInstanceStatus(tc.status), Filter: &tc.filter}
		out, err := stubFleet(t).ListContainerInstances(t.Context(), in)
		got := ""
		if err != nil {
			got = complaint(err)
		} else {
			for n, arn := range out.ContainerInstanceArns {
				out.ContainerInstanceArns[n] = strings.TrimPrefix(arn, stubInstances)
			}
			got = strings.Join(out.ContainerInstanceArns, " ")
		}
		if got != tc.want {
			t.Errorf("%s %s: got %s, want %s", tc.status, tc.filter, got, tc.want)
		}
	}
}

func TestListContainerInstancesPages(t *testing.T) {
	a := stubFleet(t)
	in := &ecs.ListContainerInstancesInput{Cluster: aws.String("stub"), MaxResults: aws.Int32(2)}
	var pages []string
	for range 100 {
		out, err := a.ListContainerInstances(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, fmt.Sprint(len(out.ContainerInstanceArns)))
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if got := strings.Join(pages, " "); got != "2 1" {
		t.Errorf("pages of %s, want 2 1", got)
	}
}

func TestUpdateContainerInstancesState(t *testing.T) {
	for _, tc := range []struct{ ids, status, want string }{
		{"a c", "DRAINING", "a:DRAINING c:DRAINING"},
		{"a c", "ACTIVE", "a:ACTIVE c:ACTIVE"},
		{"b missing d", "DRAINING", "b:DRAINING missing:MISSING d:INACTIVE"},
		{"a", "INACTIVE", "InvalidParameterException: Container instances status should be one of [ACTIVE,DRAINING]"},
		{"a", "REGISTERING", "InvalidParameterException: Container instances status should be one of [ACTIVE,DRAINING]"},
		{"", "ACTIVE", "ClientException: Container Instances cannot be empty."},
		{strings.Repeat("a ", 11), "ACTIVE", "InvalidParameterException: instanceIds can have at most 10 items."},
	} {
		out, err := stubFleet(t).UpdateContainerInstancesState(t.Context(), &ecs.UpdateContainerInstancesStateInput{
			Cluster: aws.String("stub"), ContainerInstances: strings.Fields(tc.ids), Status: types.ContainerInstanceStatus(tc.status)})
		got := ""
		if err != nil {
			got = complaint(err)
		} else {
			got = instancesText(out.ContainerInstances, out.Failures)
		}
		if got != tc.want {
			t.Errorf("%s %s: got %s, want %s", tc.ids, tc.status, got, tc.want)
		}
	}
}

func TestDeregisterContainerInstance(t *testing.T) {
	for _, tc := range []struct {
		id    string
		force *bool
		want  string
	}{
		{"b", nil, "b:INACTIVE with 0 tasks"},
		{"c", nil, "c:INACTIVE with 0 tasks"},
		{"a", nil, "InvalidParameterException: Found running tasks on the instance."},
		{"a", aws.Bool(false), "InvalidParameterException: Found running tasks on the instance."},
		{stubInstances + "a", aws.Bool(true), "a:INACTIVE with 0 tasks"},
		{"d", nil, "ClientException: Container instance d is inactive."},
		{"missing", nil, "ClientException: Referenced container instance missing not found."},
		{"", nil, "InvalidParameterException: containerInstance cannot be empty."},
	} {
		a := stubFleet(t)
		out, err := a.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{
			Cluster: aws.String("stub"), ContainerInstance: &tc.id, Force: tc.force})
		got := ""
		if err != nil {
			got = complaint(err)
		} else {
			i := *out.ContainerInstance
			got = fmt.Sprintf("%s with %d tasks", instancesText([]types.ContainerInstance{i}, nil), i.RunningTasksCount+i.PendingTasksCount)
		}
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.id, got, tc.want)
		}
		if i, _ := a.store.View().ContainerInstances.Get(stubInstances + lastPart(tc.id)); err == nil && i.DeregisteredAt.IsZero() {
			t.Errorf("%s: when it was deregistered is not recorded", tc.id)
		}
		for task := range a.store.View().TasksOn(stubInstances + "a") {
			if stopped := task.Last == "STOPPED"; stopped != aws.ToBool(tc.force) {
				t.Errorf("%s: a task is %s", tc.id, task.Last)
			}
		}
	}
}

func TestUpdateContainerAgent(t *testing.T) {
	for _, tc := range []struct {
		id, version string
		update      types.AgentUpdateStatus
		want        string
	}{
		{"a", "1.105.1", "", "NoUpdateAvailableException: There is no update available for your container agent."},
		{"a", "1.105.1", types.AgentUpdateStatusFailed, "NoUpdateAvailableException: There is no update available for your container agent."},
		{"a", "1.105.1", types.AgentUpdateStatusStaging, "UpdateInProgressException: There is already an update in progress for your container agent."},
		{"a", "", "", "MissingVersionException: The version of the container agent on instance a is not known, so it cannot be updated."},
		{"missing", "", "", "ClientException: Referenced container instance missing not found."},
	} {
		a := stubFleet(t)
		write(t, a, func(tx *state.Tx) {
			i, _ := tx.ContainerInstances.Get(stubInstances + "a")
			i.AgentUpdate = tc.update
			if tc.version != "" {
				i.Software = &types.VersionInfo{AgentVersion: &tc.version}
			}
			tx.ContainerInstances.Put(tx, i)
		})
		_, err := a.UpdateContainerAgent(t.Context(), &ecs.UpdateContainerAgentInput{Cluster: aws.String("stub"), ContainerInstance: &tc.id})
		if got := complaint(err); got != tc.want {
			t.Errorf("%s %s %s: got %s, want %s", tc.id, tc.version, tc.update, got, tc.want)
		}
	}
}

func TestDiscoverPollEndpoint(t *testing.T) {
	for _, base := range []string{"http://127.0.0.1:8080", "https://ecs.example.com/"} {
		out, err := New(Config{Endpoint: base}).DiscoverPollEndpoint(t.Context(), &ecs.DiscoverPollEndpointInput{})
		if err != nil {
			t.Fatal(err)
		}
		base = strings.TrimSuffix(base, "/")
		got := *out.Endpoint + " " + *out.TelemetryEndpoint + " " + *out.ServiceConnectEndpoint
		if want := base + "/acs " + base + "/tcs " + base + "/sc"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
