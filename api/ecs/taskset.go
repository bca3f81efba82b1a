package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/plan/deploy"
	"berth/state"
)

// mostTaskSets is how many task sets a service has, those that drain included.
const mostTaskSets = 5

var serviceToken = regexp.MustCompile(`^[!-~]{0,36}$`)

// CreateTaskSet makes a task set in a service with an external deployment controller.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
func (a *API) CreateTaskSet(ctx context.Context, in *ecs.CreateTaskSetInput) (*ecs.CreateTaskSetOutput, error) {
	w := workloadRequest{
		definition: in.TaskDefinition, platformVersion: in.PlatformVersion, launchType: in.LaunchType,
		strategy: in.CapacityProviderStrategy, network: in.NetworkConfiguration,
	}
	if err := cmp.Or(checkEnums(in), checkTaskSetOf(in.Cluster, in.Service), checkNewTaskSet(in), w.check()); err != nil {
		return nil, err
	}
	set := state.TaskSet{
		ExternalID: aws.ToString(in.ExternalId), Scale: scaleOf(in.Scale), Tags: in.Tags,
		Token: aws.ToString(in.ClientToken),
	}
	request, err := documents.EncodeJSON(in)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	set.Request = fmt.Sprintf("%x", sha256.Sum256(request))
	var out types.TaskSet
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		c, s, err := a.externalService(tx.View, in.Cluster, in.Service)
		if err != nil {
			return err
		}
		existing := slices.Collect(tx.TaskSetsOf(s.ARN))
		if old, err := repeatedTaskSet(existing, set); err != nil || old != nil {
			if old != nil {
				out = describeTaskSet(tx.View, s, *old, true)
			}
			return err
		}
		if len(existing) >= mostTaskSets {
			return invalid(fmt.Sprintf("%d deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.", len(existing)))
		}
		if set.Workload, err = a.workload(tx.View, c, w); err != nil {
			return err
		}
		out = describeTaskSet(tx.View, s, deploy.BeginTaskSet(tx, s, set), true)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.CreateTaskSetOutput{TaskSet: &out}, nil
}

// checkTaskSetOf checks the members that all calls about task sets need.
func checkTaskSetOf(cluster, service *string) error {
	switch {
	case aws.ToString(cluster) == "":
		return invalid("Cluster cannot be empty.")
	case aws.ToString(service) == "":
		return invalid("Service cannot be empty.")
	}
	return nil
}

// checkNewTaskSet checks what only a new task set has.
func checkNewTaskSet(in *ecs.CreateTaskSetInput) error {
	switch {
	case aws.ToString(in.TaskDefinition) == "":
		return invalid("TaskDefinition cannot be empty.")
	case len(in.LoadBalancers) > 0:
		return unsupported("loadBalancers is not supported yet: leave it out.")
	case len(in.ServiceRegistries) > 0:
		return unsupported("serviceRegistries is not supported yet: leave it out.")
	case !serviceToken.MatchString(aws.ToString(in.ClientToken)):
		return invalid("clientToken can have up to 36 characters, of ASCII 33 to 126.")
	}
	return cmp.Or(checkScale(in.Scale), checkTags(in.Tags))
}

func checkScale(s *types.Scale) error {
	if s != nil && (s.Value < 0 || s.Value > 100) {
		return invalid("scale.value must be between 0 and 100: it is a percentage of the service's desired count.")
	}
	return nil
}

// scaleOf is what a call asks for; none of the tasks if it does not say.
func scaleOf(s *types.Scale) types.Scale {
	if s == nil {
		return types.Scale{Unit: types.ScaleUnitPercent}
	}
	return types.Scale{Unit: types.ScaleUnitPercent, Value: s.Value}
}

// repeatedTaskSet is the task set that a call with the same client token made, if any.
func repeatedTaskSet(existing []state.TaskSet, set state.TaskSet) (*state.TaskSet, error) {
	for _, old := range existing {
		switch {
		case set.Token == "" || old.Token != set.Token:
		case old.Request == set.Request:
			return &old, nil
		default:
			return nil, invalid("The client token was used before, for a task set with other parameters. Use another client token, or repeat the request as it was.")
		}
	}
	return nil, nil
}

// externalService finds a service whose task sets can be changed.
func (a *API) externalService(v *state.View, cluster, service *string) (c state.Cluster, s state.Service, err error) {
	if c, s, err = a.activeService(v, cluster, service); err != nil {
		return c, s, err
	}
	return c, s, checkExternal(s)
}

func checkExternal(s state.Service) error {
	if s.Controller != types.DeploymentControllerTypeExternal {
		return invalid("Amazon ECS only supports task set management on services configured to use external deployment controllers.")
	}
	return nil
}

// taskSetARN turns a task set's id, such as ecs-svc/1, or ARN into its ARN.
func taskSetARN(s state.Service, idOrARN string) string {
	if arn.Is(idOrARN) {
		return idOrARN
	}
	return deploy.TaskSetARN(s, idOrARN)
}

// taskSet finds a task set of s that can be changed.
func taskSet(v *state.View, s state.Service, idOrARN *string) (state.TaskSet, error) {
	if aws.ToString(idOrARN) == "" {
		return state.TaskSet{}, invalid("TaskSet cannot be empty.")
	}
	set, ok := v.TaskSets.Get(taskSetARN(s, *idOrARN))
	if !ok || set.Service != s.ARN {
		return set, &types.TaskSetNotFoundException{Message: aws.String("The referenced task set was not found.")}
	}
	return set, nil
}

