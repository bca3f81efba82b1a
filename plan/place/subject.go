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
func Subject(v *state.View, i state.ContainerInstance) query.Subject { return subject(v, &i) }

func subject(v *state.View, i *state.ContainerInstance) query.Subject {
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
			return []string{strconv.Itoa(v.Usage(i.ARN).Running)}
		case "task:group":
			return groups(v, i.ARN)
		}
		return nil
	}
}

func attribute(v *state.View, i *state.ContainerInstance, name string) []string {
	if a := find(i, name); a != nil {
		return []string{aws.ToString(a.Value)}
	}
	if a, ok := v.Attributes.Get(state.AttributeKey(i.ARN, name)); ok {
		return []string{aws.ToString(a.Value)}
	}
	return nil
}

// groups are those of the tasks on an instance.
func groups(v *state.View, instance string) (all []string) {
	for t := range v.TasksOn(instance) {
		all = append(all, t.Group)
	}
	return all
}
