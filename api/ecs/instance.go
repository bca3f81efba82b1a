package ecs

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/plan"
	"berth/plan/lifecycle"
	"berth/plan/place"
	"berth/plan/query"
	"berth/state"
)

// instanceARN turns a container instance's id or ARN into its ARN. ARNs without
// the cluster's name, as AWS gave them before 2018, are understood too.
func (a *API) instanceARN(c state.Cluster, idOrARN string) string {
	id := lastPart(idOrARN)
	if arn.Is(idOrARN) && idOrARN != a.arn("container-instance/"+id) {
		return idOrARN
	}
	return a.arn("container-instance/" + c.Name + "/" + id)
}

// instance finds the container instance of c that an id or ARN means.
func (a *API) instance(v *state.View, c state.Cluster, idOrARN string) (state.ContainerInstance, bool) {
	i, ok := v.ContainerInstances.Get(a.instanceARN(c, idOrARN))
	return i, ok && i.Cluster == c.ARN
}

// liveInstance finds the container instance of a cluster that in's members
// name, as long as it is registered.
func (a *API) liveInstance(v *state.View, cluster, instance *string) (state.ContainerInstance, error) {
	c, err := a.activeCluster(v, aws.ToString(cluster))
	if err != nil {
		return state.ContainerInstance{}, err
	}
	if aws.ToString(instance) == "" {
		return state.ContainerInstance{}, invalid("containerInstance cannot be empty.")
	}
	i, ok := a.instance(v, c, *instance)
	if !ok {
		return i, clientError("Referenced container instance " + lastPart(*instance) + " not found.")
	}
	if i.Status == inactive {
		return i, instanceInactive(i)
	}
	return i, nil
}

const inactive = "INACTIVE"

func instanceInactive(i state.ContainerInstance) error {
	return clientError("Container instance " + lastPart(i.ARN) + " is inactive.")
}

// checkInstances checks a list of container instances that may have most members.
func checkInstances(idsOrARNs []string, most int) error {
	if len(idsOrARNs) == 0 {
		return clientError("Container Instances cannot be empty.")
	}
	if len(idsOrARNs) > most {
		return invalid(fmt.Sprintf("instanceIds can have at most %d items.", most))
	}
	return nil
}

func (a *API) instanceFailure(c state.Cluster, idOrARN, reason string) types.Failure {
	return types.Failure{Arn: aws.String(a.instanceARN(c, idOrARN)), Reason: &reason}
}

// ListContainerInstances lists the container instances of a cluster, those that
// were deregistered excepted.
func (a *API) ListContainerInstances(_ context.Context, in *ecs.ListContainerInstancesInput) (*ecs.ListContainerInstancesOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	var filter *query.Expr
	if aws.ToString(in.Filter) != "" {
		if filter, err = query.Parse(*in.Filter); err != nil {
			return nil, invalid("Invalid filter expression: " + err.Error())
		}
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	arns, next, err := page(instanceARNs(v, c, string(in.Status), filter), in.NextToken, limit)
	return &ecs.ListContainerInstancesOutput{ContainerInstanceArns: arns, NextToken: next}, err
}

// instanceARNs yields the instances of c that have the status, or any but
// INACTIVE where it is empty, and that match the filter, if there is one.
func instanceARNs(v *state.View, c state.Cluster, status string, filter *query.Expr) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range v.InstancesOf(c.ARN) {
			switch {
			case i.Status == inactive:
			case status != "" && i.Status != status:
			case filter != nil && !filter.Match(place.Subject(v, i)):
			case !yield(i.ARN):
				return
			}
		}
	}
}

