package ecs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/state"
)

// fargate is a capacity provider that every account has. No record holds it, as
// nothing of it can change.
func (a *API) fargate(name string) (state.CapacityProvider, bool) {
	return state.CapacityProvider{ARN: a.arn("capacity-provider/" + name), Name: name,
		Type: types.CapacityProviderType(name), Status: types.CapacityProviderStatusActive,
	}, name == "FARGATE" || name == "FARGATE_SPOT"
}

// capacityProvider finds the capacity provider that a name or ARN means, be it
// deleted or not.
func (a *API) capacityProvider(v *state.View, nameOrARN string) (state.CapacityProvider, bool) {
	id := nameOrARN
	if !arn.Is(id) {
		id = a.arn("capacity-provider/" + nameOrARN)
	}
	if p, ok := a.fargate(lastPart(id)); ok && p.ARN == id {
		return p, true
	}
	return v.CapacityProviders.Get(id)
}

// CreateCapacityProvider creates a capacity provider of an Auto Scaling group,
// for any one cluster, or of ECS Managed Instances, for the cluster it names.
func (a *API) CreateCapacityProvider(ctx context.Context, in *ecs.CreateCapacityProviderInput) (*ecs.CreateCapacityProviderOutput, error) {
	if err := cmp.Or(checkProviderName(aws.ToString(in.Name)), checkEnums(in), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	p := state.CapacityProvider{ARN: a.arn("capacity-provider/" + *in.Name), Name: *in.Name, Tags: in.Tags,
		Status: types.CapacityProviderStatusActive, UpdateStatus: types.CapacityProviderUpdateStatusCreateComplete}
	var err error
	switch {
	case (in.AutoScalingGroupProvider == nil) == (in.ManagedInstancesProvider == nil):
		return nil, invalid("Specify either autoScalingGroupProvider or managedInstancesProvider.")
	case in.AutoScalingGroupProvider != nil && in.Cluster != nil:
		return nil, invalid("cluster can be specified only with managedInstancesProvider. Use PutClusterCapacityProviders to associate an Auto Scaling group provider with a cluster.")
	case in.AutoScalingGroupProvider != nil:
		p.Type = types.CapacityProviderTypeEc2Autoscaling
		p.AutoScalingGroup, err = newAutoScalingGroup(*in.AutoScalingGroupProvider)
	case aws.ToString(in.Cluster) == "":
		return nil, invalid("cluster is required with managedInstancesProvider.")
	default:
		p.Type = types.CapacityProviderTypeManagedInstances
		p.ManagedInstances, err = newManagedInstances(in.ManagedInstancesProvider)
	}
	if err != nil {
		return nil, err
	}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		if err := checkUnique(tx.View, p); err != nil {
			return err
		}
		p.CreatedAt = tx.Now()
		if p.ManagedInstances != nil {
			if err := a.joinCluster(tx, &p, *in.Cluster); err != nil {
				return err
			}
		}
		tx.CapacityProviders.Put(tx, p)
		return nil
	})
	return &ecs.CreateCapacityProviderOutput{CapacityProvider: describeCapacityProvider(p, true)}, err
}

// checkUnique returns an error if another capacity provider has the name of p,
// or its Auto Scaling group.
func checkUnique(v *state.View, p state.CapacityProvider) error {
	for other := range v.CapacityProviders.All() {
		switch {
		case other.Status == types.CapacityProviderStatusInactive:
		case other.ARN == p.ARN:
			return clientError("The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.")
		case p.AutoScalingGroup != nil && other.AutoScalingGroup != nil &&
			*p.AutoScalingGroup.AutoScalingGroupArn == *other.AutoScalingGroup.AutoScalingGroupArn:
			return clientError("The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a unique Auto Scaling group ARN and try again.")
		}
	}
	return nil
}

// joinCluster binds a managed instances provider to its cluster.
func (a *API) joinCluster(tx *state.Tx, p *state.CapacityProvider, cluster string) error {
	c, err := a.activeCluster(tx.View, cluster)
	if err != nil {
		return err
	}
	if len(c.CapacityProviders) == mostCapacityProviders {
		return &types.LimitExceededException{Message: aws.String("The maximum number of capacity providers per cluster has been exceeded.")}
	}
	p.Cluster = c.ARN
	c.CapacityProviders = append(slices.Clip(c.CapacityProviders), p.Name)
	tx.Clusters.Put(tx, c)
	return nil
}

