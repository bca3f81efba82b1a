package ecs

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// changedCluster is what an answer to a change shows of a cluster.
var changedCluster = []types.ClusterField{types.ClusterFieldAttachments, types.ClusterFieldConfigurations,
	types.ClusterFieldSettings, types.ClusterFieldTags}

// describeCluster is the one place where a cluster's record becomes the API's
// type. What include does not name stays empty.
func (a *API) describeCluster(v *state.View, c state.Cluster, include ...types.ClusterField) types.Cluster {
	out := types.Cluster{
		ClusterArn: &c.ARN, ClusterName: &c.Name, Status: &c.Status, ServiceConnectDefaults: c.ServiceConnect,
		CapacityProviders:               append([]string{}, c.CapacityProviders...),
		DefaultCapacityProviderStrategy: append([]types.CapacityProviderStrategyItem{}, c.DefaultStrategy...),
		Settings:                        []types.ClusterSetting{}, Statistics: []types.KeyValuePair{}, Tags: []types.Tag{},
	}
	statistics := count(v, c.ARN, &out)
	for _, field := range include {
		switch field {
		case types.ClusterFieldAttachments:
			out.Attachments = a.clusterAttachments(v, c)
			if len(out.Attachments) > 0 {
				out.AttachmentsStatus = aws.String("UPDATE_COMPLETE")
			}
		case types.ClusterFieldConfigurations:
			out.Configuration = c.Configuration
		case types.ClusterFieldSettings:
			out.Settings = c.Settings
		case types.ClusterFieldStatistics:
			out.Statistics = statistics
		case types.ClusterFieldTags:
			out.Tags = append([]types.Tag{}, c.Tags...)
		}
	}
	return out
}

// count fills in the counts of a cluster and returns its statistics: the same by
// launch type.
func count(v *state.View, cluster string, out *types.Cluster) []types.KeyValuePair {
	word := map[string]string{"EC2": "EC2", "FARGATE": "Fargate", "EXTERNAL": "External", "MANAGED_INSTANCES": "ManagedInstances"}
	number := map[string]int{}
	for i := range v.InstancesOf(cluster) {
		if i.Status == "ACTIVE" || i.Status == "DRAINING" {
			out.RegisteredContainerInstancesCount++
		}
	}
	for t := range v.CountTasks(cluster) {
		switch t.Last {
		case "RUNNING":
			out.RunningTasksCount += int32(t.Tasks)
			number["running"+word[t.LaunchType]+"TasksCount"] += t.Tasks
		case "PROVISIONING", "PENDING", "ACTIVATING":
			out.PendingTasksCount += int32(t.Tasks)
			number["pending"+word[t.LaunchType]+"TasksCount"] += t.Tasks
		}
	}
	for s := range v.ServicesOf(cluster) {
		if s.Status == "ACTIVE" {
			out.ActiveServicesCount++
		}
		number[strings.ToLower(s.Status)+word[v.LaunchTypeOf(s)]+"ServiceCount"]++
	}
	var statistics []types.KeyValuePair
	for _, name := range []string{
		"runningEC2TasksCount", "runningFargateTasksCount", "pendingEC2TasksCount", "pendingFargateTasksCount",
		"runningExternalTasksCount", "pendingExternalTasksCount",
		"runningManagedInstancesTasksCount", "pendingManagedInstancesTasksCount",
		"activeEC2ServiceCount", "activeFargateServiceCount", "drainingEC2ServiceCount", "drainingFargateServiceCount",
		"activeExternalServiceCount", "drainingExternalServiceCount",
		"activeManagedInstancesServiceCount", "drainingManagedInstancesServiceCount",
	} {
		statistics = append(statistics, types.KeyValuePair{Name: &name, Value: aws.String(fmt.Sprint(number[name]))})
	}
	return statistics
}

// clusterAttachments is what hangs on a cluster: the scaling policy and the
// draining hook of each Auto Scaling group provider, and Service Connect.
func (a *API) clusterAttachments(v *state.View, c state.Cluster) []types.Attachment {
	out := []types.Attachment{}
	add := func(kind, status string, details ...string) {
		pairs := []types.KeyValuePair{}
		for i := 0; i < len(details); i += 2 {
			pairs = append(pairs, types.KeyValuePair{Name: &details[i], Value: &details[i+1]})
		}
		id := nameUUID(append([]string{c.ARN, kind}, details...)...)
		out = append(out, types.Attachment{Id: &id, Type: &kind, Status: &status, Details: pairs})
	}
	for _, name := range c.CapacityProviders {
		p, ok := a.capacityProvider(v, name)
		if !ok || p.AutoScalingGroup == nil {
			continue
		}
		if p.AutoScalingGroup.ManagedScaling.Status == types.ManagedScalingStatusEnabled {
			add("as_policy", "CREATED", "capacityProviderName", name,
				"scalingPolicyName", "ECSManagedAutoScalingPolicy-"+nameUUID(c.ARN, p.ARN))
		}
		if p.AutoScalingGroup.ManagedDraining == types.ManagedDrainingEnabled {
			add("managed_draining", "CREATED", "capacityProviderName", name,
				"autoScalingLifecycleHookName", "ecs-managed-draining-termination-hook")
		}
	}
	if c.ServiceConnect != nil {
		add("sc", "ATTACHED")
	}
	return out
}

// nameUUID is a UUID that follows from names (version 8 of RFC 9562), for the
// ids of what no record keeps.
func nameUUID(names ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
