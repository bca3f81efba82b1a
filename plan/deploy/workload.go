package deploy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/state"
)

// share is how many tasks go to a launch type or capacity provider.
type share struct {
	launchType, provider string
	count                int
}

// shares splits n more tasks as the capacity provider strategy wants all tasks
// of the source to be split.
func shares(v *state.View, s state.Service, from source, n int) []share {
	if len(from.CapacityProviders) == 0 || s.Scheduling == types.SchedulingStrategyDaemon {
		return []share{{launchType: cmp.Or(from.LaunchType, "EC2"), count: n}}
	}
	have := map[string]int{}
	total := n
	for _, phase := range []state.Phase{state.Pending, state.Running, state.Healthy} {
		for t := range v.TasksOfDeployment(s.ARN, from.id, phase) {
			have[t.CapacityProvider]++
			total++
		}
	}
	var all []share
	for i, want := range place.Split(from.CapacityProviders, total) {
		sh := providerShare(from.CapacityProviders[i], want)
		if sh.count = min(want-have[sh.provider], n); sh.count > 0 {
			n -= sh.count
			all = append(all, sh)
		}
	}
	return all
}

func providerShare(item types.CapacityProviderStrategyItem, count int) share {
	launchType := "EC2"
	if strings.HasPrefix(*item.CapacityProvider, "FARGATE") {
		launchType = "FARGATE"
	}
	return share{launchType, *item.CapacityProvider, count}
}

// request asks for the places of a share, and says how a task of it starts.
func (c Config) request(v *state.View, s state.Service, from source, sh share) (place.Request, place.Start) {
	if sh.provider != "" {
		sh.launchType = v.LaunchTypeOn(s.Cluster, sh.provider)
	}
	d, _ := v.TaskDefinitions.Get(from.Definition)
	takes, gpus := place.Needs(&d.TaskDefinition, nil)
	start := place.Start{Task: place.Template(s.Cluster, &d.TaskDefinition, nil), Definition: &d.TaskDefinition}
	t := &start.Task
	t.Group, t.StartedBy, t.Service, t.Revision = "service:"+s.Name, from.id, s.ARN, from.revision
	t.LaunchType, t.CapacityProvider, t.ExecuteCommand = sh.launchType, sh.provider, s.Execute
	t.Tags = tags(s, d)
	r := place.Request{
		Cluster: s.Cluster, LaunchType: sh.launchType, CapacityProvider: sh.provider, Definition: &d.TaskDefinition,
		Takes: takes, GPUs: gpus, Group: t.Group, Service: s.ARN, Count: sh.count, Strategy: s.Strategy, Seed: from.id,
		Constraints: append(slices.Clone(s.Constraints), place.Constraints(&d.TaskDefinition)...),
	}
	switch {
	case s.Scheduling == types.SchedulingStrategyDaemon:
		r.Strategy = nil
		r.Constraints = append(r.Constraints, types.PlacementConstraint{Type: types.PlacementConstraintTypeDistinctInstance})
	case len(r.Strategy) == 0 && sh.launchType != "FARGATE":
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-strategies.html
		r.Strategy = []types.PlacementStrategy{{Type: types.PlacementStrategyTypeSpread, Field: aws.String(zoneAttribute)}}
	}
	if sh.launchType == "FARGATE" {
		r.Cluster = s.Cluster[:strings.LastIndexByte(s.Cluster, '/')+1] + state.FargateCluster
		t.PlatformVersion, t.PlatformFamily = "1.4.0", "Linux"
	}
	if n := from.Network; takes.ENIs > 0 && n != nil && n.AwsvpcConfiguration != nil {
		for _, id := range n.AwsvpcConfiguration.Subnets {
			if subnet, ok := c.Network.Subnet(id); ok {
				r.Subnets = append(r.Subnets, subnet)
			}
		}
		start.SecurityGroups = []string{c.Network.SecurityGroup.ID}
		start.PublicIP = n.AwsvpcConfiguration.AssignPublicIp == types.AssignPublicIpEnabled
	}
	return r, start
}

// tags are those that the tasks of a service get.
func tags(s state.Service, d state.TaskDefinition) []types.Tag {
	all := []types.Tag{}
	switch s.Propagate {
	case types.PropagateTagsService:
		all = append(all, s.Tags...)
	case types.PropagateTagsTaskDefinition:
		all = append(all, d.Tags...)
	}
	if s.ManagedTags {
		cluster := s.Cluster[strings.LastIndexByte(s.Cluster, '/')+1:]
		all = append(all, types.Tag{Key: aws.String("aws:ecs:clusterName"), Value: &cluster},
			types.Tag{Key: aws.String("aws:ecs:serviceName"), Value: &s.Name})
	}
	return all
}
