package ecs

import (
	"fmt"
	"strings"
	"testing"

	"berth/state"
)

func TestPutClusterCapacityProviders(t *testing.T) {
	a := testAPI()
	const group = `"autoScalingGroupArn":"arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/`
	script{
		{"CreateCluster", `{"clusterName":"main"}`, `{}`}, {"CreateCluster", `{}`, `{}`},
		{"CreateCapacityProvider", `{"name":"one","autoScalingGroupProvider":{` + group + `one","managedScaling":{"status":"ENABLED"}}}`, `{}`},
		{"CreateCapacityProvider", `{"name":"two","autoScalingGroupProvider":{` + group + `two","managedDraining":"DISABLED"}}`, `{}`},
		{"PutClusterCapacityProviders", `{"cluster":"main","capacityProviders":["one","two","FARGATE"],
			"defaultCapacityProviderStrategy":[{"capacityProvider":"one","base":1},{"capacityProvider":"two"}]}`,
			`{"cluster":{"capacityProviders":["one","two","FARGATE"],
			"defaultCapacityProviderStrategy":[{"capacityProvider":"one","weight":0,"base":1},{"capacityProvider":"two","weight":0,"base":0}],
			"attachments":[
				{"type":"as_policy","status":"CREATED","details":[{"name":"capacityProviderName","value":"one"},{"name":"scalingPolicyName"}]},
				{"type":"managed_draining","status":"CREATED","details":[{"name":"capacityProviderName","value":"one"},
					{"name":"autoScalingLifecycleHookName","value":"ecs-managed-draining-termination-hook"}]}],
			"attachmentsStatus":"UPDATE_COMPLETE"}}`},
		{"PutClusterCapacityProviders", `{"capacityProviders":["one"],"defaultCapacityProviderStrategy":[]}`,
			"InvalidParameterException: The specified capacity provider 'one' is already associated with the cluster main."},
		{"PutClusterCapacityProviders", `{"capacityProviders":["FARGATE"],"defaultCapacityProviderStrategy":[]}`,
			`{"cluster":{"clusterName":"default","capacityProviders":["FARGATE"]}}`},
		{"PutClusterCapacityProviders", `{"cluster":"main","capacityProviders":["two"],"defaultCapacityProviderStrategy":[{"capacityProvider":"one"}]}`,
			"InvalidParameterException: The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster."},
	}.run(t, a)

	write(t, a, func(tx *state.Tx) {
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: "i", Cluster: mainCluster, CapacityProvider: "one"})
		tx.Tasks.Put(tx, state.Task{ARN: "t", Cluster: mainCluster, Instance: "i", Last: "RUNNING"})
	})
	const none = `{"cluster":"main","capacityProviders":[],"defaultCapacityProviderStrategy":[]}`
	script{{"PutClusterCapacityProviders", none, "ResourceInUseException: The specified capacity provider is in use and cannot be removed."}}.run(t, a)
	write(t, a, func(tx *state.Tx) {
		tx.Tasks.Put(tx, state.Task{ARN: "t", Cluster: mainCluster, Instance: "i", Last: "STOPPED"})
	})
	script{{"PutClusterCapacityProviders", none, `{"cluster":{"capacityProviders":[],"defaultCapacityProviderStrategy":[],"attachments":[],"attachmentsStatus":null}}`}}.run(t, a)
}

func TestPutClusterCapacityProvidersRefuses(t *testing.T) {
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf(`"p%d"`, i))
	}
	const invalid = "InvalidParameterException: "
	for _, tc := range []struct{ name, providers, strategy, want string }{
		{"no list of providers", `null`, `[]`, invalid + "capacityProviders is required."},
		{"no strategy", `[]`, `null`, invalid + "defaultCapacityProviderStrategy is required."},
		{"an unknown provider", `["none"]`, `[]`, invalid + "The specified capacity provider 'none' was not found."},
		{"a provider's ARN", `["arn:aws:ecs:us-east-1:123456789012:capacity-provider/FARGATE"]`, `[]`, invalid + "The specified capacity provider 'arn:"},
		{"a deleted provider", `["old"]`, `[]`, invalid + "The specified capacity provider 'old' is not in an ACTIVE state."},
		{"a provider twice", `["FARGATE","FARGATE"]`, `[]`, invalid + "The specified capacity provider 'FARGATE' is given more than once."},
		{"too many providers", "[" + strings.Join(many, ",") + "]", `[]`, invalid + "The maximum number of capacity providers per cluster has been exceeded."},
		{"two bases", `["FARGATE","FARGATE_SPOT"]`, `[{"capacityProvider":"FARGATE","base":1},{"capacityProvider":"FARGATE_SPOT","base":1}]`, invalid + "Only one capacity provider"},
		{"one provider twice in the strategy", `["FARGATE"]`, `[{"capacityProvider":"FARGATE"},{"capacityProvider":"FARGATE"}]`, invalid + "A capacity provider strategy cannot contain the capacity provider FARGATE more than once."},
		{"a nameless item", `["FARGATE"]`, `[{"weight":1}]`, invalid + "Each item"},
		{"a weight over 1000", `["FARGATE"]`, `[{"capacityProvider":"FARGATE","weight":1001}]`, invalid + "The weight"},
		{"a negative base", `["FARGATE"]`, `[{"capacityProvider":"FARGATE","base":-1}]`, invalid + "The base"},
		{"a mix of types", `["FARGATE","asg"]`, `[{"capacityProvider":"FARGATE","weight":1},{"capacityProvider":"asg","weight":1}]`,
			invalid + "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers. Specify one or the other and try again."},
		{"a mix with managed instances", `["FARGATE","managed"]`, `[{"capacityProvider":"FARGATE","weight":1},{"capacityProvider":"managed","weight":1}]`,
			invalid + "A capacity provider strategy cannot contain a mix of Managed Instances"},
		{"another cluster's managed instances", `["elsewhere"]`, `[]`, invalid + "The specified capacity provider 'elsewhere' belongs to another cluster."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script{
				{"CreateCluster", `{"clusterName":"main"}`, `{}`}, {"CreateCluster", `{"clusterName":"other"}`, `{}`},
				{"CreateCapacityProvider", `{"name":"asg","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, `{}`},
				{"CreateCapacityProvider", `{"name":"managed","cluster":"main","managedInstancesProvider":` + managedInstances + `}`, `{}`},
				{"CreateCapacityProvider", `{"name":"elsewhere","cluster":"other","managedInstancesProvider":` + managedInstances + `}`, `{}`},
				{"CreateCapacityProvider", `{"name":"old","autoScalingGroupProvider":{"autoScalingGroupArn":"old"}}`, `{}`},
				{"DeleteCapacityProvider", `{"capacityProvider":"old"}`, `{}`},
				{"PutClusterCapacityProviders", fmt.Sprintf(`{"cluster":"main","capacityProviders":%s,"defaultCapacityProviderStrategy":%s}`, tc.providers, tc.strategy), tc.want},
				{"DescribeClusters", `{"clusters":["main"]}`, `{"clusters":[{"capacityProviders":["managed"]}]}`},
			}.run(t, testAPI())
		})
	}
}
