package ecs

import (
	"cmp"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

// serviceRequest is what CreateService and UpdateService ask for. What is nil is
// left out.
type serviceRequest struct {
	workloadRequest
	desired              *int32
	rollout              *types.DeploymentConfiguration
	controller           *types.DeploymentController
	grace                *int32
	rebalancing          types.AvailabilityZoneRebalancing
	managedTags, execute *bool
	propagate            types.PropagateTags
	connect              *types.ServiceConnectConfiguration
	loadBalancers        []types.LoadBalancer
	registries           []types.ServiceRegistry
	volumes              []types.ServiceVolumeConfiguration
	lattice              []types.VpcLatticeConfiguration
	connectors           []types.GatewayConnector
	monitoring           *types.MonitoringConfiguration
	force                bool // a new deployment
}

// checkNewService checks the members that only CreateService has.
func checkNewService(in *ecs.CreateServiceInput) error {
	external := in.DeploymentController != nil && in.DeploymentController.Type == types.DeploymentControllerTypeExternal
	daemon := in.SchedulingStrategy == types.SchedulingStrategyDaemon
	switch {
	case aws.ToString(in.ServiceName) == "":
		return invalid("Service name cannot be empty.")
	case !resourceName.MatchString(*in.ServiceName):
		return invalid("Invalid service name: up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.")
	case !serviceToken.MatchString(aws.ToString(in.ClientToken)):
		return invalid("clientToken can have up to 36 characters, of ASCII 33 to 126.")
	case in.DesiredCount == nil && !daemon && !external:
		return invalid("desiredCount is required for the scheduling strategy REPLICA.")
	case aws.ToString(in.Role) != "" && len(in.LoadBalancers) == 0:
		return invalid("role can be specified only for a service with loadBalancers.")
	}
	return nil
}

// check checks what can be checked without the state.
func (r serviceRequest) check() error {
	switch {
	case r.desired != nil && *r.desired < 0:
		return invalid("desiredCount must be 0 or more.")
	case r.grace != nil && *r.grace < 0:
		return invalid("healthCheckGracePeriodSeconds must be between 0 and 2147483647.")
	case r.controller != nil && r.controller.Type == "":
		return invalid("deploymentController needs a type: ECS or EXTERNAL.")
	}
	return cmp.Or(r.checkBuilt(), r.workloadRequest.check(), checkRollout(r.rollout), checkMonitoring(r.monitoring))
}

// checkBuilt returns the exception for what waits for parts of Berth that are
// still to come. To turn such a thing off is fine.
func (r serviceRequest) checkBuilt() error {
	for _, missing := range []struct {
		member string
		given  bool
	}{
		{"loadBalancers", len(r.loadBalancers) > 0},
		{"serviceRegistries", len(r.registries) > 0},
		{"serviceConnectConfiguration", connects(r.connect)},
		{"volumeConfigurations", len(r.volumes) > 0},
		{"vpcLatticeConfigurations", len(r.lattice) > 0},
		{"gatewayConnectors", len(r.connectors) > 0},
		{"enableExecuteCommand", aws.ToBool(r.execute)},
		{"The deployment controller CODE_DEPLOY", r.controller != nil && r.controller.Type == types.DeploymentControllerTypeCodeDeploy},
	} {
		if missing.given {
			return unsupported(missing.member + " is not supported yet: leave it out.")
		}
	}
	return nil
}

func unsupported(message string) error { return &types.UnsupportedFeatureException{Message: &message} }

// connects reports whether Service Connect is on.
func connects(c *types.ServiceConnectConfiguration) bool { return c != nil && c.Enabled }

// checkExternal checks that r has nothing that task sets say, where an external
// controller deploys.
func (r serviceRequest) checkExternal() error {
	for _, other := range []struct {
		member string
		given  bool
	}{
		{"taskDefinition", aws.ToString(r.definition) != ""},
		{"launchType", r.launchType != ""},
		{"capacityProviderStrategy", len(r.strategy) > 0},
		{"networkConfiguration", r.network != nil},
		{"platformVersion", r.platformVersion != nil},
		{"forceNewDeployment", r.force},
	} {
		if other.given {
			return invalid(other.member + " cannot be specified for a service with the deployment controller EXTERNAL: it is up to its task sets.")
		}
	}
	return nil
}

// change writes into s what r gives. What it leaves out stays.
func (r serviceRequest) change(s *state.Service) {
	if r.desired != nil {
		s.Desired = int(*r.desired)
	}
	if r.rollout != nil || s.Rollout == nil {
		s.Rollout = deploy.Defaults(overlay(s.Rollout, r.rollout), s.Scheduling)
	}
	if r.constraints != nil {
		s.Constraints = r.constraints
	}
	if r.order != nil {
		s.Strategy = r.order
	}
	if r.grace != nil {
		s.GracePeriod = r.grace
	}
	if r.managedTags != nil {
		s.ManagedTags = *r.managedTags
	}
	if r.execute != nil {
		s.Execute = *r.execute
	}
	s.Propagate = cmp.Or(r.propagate, s.Propagate)
	s.Rebalancing = cmp.Or(r.rebalancing, s.Rebalancing)
}

// overlay is old with the members that changed has.
func overlay(old, changed *types.DeploymentConfiguration) *types.DeploymentConfiguration {
	if old == nil || changed == nil {
		return cmp.Or(changed, old)
	}
	out := *old
	from, to := reflect.ValueOf(changed).Elem(), reflect.ValueOf(&out).Elem()
	for i := range from.NumField() {
		if to.Field(i).CanSet() && !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return &out
}

// nextWorkload is what the tasks of s are made from after r.
func (a *API) nextWorkload(v *state.View, c state.Cluster, s state.Service, old state.Workload, r serviceRequest) (state.Workload, error) {
	if r.definition == nil && r.strategy == nil && r.network == nil && r.platformVersion == nil && r.constraints == nil && r.order == nil {
		return old, nil // valid when it was given
	}
	w := workloadRequest{
		definition: &old.Definition, launchType: types.LaunchType(old.LaunchType), strategy: old.CapacityProviders,
		network: old.Network, platformVersion: r.platformVersion, constraints: s.Constraints, order: s.Strategy,
	}
	if r.network != nil {
		w.network = r.network
	}
	if r.constraints != nil {
		w.constraints = r.constraints
	}
	if r.order != nil {
		w.order = r.order
	}
	if r.strategy != nil {
		w.strategy, w.launchType = r.strategy, ""
		if len(r.strategy) == 0 {
			w.launchType = types.LaunchType(v.LaunchTypeOf(s))
		}
		if !r.force && (len(r.strategy)+len(old.CapacityProviders) > 0) && !reflect.DeepEqual(r.strategy, old.CapacityProviders) {
			return old, invalid("When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, you must force a new deployment.")
		}
	}
	if to, _, err := a.destination(v, c, w); err == nil && to == "FARGATE" && w.platformVersion == nil && old.PlatformVersion != "" {
		w.platformVersion = &old.PlatformVersion
	}
	if r.definition != nil {
		w.definition = r.definition
		return a.workload(v, c, w)
	}
	d, _ := v.TaskDefinitions.Get(old.Definition) // may be INACTIVE by now
	return a.workloadFrom(v, c, d, w)
}
