package ecs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"berth/aws/shape"
	"berth/state"
)

const stubInstances = "arn:aws:ecs:us-east-1:123456789012:container-instance/stub/"

// stubAPI serves an account with the clusters stub and other.
func stubAPI(t *testing.T) *API {
	a := testAPI()
	write(t, a, func(tx *state.Tx) {
		for _, name := range []string{"stub", "other"} {
			tx.Clusters.Put(tx, state.Cluster{ARN: a.arn("cluster/" + name), Name: name, Status: "ACTIVE"})
		}
	})
	return a
}

// agentRequest is what a real agent (1.105.1, external) sent at its first
// start, with fewer capabilities, and with a custom attribute and a tag.
func agentRequest(t *testing.T) *RegisterContainerInstanceInput {
	t.Helper()
	body, err := os.ReadFile("testdata/register-container-instance.json")
	if err != nil {
		t.Fatal(err)
	}
	in := new(RegisterContainerInstanceInput)
	if _, err := shape.New(shape.Names{Lower: true}).DecodeJSON(body, in); err != nil {
		t.Fatal(err)
	}
	return in
}

func register(t *testing.T, a *API, in *RegisterContainerInstanceInput) types.ContainerInstance {
	t.Helper()
	out, err := a.RegisterContainerInstance(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.ContainerInstance
}

// complaint is an error as a client sees it.
func complaint(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return "no API error"
}

func attributeText(all []types.Attribute) string {
	var text []string
	for _, t := range all {
		if t.Value != nil {
			text = append(text, *t.Name+"="+*t.Value)
		} else {
			text = append(text, *t.Name)
		}
	}
	return strings.Join(text, " ")
}

func TestRegisterRealAgent(t *testing.T) {
	a := stubAPI(t)
	in := agentRequest(t)
	in.TotalResources[3].StringSetValue = nil
	got := register(t, a, in)
	if id, ok := strings.CutPrefix(*got.ContainerInstanceArn, stubInstances); !ok || len(id) != 32 {
		t.Errorf("ARN %s, want %s and 32 digits", *got.ContainerInstanceArn, stubInstances)
	}
	if *got.Status != "ACTIVE" || got.Version != 1 || got.AgentConnected || got.RegisteredAt.IsZero() {
		t.Errorf("status %s, version %d, connected %t, registered at %v", *got.Status, got.Version, got.AgentConnected, got.RegisteredAt)
	}
	// The agent gives up unless it finds every attribute that it sent.
	for _, sent := range in.Attributes {
		if !hasAttribute(got.Attributes, *sent.Name) || valueOf(got.Attributes, *sent.Name) != aws.ToString(sent.Value) {
			t.Errorf("attribute %s is not echoed", *sent.Name)
		}
	}
	if zone := valueOf(got.Attributes, "ecs.availability-zone"); zone != "us-east-1a" {
		t.Errorf("zone %q", zone)
	}
	if got := *got.Tags[0].Key + "=" + *got.Tags[0].Value; got != "team=edge" {
		t.Errorf("tag %s", got)
	}
	if r := got.RegisteredResources; len(r) != 4 || r[1].IntegerValue != 24105 || r[3].StringSetValue == nil || len(r[2].StringSetValue) != 5 {
		t.Errorf("resources %+v", r)
	}
}

func TestRegisterAgain(t *testing.T) {
	a := stubAPI(t)
	first := register(t, a, agentRequest(t))

	if again := register(t, a, agentRequest(t)); *again.ContainerInstanceArn != *first.ContainerInstanceArn {
		t.Error("a repeated call made a second instance")
	}
	other := agentRequest(t)
	other.Cluster = aws.String("other")
	if *register(t, a, other).ContainerInstanceArn == *first.ContainerInstanceArn {
		t.Error("a token of one cluster counts in another")
	}

	if _, err := a.UpdateContainerInstancesState(t.Context(), &ecs.UpdateContainerInstancesStateInput{
		Cluster: aws.String("stub"), ContainerInstances: []string{*first.ContainerInstanceArn}, Status: types.ContainerInstanceStatusDraining}); err != nil {
		t.Fatal(err)
	}
	restarted := agentRequest(t)
	restarted.ClientToken = aws.String("another")
	restarted.ContainerInstanceArn = first.ContainerInstanceArn
	restarted.Attributes = []types.Attribute{{Name: aws.String("ecs.os-type"), Value: aws.String("linux")}} // no custom ones
	restarted.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}}
	restarted.TotalResources[0].IntegerValue = 4096
	got := register(t, a, restarted)
	if *got.ContainerInstanceArn != *first.ContainerInstanceArn || *got.Status != "DRAINING" || !got.RegisteredAt.Equal(*first.RegisteredAt) {
		t.Errorf("got %s %s of %v", *got.ContainerInstanceArn, *got.Status, got.RegisteredAt)
	}
	if text := attributeText(got.Attributes); text != "ecs.availability-zone=us-east-1a ecs.os-type=linux stack=prod" {
		t.Errorf("attributes %s", text)
	}
	if got.RegisteredResources[0].IntegerValue != 4096 || *got.Tags[0].Value != "edge" || got.Version != 4 {
		t.Errorf("CPU %d, tag %s, version %d", got.RegisteredResources[0].IntegerValue, *got.Tags[0].Value, got.Version)
	}
}

