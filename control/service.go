package control

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

// services deploys, heals and scales them. What their tasks do concerns them, and
// what room there is to run tasks.
func services(cfg deploy.Config) loop[state.Service] {
	return loop[state.Service]{
		name:    "services",
		objects: func(v *state.View) *state.Table[state.Service] { return &v.Services },
		key:     func(s state.Service) string { return s.ARN },
		plan:    cfg.Plan,
		related: func(v *state.View) []string {
			return []string{v.Tasks.Name(), v.ContainerInstances.Name(), v.Attributes.Name(), v.ServiceDeployments.Name(), v.TaskSets.Name()}
		},
		concerns: concernedServices,
	}
}

// concernedServices are the services that changed records concern. Where a task
// has stopped there is room: for all services that miss tasks. A daemon on an
// instance that drains stays until it is the last.
func concernedServices(v *state.View, changed []state.Key) (arns []string) {
	room := false
	for _, k := range changed {
		arns = append(arns, servicesOf(v, k)...)
		if k.Table == v.Tasks.Name() && !room {
			t, ok := v.Tasks.Get(k.Key)
			room = !ok || t.Stopped()
		}
	}
	if room {
		for s := range v.Services.All() {
			if deploy.Missing(v, s) > 0 || s.Scheduling == types.SchedulingStrategyDaemon && drains(v, s.Cluster) {
				arns = append(arns, s.ARN)
			}
		}
	}
	return arns
}

// drains reports whether a container instance of a cluster does.
func drains(v *state.View, cluster string) bool {
	for range v.DrainingIn(cluster) {
		return true
	}
	return false
}

// servicesOf is the services that a changed record concerns.
func servicesOf(v *state.View, k state.Key) (arns []string) {
	switch k.Table {
	case v.Tasks.Name():
		if t, ok := v.Tasks.Get(k.Key); ok && t.Service != "" {
			arns = append(arns, t.Service)
		}
	case v.ServiceDeployments.Name():
		if d, ok := v.ServiceDeployments.Get(k.Key); ok {
			arns = append(arns, d.Service)
		}
	case v.TaskSets.Name():
		if s, ok := v.TaskSets.Get(k.Key); ok {
			arns = append(arns, s.Service)
		}
	case v.ContainerInstances.Name(), v.Attributes.Name():
		i, _ := v.ContainerInstances.Get(state.AttributeTarget(k.Key))
		for s := range v.Services.All() { // of all clusters: those of Fargate are in a hidden one
			if s.Cluster == i.Cluster || v.LaunchTypeOf(s) == "FARGATE" {
				arns = append(arns, s.ARN)
			}
		}
	}
	return arns
}
