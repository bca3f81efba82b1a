package deploy

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Threshold is how many failures the circuit breaker of s bears before it is
// triggered, by the latest desired count: half of that, if nothing else is
// configured, but 3 to 200. Fractions are rounded up.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
func Threshold(_ *state.View, s state.Service) int {
	kind, value := types.ThresholdTypeBoundedPercent, 50
	if b := s.Rollout.DeploymentCircuitBreaker; b != nil && b.ThresholdConfiguration != nil {
		kind, value = b.ThresholdConfiguration.Type, int(b.ThresholdConfiguration.Value)
	}
	percent := (s.Desired*value + 99) / 100
	switch kind {
	case types.ThresholdTypeCount:
		return value
	case types.ThresholdTypeUnboundedPercent:
		return max(percent, 1)
	}
	return min(max(percent, 3), 200)
}
