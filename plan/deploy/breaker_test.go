package deploy

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

func TestThreshold(t *testing.T) {
	const (
		count     = types.ThresholdTypeCount
		bounded   = types.ThresholdTypeBoundedPercent
		unbounded = types.ThresholdTypeUnboundedPercent
	)
	for _, tc := range []struct {
		desired int
		kind    types.ThresholdType
		value   int32
		want    int
	}{
		{1, "", 0, 3}, {7, "", 0, 4}, {10, "", 0, 5}, {25, "", 0, 13}, {1000, "", 0, 200},
		{10, count, 1, 1}, {0, count, 7, 7},
		{10, bounded, 100, 10}, {10, bounded, 1, 3}, {1000, bounded, 50, 200},
		{10, unbounded, 1, 1}, {1000, unbounded, 50, 500}, {3, unbounded, 50, 2}, {0, unbounded, 50, 1},
	} {
		breaker := &types.DeploymentCircuitBreaker{Enable: true}
		if tc.kind != "" {
			breaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: tc.kind, Value: tc.value}
		}
		s := state.Service{Desired: tc.desired, Rollout: &types.DeploymentConfiguration{DeploymentCircuitBreaker: breaker}}
		if got := Threshold(nil, s); got != tc.want {
			t.Errorf("of %d tasks with %s %d: got %d, want %d", tc.desired, tc.kind, tc.value, got, tc.want)
		}
	}
}
