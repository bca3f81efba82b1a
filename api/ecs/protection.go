package ecs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Limits of task protection.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html
const (
	mostProtected     = 10                // tasks changed in a call
	mostProtection    = 48 * 60           // minutes
	defaultProtection = 120 * time.Minute // where none is given
)

// GetTaskProtection tells which tasks of services are protected from being
// stopped when their service scales in or is deployed: those that are named, or
// up to a hundred of the cluster.
func (a *API) GetTaskProtection(_ context.Context, in *ecs.GetTaskProtectionInput) (*ecs.GetTaskProtectionOutput, error) {
	if len(in.Tasks) > mostTasksDescribed {
		return nil, invalid(fmt.Sprintf("taskIds can have at most %d items.", mostTasksDescribed))
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	names := in.Tasks
	if len(names) == 0 {
		for t := range v.TasksOf(c.ARN, "RUNNING") {
			if t.Service != "" && len(names) < mostTasksDescribed {
				names = append(names, t.ARN)
			}
		}
	}
	now := time.Now()
	out := &ecs.GetTaskProtectionOutput{ProtectedTasks: []types.ProtectedTask{}, Failures: []types.Failure{}}
	for _, name := range names {
		if t, failure := a.protectable(v, c, name); failure != nil {
			out.Failures = append(out.Failures, *failure)
		} else {
			out.ProtectedTasks = append(out.ProtectedTasks, describeProtection(t, now))
		}
	}
	return out, nil
}

// UpdateTaskProtection protects tasks of services for a time, or no more.
func (a *API) UpdateTaskProtection(ctx context.Context, in *ecs.UpdateTaskProtectionInput) (*ecs.UpdateTaskProtectionOutput, error) {
	minutes := aws.ToInt32(in.ExpiresInMinutes)
	switch {
	case len(in.Tasks) == 0:
		return nil, invalid("Tasks cannot be empty.")
	case len(in.Tasks) > mostProtected:
		return nil, invalid(fmt.Sprintf("taskIds can have at most %d items.", mostProtected))
	case in.ExpiresInMinutes != nil && (minutes < 1 || minutes > mostProtection):
		return nil, invalid(fmt.Sprintf("expiresInMinutes must be between 1 and %d.", mostProtection))
	}
	length := defaultProtection
	if in.ExpiresInMinutes != nil {
		length = time.Duration(minutes) * time.Minute
	}
	var out *ecs.UpdateTaskProtectionOutput
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		out = &ecs.UpdateTaskProtectionOutput{ProtectedTasks: []types.ProtectedTask{}, Failures: []types.Failure{}}
		c, err := a.activeCluster(tx.View, aws.ToString(in.Cluster))
		if err != nil {
			return err
		}
		for _, name := range in.Tasks {
			t, failure := a.protectable(tx.View, c, name)
			if failure == nil && in.ProtectionEnabled {
				failure = blocked(tx, t)
			}
			if failure != nil {
				out.Failures = append(out.Failures, *failure)
				continue
			}
			t.ProtectedUntil = time.Time{}
			if in.ProtectionEnabled {
				t.ProtectedUntil = tx.Now().Add(length)
			}
			t.Version++
			tx.Tasks.Put(tx, t)
			out.ProtectedTasks = append(out.ProtectedTasks, describeProtection(t, tx.Now()))
		}
		return nil
	})
	return out, err
}

// protectable finds a task that can be protected: one that a service runs.
func (a *API) protectable(v *state.View, c state.Cluster, idOrARN string) (state.Task, *types.Failure) {
	failure := &types.Failure{Arn: aws.String(a.taskARN(c, idOrARN))}
	t, ok := a.task(v, c, idOrARN)
	switch {
	case !ok:
		failure.Reason = aws.String("MISSING")
	case t.Service == "":
		failure.Reason, failure.Detail = aws.String("TASK_NOT_VALID"), aws.String("Only tasks that a service runs can be protected.")
	case t.Stopped() || t.Desired == "STOPPED":
		failure.Reason, failure.Detail = aws.String("TASK_NOT_VALID"), aws.String("The task has stopped, or is about to.")
	default:
		return t, nil
	}
	return t, failure
}

// blocked reports whether t cannot be protected: as many other tasks of its
// service are as it wants to have, which keeps deployments from going on.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html
func blocked(tx *state.Tx, t state.Task) *types.Failure {
	s, _ := tx.Services.Get(t.Service)
	if s.Scheduling == types.SchedulingStrategyDaemon {
		return nil
	}
	var sources []string // of tasks
	for _, d := range s.Deployments {
		sources = append(sources, d.ID)
	}
	for set := range tx.TaskSetsOf(s.ARN) {
		sources = append(sources, set.ID)
	}
	others := 0
	for _, id := range sources {
		for _, phase := range []state.Phase{state.Pending, state.Running, state.Healthy} {
			for other := range tx.TasksOfDeployment(s.ARN, id, phase) {
				if other.ARN != t.ARN && tx.Now().Before(other.ProtectedUntil) {
					others++
				}
			}
		}
	}
	if others < s.Desired {
		return nil
	}
	detail := fmt.Sprintf("%d other tasks of the service are protected, and it wants %d. Take the protection from one, or wait until it ends.", others, s.Desired)
	return &types.Failure{Arn: &t.ARN, Reason: aws.String("DEPLOYMENT_BLOCKED"), Detail: &detail}
}

func describeProtection(t state.Task, now time.Time) types.ProtectedTask {
	p := types.ProtectedTask{TaskArn: &t.ARN, ProtectionEnabled: now.Before(t.ProtectedUntil)}
	if p.ProtectionEnabled {
		p.ExpirationDate = &t.ProtectedUntil
	}
	return p
}
