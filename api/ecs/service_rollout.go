package ecs

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkRollout checks a deployment configuration.
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
	case c.MinimumHealthyPercent != nil && *c.MinimumHealthyPercent < 0:
		return invalid("minimumHealthyPercent must be 0 or more.")
	case c.MaximumPercent != nil && *c.MaximumPercent < 1:
		return invalid("maximumPercent must be 1 or more.")
	case c.Alarms != nil && c.Alarms.Enable && len(c.Alarms.AlarmNames) == 0:
		return invalid("deploymentConfiguration.alarms needs alarmNames where it is enabled.")
	}
	return nil
}
