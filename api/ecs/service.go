package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/plan"
	"berth/plan/deploy"
	"berth/state"
)

// serviceARN turns a service's name or ARN into its ARN. ARNs without the
// cluster's name, as AWS gave them before 2018, are understood too.
func (a *API) serviceARN(c state.Cluster, nameOrARN string) string {
	name := lastPart(nameOrARN)
	if arn.Is(nameOrARN) && nameOrARN != a.arn("service/"+name) {
		return nameOrARN
	}
	return a.arn("service/" + c.Name + "/" + name)
}

// service finds the service of c that a name or ARN means.
func (a *API) service(v *state.View, c state.Cluster, nameOrARN string) (state.Service, bool) {
	s, ok := v.Services.Get(a.serviceARN(c, nameOrARN))
	return s, ok && s.Cluster == c.ARN
}

// activeService finds the service that a cluster and a name or ARN mean, if it
// can be changed.
func (a *API) activeService(v *state.View, cluster, service *string) (c state.Cluster, s state.Service, err error) {
	if c, err = a.activeCluster(v, aws.ToString(cluster)); err != nil {
		return c, s, err
	}
	s, ok := a.service(v, c, aws.ToString(service))
	switch {
	case !ok:
		return c, s, serviceNotFound()
	case s.Status != "ACTIVE":
		return c, s, &types.ServiceNotActiveException{Message: aws.String("Service was not ACTIVE.")}
	}
	return c, s, nil
}

func serviceNotFound() error {
	return &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
}

// CreateService makes a service, which begins its first deployment.
func (a *API) CreateService(ctx context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	r := serviceRequest{
		workloadRequest: workloadRequest{
			definition: in.TaskDefinition, launchType: in.LaunchType, strategy: in.CapacityProviderStrategy,
			platformVersion: in.PlatformVersion, network: in.NetworkConfiguration,
			constraints: in.PlacementConstraints, order: in.PlacementStrategy,
		},
		desired: in.DesiredCount, rollout: in.DeploymentConfiguration, grace: in.HealthCheckGracePeriodSeconds,
		rebalancing: in.AvailabilityZoneRebalancing, propagate: in.PropagateTags, connect: in.ServiceConnectConfiguration,
		managedTags: &in.EnableECSManagedTags, execute: &in.EnableExecuteCommand, controller: in.DeploymentController,
		loadBalancers: in.LoadBalancers, registries: in.ServiceRegistries, volumes: in.VolumeConfigurations,
		lattice: in.VpcLatticeConfigurations, connectors: in.GatewayConnectors, monitoring: in.Monitoring,
	}
	if err := cmp.Or(checkEnums(in), checkNewService(in), r.check(), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	request, err := documents.EncodeJSON(in)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	s := state.Service{
		Name: *in.ServiceName, Status: "ACTIVE", CreatedBy: caller(ctx), Tags: in.Tags,
		Scheduling: cmp.Or(in.SchedulingStrategy, types.SchedulingStrategyReplica),
		Controller: types.DeploymentControllerTypeEcs, Propagate: types.PropagateTagsNone,
		Token: aws.ToString(in.ClientToken), Request: fmt.Sprintf("%x", sha256.Sum256(request)),
	}
	if in.DeploymentController != nil {
		s.Controller = in.DeploymentController.Type
	}
	out := &ecs.CreateServiceOutput{}
	for again := true; again && err == nil; {
		err = a.store.Update(ctx, func(tx *state.Tx) error {
			made, more, err := a.createService(tx, aws.ToString(in.Cluster), s, r)
			if again = more; again || err != nil {
				return err
			}
			described := a.describeService(tx.View, made, true)
			out.Service = &described
			return nil
		})
	}
	return out, err
}

// createService writes a new service, unless there is one of its name. A deleted
// one goes first, which may take more than this transaction: again says so.
func (a *API) createService(tx *state.Tx, cluster string, s state.Service, r serviceRequest) (made state.Service, again bool, err error) {
	c, err := a.activeCluster(tx.View, cluster)
	if err != nil {
		return s, false, err
	}
	s.ARN, s.Cluster, s.CreatedAt = a.serviceARN(c, s.Name), c.ARN, tx.Now()
	if old, ok := tx.Services.Get(s.ARN); ok {
		switch {
		case old.Status == "INACTIVE": // replaced
		case old.Status == "DRAINING":
			return s, false, invalid("Unable to Start a service that is still Draining.")
		case s.Token != "" && old.Token == s.Token && old.Request == s.Request:
			return old, false, nil
		default:
			return s, false, invalid("Creation of service was not idempotent.")
		}
	}
	revision, err := a.newRevision(tx.View, c, s, r)
	if err != nil {
		return s, false, err
	}
	r.change(&s)
	if s.Rebalancing == "" {
		s.Rebalancing = defaultRebalancing(s, revision.Workload)
	}
	if err := checkService(s, revision.Workload, r); err != nil {
		return s, false, err
	}
	if tx.Services.Has(s.ARN) {
		plan.RemoveService{ARN: s.ARN}.Apply(tx) // the new one shares nothing with it: no events, nothing to roll back to
		if tx.Services.Has(s.ARN) {
			return s, true, nil
		}
	}
	if s.Controller == types.DeploymentControllerTypeEcs {
		deploy.Begin(tx, &s, revision)
	}
	tx.Services.Put(tx, s)
	return s, false, nil
}

// newRevision is what the first tasks of a service are made from. With an
// external deployment controller, task sets say it.
func (a *API) newRevision(v *state.View, c state.Cluster, s state.Service, r serviceRequest) (out state.ServiceRevision, err error) {
	if s.Controller == types.DeploymentControllerTypeExternal {
		return out, r.checkExternal()
	}
	out.Connect, out.Monitoring = r.connect, r.monitoring
	out.Workload, err = a.workload(v, c, r.workloadRequest)
	return out, err
}

// UpdateService changes the members of a service that are given. If they change
// what its tasks are made from, that begins a new deployment.
func (a *API) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	r := serviceRequest{
		workloadRequest: workloadRequest{
			definition: in.TaskDefinition, strategy: in.CapacityProviderStrategy,
			platformVersion: in.PlatformVersion, network: in.NetworkConfiguration,
			constraints: in.PlacementConstraints, order: in.PlacementStrategy,
		},
		desired: in.DesiredCount, rollout: in.DeploymentConfiguration, grace: in.HealthCheckGracePeriodSeconds,
		rebalancing: in.AvailabilityZoneRebalancing, propagate: in.PropagateTags, connect: in.ServiceConnectConfiguration,
		managedTags: in.EnableECSManagedTags, execute: in.EnableExecuteCommand, controller: in.DeploymentController,
		loadBalancers: in.LoadBalancers, registries: in.ServiceRegistries, volumes: in.VolumeConfigurations,
		lattice: in.VpcLatticeConfigurations, connectors: in.GatewayConnectors, monitoring: in.Monitoring,
		force: in.ForceNewDeployment,
	}
	if aws.ToString(in.Service) == "" {
		return nil, invalid("Service cannot be empty.")
	}
	if err := cmp.Or(checkEnums(in), r.check()); err != nil {
		return nil, err
	}
	out := &ecs.UpdateServiceOutput{}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, s, err := a.activeService(tx.View, in.Cluster, in.Service)
		if err != nil {
			return err
		}
		if err := a.updateService(tx, c, &s, r); err != nil {
			return err
		}
		tx.Services.Put(tx, s)
		described := a.describeService(tx.View, s, true)
		out.Service = &described
		return nil
	})
	return out, err
}

