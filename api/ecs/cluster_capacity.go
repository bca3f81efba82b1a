package ecs

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// mostCapacityProviders is how many of them a cluster, and a strategy, can have.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
const mostCapacityProviders = 20

// PutClusterCapacityProviders replaces a cluster's capacity providers and its
// default capacity provider strategy.
func (a *API) PutClusterCapacityProviders(ctx context.Context, in *ecs.PutClusterCapacityProvidersInput) (*ecs.PutClusterCapacityProvidersOutput, error) {
	if in.CapacityProviders == nil {
		return nil, invalid("capacityProviders is required. Specify an empty list to leave the cluster without capacity providers.")
	}
	if in.DefaultCapacityProviderStrategy == nil {
		return nil, invalid("defaultCapacityProviderStrategy is required. Specify an empty list to leave the cluster without a default strategy.")
	}
	var out types.Cluster
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.activeCluster(tx.View, aws.ToString(in.Cluster))
		if err != nil {
			return err
		}
		old := c.CapacityProviders
		c.CapacityProviders, c.DefaultStrategy = in.CapacityProviders, in.DefaultCapacityProviderStrategy
		if err := a.checkCapacity(tx.View, c); err != nil {
			return err
		}
		for _, name := range old {
			if !slices.Contains(c.CapacityProviders, name) && runsTasks(tx.View, c.ARN, name) {
				message := "The specified capacity provider is in use and cannot be removed."
				return &types.ResourceInUseException{Message: &message}
			}
		}
		tx.Clusters.Put(tx, c)
		out = a.describeCluster(tx.View, c, changedCluster...)
		return nil
	})
	return &ecs.PutClusterCapacityProvidersOutput{Cluster: &out}, err
}

// runsTasks reports whether a cluster has tasks on the container instances of a
// capacity provider.
func runsTasks(v *state.View, cluster, provider string) bool {
	for i := range v.InstancesOf(cluster) {
		if i.CapacityProvider == provider && v.Usage(i.ARN).Tasks > 0 {
			return true
		}
	}
	return false
}

// checkCapacity checks the capacity providers that c would have, and its default
// strategy.
func (a *API) checkCapacity(v *state.View, c state.Cluster) error {
	if len(c.CapacityProviders) > mostCapacityProviders {
		return invalid("The maximum number of capacity providers per cluster has been exceeded.")
	}
	for i, name := range c.CapacityProviders {
		quoted := "The specified capacity provider '" + name + "' "
		p, ok := a.capacityProvider(v, name)
		switch {
		case !ok || p.Name != name:
			return invalid(quoted + "was not found. Specify a valid capacity provider and try again.")
		case p.Status != types.CapacityProviderStatusActive:
			return invalid(quoted + "is not in an ACTIVE state. Specify a valid capacity provider and try again.")
		case p.Cluster != "" && p.Cluster != c.ARN:
			return invalid(quoted + "belongs to another cluster. Specify a valid capacity provider and try again.")
		case slices.Contains(c.CapacityProviders[:i], name):
			return invalid(quoted + "is given more than once. Specify each capacity provider once and try again.")
		}
		if other, ok := associated(v, name); ok && p.AutoScalingGroup != nil && other.ARN != c.ARN {
			return invalid(quoted + "is already associated with the cluster " + other.Name + ". Specify a capacity provider that is not associated with another cluster and try again.")
		}
	}
	return a.checkStrategy(v, c, c.DefaultStrategy)
}

// associated finds the first cluster that has a capacity provider.
func associated(v *state.View, provider string) (state.Cluster, bool) {
	for c := range v.Clusters.All() {
		if slices.Contains(c.CapacityProviders, provider) {
			return c, true
		}
	}
	return state.Cluster{}, false
}

// checkStrategy checks a capacity provider strategy for cluster c. A strategy
// whose weights are all 0 may be kept, but not used.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
func (a *API) checkStrategy(v *state.View, c state.Cluster, strategy []types.CapacityProviderStrategyItem) error {
	if len(strategy) > mostCapacityProviders {
		return invalid(fmt.Sprintf("A capacity provider strategy can contain a maximum of %d capacity providers.", mostCapacityProviders))
	}
	seen, kinds, bases := map[string]bool{}, map[types.CapacityProviderType]bool{}, 0
	for _, item := range strategy {
		name := aws.ToString(item.CapacityProvider)
		switch {
		case name == "":
			return invalid("Each item of a capacity provider strategy must have a capacityProvider.")
		case item.Weight < 0 || item.Weight > 1000:
			return invalid(fmt.Sprintf("The weight of the capacity provider %s must be between 0 and 1000.", name))
		case item.Base < 0 || item.Base > 100000:
			return invalid(fmt.Sprintf("The base of the capacity provider %s must be between 0 and 100000.", name))
		case seen[name]:
			return invalid("A capacity provider strategy cannot contain the capacity provider " + name + " more than once.")
		case !slices.Contains(c.CapacityProviders, name):
			return invalid("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again.")
		}
		seen[name] = true
		if item.Base > 0 {
			bases++
		}
		p, _ := a.capacityProvider(v, name)
		if p.Type == types.CapacityProviderTypeFargateSpot {
			p.Type = types.CapacityProviderTypeFargate // they mix
		}
		kinds[p.Type] = true
	}
	switch {
	case bases > 1:
		return invalid("Only one capacity provider in a capacity provider strategy can have a base value greater than 0.")
	case kinds[types.CapacityProviderTypeManagedInstances] && len(kinds) > 1:
		return invalid("A capacity provider strategy cannot contain a mix of Managed Instances capacity providers and others. Specify one or the other and try again.")
	case len(kinds) > 1:
		return invalid("A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers. Specify one or the other and try again.")
	}
	return nil
}