// A machine of EC2 proves who it is by its identity document.
func TestRegisterEC2(t *testing.T) {
	a := stubAPI(t)
	in := &RegisterContainerInstanceInput{}
	in.Cluster = aws.String("stub")
	in.InstanceIdentityDocument = aws.String(`{"accountId":"123456789012","architecture":"arm64","availabilityZone":"us-east-1c",
		"imageId":"ami-1","instanceId":"i-1234567890abcdef0","instanceType":"t4g.micro","region":"us-east-1","pendingTime":"2026-11-22T14:00:00Z"}`)
	in.PlatformDevices = []types.PlatformDevice{{Id: aws.String("GPU-1"), Type: types.PlatformDeviceTypeGpu}}
	in.VersionInfo = &types.VersionInfo{AgentVersion: aws.String("1.105.1")}
	got := register(t, a, in)
	if *got.Ec2InstanceId != "i-1234567890abcdef0" || *got.VersionInfo.AgentVersion != "1.105.1" {
		t.Errorf("got %s with agent %s", *got.Ec2InstanceId, *got.VersionInfo.AgentVersion)
	}
	const want = "ecs.ami-id=ami-1 ecs.availability-zone=us-east-1c ecs.cpu-architecture=arm64 ecs.instance-type=t4g.micro"
	if text := attributeText(got.Attributes); text != want {
		t.Errorf("attributes %s, want %s", text, want)
	}
	if r := got.RegisteredResources; len(r) != 1 || *r[0].Name != "GPU" || r[0].StringSetValue[0] != "GPU-1" {
		t.Errorf("resources %+v", r)
	}

	in.ContainerInstanceArn = got.ContainerInstanceArn
	in.InstanceIdentityDocument = aws.String(strings.Replace(*in.InstanceIdentityDocument, "t4g.micro", "t4g.large", 1))
	_, err := a.RegisterContainerInstance(t.Context(), in)
	wantError := "ClientException: Container instance type changes are not supported. Container instance " + lastPart(*got.ContainerInstanceArn) +
		" was previously registered as t4g.micro."
	if complaint(err) != wantError {
		t.Errorf("got %s", complaint(err))
	}
}

