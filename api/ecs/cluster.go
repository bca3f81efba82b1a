package ecs

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// resourceName is what clusters and capacity providers may be called.
var resourceName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)

// CreateCluster creates a cluster, or returns the one that has its name. A
// cluster that was deleted is made anew.
func (a *API) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	name := cmp.Or(aws.ToString(in.ClusterName), "default")
	if !resourceName.MatchString(name) {
		return nil, invalid("Invalid cluster name: up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.")
	}
	if err := cmp.Or(checkEnums(in), checkTags(in.Tags), checkClusterSettings(in.Settings), checkConfiguration(in.Configuration)); err != nil {
		return nil, err
	}
	serviceConnect, err := a.serviceConnectDefaults(in.ServiceConnectDefaults)
	if err != nil {
		return nil, err
	}
	wanted := state.Cluster{ARN: a.arn("cluster/" + name), Name: name, Status: "ACTIVE",
		Configuration: withDefaults(in.Configuration), Settings: in.Settings, ServiceConnect: serviceConnect,
		CapacityProviders: in.CapacityProviders, DefaultStrategy: in.DefaultCapacityProviderStrategy, Tags: in.Tags}

	var out types.Cluster
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		if c, ok := tx.Clusters.Get(wanted.ARN); ok && c.Status != "INACTIVE" {
			if !consistent(c, wanted) {
				return invalid("Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
			}
			out = a.describeCluster(tx.View, c, changedCluster...)
			return nil
		}
		if err := a.checkCapacity(tx.View, wanted); err != nil {
			return err
		}
		if len(wanted.Settings) == 0 {
			wanted.Settings = []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights,
				Value: aws.String(a.effectiveSetting(ctx, tx.View, "containerInsights"))}}
		}
		wanted.CreatedAt = tx.Now()
		tx.Clusters.Put(tx, wanted)
		out = a.describeCluster(tx.View, wanted, changedCluster...)
		return nil
	})
	return &ecs.CreateClusterOutput{Cluster: &out}, err
}

// consistent reports whether c has everything that wanted asks for.
func consistent(c, wanted state.Cluster) bool {
	agree := func(given bool, wanted, has any) bool { return !given || reflect.DeepEqual(wanted, has) }
	return agree(wanted.Configuration != nil, wanted.Configuration, c.Configuration) &&
		agree(wanted.ServiceConnect != nil, wanted.ServiceConnect, c.ServiceConnect) &&
		agree(len(wanted.Settings) > 0, wanted.Settings, c.Settings) &&
		agree(len(wanted.CapacityProviders) > 0, wanted.CapacityProviders, c.CapacityProviders) &&
		agree(len(wanted.DefaultStrategy) > 0, wanted.DefaultStrategy, c.DefaultStrategy) &&
		agree(len(wanted.Tags) > 0, tagMap(wanted.Tags), tagMap(c.Tags))
}

// UpdateCluster replaces a cluster's settings, configuration or Service Connect
// namespace: those of them that are given.
func (a *API) UpdateCluster(ctx context.Context, in *ecs.UpdateClusterInput) (*ecs.UpdateClusterOutput, error) {
	if err := cmp.Or(checkEnums(in), checkClusterSettings(in.Settings), checkConfiguration(in.Configuration)); err != nil {
		return nil, err
	}
	serviceConnect, err := a.serviceConnectDefaults(in.ServiceConnectDefaults)
	if err != nil {
		return nil, err
	}
	out, err := a.changeCluster(ctx, in.Cluster, func(c *state.Cluster) {
		if len(in.Settings) > 0 {
			c.Settings = in.Settings
		}
		if in.Configuration != nil {
			c.Configuration = withDefaults(in.Configuration)
		}
		if in.ServiceConnectDefaults != nil {
			c.ServiceConnect = serviceConnect
		}
	})
	return &ecs.UpdateClusterOutput{Cluster: out}, err
}

// UpdateClusterSettings replaces a cluster's settings.
func (a *API) UpdateClusterSettings(ctx context.Context, in *ecs.UpdateClusterSettingsInput) (*ecs.UpdateClusterSettingsOutput, error) {
	if len(in.Settings) == 0 {
		return nil, invalid("Settings can not be empty.")
	}
	if err := cmp.Or(checkEnums(in), checkClusterSettings(in.Settings)); err != nil {
		return nil, err
	}
	out, err := a.changeCluster(ctx, in.Cluster, func(c *state.Cluster) { c.Settings = in.Settings })
	return &ecs.UpdateClusterSettingsOutput{Cluster: out}, err
}

// changeCluster applies change to an active cluster and describes the outcome.
func (a *API) changeCluster(ctx context.Context, cluster *string, change func(*state.Cluster)) (*types.Cluster, error) {
	if aws.ToString(cluster) == "" {
		return nil, invalid("Cluster can not be blank.")
	}
	var out types.Cluster
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.activeCluster(tx.View, *cluster)
		if err != nil {
			return err
		}
		change(&c)
		tx.Clusters.Put(tx, c)
		out = a.describeCluster(tx.View, c, changedCluster...)
		return nil
	})
	return &out, err
}