func checkProviderName(name string) error {
	lower := strings.ToLower(name)
	prefixes := func(reserved string) bool { return strings.HasPrefix(lower, reserved) }
	if !resourceName.MatchString(name) || slices.ContainsFunc([]string{"aws", "ecs", "fargate"}, prefixes) {
		return invalid(`The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "aws", "ecs", or "fargate". Specify a valid name and try again.`)
	}
	return nil
}

// newAutoScalingGroup checks a user's provider and fills in its defaults.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AutoScalingGroupProvider.html
func newAutoScalingGroup(in types.AutoScalingGroupProvider) (*types.AutoScalingGroupProvider, error) {
	group := aws.ToString(in.AutoScalingGroupArn)
	if group == "" {
		return nil, invalid("autoScalingGroupProvider.autoScalingGroupArn can not be blank.")
	}
	if id, err := arn.Parse(group); arn.Is(group) && (err != nil || id.Service != "autoscaling" || !strings.HasPrefix(id.Resource, "autoScalingGroup:")) {
		return nil, invalid("The specified Auto Scaling group ARN is invalid. Specify a valid Auto Scaling group ARN and try again.")
	}
	defaults := types.AutoScalingGroupProvider{AutoScalingGroupArn: in.AutoScalingGroupArn,
		ManagedTerminationProtection: types.ManagedTerminationProtectionDisabled,
		ManagedDraining:              types.ManagedDrainingEnabled,
		ManagedScaling: &types.ManagedScaling{Status: types.ManagedScalingStatusDisabled, TargetCapacity: aws.Int32(100),
			MinimumScalingStepSize: aws.Int32(1), MaximumScalingStepSize: aws.Int32(10000), InstanceWarmupPeriod: aws.Int32(300)}}
	return changedAutoScalingGroup(defaults, types.AutoScalingGroupProviderUpdate{ManagedScaling: in.ManagedScaling,
		ManagedTerminationProtection: in.ManagedTerminationProtection, ManagedDraining: in.ManagedDraining})
}

// changedAutoScalingGroup is a provider with the members that change gives.
func changedAutoScalingGroup(p types.AutoScalingGroupProvider, change types.AutoScalingGroupProviderUpdate) (*types.AutoScalingGroupProvider, error) {
	scaling := *p.ManagedScaling
	if given := change.ManagedScaling; given != nil {
		scaling = types.ManagedScaling{
			Status:                 cmp.Or(given.Status, scaling.Status),
			TargetCapacity:         cmp.Or(given.TargetCapacity, scaling.TargetCapacity),
			MinimumScalingStepSize: cmp.Or(given.MinimumScalingStepSize, scaling.MinimumScalingStepSize),
			MaximumScalingStepSize: cmp.Or(given.MaximumScalingStepSize, scaling.MaximumScalingStepSize),
			InstanceWarmupPeriod:   cmp.Or(given.InstanceWarmupPeriod, scaling.InstanceWarmupPeriod),
		}
	}
	p.ManagedScaling = &scaling
	p.ManagedTerminationProtection = cmp.Or(change.ManagedTerminationProtection, p.ManagedTerminationProtection)
	p.ManagedDraining = cmp.Or(change.ManagedDraining, p.ManagedDraining)
	for _, bound := range []struct {
		member      string
		value       *int32
		least, most int32
	}{
		{"targetCapacity", scaling.TargetCapacity, 1, 100},
		{"minimumScalingStepSize", scaling.MinimumScalingStepSize, 1, 10000},
		{"maximumScalingStepSize", scaling.MaximumScalingStepSize, 1, 10000},
		{"instanceWarmupPeriod", scaling.InstanceWarmupPeriod, 0, 10000},
	} {
		if *bound.value < bound.least || *bound.value > bound.most {
			return nil, invalid(fmt.Sprintf("managedScaling.%s must be between %d and %d.", bound.member, bound.least, bound.most))
		}
	}
	if *scaling.MinimumScalingStepSize > *scaling.MaximumScalingStepSize {
		return nil, invalid("managedScaling.minimumScalingStepSize must not be greater than maximumScalingStepSize.")
	}
	if p.ManagedTerminationProtection == types.ManagedTerminationProtectionEnabled && scaling.Status != types.ManagedScalingStatusEnabled {
		return nil, clientError("The managed termination protection setting for the capacity provider is invalid. To enable managed termination protection for a capacity provider, managed scaling must be enabled.")
	}
	return &p, nil
}

