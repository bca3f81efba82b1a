package ecs

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/state"
)

// taskRequest is what RunTask and StartTask ask for.
type taskRequest struct {
	workloadRequest
	cluster, group, startedBy   *string
	count                       int
	instances                   []string // of StartTask
	overrides                   *types.TaskOverride
	propagate                   types.PropagateTags
	tags                        []types.Tag
	managedTags, executeCommand bool
	volumes                     []types.TaskVolumeConfiguration
	token, hash                 string
}

// Limits of a call that starts tasks.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
const (
	mostTasksStarted = 10
	mostOverrides    = 8192 // bytes, as JSON
)

var (
	startedBy = regexp.MustCompile(`^[\w/-]{0,128}$`)
	taskGroup = regexp.MustCompile(`^[\w.:/-]{1,255}$`)
	ourGroup  = regexp.MustCompile(`^(service|daemon):`) // of the tasks that we start
)

// check checks what can be checked without the state.
func (w taskRequest) check() error {
	switch {
	case w.count < 1 || w.count > mostTasksStarted:
		return invalid(fmt.Sprintf("count must be between 1 and %d.", mostTasksStarted))
	case !startedBy.MatchString(aws.ToString(w.startedBy)):
		return invalid("startedBy can have up to 128 letters, numbers, hyphens, forward slashes and underscores.")
	case w.group != nil && !taskGroup.MatchString(*w.group):
		return invalid("group can have up to 255 letters, numbers, and _ - . : /.")
	case ourGroup.MatchString(aws.ToString(w.group)):
		return invalid("Invalid namespace for group.")
	case w.propagate == types.PropagateTagsService:
		return invalid("PropagateTags can only be TASK_DEFINITION or NONE for a task that no service starts.")
	case len(w.volumes) > 0:
		return &types.UnsupportedFeatureException{Message: aws.String("volumeConfigurations is not supported: there are no Amazon EBS volumes here. Use a host, docker or EFS volume in the task definition.")}
	case w.executeCommand:
		return &types.UnsupportedFeatureException{Message: aws.String("enableExecuteCommand is not supported yet: leave it out, or set it to false.")}
	case !idempotencyToken.MatchString(w.token):
		return invalid("clientToken can have up to 64 characters, of ASCII 33 to 126.")
	}
	return cmp.Or(checkTags(w.tags), w.workloadRequest.check())
}

// resolved is what is asked for, with all that the state and the account say
// about it.
type resolved struct {
	api        *API
	cluster    state.Cluster
	definition state.TaskDefinition
	task       state.Task // as far as all tasks of the call are alike
	takes      state.Resources
	gpus       int
	link       link
	request    taskRequest
	shares     []share
}

// share is how many of the tasks go where.
type share struct {
	launchType, provider string
	count                int
	instance             string // of StartTask
	missing              string // the reason of the failure if there is no instance at all
}

// resolve checks a request against the state.
func (a *API) resolve(v *state.View, c state.Cluster, w taskRequest) (r resolved, err error) {
	r = resolved{api: a, cluster: c, request: w}
	if r.definition, err = a.runnable(v, aws.ToString(w.definition)); err != nil {
		return r, err
	}
	d := &r.definition.TaskDefinition
	overrides, err := completeOverrides(d, w.overrides)
	if err != nil {
		return r, err
	}
	if r.shares, err = a.share(v, c, w); err != nil {
		return r, err
	}
	for _, s := range r.shares {
		if err := w.checkLaunchType(r.definition, s.launchType); err != nil {
			return r, err
		}
		if r.link, err = w.link(a.vpc(), r.definition, s.launchType); err != nil {
			return r, err
		}
	}
	r.takes, r.gpus = place.Needs(d, &overrides)
	r.task = place.Template(c.ARN, d, &overrides)
	r.task.Group, r.task.StartedBy = cmp.Or(aws.ToString(w.group), "family:"+*d.Family), aws.ToString(w.startedBy)
	r.task.Token, r.task.Request, r.task.Tags = w.token, w.hash, r.tags()
	return r, nil
}