// DeleteCluster makes an empty cluster INACTIVE, and frees its capacity
// providers. To delete it again changes nothing.
func (a *API) DeleteCluster(ctx context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	if aws.ToString(in.Cluster) == "" {
		return nil, invalid("Cluster can not be blank.")
	}
	var out types.Cluster
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		c, ok := tx.Clusters.Get(a.clusterARN(*in.Cluster))
		if !ok {
			return clusterNotFound()
		}
		if c.Status != "INACTIVE" {
			if err := checkEmpty(tx.View, c.ARN); err != nil {
				return err
			}
			c.Status, c.DeletedAt = "INACTIVE", tx.Now()
			c.CapacityProviders, c.DefaultStrategy, c.Tags = nil, nil, nil
			tx.Clusters.Put(tx, c)
		}
		out = a.describeCluster(tx.View, c, changedCluster...)
		return nil
	})
	return &ecs.DeleteClusterOutput{Cluster: &out}, err
}

// checkEmpty returns the exception for what still is in a cluster.
func checkEmpty(v *state.View, cluster string) error {
	cannot := func(while string) *string {
		return aws.String("The Cluster cannot be deleted while " + while + ".")
	}
	for s := range v.ServicesOf(cluster) {
		if s.Status != "INACTIVE" {
			return &types.ClusterContainsServicesException{Message: cannot("Services are active")}
		}
	}
	for t := range v.CountTasks(cluster) {
		if t.Last != "STOPPED" {
			return &types.ClusterContainsTasksException{Message: cannot("Tasks are active")}
		}
	}
	for i := range v.InstancesOf(cluster) {
		if i.Status != "INACTIVE" {
			return &types.ClusterContainsContainerInstancesException{Message: cannot("Container Instances are active or draining")}
		}
	}
	for p := range v.CapacityProviders.All() {
		if p.Cluster == cluster && p.Status != types.CapacityProviderStatusInactive {
			return &types.ClusterContainsCapacityProviderException{
				Message: cannot("Cluster Scoped Capacity Providers are attached to the cluster")}
		}
	}
	return nil
}

// DescribeClusters describes clusters, those that were deleted too.
func (a *API) DescribeClusters(ctx context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	if len(in.Clusters) > 100 {
		return nil, invalid("clusters can have at most 100 members.")
	}
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	names := in.Clusters
	if len(names) == 0 {
		names = []string{"default"}
	}
	v := a.store.View()
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	for _, name := range names {
		id := a.clusterARN(name)
		if c, ok := v.Clusters.Get(id); ok {
			out.Clusters = append(out.Clusters, a.describeCluster(v, c, in.Include...))
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: &id, Reason: aws.String("MISSING")})
		}
	}
	return out, nil
}

// ListClusters lists the ARNs of the clusters that are not deleted.
func (a *API) ListClusters(ctx context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	limit, err := pageSize(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	arns, next, err := page(func(yield func(string) bool) {
		for c := range v.Clusters.All() {
			if c.Status != "INACTIVE" && !yield(c.ARN) {
				return
			}
		}
	}, in.NextToken, limit)
	return &ecs.ListClustersOutput{ClusterArns: arns, NextToken: next}, err
}

// checkClusterSettings checks the settings that a user gives a cluster.
func checkClusterSettings(settings []types.ClusterSetting) error {
	for i, s := range settings {
		if s.Name == "" {
			return invalid(fmt.Sprintf("settings[%d].name can not be blank.", i))
		}
		known, err := accountSetting(string(s.Name))
		if err == nil {
			err = known.check(aws.ToString(s.Value))
		}
		if err != nil {
			return err
		}
	}
	if len(settings) > 1 {
		return invalid("settings can have containerInsights only once.")
	}
	return nil
}

// checkConfiguration checks where the sessions of ECS Exec are logged.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommandConfiguration.html
func checkConfiguration(c *types.ClusterConfiguration) error {
	if c == nil || c.ExecuteCommandConfiguration == nil {
		return nil
	}
	exec := c.ExecuteCommandConfiguration
	override := exec.Logging == types.ExecuteCommandLoggingOverride
	switch to := exec.LogConfiguration; {
	case override && to == nil:
		return invalid("executeCommandConfiguration.logConfiguration is required when logging is OVERRIDE.")
	case !override && to != nil:
		return invalid("executeCommandConfiguration.logConfiguration can be specified only when logging is OVERRIDE.")
	case override && aws.ToString(to.CloudWatchLogGroupName) == "" && aws.ToString(to.S3BucketName) == "":
		return invalid("executeCommandConfiguration.logConfiguration must have a cloudWatchLogGroupName or an s3BucketName.")
	}
	return nil
}

// withDefaults is a user's configuration as ECS keeps it.
func withDefaults(c *types.ClusterConfiguration) *types.ClusterConfiguration {
	if c == nil || c.ExecuteCommandConfiguration == nil {
		return c
	}
	whole, exec := *c, *c.ExecuteCommandConfiguration
	exec.Logging = cmp.Or(exec.Logging, types.ExecuteCommandLoggingDefault)
	whole.ExecuteCommandConfiguration = &exec
	return &whole
}

// serviceConnectDefaults is the namespace a user asks for, as ECS keeps it: by
// ARN. An empty name means none.
func (a *API) serviceConnectDefaults(in *types.ClusterServiceConnectDefaultsRequest) (*types.ClusterServiceConnectDefaults, error) {
	if in == nil || in.Namespace != nil && *in.Namespace == "" {
		return nil, nil
	}
	namespace, err := a.namespaceARN(aws.ToString(in.Namespace))
	return &types.ClusterServiceConnectDefaults{Namespace: &namespace}, err
}
