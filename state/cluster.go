package state

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Cluster is an ECS cluster. It stays, INACTIVE, after it is deleted.
type Cluster struct {
	ARN       string
	Name      string
	Status    string // ACTIVE, PROVISIONING, DEPROVISIONING, FAILED or INACTIVE
	CreatedAt time.Time
	DeletedAt time.Time // zero while it is not INACTIVE

	Configuration     *types.ClusterConfiguration
	Settings          []types.ClusterSetting
	CapacityProviders []string // names, in the user's order
	DefaultStrategy   []types.CapacityProviderStrategyItem
	ServiceConnect    *types.ClusterServiceConnectDefaults
	Tags              []types.Tag
}

// FargateCluster is the name of the cluster that the operator's container
// instances for Fargate are in. It has no record and users never see it: names
// of theirs cannot start with a dot.
const FargateCluster = ".fargate"

var clusters = kind[Cluster]{name: "clusters", key: func(c *Cluster) string { return c.ARN }}

// CapacityProvider is a source of capacity: FARGATE and FARGATE_SPOT, an Auto
// Scaling group, or ECS Managed Instances.
type CapacityProvider struct {
	ARN              string
	Name             string
	Type             types.CapacityProviderType
	Status           types.CapacityProviderStatus
	UpdateStatus     types.CapacityProviderUpdateStatus
	UpdateReason     string
	Cluster          string // ARN, for managed instances
	AutoScalingGroup *types.AutoScalingGroupProvider
	ManagedInstances *types.ManagedInstancesProvider
	Tags             []types.Tag
	CreatedAt        time.Time
	DeletedAt        time.Time // zero while it is not INACTIVE
}

var capacityProviders = kind[CapacityProvider]{
	name: "capacity-providers", key: func(p *CapacityProvider) string { return p.ARN },
}

// LaunchTypeOn is the launch type of tasks on a capacity provider, by its name,
// in the account of a cluster.
func (v *View) LaunchTypeOn(cluster, provider string) string {
	if strings.HasPrefix(provider, "FARGATE") {
		return "FARGATE"
	}
	account, _, _ := strings.Cut(cluster, ":cluster/")
	if p, _ := v.CapacityProviders.Get(account + ":capacity-provider/" + provider); p.Type == types.CapacityProviderTypeManagedInstances {
		return string(types.LaunchTypeManagedInstances)
	}
	return "EC2"
}
