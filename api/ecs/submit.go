package ecs

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/protocol"
	"berth/plan"
	"berth/plan/lifecycle"
	"berth/state"
)

// SubmitTaskStateChange takes what an agent reports of a task. It may be
// repeated: nothing goes back. An unknown task is an error that makes an agent
// forget the report.
func (a *API) SubmitTaskStateChange(ctx context.Context, in *ecs.SubmitTaskStateChangeInput) (*ecs.SubmitTaskStateChangeOutput, error) {
	o := lifecycle.Observation{
		Status: aws.ToString(in.Status), Reason: aws.ToString(in.Reason), Containers: in.Containers,
		ManagedAgents: in.ManagedAgents, Attachments: in.Attachments,
		PullStartedAt: in.PullStartedAt, PullStoppedAt: in.PullStoppedAt, ExecutionStoppedAt: in.ExecutionStoppedAt,
	}
	if o.Status == "" && len(in.Attachments) == 0 {
		return nil, invalid("status cannot be empty.")
	}
	if err := checkObserved(o); err != nil {
		return nil, err
	}
	if err := a.observe(ctx, in.Cluster, aws.ToString(in.Task), o); err != nil {
		return nil, err
	}
	return &ecs.SubmitTaskStateChangeOutput{Acknowledgment: aws.String("ok")}, nil
}

// SubmitContainerStateChange takes what an agent reports of one container.
// Newer agents report containers with their task.
func (a *API) SubmitContainerStateChange(ctx context.Context, in *ecs.SubmitContainerStateChangeInput) (*ecs.SubmitContainerStateChangeOutput, error) {
	if aws.ToString(in.ContainerName) == "" {
		return nil, invalid("containerName cannot be empty.")
	}
	o := lifecycle.Observation{Containers: []types.ContainerStateChange{{
		ContainerName: in.ContainerName, ExitCode: in.ExitCode, NetworkBindings: in.NetworkBindings,
		Reason: in.Reason, RuntimeId: in.RuntimeId, Status: in.Status,
	}}}
	if err := checkObserved(o); err != nil {
		return nil, err
	}
	if err := a.observe(ctx, in.Cluster, aws.ToString(in.Task), o); err != nil {
		return nil, err
	}
	return &ecs.SubmitContainerStateChangeOutput{Acknowledgment: aws.String("ok")}, nil
}

// checkObserved refuses statuses that agents do not have.
func checkObserved(o lifecycle.Observation) error {
	const want = "should be one of [PENDING,RUNNING,STOPPED]"
	known := func(status string) bool { return status == "PENDING" || status == "RUNNING" || status == "STOPPED" }
	if o.Status != "" && !known(o.Status) {
		return invalid("status " + want)
	}
	for i, c := range o.Containers {
		if !known(aws.ToString(c.Status)) {
			return invalid(fmt.Sprintf("containers[%d].status %s", i, want))
		}
	}
	return nil
}

// observe writes down what an agent reports of a task of its own.
func (a *API) observe(ctx context.Context, cluster *string, task string, o lifecycle.Observation) error {
	return a.store.Update(ctx, func(tx *state.Tx) error {
		t, err := a.reported(ctx, tx.View, aws.ToString(cluster), task)
		if err != nil {
			return err
		}
		now := lifecycle.Observe(t, o, tx.Now())
		d, _ := tx.DefinitionOf(t)
		if r, ok := tx.ServiceRevisions.Get(t.Revision); ok && now.Version != t.Version {
			if r, resolved := lifecycle.Resolve(r, d, now); resolved {
				tx.ServiceRevisions.Put(tx, r)
			}
		}
		switch {
		case now.Version == t.Version:
		case now.Last == "STOPPED":
			now.Version = t.Version // it ends in one step
			code, reason := lifecycle.StopCause(now, d, o.Reason)
			plan.End(tx, now, code, reason)
		default:
			tx.Tasks.Put(tx, now)
		}
		return nil
	})
}

// reported finds the task that an agent reports on, by its ARN or id. The cluster is
// that of the task, or that of the agent's instance, as it differs on Fargate.
func (a *API) reported(ctx context.Context, v *state.View, cluster, task string) (state.Task, error) {
	clusterARN := a.clusterARN(cluster)
	if !strings.HasPrefix(task, "arn:") {
		task = a.arn("task/" + lastPart(clusterARN) + "/" + task)
	}
	t, ok := v.Tasks.Get(task)
	i, _ := v.ContainerInstances.Get(t.Instance)
	if !ok || clusterARN != t.Cluster && clusterARN != i.Cluster {
		return t, invalid("The referenced task was not found.")
	}
	return t, mayActFor(ctx, i)
}

// mayActFor returns an error where the caller is an agent, and not that of i.
func mayActFor(ctx context.Context, i state.ContainerInstance) error {
	who := protocol.CallOf(ctx).Principal
	if who.IsAgent() && i.Agent != who.ARN {
		message := fmt.Sprintf("User: %s is not the agent of the container instance %s.", who.ARN, i.ARN)
		return &types.AccessDeniedException{Message: &message}
	}
	return nil
}

// SubmitAttachmentStateChanges takes what an agent reports of attachments of
// its instance and its tasks. One that nobody knows is gone.
func (a *API) SubmitAttachmentStateChanges(ctx context.Context, in *ecs.SubmitAttachmentStateChangesInput) (*ecs.SubmitAttachmentStateChangesOutput, error) {
	if len(in.Attachments) == 0 {
		return nil, invalid("attachments cannot be empty.")
	}
	for i, change := range in.Attachments {
		if aws.ToString(change.AttachmentArn) == "" || aws.ToString(change.Status) == "" {
			return nil, invalid(fmt.Sprintf("attachments[%d] needs an attachmentArn and a status.", i))
		}
	}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		for _, change := range in.Attachments {
			if err := a.observeAttachment(ctx, tx, change); err != nil {
				return err
			}
		}
		return nil
	})
	return &ecs.SubmitAttachmentStateChangesOutput{Acknowledgment: aws.String("ok")}, err
}

func (a *API) observeAttachment(ctx context.Context, tx *state.Tx, change types.AttachmentStateChange) error {
	id := lastPart(*change.AttachmentArn)
	for n := range tx.NetworkInterfaces.All() { // agents report those with their tasks; hardly anybody comes here
		if n.Attachment != id {
			continue
		}
		t, ok := tx.Tasks.Get(n.Task)
		if !ok {
			return nil
		}
		i, _ := tx.ContainerInstances.Get(t.Instance)
		if err := mayActFor(ctx, i); err != nil {
			return err
		}
		if now := lifecycle.Observe(t, lifecycle.Observation{Attachments: []types.AttachmentStateChange{change}}, tx.Now()); now.Version != t.Version {
			tx.Tasks.Put(tx, now)
		}
		return nil
	}
	return nil
}
