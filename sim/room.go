package sim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// hasRoom reports whether an instance could run one more task of a service, by
// what its tasks leave of it.
func (w *World) hasRoom(v *state.View, s state.Service) bool {
	family, _ := familyOf(s.Deployments[0].Definition)
	needs, cluster := families[family], s.Cluster
	if v.LaunchTypeOf(s) == "FARGATE" {
		cluster = fargateCluster
	}
	return w.roomIn(v, s, cluster, needs)
}

func (w *World) roomIn(v *state.View, s state.Service, cluster string, needs size) bool {
	for i := range v.InstancesOf(cluster) {
		if w.fits(v, s, needs, i) {
			return true
		}
	}
	return false
}

func (w *World) fits(v *state.View, s state.Service, needs size, i state.ContainerInstance) bool {
	if !suits(v, needs, i) {
		return false
	}
	cpu, memory := int32(0), int32(0)
	for _, r := range i.Resources {
		switch *r.Name {
		case "CPU":
			cpu = r.IntegerValue
		case "MEMORY":
			memory = r.IntegerValue
		}
	}
	own := 0
	for t := range v.TasksOn(i.ARN) {
		cpu, memory = cpu-t.Takes.CPU, memory-t.Takes.Memory
		if t.Service == s.ARN {
			own++
		}
		if needs.port != 0 && slices.Contains(t.Takes.TCP, needs.port) {
			return false
		}
	}
	for _, c := range s.Constraints {
		if c.Type == types.PlacementConstraintTypeDistinctInstance && own > 0 || c.Expression != nil && zoneOf(i) != zones[0] {
			return false
		}
	}
	if s.Scheduling == types.SchedulingStrategyDaemon && own > 0 {
		return false
	}
	return cpu >= needs.cpu && memory >= needs.memory
}

// suits reports whether tasks may start on an instance, as far as it has room.
func suits(v *state.View, needs size, i state.ContainerInstance) bool {
	return i.Status == "ACTIVE" && i.AgentConnected && (!needs.disk || diskOf(v, i) == "ssd")
}