// UpdateCapacityProvider changes those members of a capacity provider that are given.
func (a *API) UpdateCapacityProvider(ctx context.Context, in *ecs.UpdateCapacityProviderInput) (*ecs.UpdateCapacityProviderOutput, error) {
	if (in.AutoScalingGroupProvider == nil) == (in.ManagedInstancesProvider == nil) {
		return nil, invalid("Specify either autoScalingGroupProvider or managedInstancesProvider.")
	}
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	var out *types.CapacityProvider
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		p, err := a.ownCapacityProvider(tx.View, in.Name, in.Cluster)
		if err != nil {
			return err
		}
		switch {
		case in.AutoScalingGroupProvider != nil && p.AutoScalingGroup != nil:
			p.AutoScalingGroup, err = changedAutoScalingGroup(*p.AutoScalingGroup, *in.AutoScalingGroupProvider)
		case in.ManagedInstancesProvider != nil && p.ManagedInstances != nil:
			p.ManagedInstances, err = changedManagedInstances(*p.ManagedInstances, in.ManagedInstancesProvider)
		default:
			return invalid("The type of a capacity provider can not be changed: " + p.Name + " is of the type " + string(p.Type) + ".")
		}
		if err != nil {
			return err
		}
		p.UpdateStatus, p.UpdateReason = types.CapacityProviderUpdateStatusUpdateComplete, ""
		tx.CapacityProviders.Put(tx, p)
		out = describeCapacityProvider(p, true)
		return nil
	})
	return &ecs.UpdateCapacityProviderOutput{CapacityProvider: out}, err
}

// ownCapacityProvider finds a capacity provider that the user may change or
// delete; in the cluster, if one is given.
func (a *API) ownCapacityProvider(v *state.View, nameOrARN, cluster *string) (state.CapacityProvider, error) {
	if aws.ToString(nameOrARN) == "" {
		return state.CapacityProvider{}, invalid("Capacity provider can not be blank.")
	}
	p, ok := a.capacityProvider(v, *nameOrARN)
	if cluster != nil && ok {
		c, err := a.activeCluster(v, *cluster)
		if err != nil {
			return p, err
		}
		ok = p.Cluster == c.ARN
	}
	if !ok || p.Status == types.CapacityProviderStatusInactive {
		return p, clientError("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
	}
	if _, reserved := a.fargate(p.Name); reserved {
		return p, clientError("The capacity provider " + p.Name + " is reserved and can't be changed or deleted.")
	}
	return p, nil
}

// DeleteCapacityProvider makes a capacity provider INACTIVE. One that a cluster
// uses stays as it is, and its update status says why.
func (a *API) DeleteCapacityProvider(ctx context.Context, in *ecs.DeleteCapacityProviderInput) (*ecs.DeleteCapacityProviderOutput, error) {
	var out *types.CapacityProvider
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		p, err := a.ownCapacityProvider(tx.View, in.CapacityProvider, in.Cluster)
		if err != nil {
			return err
		}
		if p.UpdateReason = inUse(tx.View, p); p.UpdateReason != "" {
			p.UpdateStatus = types.CapacityProviderUpdateStatusDeleteFailed
		} else {
			p.Status, p.UpdateStatus = types.CapacityProviderStatusInactive, types.CapacityProviderUpdateStatusDeleteComplete
			p.DeletedAt, p.Tags = tx.Now(), nil
			leaveCluster(tx, p)
		}
		tx.CapacityProviders.Put(tx, p)
		out = describeCapacityProvider(p, true)
		return nil
	})
	return &ecs.DeleteCapacityProviderOutput{CapacityProvider: out}, err
}

// inUse says what keeps a capacity provider from being deleted; "" for nothing.
// A managed instances provider need not be taken out of its cluster before.
func inUse(v *state.View, p state.CapacityProvider) string {
	c, ok := associated(v, p.Name)
	named := func(i types.CapacityProviderStrategyItem) bool { return *i.CapacityProvider == p.Name }
	switch {
	case ok && p.Cluster == "":
		return "The capacity provider cannot be deleted because it is associated with cluster: " + c.Name + ". Remove the capacity provider from the cluster and try again."
	case ok && slices.ContainsFunc(c.DefaultStrategy, named):
		return "The capacity provider cannot be deleted because it is in the default capacity provider strategy of cluster: " + c.Name + ". Remove the capacity provider from the strategy and try again."
	case usedByDaemon(v, p) != "":
		return "The capacity provider cannot be deleted because it is associated with daemon: " + usedByDaemon(v, p) + ". Remove the capacity provider from the daemon and try again."
	case p.Cluster != "" && runsTasks(v, p.Cluster, p.Name):
		return "The capacity provider cannot be deleted because tasks run on its container instances. Stop the tasks and try again."
	}
	return ""
}