// tags are those of the call, of the task definition if they are propagated,
// and ours if they are wanted. The call's count more.
func (r *resolved) tags() []types.Tag {
	tags := []types.Tag{}
	if r.request.propagate == types.PropagateTagsTaskDefinition {
		tags = mergeTags(tags, r.definition.Tags)
	}
	tags = mergeTags(tags, r.request.tags)
	if r.request.managedTags {
		tags = append(tags, types.Tag{Key: aws.String("aws:ecs:clusterName"), Value: &r.cluster.Name})
	}
	return tags
}

// share says where how many of the tasks go: to the instances that are named,
// to capacity providers, or all to a launch type.
func (a *API) share(v *state.View, c state.Cluster, w taskRequest) ([]share, error) {
	if len(w.instances) > 0 {
		return a.shareInstances(v, c, w)
	}
	launchType, strategy, err := a.destination(v, c, w.workloadRequest)
	if err != nil {
		return nil, err
	}
	s := share{launchType: launchType, count: w.count, missing: noCapacity}
	if len(strategy) > 0 {
		return split(strategy, s), nil
	}
	if s.launchType != "FARGATE" && !hasInstances(v, c) {
		return nil, invalid("No Container Instances were found in your cluster.")
	}
	return []share{s}, nil
}

// noCapacity is why no task runs while the pool of Fargate has no machines.
const noCapacity = "Capacity is unavailable at this time. Please try again later or in a different availability zone"

func hasInstances(v *state.View, c state.Cluster) bool {
	for i := range v.InstancesOf(c.ARN) {
		if i.Status != inactive {
			return true
		}
	}
	return false
}

// shareInstances gives each of the named instances one task.
func (a *API) shareInstances(v *state.View, c state.Cluster, w taskRequest) (shares []share, err error) {
	for _, id := range w.instances {
		s := share{count: 1, launchType: "EC2", instance: a.instanceARN(c, id), missing: "MISSING"}
		if i, ok := a.instance(v, c, id); ok && hasAttribute(i.Attributes, "ecs.capability.external") {
			s.launchType = "EXTERNAL"
		}
		shares = append(shares, s)
	}
	return shares, nil
}

// split splits a share among the capacity providers of a strategy.
func split(strategy []types.CapacityProviderStrategyItem, all share) (shares []share) {
	if all.launchType != "FARGATE" {
		all.missing = "EMPTY CAPACITY PROVIDER"
	}
	for i, n := range place.Split(strategy, all.count) {
		if n > 0 {
			all.provider, all.count = *strategy[i].CapacityProvider, n
			shares = append(shares, all)
		}
	}
	return shares
}

// placement asks for the places of a share. What is random follows from seed.
func (r *resolved) placement(s share, seed string) place.Request {
	d := &r.definition.TaskDefinition
	p := place.Request{
		Cluster: r.cluster.ARN, LaunchType: s.launchType, CapacityProvider: s.provider, Only: s.instance, Definition: d,
		Takes: r.takes, GPUs: r.gpus, Group: r.task.Group, Count: s.count, Subnets: r.link.subnets, Strategy: r.request.order,
		Constraints: append(slices.Clone(r.request.constraints), place.Constraints(d)...),
		Seed:        seed,
	}
	if s.launchType == "FARGATE" {
		p.Cluster = r.api.arn("cluster/" + state.FargateCluster)
	}
	return p
}

// start is the action that makes one task of a share.
func (r *resolved) start(s share, at place.Place) place.Start {
	t := r.task
	t.LaunchType, t.CapacityProvider = s.launchType, s.provider
	if s.launchType == "FARGATE" {
		t.PlatformVersion, t.PlatformFamily = "1.4.0", "Linux"
	}
	return place.Start{Task: t, Definition: &r.definition.TaskDefinition, Place: at, SecurityGroups: r.link.groups, PublicIP: r.link.publicIP}
}
