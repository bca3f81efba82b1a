package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/state"
)

// RunTask starts up to ten copies of a task definition. The copies that fit are
// recorded together with their places; for the others, the answer says why not.
func (a *API) RunTask(ctx context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	w := taskRequest{
		workloadRequest: workloadRequest{
			definition: in.TaskDefinition, launchType: in.LaunchType, strategy: in.CapacityProviderStrategy,
			platformVersion: in.PlatformVersion, network: in.NetworkConfiguration,
			constraints: in.PlacementConstraints, order: in.PlacementStrategy,
		},
		cluster: in.Cluster, count: int(aws.ToInt32(cmp.Or(in.Count, aws.Int32(1)))), group: in.Group, startedBy: in.StartedBy,
		overrides: in.Overrides, propagate: in.PropagateTags, tags: in.Tags, managedTags: in.EnableECSManagedTags,
		executeCommand: in.EnableExecuteCommand, volumes: in.VolumeConfigurations, token: aws.ToString(in.ClientToken),
	}
	if err := cmp.Or(checkEnums(in), w.check()); err != nil {
		return nil, err
	}
	request, err := documents.EncodeJSON(in)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	w.hash = fmt.Sprintf("%x", sha256.Sum256(request))
	tasks, failures, err := a.run(ctx, w)
	if err != nil {
		return nil, err
	}
	return &ecs.RunTaskOutput{Tasks: tasks, Failures: failures}, nil
}

// StartTask starts a copy of a task definition on each of the container
// instances that it names, unless it has no room there.
func (a *API) StartTask(ctx context.Context, in *ecs.StartTaskInput) (*ecs.StartTaskOutput, error) {
	if err := checkInstances(in.ContainerInstances, mostTasksStarted); err != nil {
		return nil, err
	}
	w := taskRequest{
		workloadRequest: workloadRequest{definition: in.TaskDefinition, network: in.NetworkConfiguration},
		cluster:         in.Cluster, count: 1, instances: in.ContainerInstances,
		group: in.Group, startedBy: in.StartedBy, overrides: in.Overrides,
		propagate: in.PropagateTags, tags: in.Tags, managedTags: in.EnableECSManagedTags,
		executeCommand: in.EnableExecuteCommand, volumes: in.VolumeConfigurations,
	}
	if err := cmp.Or(checkEnums(in), w.check()); err != nil {
		return nil, err
	}
	tasks, failures, err := a.run(ctx, w)
	if err != nil {
		return nil, err
	}
	return &ecs.StartTaskOutput{Tasks: tasks, Failures: failures}, nil
}

// run places and records what w asks for, in one transaction.
func (a *API) run(ctx context.Context, w taskRequest) (tasks []types.Task, failures []types.Failure, err error) {
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		tasks, failures = []types.Task{}, []types.Failure{}
		c, err := a.activeCluster(tx.View, aws.ToString(w.cluster))
		if err != nil {
			return err
		}
		if earlier, err := repeated(tx.View, c, w); err != nil || len(earlier) > 0 {
			tasks = describeTasks(tx.View, earlier)
			return err
		}
		r, err := a.resolve(tx.View, c, w)
		if err != nil {
			return err
		}
		for _, s := range r.shares {
			places, refused := place.Tasks(tx.View, r.placement(s, tx.NewID()))
			if len(places) < s.count {
				failures = append(failures, describeRefusals(s, refused)...)
			}
			for _, p := range places {
				tasks = append(tasks, describeTask(tx.View, r.start(s, p).Do(tx), true))
			}
		}
		return nil
	})
	return tasks, failures, err
}

// repeated returns the tasks that a call with the same client token started.
func repeated(v *state.View, c state.Cluster, w taskRequest) ([]state.Task, error) {
	if w.token == "" {
		return nil, nil
	}
	tasks := slices.Collect(v.TasksWith(c.ARN, w.token))
	for _, t := range tasks {
		if t.Request != w.hash {
			conflict := &types.ConflictException{Message: aws.String("The client token was used before, for a request with other parameters. Use another client token, or repeat the request as it was.")}
			for _, t := range tasks {
				conflict.ResourceIds = append(conflict.ResourceIds, t.ARN)
			}
			return nil, conflict
		}
	}
	return tasks, nil
}