// usedByDaemon is the name of a daemon that runs on a capacity provider; "" for none.
func usedByDaemon(v *state.View, p state.CapacityProvider) string {
	for d := range v.DaemonsOf(p.Cluster) {
		if slices.Contains(d.Providers, p.Name) {
			return d.Name
		}
	}
	return ""
}

// leaveCluster takes a deleted managed instances provider out of its cluster.
func leaveCluster(tx *state.Tx, p state.CapacityProvider) {
	if c, ok := tx.Clusters.Get(p.Cluster); ok {
		c.CapacityProviders = slices.DeleteFunc(slices.Clone(c.CapacityProviders), func(name string) bool { return name == p.Name })
		tx.Clusters.Put(tx, c)
	}
}

// DescribeCapacityProviders describes the capacity providers that are named, be
// they deleted or not, or page by page all that are there.
func (a *API) DescribeCapacityProviders(ctx context.Context, in *ecs.DescribeCapacityProvidersInput) (*ecs.DescribeCapacityProvidersOutput, error) {
	if len(in.CapacityProviders) > 100 {
		return nil, invalid("capacityProviders can have at most 100 members.")
	}
	limit, err := pageSize(in.MaxResults, 10)
	if err = cmp.Or(err, checkEnums(in)); err != nil {
		return nil, err
	}
	v := a.store.View()
	out := &ecs.DescribeCapacityProvidersOutput{CapacityProviders: []types.CapacityProvider{}, Failures: []types.Failure{}}
	within := func(state.CapacityProvider) bool { return true }
	if in.Cluster != nil {
		c, err := a.activeCluster(v, *in.Cluster)
		if err != nil {
			return nil, err
		}
		within = func(p state.CapacityProvider) bool {
			return p.Cluster == c.ARN || slices.Contains(c.CapacityProviders, p.Name)
		}
	}
	names := in.CapacityProviders
	if len(names) == 0 {
		if names, out.NextToken, err = page(slices.Values(a.capacityProviders(v, within)), in.NextToken, limit); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if p, ok := a.capacityProvider(v, name); ok && within(p) {
			out.CapacityProviders = append(out.CapacityProviders, *describeCapacityProvider(p, slices.Contains(in.Include, types.CapacityProviderFieldTags)))
			continue
		}
		if !arn.Is(name) {
			name = a.arn("capacity-provider/" + name)
		}
		out.Failures = append(out.Failures, types.Failure{Arn: &name, Reason: aws.String("MISSING")})
	}
	return out, nil
}

// capacityProviders lists the ARNs of all capacity providers that are not
// deleted and that want takes, in order.
func (a *API) capacityProviders(v *state.View, want func(state.CapacityProvider) bool) []string {
	var arns []string
	for _, name := range []string{"FARGATE", "FARGATE_SPOT"} {
		if p, _ := a.fargate(name); want(p) {
			arns = append(arns, p.ARN)
		}
	}
	for p := range v.CapacityProviders.All() {
		if p.Status != types.CapacityProviderStatusInactive && want(p) {
			arns = append(arns, p.ARN)
		}
	}
	slices.Sort(arns)
	return arns
}

// describeCapacityProvider is the one place where a capacity provider's record
// becomes the API's type.
func describeCapacityProvider(p state.CapacityProvider, tags bool) *types.CapacityProvider {
	out := &types.CapacityProvider{CapacityProviderArn: &p.ARN, Name: &p.Name, Type: p.Type, Status: p.Status,
		UpdateStatus: p.UpdateStatus, AutoScalingGroupProvider: p.AutoScalingGroup,
		ManagedInstancesProvider: p.ManagedInstances, Tags: []types.Tag{}}
	if p.Cluster != "" {
		out.Cluster = aws.String(lastPart(p.Cluster))
	}
	if p.UpdateReason != "" {
		out.UpdateStatusReason = &p.UpdateReason
	}
	if tags {
		out.Tags = append(out.Tags, p.Tags...)
	}
	return out
}
