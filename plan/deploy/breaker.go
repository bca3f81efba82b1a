package deploy

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Threshold is how many failed tasks the circuit breaker of s takes for a failed
// deployment: half of the desired ones, at least 3 and at most 200, unless it is
// configured otherwise. Fractions are rounded up.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ThresholdConfiguration.html
func Threshold(v *state.View, s state.Service) int {
	b, desired := s.Rollout.DeploymentCircuitBreaker, (&look{v: v, s: s}).desired()
	kind, value := types.ThresholdTypeBoundedPercent, 50
	if b != nil && b.ThresholdConfiguration != nil {
		kind, value = b.ThresholdConfiguration.Type, int(b.ThresholdConfiguration.Value)
	}
	share := (desired*value + 99) / 100
	switch kind {
	case types.ThresholdTypeCount:
		return value
	case types.ThresholdTypeUnboundedPercent:
		return max(1, share)
	}
	return min(max(3, share), 200)
}

// tripped reports whether the circuit breaker ends the deployment.
func (l *look) tripped() bool {
	b, d := l.s.Rollout.DeploymentCircuitBreaker, l.s.Deployments[0]
	if b == nil || !b.Enable {
		return false
	}
	threshold := Threshold(l.v, l.s)
	if d.Failed > 0 {
		l.p.Note("circuit breaker: %d of %d failures", d.Failed, threshold)
	}
	return d.Failed >= threshold
}
