package ecs

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

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
		s, ok := a.service(v, c, service)
		if !ok || s.Status == "INACTIVE" {
			return nil, serviceNotFound()
		}
		service = s.ARN
	}
	prefix := a.arn("task-definition/" + family + ":")
	return func(t state.Task) bool {
		return (family == "" || strings.HasPrefix(t.Definition, prefix)) &&
			(startedBy == "" || t.StartedBy == startedBy) &&
			(service == "" || t.Service == service) &&
			(instance == "" || t.Instance == instance && t.LaunchType != "FARGATE") &&
			(daemon == "" || t.Group == "daemon:"+lastPart(daemon)) &&
			(in.LaunchType == "" || t.LaunchType == string(in.LaunchType))
	}, nil
}
