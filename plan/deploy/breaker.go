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
func Threshold(v *state.View, s state.Service) int {
	kind, value := types.ThresholdTypeBoundedPercent, 50
	if b := s.Rollout.DeploymentCircuitBreaker; b != nil && b.ThresholdConfiguration != nil {
		kind, value = b.ThresholdConfiguration.Type, int(b.ThresholdConfiguration.Value)
	}
	percent := ((&look{v: v, s: s}).desired()*value + 99) / 100
	switch kind {
	case types.ThresholdTypeCount:
		return value
	case types.ThresholdTypeUnboundedPercent:
		return max(percent, 1)
	}
	return min(max(percent, 3), 200)
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
