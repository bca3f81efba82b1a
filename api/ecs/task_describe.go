package ecs

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// fargateStorage is the GiB that a Fargate task may write where none is given.
const fargateStorage = int32(20)

// describeTask is t as the API shows it, with its tags if they are wanted.
func describeTask(v *state.View, t state.Task, tags bool) types.Task {
	out := types.Task{
		TaskArn:               &t.ARN,
		ClusterArn:            &t.Cluster,
		TaskDefinitionArn:     &t.Definition,
		Group:                 optional(t.Group),
		LaunchType:            types.LaunchType(t.LaunchType),
		CapacityProviderName:  optional(t.CapacityProvider),
		StartedBy:             optional(t.StartedBy),
		LastStatus:            &t.Last,
		DesiredStatus:         &t.Desired,
		Version:               t.Version,
		Cpu:                   aws.String(cmp.Or(t.CPU, fmt.Sprint(t.Takes.CPU))),
		Memory:                aws.String(cmp.Or(t.Memory, fmt.Sprint(t.Takes.Memory))),
		AvailabilityZone:      optional(t.Zone),
		PlatformVersion:       optional(t.PlatformVersion),
		PlatformFamily:        optional(t.PlatformFamily),
		EphemeralStorage:      t.EphemeralStorage,
		EnableExecuteCommand:  t.ExecuteCommand,
		Overrides:             t.Overrides,
		HealthStatus:          plan.Health(v, t),
		InferenceAccelerators: []types.InferenceAccelerator{},
		Attributes:            []types.Attribute{},
		Containers:            append([]types.Container{}, t.Containers...),
		Attachments:           append([]types.Attachment{}, t.Attachments...),
		Tags:                  []types.Tag{},
		Connectivity:          types.Connectivity(t.Connectivity),
		StopCode:              types.TaskStopCode(t.StopCode),
		StoppedReason:         optional(t.StoppedReason),
	}
	i, _ := v.ContainerInstances.Get(t.Instance)
	if architecture := valueOf(i.Attributes, "ecs.cpu-architecture"); architecture != "" {
		out.Attributes = append(out.Attributes, types.Attribute{Name: aws.String("ecs.cpu-architecture"), Value: &architecture})
	}
	if t.LaunchType == "FARGATE" { // users do not see the machines of the pool
		size := fargateStorage
		if t.EphemeralStorage != nil {
			size = t.EphemeralStorage.SizeInGiB
		}
		out.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: size}
		out.FargateEphemeralStorage = &types.TaskEphemeralStorage{SizeInGiB: size}
	} else {
		out.ContainerInstanceArn = optional(t.Instance)
	}
	if tags {
		out.Tags = append(out.Tags, t.Tags...)
	}
	describeTimes(t, &out)
	return out
}

func describeTasks(v *state.View, tasks []state.Task) []types.Task {
	out := []types.Task{}
	for _, t := range tasks {
		out = append(out, describeTask(v, t, true))
	}
	return out
}

// mostRefusals is how many instances an answer gives the reasons of.
const mostRefusals = 10

// describeRefusals says why some tasks of a share found no place: for the
// instances that are closest to running them. Those of Fargate have no names
// that users know.
func describeRefusals(s share, refused []place.Refusal) (out []types.Failure) {
	for _, r := range refused[:min(len(refused), mostRefusals)] {
		f := types.Failure{Arn: &r.Instance, Reason: &r.Reason, Detail: &r.Detail}
		if s.launchType == "FARGATE" {
			f.Arn = nil
		}
		out = append(out, f)
	}
	if len(refused) == 0 {
		out = append(out, types.Failure{Arn: optional(s.instance), Reason: &s.missing})
	}
	return out
}

// describeTimes fills in when things happened to t; what has not happened has no time.
func describeTimes(t state.Task, out *types.Task) {
	for _, moment := range []struct {
		of time.Time
		to **time.Time
	}{
		{t.CreatedAt, &out.CreatedAt}, {t.PullStartedAt, &out.PullStartedAt}, {t.PullStoppedAt, &out.PullStoppedAt},
		{t.StartedAt, &out.StartedAt}, {t.StoppingAt, &out.StoppingAt}, {t.ExecutionStoppedAt, &out.ExecutionStoppedAt},
		{t.StoppedAt, &out.StoppedAt}, {t.ConnectivityAt, &out.ConnectivityAt},
	} {
		if !moment.of.IsZero() {
			*moment.to = &moment.of
		}
	}
}
