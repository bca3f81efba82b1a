package ecs

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/plan/query"
	"berth/plan/vpc"
	"berth/state"
)

// taskRequest is what RunTask and StartTask ask for.
type taskRequest struct {
	cluster, definition, group, startedBy, platformVersion *string
	count                                                  int
	instances                                              []string // of StartTask
	launchType                                             types.LaunchType
	strategy                                               []types.CapacityProviderStrategyItem
	network                                                *types.NetworkConfiguration
	overrides                                              *types.TaskOverride
	constraints                                            []types.PlacementConstraint
	order                                                  []types.PlacementStrategy
	propagate                                              types.PropagateTags
	tags                                                   []types.Tag
	managedTags, executeCommand                            bool
	volumes                                                []types.TaskVolumeConfiguration
	token, hash                                            string
}

// Limits of a call that starts tasks.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
const (
	mostTasksStarted = 10
	mostConstraints  = 10
	mostStrategies   = 5
	mostOverrides    = 8192 // bytes, as JSON
)

var (
	startedBy = regexp.MustCompile(`^[\w/-]{0,128}$`)
	taskGroup = regexp.MustCompile(`^[\w.:/-]{1,255}$`)
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
	case w.launchType != "" && len(w.strategy) > 0:
		return invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case w.launchType == types.LaunchTypeManagedInstances:
		return invalid("The launch type MANAGED_INSTANCES cannot be specified. Specify a capacity provider strategy instead.")
	case w.propagate == types.PropagateTagsService:
		return invalid("PropagateTags can only be TASK_DEFINITION or NONE for a task that no service starts.")
	case len(w.volumes) > 0:
		return &types.UnsupportedFeatureException{Message: aws.String("volumeConfigurations is not supported: there are no Amazon EBS volumes here. Use a host, docker or EFS volume in the task definition.")}
	case w.executeCommand:
		return &types.UnsupportedFeatureException{Message: aws.String("enableExecuteCommand is not supported yet: leave it out, or set it to false.")}
	case !idempotencyToken.MatchString(w.token):
		return invalid("clientToken can have up to 64 characters, of ASCII 33 to 126.")
	}
	return cmp.Or(checkTags(w.tags), checkConstraints(w.constraints), checkStrategies(w.order))
}

// checkConstraints checks placement constraints of a call.
func checkConstraints(constraints []types.PlacementConstraint) error {
	if len(constraints) > mostConstraints {
		return invalid(fmt.Sprintf("placementConstraints can have at most %d members.", mostConstraints))
	}
	for _, c := range constraints {
		expression := aws.ToString(c.Expression)
		switch {
		case c.Type == "":
			return invalid("Each of placementConstraints needs a type: distinctInstance or memberOf.")
		case c.Type == types.PlacementConstraintTypeDistinctInstance && expression != "":
			return invalid("A placement constraint of the type distinctInstance can have no expression.")
		case c.Type == types.PlacementConstraintTypeDistinctInstance:
		case utf8.RuneCountInString(expression) > 2000:
			return invalid("The expression of a placement constraint can have up to 2000 characters.")
		default:
			if _, err := query.Parse(expression); err != nil {
				return invalid("Invalid expression of a placement constraint: " + err.Error())
			}
		}
	}
	return nil
}

var spreadField = regexp.MustCompile(`^(?i:instanceId|host)$|^attribute:[\w./\\-]{1,128}$`)

func checkStrategies(strategies []types.PlacementStrategy) error {
	if len(strategies) > mostStrategies {
		return invalid(fmt.Sprintf("placementStrategy can have at most %d members.", mostStrategies))
	}
	for _, s := range strategies {
		field := aws.ToString(s.Field)
		switch {
		case s.Type == "":
			return invalid("Each of placementStrategy needs a type: random, spread or binpack.")
		case s.Type == types.PlacementStrategyTypeBinpack && !slices.Contains([]string{"cpu", "memory", "CPU", "MEMORY"}, field):
			return invalid("The field of a placement strategy of the type binpack must be cpu or memory.")
		case s.Type == types.PlacementStrategyTypeSpread && !spreadField.MatchString(field):
			return invalid("The field of a placement strategy of the type spread must be instanceId, host or attribute:<name>.")
		case s.Type == types.PlacementStrategyTypeRandom && field != "":
			return invalid("A placement strategy of the type random can have no field.")
		}
	}
	return nil
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
	subnets    []state.Subnet
	groups     []string // security groups
	publicIP   bool
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
	if len(w.constraints)+len(d.PlacementConstraints) > mostConstraints {
		return r, invalid(fmt.Sprintf("There can be at most %d placement constraints, those of the task definition included.", mostConstraints))
	}
	overrides, err := completeOverrides(d, w.overrides)
	if err != nil {
		return r, err
	}
	if r.shares, err = a.share(v, c, w); err != nil {
		return r, err
	}
	for _, s := range r.shares {
		if err := r.checkLaunchType(s.launchType); err != nil {
			return r, err
		}
	}
	if err := r.resolveNetwork(a.vpc()); err != nil {
		return r, err
	}
	r.takes, r.gpus = place.Needs(d, &overrides)
	r.task = place.Template(c.ARN, d, &overrides)
	r.task.Group, r.task.StartedBy = cmp.Or(aws.ToString(w.group), "family:"+*d.Family), aws.ToString(w.startedBy)
	r.task.Token, r.task.Request, r.task.Tags = w.token, w.hash, r.tags()
	return r, nil
}

