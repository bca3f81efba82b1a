package ecs

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// taskFilter returns what a task must be to be listed.
func (a *API) taskFilter(v *state.View, c state.Cluster, in *ecs.ListTasksInput) (func(state.Task) bool, error) {
	family, startedBy, service := aws.ToString(in.Family), aws.ToString(in.StartedBy), aws.ToString(in.ServiceName)
	instance, daemon := aws.ToString(in.ContainerInstance), aws.ToString(in.DaemonName)
	given := 0
	for _, filter := range []string{family, startedBy, service, instance, daemon} {
		if filter != "" {
			given++
		}
	}
	if startedBy != "" && given > 1 {
		return nil, invalid("startedBy must be the only filter: leave family, serviceName, containerInstance and daemonName out.")
	}
	if service != "" && family != "" {
		return nil, invalid("Specify either family or serviceName.")
	}
	if instance != "" {
		i, ok := a.instance(v, c, instance)
		if !ok {
			return nil, invalid("The specified container instance does not exist. Specify a valid container instance and try again.")
		}
		instance = i.ARN
	}
	if service != "" {
		service = "service:" + lastPart(service)
		if !a.hasService(v, c, service) {
			return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
		}
	}
	prefix := a.arn("task-definition/" + family + ":")
	return func(t state.Task) bool {
		return (family == "" || strings.HasPrefix(t.Definition, prefix)) &&
			(startedBy == "" || t.StartedBy == startedBy) &&
			(service == "" || t.Group == service) &&
			(instance == "" || t.Instance == instance && t.LaunchType != "FARGATE") &&
			(daemon == "" || t.Group == "daemon:"+lastPart(daemon)) &&
			(in.LaunchType == "" || t.LaunchType == string(in.LaunchType))
	}, nil
}

func (a *API) hasService(v *state.View, c state.Cluster, group string) bool {
	for s := range v.ServicesOf(c.ARN) {
		if "service:"+s.Name == group && s.Status != "INACTIVE" {
			return true
		}
	}
	return false
}
