package ecs

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

// checkService checks what members of s, and of the request that changed it, say
// about each other.
func checkService(s state.Service, w state.Workload, r serviceRequest) error {
	if s.Scheduling == types.SchedulingStrategyDaemon {
		if err := checkDaemon(s, w, r); err != nil {
			return err
		}
	}
	if err := checkRolloutOf(s); err != nil {
		return err
	}
	if why := deploy.Unbalanceable(s, w); why != "" && s.Rebalancing == types.AvailabilityZoneRebalancingEnabled {
		return invalid("availabilityZoneRebalancing cannot be ENABLED for a service " + why + ". Specify DISABLED.")
	}
	return nil
}

// checkDaemon checks a service that runs one task on each instance.
func checkDaemon(s state.Service, w state.Workload, r serviceRequest) error {
	switch {
	case r.desired != nil:
		return invalid("The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again")
	case len(s.Strategy) > 0:
		return invalid("The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again")
	case len(w.CapacityProviders) > 0:
		return invalid("Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy.")
	case w.LaunchType == "FARGATE":
		return invalid("The daemon scheduling strategy is not supported for the FARGATE launch type. Use the REPLICA scheduling strategy, or the launch type EC2 or EXTERNAL.")
	case s.Controller != types.DeploymentControllerTypeEcs:
		return invalid(fmt.Sprintf("The daemon scheduling strategy is not supported with the deployment controller %s. Use the REPLICA scheduling strategy.", s.Controller))
	case *s.Rollout.MaximumPercent > 100:
		return invalid("The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again")
	}
	return nil
}

// checkRolloutOf checks the deployment configuration of s, with its defaults.
func checkRolloutOf(s state.Service) error {
	c := s.Rollout
	if *c.MaximumPercent == 100 && *c.MinimumHealthyPercent == 100 {
		return invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	}
	early := c.EarlySuccessCriteria
	if early != nil && early.Enable && *early.HealthyPercent < *c.MinimumHealthyPercent {
		return invalid(fmt.Sprintf("deploymentConfiguration.earlySuccessCriteria.healthyPercent must be %d or more, which is minimumHealthyPercent.", *c.MinimumHealthyPercent))
	}
	if s.Controller == types.DeploymentControllerTypeEcs {
		return nil
	}
	for _, rolling := range []struct {
		member string
		given  bool
	}{
		{"deploymentCircuitBreaker", c.DeploymentCircuitBreaker.Enable},
		{"alarms", c.Alarms != nil && c.Alarms.Enable},
		{"earlySuccessCriteria", early != nil && early.Enable},
		{"lifecycleHooks", len(c.LifecycleHooks) > 0},
	} {
		if rolling.given {
			return invalid(fmt.Sprintf("deploymentConfiguration.%s can only be used with the deployment controller ECS.", rolling.member))
		}
	}
	return nil
}

// defaultRebalancing is the Availability Zone rebalancing of a new service: where
// the service can have it, it has.
func defaultRebalancing(s state.Service, w state.Workload) types.AvailabilityZoneRebalancing {
	if deploy.Unbalanceable(s, w) != "" {
		return types.AvailabilityZoneRebalancingDisabled
	}
	return types.AvailabilityZoneRebalancingEnabled
}
