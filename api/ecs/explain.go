package ecs

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/lifecycle"
	"berth/plan/place"
	"berth/state"
)

// Explanation is which container instances would run one more task, and why the
// others would not.
type Explanation struct {
	TaskDefinition, LaunchType, CapacityProvider string
	Instances                                    []place.Refusal // of Fargate, the pool's
}

// ExplainTaskDefinition explains where a task of a task definition would run,
// as RunTask places it: by the launch type, or by the cluster's default
// strategy where it is empty.
func ExplainTaskDefinition(a *API, cluster, definition, launchType string) ([]Explanation, error) {
	v := a.store.View()
	c, err := a.activeCluster(v, cluster)
	if err != nil {
		return nil, err
	}
	w := taskRequest{workloadRequest: workloadRequest{definition: &definition, launchType: types.LaunchType(launchType)}, count: mostTasksStarted}
	if err := checkEnums(&struct{ LaunchType types.LaunchType }{w.launchType}); err != nil {
		return nil, err
	}
	d, err := a.findTaskDefinition(v, definition)
	if err != nil {
		return nil, err
	}
	if d.NetworkMode == types.NetworkModeAwsvpc { // in whatever subnet
		config := &types.AwsVpcConfiguration{}
		for _, s := range a.vpc().Subnets {
			config.Subnets = append(config.Subnets, s.ID)
		}
		w.network = &types.NetworkConfiguration{AwsvpcConfiguration: config}
	}
	r, err := a.resolve(v, c, w)
	if err != nil {
		return nil, err
	}
	var all []Explanation
	for _, s := range r.shares {
		all = append(all, Explanation{*d.TaskDefinitionArn, s.launchType, s.provider, place.Explain(v, r.placement(s, ""))})
	}
	return all, nil
}

// ExplainTask says how a task is, what happens to it next, and where one more like
// it would run.
func ExplainTask(a *API, limits lifecycle.Limits, cluster, task string) (story []string, where []Explanation, err error) {
	v := a.store.View()
	c, err := a.activeCluster(v, cluster)
	if err != nil {
		return nil, nil, err
	}
	t, ok := a.task(v, c, task)
	if !ok {
		return nil, nil, invalid("The referenced task was not found.")
	}
	story = limits.Explain(v, t, time.Now())
	d, ok := v.TaskDefinitions.Get(t.Definition)
	if !ok {
		return append(story, "its task definition has been deleted: no more tasks can be made like it"), nil, nil
	}
	r := resolved{api: a, cluster: c, definition: d, task: t}
	r.takes, r.gpus = place.Needs(&d.TaskDefinition, t.Overrides)
	if r.takes.ENIs > 0 {
		r.link.subnets = subnetsOf(a.vpc().Subnets, t)
	}
	s := share{launchType: t.LaunchType, provider: t.CapacityProvider, count: 1}
	return story, []Explanation{{t.Definition, s.launchType, s.provider, place.Explain(v, r.placement(s, ""))}}, nil
}

// subnetsOf is the subnet of a task's attachment, or all where it has none any more.
func subnetsOf(all []state.Subnet, t state.Task) []state.Subnet {
	for _, attachment := range t.Attachments {
		for _, detail := range attachment.Details {
			for i, s := range all {
				if aws.ToString(detail.Name) == "subnetId" && s.ID == aws.ToString(detail.Value) {
					return all[i : i+1]
				}
			}
		}
	}
	return all
}
