package place

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/plan/query"
	"berth/state"
)

// Subject is i as the cluster query language sees it.
func Subject(v *state.View, i state.ContainerInstance) query.Subject {
	return func(field string) []string {
		if name, ok := strings.CutPrefix(field, "attribute:"); ok {
			return attribute(v, i, name)
		}
		switch field {
		case "agentConnected":
			return []string{strconv.FormatBool(i.AgentConnected)}
		case "agentVersion":
			if i.Software != nil && i.Software.AgentVersion != nil {
				return []string{*i.Software.AgentVersion}
			}
		case "ec2InstanceId":
			if i.EC2ID != "" {
				return []string{i.EC2ID}
			}
		case "registeredAt":
			return []string{i.RegisteredAt.Format(time.RFC3339Nano)}
		case "runningTasksCount":
			running, _ := Counts(v, i.ARN)
			return []string{strconv.Itoa(running)}
		case "task:group":
			return groups(v, i.ARN)
		}
		return nil
	}
}

// Counts returns how many tasks run on a container instance and how many are
// pending, by its ARN. A task that is asked to stop runs no more.
func Counts(v *state.View, instance string) (running, pending int) {
	for t := range v.TasksOn(instance) {
		switch t.Last {
		case "RUNNING":
			if t.Desired == "RUNNING" {
				running++
			}
		case "PROVISIONING", "PENDING", "ACTIVATING":
			pending++
		}
	}
	return running, pending
}

func attribute(v *state.View, i state.ContainerInstance, name string) []string {
	for _, a := range i.Attributes {
		if *a.Name == name {
			return []string{aws.ToString(a.Value)}
		}
	}
	if a, ok := v.Attributes.Get(state.AttributeKey(i.ARN, name)); ok {
		return []string{aws.ToString(a.Value)}
	}
	return nil
}

// groups are those of the tasks that have not stopped.
func groups(v *state.View, instance string) (all []string) {
	for t := range v.TasksOn(instance) {
		if t.Last != "STOPPED" {
			all = append(all, t.Group)
		}
	}
	return all
}
