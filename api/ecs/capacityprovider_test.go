package ecs

import (
	"fmt"
	"strings"
	"testing"
)

// managedInstances is the least that a managed instances provider must have.
const managedInstances = `{"infrastructureRoleArn":"arn:aws:iam::123456789012:role/infra","instanceLaunchTemplate":{
	"ec2InstanceProfileArn":"arn:aws:iam::123456789012:instance-profile/web","networkConfiguration":{"subnets":["subnet-1"]}}}`

func TestFargateCapacityProviders(t *testing.T) {
	const reserved = "ClientException: The capacity provider FARGATE is reserved"
	script{
		{"DescribeCapacityProviders", `{}`, `{"capacityProviders":[
			{"name":"FARGATE","capacityProviderArn":"arn:aws:ecs:us-east-1:123456789012:capacity-provider/FARGATE","status":"ACTIVE","type":"FARGATE","tags":[],"autoScalingGroupProvider":null,"updateStatus":null},
			{"name":"FARGATE_SPOT","type":"FARGATE_SPOT"}],"failures":[],"nextToken":null}`},
		{"CreateCapacityProvider", `{"name":"FARGATE","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, "InvalidParameterException: The specified capacity provider name is invalid."},
		{"UpdateCapacityProvider", `{"name":"FARGATE","autoScalingGroupProvider":{}}`, reserved},
		{"DeleteCapacityProvider", `{"capacityProvider":"arn:aws:ecs:us-east-1:123456789012:capacity-provider/FARGATE"}`, reserved},
	}.run(t, testAPI())
}

func TestAutoScalingGroupProvider(t *testing.T) {
	const group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/web"
	script{
		{"CreateCapacityProvider", `{"name":"web","tags":[{"key":"a","value":"b"}],"autoScalingGroupProvider":{"autoScalingGroupArn":"` + group + `"}}`,
			`{"capacityProvider":{"capacityProviderArn":"arn:aws:ecs:us-east-1:123456789012:capacity-provider/web","name":"web","status":"ACTIVE","type":"EC2_AUTOSCALING",
			"cluster":null,"managedInstancesProvider":null,"tags":[{"key":"a","value":"b"}],"autoScalingGroupProvider":{"autoScalingGroupArn":"` + group + `",
			"managedScaling":{"status":"DISABLED","targetCapacity":100,"minimumScalingStepSize":1,"maximumScalingStepSize":10000,"instanceWarmupPeriod":300},
			"managedTerminationProtection":"DISABLED","managedDraining":"ENABLED"}}}`},
		{"CreateCapacityProvider", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"x"}}`, "ClientException: The specified capacity provider already exists."},
		{"CreateCapacityProvider", `{"name":"web2","autoScalingGroupProvider":{"autoScalingGroupArn":"` + group + `"}}`, "ClientException: The specified Auto Scaling group ARN is already being used by another capacity provider."},
		{"UpdateCapacityProvider", `{"name":"web","autoScalingGroupProvider":{"managedScaling":{"status":"ENABLED","instanceWarmupPeriod":0},"managedTerminationProtection":"ENABLED"}}`,
			`{"capacityProvider":{"updateStatus":"UPDATE_COMPLETE","autoScalingGroupProvider":{"managedDraining":"ENABLED","managedTerminationProtection":"ENABLED",
			"managedScaling":{"status":"ENABLED","targetCapacity":100,"minimumScalingStepSize":1,"maximumScalingStepSize":10000,"instanceWarmupPeriod":0}}}}`},
		{"UpdateCapacityProvider", `{"name":"web","autoScalingGroupProvider":{"managedScaling":{"status":"DISABLED"}}}`, "ClientException: The managed termination protection setting for the capacity provider is invalid."},
		{"UpdateCapacityProvider", `{"name":"web","managedInstancesProvider":` + managedInstances + `}`, "InvalidParameterException: The type of a capacity provider can not be changed"},
		{"UpdateCapacityProvider", `{"name":"none","autoScalingGroupProvider":{}}`, "ClientException: The specified capacity provider does not exist. Specify a valid name or ARN and try again."},
		{"DescribeCapacityProviders", `{"capacityProviders":["web","none"],"include":["TAGS"]}`,
			`{"capacityProviders":[{"name":"web","tags":[{"key":"a","value":"b"}]}],"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:capacity-provider/none","reason":"MISSING"}]}`},
		{"DescribeCapacityProviders", `{"capacityProviders":["arn:aws:ecs:us-east-1:123456789012:capacity-provider/web"]}`, `{"capacityProviders":[{"name":"web","tags":[]}],"failures":[]}`},
	}.run(t, testAPI())
}