func TestRegisterErrors(t *testing.T) {
	text := aws.String
	for _, tc := range []struct {
		name   string
		change func(*RegisterContainerInstanceInput)
		want   string
	}{
		{"cluster", func(in *RegisterContainerInstanceInput) { in.Cluster = nil }, // the agent then creates the default cluster
			"ClusterNotFoundException: Cluster not found."},
		{"unknown instance", func(in *RegisterContainerInstanceInput) { in.ContainerInstanceArn = text(stubInstances + "0123") },
			"ClientException: Referenced container instance 0123 not registered."},
		{"token", func(in *RegisterContainerInstanceInput) { in.ClientToken = text("a b") },
			"InvalidParameterException: clientToken can have up to 64 characters, of ASCII 33 to 126."},
		{"resource type", func(in *RegisterContainerInstanceInput) { in.TotalResources[0].Type = text("STRINGSET") },
			"InvalidParameterException: The type of the resource CPU should be INTEGER."},
		{"resource of no type", func(in *RegisterContainerInstanceInput) { in.TotalResources[0].Type = nil },
			"InvalidParameterException: The type of the resource CPU should be one of [INTEGER,DOUBLE,LONG,STRINGSET]"},
		{"resource of no name", func(in *RegisterContainerInstanceInput) { in.TotalResources[0].Name = nil },
			"InvalidParameterException: totalResources.name cannot be empty."},
		{"negative resource", func(in *RegisterContainerInstanceInput) { in.TotalResources[1].IntegerValue = -1 },
			"InvalidParameterException: The resource MEMORY cannot be negative."},
		{"resource twice", func(in *RegisterContainerInstanceInput) { in.TotalResources[0].Name = text("MEMORY") },
			"InvalidParameterException: The resource MEMORY is given twice."},
		{"device", func(in *RegisterContainerInstanceInput) {
			in.PlatformDevices = []types.PlatformDevice{{Type: types.PlatformDeviceTypeGpu}}
		}, "InvalidParameterException: Each of platformDevices needs an id, and GPU as its type."},
		{"GPUs twice", func(in *RegisterContainerInstanceInput) {
			in.TotalResources[3].Name = text("GPU")
			in.PlatformDevices = []types.PlatformDevice{{Id: text("GPU-1"), Type: types.PlatformDeviceTypeGpu}}
		}, "InvalidParameterException: GPUs are given both in platformDevices and in totalResources."},
		{"custom attributes", func(in *RegisterContainerInstanceInput) {
			for n := range 10 {
				in.Attributes = append(in.Attributes, types.Attribute{Name: text(fmt.Sprint("custom", n))})
			}
		}, "InvalidParameterException: A container instance can have at most 10 custom attributes."},
		{"document", func(in *RegisterContainerInstanceInput) { in.InstanceIdentityDocument = text("{") },
			"InvalidParameterException: instanceIdentityDocument is not an EC2 instance identity document: unexpected end of JSON input"},
		{"custom attribute", func(in *RegisterContainerInstanceInput) { in.Attributes[12].Name = text("st@ck") },
			`InvalidParameterException: Invalid attribute name "st@ck". It must have between 1 and 128 letters, numbers, and - _ . / \.`},
		{"reserved attribute twice", func(in *RegisterContainerInstanceInput) {
			in.Attributes = append(in.Attributes, types.Attribute{Name: text("ecs.os-type"), Value: text("windows")})
		}, "InvalidParameterException: The attribute ecs.os-type is given twice, with different values."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := stubAPI(t)
			in := agentRequest(t)
			tc.change(in)
			_, err := a.RegisterContainerInstance(t.Context(), in)
			if got := complaint(err); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if n := a.store.View().ContainerInstances.Len(); n != 0 {
				t.Errorf("%d instances were registered", n)
			}
		})
	}
}

// A deregistered instance does not come back: its agent gives up and says why.
func TestRegisterInactive(t *testing.T) {
	a := stubAPI(t)
	in := agentRequest(t)
	first := register(t, a, in)
	if _, err := a.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{
		Cluster: in.Cluster, ContainerInstance: first.ContainerInstanceArn}); err != nil {
		t.Fatal(err)
	}
	if *register(t, a, in).ContainerInstanceArn == *first.ContainerInstanceArn {
		t.Error("the token brought it back")
	}
	in.ContainerInstanceArn = first.ContainerInstanceArn
	_, err := a.RegisterContainerInstance(t.Context(), in)
	if got, want := complaint(err), "ClientException: Container instance "+lastPart(*first.ContainerInstanceArn)+" is inactive."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
