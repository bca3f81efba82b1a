package ecs

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/plan"
	"berth/state"
)

// taskARN turns a task's id or ARN into its ARN. ARNs without the cluster's
// name, as AWS gave them before 2018, are understood too.
func (a *API) taskARN(c state.Cluster, idOrARN string) string {
	id := lastPart(idOrARN)
	if arn.Is(idOrARN) && idOrARN != a.arn("task/"+id) {
		return idOrARN
	}
	return a.arn("task/" + c.Name + "/" + id)
}

// task finds the task of c that an id or ARN means.
func (a *API) task(v *state.View, c state.Cluster, idOrARN string) (state.Task, bool) {
	t, ok := v.Tasks.Get(a.taskARN(c, idOrARN))
	return t, ok && t.Cluster == c.ARN
}

const mostTasksDescribed = 100

// DescribeTasks describes up to a hundred tasks of one cluster, also those that
// have stopped as long as they are kept.
func (a *API) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	switch n := len(in.Tasks); {
	case n == 0:
		return nil, invalid("Tasks cannot be empty.")
	case n > mostTasksDescribed:
		return nil, invalid(fmt.Sprintf("taskIds can have at most %d items.", mostTasksDescribed))
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	tags := slices.Contains(in.Include, types.TaskFieldTags)
	for _, id := range in.Tasks {
		if t, ok := a.task(v, c, id); ok {
			out.Tasks = append(out.Tasks, describeTask(v, t, tags))
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(a.taskARN(c, id)), Reason: aws.String("MISSING")})
		}
	}
	return out, nil
}

// StopTask asks for the end of a task. Its containers get SIGTERM, or the signal
// that their image names, and SIGKILL if they do not end in time.
func (a *API) StopTask(ctx context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	if aws.ToString(in.Task) == "" {
		return nil, invalid("Task cannot be empty.")
	}
	var out types.Task
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.activeCluster(tx.View, aws.ToString(in.Cluster))
		if err != nil {
			return err
		}
		t, ok := a.task(tx.View, c, *in.Task)
		if !ok {
			return invalid("The referenced task was not found.")
		}
		reason := aws.ToString(in.Reason)
		if reason == "" {
			reason = "Task stopped by user"
		}
		plan.StopTask{ARN: t.ARN, Code: types.TaskStopCodeUserInitiated, Reason: reason}.Apply(tx)
		t, _ = tx.Tasks.Get(t.ARN)
		out = describeTask(tx.View, t, true)
		return nil
	})
	return &ecs.StopTaskOutput{Task: &out}, err
}

// ListTasks lists the tasks of a cluster with one desired status.
func (a *API) ListTasks(_ context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
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
	matches, err := a.taskFilter(v, c, in)
	if err != nil {
		return nil, err
	}
	desired := "RUNNING"
	if in.DesiredStatus != "" {
		desired = string(in.DesiredStatus)
	}
	from, err := pageStart(in.NextToken)
	if err != nil {
		return nil, err
	}
	arns, next := pageOf(func(yield func(string) bool) {
		for t := range v.TasksOfFrom(c.ARN, desired, from) { // there may be many before
			if matches(t) && !yield(t.ARN) {
				return
			}
		}
	}, limit)
	return &ecs.ListTasksOutput{TaskArns: arns, NextToken: next}, nil
}
