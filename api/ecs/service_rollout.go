package ecs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkRollout checks what of a deployment configuration can be checked alone.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func checkRollout(c *types.DeploymentConfiguration) error {
	if c == nil {
		return nil
	}
	switch {
	case c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling:
		return unsupported(fmt.Sprintf("The deployment strategy %s is not supported yet: use ROLLING.", c.Strategy))
	case c.CanaryConfiguration != nil:
		return invalid("deploymentConfiguration.canaryConfiguration is only valid with the deployment strategy CANARY.")
	case c.LinearConfiguration != nil:
		return invalid("deploymentConfiguration.linearConfiguration is only valid with the deployment strategy LINEAR.")
	case outside(c.MinimumHealthyPercent, 0, 100):
		return invalid("minimumHealthyPercent must be between 0 and 100.")
	case outside(c.MaximumPercent, 100, 1<<16):
		return invalid("maximumPercent must be 100 or more.")
	case outside(c.BakeTimeInMinutes, 0, mostMinutes):
		return invalid(fmt.Sprintf("deploymentConfiguration.bakeTimeInMinutes must be between 0 and %d.", mostMinutes))
	case c.Alarms != nil && c.Alarms.Enable && len(c.Alarms.AlarmNames) == 0:
		return invalid("deploymentConfiguration.alarms needs alarmNames where it is enabled.")
	case c.Alarms != nil && slices.Contains(c.Alarms.AlarmNames, ""):
		return invalid("deploymentConfiguration.alarms.alarmNames cannot have an empty name.")
	}
	return cmp.Or(checkBreaker(c.DeploymentCircuitBreaker), checkEarlySuccess(c.EarlySuccessCriteria), checkHooks(c.LifecycleHooks))
}

// mostMinutes is how long a stage of a deployment can wait: 24 hours.
const mostMinutes = 1440

// outside reports whether n is given and not between lowest and most.
func outside(n *int32, lowest, most int32) bool { return n != nil && (*n < lowest || *n > most) }

func checkBreaker(b *types.DeploymentCircuitBreaker) error {
	if b == nil || b.ThresholdConfiguration == nil {
		return nil
	}
	const member = "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration"
	switch t := b.ThresholdConfiguration; {
	case t.Type == "":
		return invalid(member + " needs a type: COUNT, BOUNDED_PERCENT or UNBOUNDED_PERCENT.")
	case t.Value < 1:
		return invalid(member + ".value must be 1 or more.")
	}
	return nil
}

func checkEarlySuccess(c *types.DeploymentEarlySuccessCriteria) error {
	const member = "deploymentConfiguration.earlySuccessCriteria"
	switch {
	case c == nil:
	case outside(c.HealthyPercent, 0, 100):
		return invalid(member + ".healthyPercent must be between 0 and 100.")
	case c.Enable && c.HealthyPercent == nil:
		return invalid(member + " needs a healthyPercent where it is enabled.")
	case c.Enable && c.SourceServiceRevisionCleanup == "":
		return invalid(member + " needs a sourceServiceRevisionCleanup where it is enabled: BLOCKING or DEFERRED.")
	}
	return nil
}

// checkHooks checks lifecycle hooks. Those that pause a deployment are built.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHook.html
func checkHooks(hooks []types.DeploymentLifecycleHook) error {
	for i, h := range hooks {
		member := fmt.Sprintf("deploymentConfiguration.lifecycleHooks[%d]", i)
		switch {
		case h.TargetType != types.DeploymentLifecycleHookTargetTypePause:
			return unsupported(member + " of the target type AWS_LAMBDA is not supported: there are no Lambda functions here. Use PAUSE.")
		case aws.ToString(h.HookTargetArn) != "":
			return invalid(member + ".hookTargetArn is not applicable to hooks of the target type PAUSE.")
		case h.HookDetails != nil:
			return invalid(member + ".hookDetails is not applicable to hooks of the target type PAUSE.")
		case len(h.LifecycleStages) == 0:
			return invalid(member + " needs lifecycleStages.")
		case h.TimeoutConfiguration != nil && outside(h.TimeoutConfiguration.TimeoutInMinutes, 1, mostPause):
			return invalid(fmt.Sprintf("%s.timeoutConfiguration.timeoutInMinutes must be between 1 and %d.", member, mostPause))
		}
		for _, stage := range h.LifecycleStages {
			if stage == types.DeploymentLifecycleHookStageTestTrafficShift || stage == types.DeploymentLifecycleHookStageProductionTrafficShift {
				return invalid(fmt.Sprintf("%s: a hook of the target type PAUSE cannot be configured at the stage %s.", member, stage))
			}
		}
	}
	return nil
}

// mostPause is how many minutes a hook can wait for an answer: 14 days.
const mostPause = 20160

// checkMonitoring checks at which resolution metrics of a service are kept.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_MetricConfiguration.html
func checkMonitoring(m *types.MonitoringConfiguration) error {
	if m == nil {
		return nil
	}
	for i, c := range m.MetricConfigurations {
		member := fmt.Sprintf("monitoring.metricConfigurations[%d]", i)
		if len(c.MetricNames) == 0 {
			return invalid(member + " needs metricNames.")
		}
		for _, name := range c.MetricNames {
			if name != "CPUUtilization" && name != "MemoryUtilization" {
				return invalid(member + ".metricNames can have CPUUtilization and MemoryUtilization, not " + name + ".")
			}
		}
		if s := aws.ToInt32(c.ResolutionSeconds); s != 20 && s != 60 {
			return invalid(member + ".resolutionSeconds must be 20 or 60.")
		}
	}
	return nil
}
