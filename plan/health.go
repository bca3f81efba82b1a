package plan

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Health is that of a task: of the essential containers that have a health check, in the
// task definition or, where operators want that, in the image: the worst of them.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
func Health(v *state.View, t state.Task) types.HealthStatus {
	d, _ := v.DefinitionOf(t)
	all := types.HealthStatus("")
	for _, c := range d.ContainerDefinitions {
		i := slices.IndexFunc(t.Containers, func(shown types.Container) bool { return *shown.Name == *c.Name })
		if i < 0 || c.HealthCheck == nil && t.Containers[i].HealthStatus == types.HealthStatusUnknown || c.Essential != nil && !*c.Essential {
			continue
		}
		switch own := t.Containers[i].HealthStatus; {
		case own == types.HealthStatusUnhealthy:
			return own
		case all != types.HealthStatusUnknown:
			all = own
		}
	}
	return cmp.Or(all, types.HealthStatusUnknown)
}

// HasHealthCheck reports whether the health of a task depends on checks of its
// containers.
func HasHealthCheck(d *types.TaskDefinition) bool {
	return slices.ContainsFunc(d.ContainerDefinitions, func(c types.ContainerDefinition) bool {
		return c.HealthCheck != nil && (c.Essential == nil || *c.Essential)
	})
}