// changeTaskSet changes one task set of a service and returns how it is then.
func (a *API) changeTaskSet(ctx context.Context, cluster, service, name *string, change func(*state.Tx, *state.Service, *state.TaskSet) error) (*types.TaskSet, error) {
	if err := checkTaskSetOf(cluster, service); err != nil {
		return nil, err
	}
	var out types.TaskSet
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		_, s, err := a.externalService(tx.View, cluster, service)
		if err != nil {
			return err
		}
		set, err := taskSet(tx.View, s, name)
		if err != nil {
			return err
		}
		if err := change(tx, &s, &set); err != nil {
			return err
		}
		set.UpdatedAt = tx.Now()
		tx.TaskSets.Put(tx, set)
		out = describeTaskSet(tx.View, s, set, true)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// UpdateTaskSet scales a task set.
func (a *API) UpdateTaskSet(ctx context.Context, in *ecs.UpdateTaskSetInput) (*ecs.UpdateTaskSetOutput, error) {
	if in.Scale == nil {
		return nil, invalid("Scale cannot be empty.")
	}
	if err := cmp.Or(checkEnums(in), checkScale(in.Scale)); err != nil {
		return nil, err
	}
	set, err := a.changeTaskSet(ctx, in.Cluster, in.Service, in.TaskSet, func(_ *state.Tx, _ *state.Service, set *state.TaskSet) error {
		if err := checkNotDraining(*set); err != nil {
			return err
		}
		set.Scale = scaleOf(in.Scale)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.UpdateTaskSetOutput{TaskSet: set}, nil
}

func checkNotDraining(set state.TaskSet) error {
	if set.Status == draining {
		return invalid("The task set " + set.ID + " is DRAINING: it was deleted, and goes when its tasks have stopped.")
	}
	return nil
}

// UpdateServicePrimaryTaskSet makes a task set the primary one of its service;
// the one before is then ACTIVE.
func (a *API) UpdateServicePrimaryTaskSet(ctx context.Context, in *ecs.UpdateServicePrimaryTaskSetInput) (*ecs.UpdateServicePrimaryTaskSetOutput, error) {
	set, err := a.changeTaskSet(ctx, in.Cluster, in.Service, in.PrimaryTaskSet, func(tx *state.Tx, s *state.Service, set *state.TaskSet) error {
		if err := checkNotDraining(*set); err != nil {
			return err
		}
		if old, ok := tx.TaskSets.Get(s.PrimaryTaskSet); ok && old.ARN != set.ARN && old.Status == primary {
			old.Status, old.UpdatedAt = "ACTIVE", tx.Now()
			tx.TaskSets.Put(tx, old)
		}
		set.Status, s.PrimaryTaskSet = primary, set.ARN
		tx.Services.Put(tx, *s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.UpdateServicePrimaryTaskSetOutput{TaskSet: set}, nil
}

// The statuses of a task set that are not ACTIVE.
const (
	primary  = "PRIMARY"
	draining = "DRAINING"
)

// DeleteTaskSet stops all tasks of a task set, which goes when they have stopped.
func (a *API) DeleteTaskSet(ctx context.Context, in *ecs.DeleteTaskSetInput) (*ecs.DeleteTaskSetOutput, error) {
	set, err := a.changeTaskSet(ctx, in.Cluster, in.Service, in.TaskSet, func(tx *state.Tx, s *state.Service, set *state.TaskSet) error {
		if !aws.ToBool(in.Force) {
			switch {
			case set.Status == primary:
				return invalid("Primary TaskSet cannot be deleted")
			case set.Status != draining && deploy.ComputedDesired(*s, *set) > 0:
				return invalid("The task set cannot be deleted while it is scaled above 0. Scale it to 0 first, or use force.")
			}
		}
		set.Status = draining
		if s.PrimaryTaskSet == set.ARN {
			s.PrimaryTaskSet = ""
			tx.Services.Put(tx, *s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.DeleteTaskSetOutput{TaskSet: set}, nil
}

// DescribeTaskSets describes task sets of a service: those that are named, or all.
func (a *API) DescribeTaskSets(_ context.Context, in *ecs.DescribeTaskSetsInput) (*ecs.DescribeTaskSetsOutput, error) {
	if err := cmp.Or(checkEnums(in), checkTaskSetOf(in.Cluster, in.Service)); err != nil {
		return nil, err
	}
	v := a.store.View()
	_, s, err := a.externalService(v, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTaskSetsOutput{TaskSets: []types.TaskSet{}, Failures: []types.Failure{}}
	tags := slices.Contains(in.Include, types.TaskSetFieldTags)
	if len(in.TaskSets) == 0 {
		out.TaskSets = describeTaskSets(v, s, tags)
	}
	for _, name := range in.TaskSets {
		set, err := taskSet(v, s, &name)
		if err != nil {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(taskSetARN(s, name)), Reason: aws.String("MISSING")})
			continue
		}
		out.TaskSets = append(out.TaskSets, describeTaskSet(v, s, set, tags))
	}
	return out, nil
}
