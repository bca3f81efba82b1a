package ecs

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/query"
	"berth/plan/vpc"
	"berth/state"
)

// workloadRequest is what a call says about the tasks it wants, alone or for a
// service: from what they are made, and where they go.
type workloadRequest struct {
	definition, platformVersion *string
	launchType                  types.LaunchType
	strategy                    []types.CapacityProviderStrategyItem
	network                     *types.NetworkConfiguration
	constraints                 []types.PlacementConstraint
	order                       []types.PlacementStrategy
}

// Limits of a call that wants tasks.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
const (
	mostConstraints = 10
	mostStrategies  = 5
)

// check checks what can be checked without the state.
func (w workloadRequest) check() error {
	switch {
	case w.launchType != "" && len(w.strategy) > 0:
		return invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case w.launchType == types.LaunchTypeManagedInstances:
		return invalid("The launch type MANAGED_INSTANCES cannot be specified. Specify a capacity provider strategy instead.")
	}
	return cmp.Or(checkConstraints(w.constraints), checkStrategies(w.order))
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

// destination says where the tasks of w go: to a launch type, by capacity
// providers if there is a strategy, which by default is the cluster's.
func (a *API) destination(v *state.View, c state.Cluster, w workloadRequest) (launchType string, strategy []types.CapacityProviderStrategyItem, err error) {
	strategy = w.strategy
	if w.launchType == "" && len(strategy) == 0 {
		strategy = c.DefaultStrategy
	}
	if w.launchType != "" || len(strategy) == 0 {
		return string(cmp.Or(w.launchType, types.LaunchTypeEc2)), nil, nil
	}
	if err := a.checkStrategy(v, c, strategy); err != nil {
		return "", nil, err
	}
	if !slices.ContainsFunc(strategy, func(i types.CapacityProviderStrategyItem) bool { return i.Weight > 0 }) {
		return "", nil, invalid("The specified capacity provider strategy cannot have a weight of 0 for all of its capacity providers. Specify a weight greater than 0 for one of them and try again.")
	}
	name := *strategy[0].CapacityProvider // the others are of the same type
	switch p, _ := a.capacityProvider(v, name); p.Type {
	case types.CapacityProviderTypeFargate, types.CapacityProviderTypeFargateSpot:
		return "FARGATE", strategy, nil
	case types.CapacityProviderTypeManagedInstances:
		return string(types.LaunchTypeManagedInstances), strategy, nil
	}
	return "EC2", strategy, nil
}

// checkLaunchType checks what the launch type and the task definition say about
// the other members.
func (w workloadRequest) checkLaunchType(d state.TaskDefinition, launchType string) error {
	fargate := launchType == "FARGATE"
	switch {
	case !slices.Contains(d.Compatibilities, types.Compatibility(launchType)):
		return invalid("Task definition does not support launch_type " + launchType + ".")
	case len(w.constraints)+len(d.PlacementConstraints) > mostConstraints:
		return invalid(fmt.Sprintf("There can be at most %d placement constraints, those of the task definition included.", mostConstraints))
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

// link is how tasks with a network interface of their own reach the network.
type link struct {
	subnets  []state.Subnet
	groups   []string // security groups
	publicIP bool
}

// link finds the subnets and security groups of the network interface.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html
func (w workloadRequest) link(n vpc.Network, d state.TaskDefinition, launchType string) (l link, err error) {
	awsvpc := d.NetworkMode == types.NetworkModeAwsvpc
	given := w.network != nil && w.network.AwsvpcConfiguration != nil
	switch {
	case awsvpc && !given:
		return l, invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case !awsvpc && given:
		return l, invalid("Network Configuration is not valid for the given networkMode of this task definition.")
	case !awsvpc:
		return l, nil
	}
	c := w.network.AwsvpcConfiguration
	switch {
	case len(c.Subnets) == 0:
		return l, invalid("subnets can not be empty.")
	case len(c.Subnets) > 16:
		return l, invalid("subnets can have at most 16 items.")
	case len(c.SecurityGroups) > 5:
		return l, invalid("securityGroups can have at most 5 items.")
	}
	for _, id := range c.Subnets {
		s, ok := n.Subnet(id)
		if !ok {
			return l, invalid(fmt.Sprintf("Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", id, id))
		}
		if !slices.Contains(l.subnets, s) {
			l.subnets = append(l.subnets, s)
		}
	}
	for _, id := range c.SecurityGroups {
		if id != n.SecurityGroup.ID {
			return l, invalid(fmt.Sprintf("Error retrieving security group information for [%s]: The security group '%s' does not exist (ErrorCode: InvalidGroup.NotFound)", id, id))
		}
	}
	l.groups = []string{n.SecurityGroup.ID}
	l.publicIP = c.AssignPublicIp == types.AssignPublicIpEnabled
	if l.publicIP && launchType != "FARGATE" {
		return l, invalid("Assign public IP is not supported for this launch type.")
	}
	return l, nil
}

// workload is what w asks for, checked, and with what it leaves out.
func (a *API) workload(v *state.View, c state.Cluster, w workloadRequest) (state.Workload, error) {
	d, err := a.runnable(v, aws.ToString(w.definition))
	if err != nil {
		return state.Workload{}, err
	}
	return a.workloadFrom(v, c, d, w)
}

// workloadFrom is workload with a task definition that is known.
func (a *API) workloadFrom(v *state.View, c state.Cluster, d state.TaskDefinition, w workloadRequest) (out state.Workload, err error) {
	launchType, strategy, err := a.destination(v, c, w)
	if err != nil {
		return out, err
	}
	if err := w.checkLaunchType(d, launchType); err != nil {
		return out, err
	}
	if _, err := w.link(a.vpc(), d, launchType); err != nil {
		return out, err
	}
	out = state.Workload{Definition: *d.TaskDefinitionArn, CapacityProviders: strategy, Network: networkDefaults(w.network)}
	if len(strategy) == 0 {
		out.LaunchType = launchType
	}
	if launchType == "FARGATE" {
		out.PlatformVersion = cmp.Or(aws.ToString(w.platformVersion), "LATEST")
	}
	return out, nil
}

// networkDefaults is a network configuration as ECS shows it.
func networkDefaults(n *types.NetworkConfiguration) *types.NetworkConfiguration {
	if n == nil || n.AwsvpcConfiguration == nil {
		return nil
	}
	c := *n.AwsvpcConfiguration
	c.AssignPublicIp = cmp.Or(c.AssignPublicIp, types.AssignPublicIpDisabled)
	c.SecurityGroups = append([]string{}, c.SecurityGroups...)
	return &types.NetworkConfiguration{AwsvpcConfiguration: &c}
}