// runnable finds the task definition that a call names, if tasks can be made from it.
func (a *API) runnable(v *state.View, name string) (state.TaskDefinition, error) {
	d, err := a.findTaskDefinition(v, name)
	switch {
	case err != nil && name == "":
		return d, err
	case err != nil:
		return d, clientError("TaskDefinition not found.")
	case d.Status != types.TaskDefinitionStatusActive:
		return d, invalid("TaskDefinition is inactive")
	}
	return d, nil
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
	strategy := w.strategy
	if w.launchType == "" && len(strategy) == 0 {
		strategy = c.DefaultStrategy
	}
	if w.launchType == "" && len(strategy) > 0 {
		return a.shareProviders(v, c, strategy, w.count)
	}
	s := share{launchType: string(cmp.Or(w.launchType, types.LaunchTypeEc2)), count: w.count, missing: noCapacity}
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

// shareProviders splits the tasks by a capacity provider strategy.
func (a *API) shareProviders(v *state.View, c state.Cluster, strategy []types.CapacityProviderStrategyItem, count int) (shares []share, err error) {
	if err := a.checkStrategy(v, c, strategy); err != nil {
		return nil, err
	}
	for i, n := range place.Split(strategy, count) {
		if n == 0 {
			continue
		}
		name := *strategy[i].CapacityProvider
		p, _ := a.capacityProvider(v, name)
		s := share{launchType: "EC2", provider: name, count: n, missing: "EMPTY CAPACITY PROVIDER"}
		switch p.Type {
		case types.CapacityProviderTypeFargate, types.CapacityProviderTypeFargateSpot:
			s.launchType, s.missing = "FARGATE", noCapacity
		case types.CapacityProviderTypeManagedInstances:
			return nil, &types.UnsupportedFeatureException{Message: aws.String("The capacity provider " + name + " is of ECS Managed Instances, on which no tasks run yet.")}
		}
		shares = append(shares, s)
	}
	if len(shares) == 0 {
		return nil, invalid("The specified capacity provider strategy cannot have a weight of 0 for all of its capacity providers. Specify a weight greater than 0 for one of them and try again.")
	}
	return shares, nil
}

// checkLaunchType checks what the launch type says about the other members.
func (r *resolved) checkLaunchType(launchType string) error {
	w, d := r.request, r.definition
	fargate := launchType == "FARGATE"
	switch {
	case !slices.Contains(d.Compatibilities, types.Compatibility(launchType)):
		return invalid("Task definition does not support launch_type " + launchType + ".")
	case fargate && len(w.constraints) > 0:
		return invalid("Placement constraints are not supported with FARGATE launch type.")
	case fargate && len(w.order) > 0:
		return invalid("Placement strategies are not supported with FARGATE launch type.")
	case fargate && !slices.Contains([]string{"", "LATEST", "1.4.0"}, aws.ToString(w.platformVersion)):
		return &types.PlatformUnknownException{Message: aws.String("The specified platform does not exist.")}
	case !fargate && w.platformVersion != nil:
		return invalid("The platform version must be null when specifying an " + launchType + " launch type.")
	}
	return nil
}

func (a *API) vpc() vpc.Network { return vpc.Default(a.account, a.region, a.cidr) }

// resolveNetwork finds the subnets and security groups of the network interface.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html
func (r *resolved) resolveNetwork(n vpc.Network) error {
	awsvpc := r.definition.NetworkMode == types.NetworkModeAwsvpc
	given := r.request.network != nil && r.request.network.AwsvpcConfiguration != nil
	switch {
	case awsvpc && !given:
		return invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case !awsvpc && given:
		return invalid("Network Configuration is not valid for the given networkMode of this task definition.")
	case !awsvpc:
		return nil
	}
	c := r.request.network.AwsvpcConfiguration
	switch {
	case len(c.Subnets) == 0:
		return invalid("subnets can not be empty.")
	case len(c.Subnets) > 16:
		return invalid("subnets can have at most 16 items.")
	case len(c.SecurityGroups) > 5:
		return invalid("securityGroups can have at most 5 items.")
	}
	for _, id := range c.Subnets {
		s, ok := n.Subnet(id)
		if !ok {
			return invalid(fmt.Sprintf("Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", id, id))
		}
		if !slices.Contains(r.subnets, s) {
			r.subnets = append(r.subnets, s)
		}
	}
	for _, id := range c.SecurityGroups {
		if id != n.SecurityGroup.ID {
			return invalid(fmt.Sprintf("Error retrieving security group information for [%s]: The security group '%s' does not exist (ErrorCode: InvalidGroup.NotFound)", id, id))
		}
	}
	r.groups = []string{n.SecurityGroup.ID}
	r.publicIP = c.AssignPublicIp == types.AssignPublicIpEnabled
	if r.publicIP && slices.ContainsFunc(r.shares, func(s share) bool { return s.launchType != "FARGATE" }) {
		return invalid("Assign public IP is not supported for this launch type.")
	}
	return nil
}

// placement asks for the places of a share. What is random follows from seed.
func (r *resolved) placement(s share, seed string) place.Request {
	d := &r.definition.TaskDefinition
	p := place.Request{
		Cluster: r.cluster.ARN, LaunchType: s.launchType, CapacityProvider: s.provider, Only: s.instance, Definition: d,
		Takes: r.takes, GPUs: r.gpus, Group: r.task.Group, Count: s.count, Subnets: r.subnets, Strategy: r.request.order,
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
	return place.Start{Task: t, Definition: &r.definition.TaskDefinition, Place: at, SecurityGroups: r.groups, PublicIP: r.publicIP}
}