// UpdateContainerInstancesState makes container instances ACTIVE or DRAINING.
func (a *API) UpdateContainerInstancesState(ctx context.Context, in *ecs.UpdateContainerInstancesStateInput) (*ecs.UpdateContainerInstancesStateOutput, error) {
	if in.Status != types.ContainerInstanceStatusActive && in.Status != types.ContainerInstanceStatusDraining {
		return nil, invalid("Container instances status should be one of [ACTIVE,DRAINING]")
	}
	if err := checkInstances(in.ContainerInstances, 10); err != nil {
		return nil, err
	}
	out := &ecs.UpdateContainerInstancesStateOutput{ContainerInstances: []types.ContainerInstance{}, Failures: []types.Failure{}}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.activeCluster(tx.View, aws.ToString(in.Cluster))
		if err != nil {
			return err
		}
		for _, id := range in.ContainerInstances {
			i, ok := a.instance(tx.View, c, id)
			switch {
			case !ok:
				out.Failures = append(out.Failures, a.instanceFailure(c, id, "MISSING"))
				continue
			case mayActFor(ctx, i) != nil:
				return mayActFor(ctx, i)
			case i.Status == string(in.Status) && i.DrainedBy == "":
			case i.Status == "ACTIVE" || i.Status == "DRAINING":
				i.SetStatus(string(in.Status))
				tx.ContainerInstances.Put(tx, i)
			default:
				out.Failures = append(out.Failures, a.instanceFailure(c, id, i.Status))
				continue
			}
			out.ContainerInstances = append(out.ContainerInstances, describeInstance(tx.View, i))
		}
		return nil
	})
	return out, err
}

// DeregisterContainerInstance takes a container instance out of its cluster.
// With force its tasks count as stopped from then on; their containers run on,
// and nobody looks after them.
func (a *API) DeregisterContainerInstance(ctx context.Context, in *ecs.DeregisterContainerInstanceInput) (*ecs.DeregisterContainerInstanceOutput, error) {
	var out types.ContainerInstance
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		i, err := a.liveInstance(tx.View, in.Cluster, in.ContainerInstance)
		if err != nil {
			return err
		}
		if err := mayActFor(ctx, i); err != nil {
			return err
		}
		if err := orphanTasks(tx, i.ARN, aws.ToBool(in.Force)); err != nil {
			return err
		}
		i.Status = inactive
		i.DeregisteredAt = tx.Now()
		i.Version++
		tx.ContainerInstances.Put(tx, i)
		out = describeInstance(tx.View, i)
		return nil
	})
	return &ecs.DeregisterContainerInstanceOutput{ContainerInstance: &out}, err
}

// orphanTasks gives up the tasks of an instance, if force allows that.
func orphanTasks(tx *state.Tx, instance string, force bool) error {
	var orphans []state.Task
	for t := range tx.TasksOn(instance) {
		orphans = append(orphans, t)
	}
	if len(orphans) > 0 && !force {
		return invalid("Found running tasks on the instance.")
	}
	for _, t := range orphans {
		plan.EndTask{ARN: t.ARN, Code: types.TaskStopCodeUserInitiated, Reason: lifecycle.Deregistered}.Apply(tx)
	}
	return nil
}

// UpdateContainerAgent would bring the agent of a container instance up to
// date. This control plane has no agent to hand out but the one that comes with
// it, so there is never an update; what AWS answers before that holds here too.
func (a *API) UpdateContainerAgent(_ context.Context, in *ecs.UpdateContainerAgentInput) (*ecs.UpdateContainerAgentOutput, error) {
	i, err := a.liveInstance(a.store.View(), in.Cluster, in.ContainerInstance)
	if err != nil {
		return nil, err
	}
	switch i.AgentUpdate {
	case types.AgentUpdateStatusPending, types.AgentUpdateStatusStaging, types.AgentUpdateStatusStaged, types.AgentUpdateStatusUpdating:
		return nil, &types.UpdateInProgressException{Message: aws.String("There is already an update in progress for your container agent.")}
	}
	if i.Software == nil || aws.ToString(i.Software.AgentVersion) == "" {
		return nil, &types.MissingVersionException{Message: aws.String("The version of the container agent on instance " +
			lastPart(i.ARN) + " is not known, so it cannot be updated.")}
	}
	return nil, &types.NoUpdateAvailableException{Message: aws.String("There is no update available for your container agent.")}
}