func TestCreateCapacityProviderRefuses(t *testing.T) {
	const bad = "InvalidParameterException: "
	for _, tc := range []struct{ name, input, want string }{
		{"a reserved name", `{"name":"AwsWeb","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, bad + "The specified capacity provider name is invalid."},
		{"no name", `{"autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, bad + "The specified capacity provider name is invalid."},
		{"no provider", `{"name":"web"}`, bad + "Specify either"},
		{"both providers", `{"name":"web","cluster":"main","autoScalingGroupProvider":{"autoScalingGroupArn":"web"},"managedInstancesProvider":` + managedInstances + `}`, bad + "Specify either"},
		{"a cluster for a group", `{"name":"web","cluster":"main","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, bad + "cluster can be specified only"},
		{"no group", `{"name":"web","autoScalingGroupProvider":{}}`, bad + "autoScalingGroupProvider.autoScalingGroupArn can not be blank."},
		{"another service's ARN", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"arn:aws:ecs:us-east-1:123456789012:cluster/x"}}`, bad + "The specified Auto Scaling group ARN is invalid."},
		{"an enum", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web","managedDraining":"YES"}}`, bad + "autoScalingGroupProvider.managedDraining should be one of [ENABLED,DISABLED]"},
		{"a target over 100", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web","managedScaling":{"targetCapacity":101}}}`, bad + "managedScaling.targetCapacity must be between 1 and 100."},
		{"steps crossed", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web","managedScaling":{"minimumScalingStepSize":5,"maximumScalingStepSize":4}}}`, bad + "managedScaling.minimumScalingStepSize"},
		{"protection without scaling", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web","managedTerminationProtection":"ENABLED"}}`, "ClientException: The managed termination protection"},
		{"no cluster", `{"name":"web","managedInstancesProvider":` + managedInstances + `}`, bad + "cluster is required"},
		{"an unknown cluster", `{"name":"web","cluster":"none","managedInstancesProvider":` + managedInstances + `}`, noCluster},
		{"an empty managed provider", `{"name":"web","cluster":"main","managedInstancesProvider":{}}`, bad + "managedInstancesProvider.instanceLaunchTemplate is required."},
		{"a tag twice", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web"},"tags":[{"key":"a"},{"key":"a"}]}`, bad + "Duplicate tag keys"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script{
				{"CreateCluster", `{"clusterName":"main"}`, `{}`},
				{"CreateCapacityProvider", tc.input, tc.want},
				{"DescribeCapacityProviders", `{}`, `{"capacityProviders":[{"name":"FARGATE"},{"name":"FARGATE_SPOT"}]}`},
			}.run(t, testAPI())
		})
	}
}

func TestDeleteCapacityProvider(t *testing.T) {
	script{
		{"DeleteCapacityProvider", `{}`, "InvalidParameterException: Capacity provider can not be blank."},
		{"DeleteCapacityProvider", `{"capacityProvider":"web"}`, "ClientException: The specified capacity provider does not exist."},
		{"CreateCapacityProvider", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, `{}`},
		{"CreateCluster", `{"clusterName":"main","capacityProviders":["web"]}`, `{}`},
		{"DeleteCapacityProvider", `{"capacityProvider":"web"}`, `{"capacityProvider":{"status":"ACTIVE","updateStatus":"DELETE_FAILED","updateStatusReason":
			"The capacity provider cannot be deleted because it is associated with cluster: main. Remove the capacity provider from the cluster and try again."}}`},
		{"DeleteCluster", `{"cluster":"main"}`, `{}`},
		{"DeleteCapacityProvider", `{"capacityProvider":"web"}`, `{"capacityProvider":{"status":"INACTIVE","updateStatus":"DELETE_COMPLETE","updateStatusReason":null}}`},
		{"DescribeCapacityProviders", `{"capacityProviders":["web"]}`, `{"capacityProviders":[{"status":"INACTIVE"}]}`},
		{"DescribeCapacityProviders", `{}`, `{"capacityProviders":[{"name":"FARGATE"},{"name":"FARGATE_SPOT"}]}`},
		{"CreateCapacityProvider", `{"name":"web","autoScalingGroupProvider":{"autoScalingGroupArn":"web"}}`, `{"capacityProvider":{"status":"ACTIVE"}}`},
	}.run(t, testAPI())
}

func TestManagedInstancesProvider(t *testing.T) {
	script{
		{"CreateCluster", `{"clusterName":"main"}`, `{}`},
		{"CreateCapacityProvider", `{"name":"mi","cluster":"` + mainCluster + `","managedInstancesProvider":` + managedInstances + `}`,
			`{"capacityProvider":{"cluster":"main","type":"MANAGED_INSTANCES","status":"ACTIVE","updateStatus":"CREATE_COMPLETE","autoScalingGroupProvider":null,
			"managedInstancesProvider":{"propagateTags":null,"instanceLaunchTemplate":{"capacityOptionType":"ON_DEMAND","monitoring":null,"networkConfiguration":{"subnets":["subnet-1"]}}}}}`},
		{"DescribeClusters", `{"clusters":["main"]}`, `{"clusters":[{"capacityProviders":["mi"]}]}`},
		{"DescribeCapacityProviders", `{"cluster":"main"}`, `{"capacityProviders":[{"name":"mi"}]}`},
		{"DescribeCapacityProviders", `{"cluster":"main","capacityProviders":["FARGATE"]}`, `{"capacityProviders":[],"failures":[{"reason":"MISSING"}]}`},
		{"UpdateCapacityProvider", `{"name":"mi","cluster":"main","managedInstancesProvider":{"infrastructureRoleArn":"arn:aws:iam::123456789012:role/new",
			"instanceLaunchTemplate":{"monitoring":"DETAILED"}}}`, `{"capacityProvider":{"updateStatus":"UPDATE_COMPLETE","managedInstancesProvider":{
			"infrastructureRoleArn":"arn:aws:iam::123456789012:role/new","instanceLaunchTemplate":{"monitoring":"DETAILED","networkConfiguration":{"subnets":["subnet-1"]}}}}}`},
		{"UpdateCapacityProvider", `{"name":"mi","managedInstancesProvider":{"instanceLaunchTemplate":{}}}`, "InvalidParameterException: managedInstancesProvider must have"},
		{"DeleteCluster", `{"cluster":"main"}`, "ClusterContainsCapacityProviderException: The Cluster cannot be deleted while Cluster Scoped Capacity Providers are attached to the cluster."},
		{"PutClusterCapacityProviders", `{"cluster":"main","capacityProviders":["mi"],"defaultCapacityProviderStrategy":[{"capacityProvider":"mi","weight":1}]}`, `{}`},
		{"DeleteCapacityProvider", `{"capacityProvider":"mi","cluster":"main"}`, `{"capacityProvider":{"updateStatus":"DELETE_FAILED"}}`},
		{"PutClusterCapacityProviders", `{"cluster":"main","capacityProviders":["mi"],"defaultCapacityProviderStrategy":[]}`, `{}`},
		{"CreateCluster", `{"clusterName":"other"}`, `{}`},
		{"DeleteCapacityProvider", `{"capacityProvider":"mi","cluster":"other"}`, "ClientException: The specified capacity provider does not exist."},
		{"DeleteCapacityProvider", `{"capacityProvider":"mi"}`, `{"capacityProvider":{"status":"INACTIVE"}}`},
		{"DescribeClusters", `{"clusters":["main"]}`, `{"clusters":[{"capacityProviders":[]}]}`},
		{"DeleteCluster", `{"cluster":"main"}`, `{"cluster":{"status":"INACTIVE"}}`},
	}.run(t, testAPI())
}

func TestManagedInstancesRefuses(t *testing.T) {
	const profile = `"ec2InstanceProfileArn":"arn:aws:iam::123456789012:instance-profile/web","networkConfiguration":{"subnets":["subnet-1"]}`
	requirements := func(more string) string {
		return profile + `,"instanceRequirements":{"vCpuCount":{"min":1},"memoryMiB":{"min":512}` + more + `}`
	}
	for _, tc := range []struct{ name, template, want string }{
		{"no subnets", `"ec2InstanceProfileArn":"arn:aws:iam::123456789012:instance-profile/web"`, "instanceLaunchTemplate.networkConfiguration.subnets can not be empty."},
		{"a role for a profile", `"ec2InstanceProfileArn":"arn:aws:iam::123456789012:role/web","networkConfiguration":{"subnets":["s"]}`, "instanceLaunchTemplate.ec2InstanceProfileArn must be an ARN"},
		{"no storage", profile + `,"storageConfiguration":{"storageSizeGiB":0}`, "instanceLaunchTemplate.storageConfiguration.storageSizeGiB must be at least 1."},
		{"a reservation group", profile + `,"capacityReservations":{"reservationGroupArn":"mine"}`, "instanceLaunchTemplate.capacityReservations.reservationGroupArn"},
		{"an unknown option", profile + `,"capacityOptionType":"FREE"`, "managedInstancesProvider.instanceLaunchTemplate.capacityOptionType should be one of [ON_DEMAND,SPOT,RESERVED]"},
		{"an unknown manufacturer", requirements(`,"cpuManufacturers":["intel","zilog"]`), "managedInstancesProvider.instanceLaunchTemplate.instanceRequirements.cpuManufacturers[1] should be one of ["},
		{"no vCPUs", profile + `,"instanceRequirements":{"memoryMiB":{"min":1}}`, "instanceRequirements.vCpuCount.min is required."},
		{"no memory", profile + `,"instanceRequirements":{"vCpuCount":{"min":1},"memoryMiB":{}}`, "instanceRequirements.memoryMiB.min is required."},
		{"a range crossed", requirements(`,"memoryGiBPerVCpu":{"min":2,"max":1.5}`), "instanceRequirements.memoryGiBPerVCpu.max must not be less than its min."},
		{"a negative bound", requirements(`,"acceleratorCount":{"min":-1}`), "instanceRequirements.acceleratorCount.min must not be negative."},
		{"a negative price", requirements(`,"spotMaxPricePercentageOverLowestPrice":-1`), "instanceRequirements.spotMaxPricePercentageOverLowestPrice must not be negative."},
		{"types both ways", requirements(`,"allowedInstanceTypes":["m5.*"],"excludedInstanceTypes":["m5.large"]`), "instanceRequirements.allowedInstanceTypes and excludedInstanceTypes"},
		{"a type's name", requirements(`,"allowedInstanceTypes":["m5 large"]`), `instanceRequirements.allowedInstanceTypes: "m5 large" is not`},
		{"too many types", requirements(`,"excludedInstanceTypes":[` + strings.Repeat(`"m5.large",`, 400) + `"m5.large"]`), "instanceRequirements.excludedInstanceTypes can have at most 400 members."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script{
				{"CreateCluster", `{"clusterName":"main"}`, `{}`},
				{"CreateCapacityProvider", `{"name":"mi","cluster":"main","managedInstancesProvider":{"infrastructureRoleArn":"arn:aws:iam::123456789012:role/infra",
					"instanceLaunchTemplate":{` + tc.template + `}}}`, "InvalidParameterException: " + tc.want},
			}.run(t, testAPI())
		})
	}
}

func TestDescribeCapacityProvidersPages(t *testing.T) {
	a := testAPI()
	for i := range 10 {
		script{{"CreateCapacityProvider", fmt.Sprintf(`{"name":"p%d","autoScalingGroupProvider":{"autoScalingGroupArn":"g%d"}}`, i, i), `{}`}}.run(t, a)
	}
	const next = "bmV4dDphcm46YXdzOmVjczp1cy1lYXN0LTE6MTIzNDU2Nzg5MDEyOmNhcGFjaXR5LXByb3ZpZGVyL3A4" // …/p8
	script{
		{"DescribeCapacityProviders", `{}`, `{"capacityProviders":[{"name":"FARGATE"},{"name":"FARGATE_SPOT"},{},{},{},{},{},{},{},{"name":"p7"}],"nextToken":"` + next + `"}`},
		{"DescribeCapacityProviders", `{"nextToken":"` + next + `"}`, `{"capacityProviders":[{"name":"p8"},{"name":"p9"}],"nextToken":null}`},
		{"DescribeCapacityProviders", `{"maxResults":11}`, "InvalidParameterException: maxResults"},
	}.run(t, a)
}