// updateService changes s as r asks for.
func (a *API) updateService(tx *state.Tx, c state.Cluster, s *state.Service, r serviceRequest) error {
	if r.controller != nil && r.controller.Type != s.Controller {
		return invalid(fmt.Sprintf("The deployment controller of a service cannot be changed from %s to %s.", s.Controller, r.controller.Type))
	}
	if s.Controller == types.DeploymentControllerTypeExternal {
		if r.rollout != nil {
			return invalid("deploymentConfiguration cannot be updated for a service with the deployment controller EXTERNAL.")
		}
		if err := r.checkExternal(); err != nil {
			return err
		}
		r.change(s)
		return checkService(*s, state.Workload{}, r)
	}
	old, _ := tx.ServiceRevisions.Get(s.Primary().Revision)
	next := old
	var err error
	if next.Workload, err = a.nextWorkload(tx.View, c, *s, old.Workload, r); err != nil {
		return err
	}
	if connects(old.Connect) || connects(r.connect) {
		next.Connect = r.connect
	}
	next.Monitoring = cmp.Or(r.monitoring, old.Monitoring)
	r.change(s)
	if err := checkService(*s, next.Workload, r); err != nil {
		return err
	}
	if r.force || !reflect.DeepEqual(old, next) {
		next.Images = nil // they are resolved anew
		deploy.Begin(tx, s, next)
	}
	return nil
}

// DeleteService asks for the end of a service: it is DRAINING while it has tasks
// and INACTIVE after that.
func (a *API) DeleteService(ctx context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	if aws.ToString(in.Service) == "" {
		return nil, invalid("Service cannot be empty.")
	}
	out := &ecs.DeleteServiceOutput{}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.activeCluster(tx.View, aws.ToString(in.Cluster))
		if err != nil {
			return err
		}
		s, ok := a.service(tx.View, c, *in.Service)
		if !ok || s.Status == "INACTIVE" {
			return serviceNotFound()
		}
		if s.Status == "ACTIVE" {
			if err := checkStoppable(s, aws.ToBool(in.Force)); err != nil {
				return err
			}
			s.Status, s.Desired, s.DeletedAt = "DRAINING", 0, tx.Now()
			tx.Services.Put(tx, s)
		}
		described := a.describeService(tx.View, s, true)
		out.Service = &described
		return nil
	})
	return out, err
}

// checkStoppable returns the exception for a service that only force deletes.
func checkStoppable(s state.Service, force bool) error {
	switch {
	case force || s.Scheduling == types.SchedulingStrategyDaemon:
	case s.Desired > 0:
		return invalid("The service cannot be stopped while it is scaled above 0.")
	case len(s.Deployments) > 1:
		return invalid("The service cannot be stopped while deployments are active.")
	}
	return nil
}
