package ecs

import "testing"

func TestServiceLifecycle(t *testing.T) {
	a := taskAPI(t)
	script{
		{"CreateService", `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":2}`,
			`{"service":{"serviceArn":"arn:aws:ecs:us-east-1:123456789012:service/main/web","serviceName":"web","status":"ACTIVE",
			"clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main","desiredCount":2,"runningCount":0,"pendingCount":0,"launchType":"EC2",
			"taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1","schedulingStrategy":"REPLICA","deploymentController":{"type":"ECS"},
			"deploymentConfiguration":{"maximumPercent":200,"minimumHealthyPercent":100,"strategy":"ROLLING","bakeTimeInMinutes":0,
				"deploymentCircuitBreaker":{"enable":false,"rollback":false}},
			"deployments":[{"status":"PRIMARY","desiredCount":2,"runningCount":0,"pendingCount":0,"failedTasks":0,"launchType":"EC2","rolloutState":"IN_PROGRESS"}],
			"events":[],"placementConstraints":[],"placementStrategy":[],"propagateTags":"NONE","enableECSManagedTags":false,"enableExecuteCommand":false,
			"loadBalancers":[],"serviceRegistries":[],"platformVersion":null,"capacityProviderStrategy":null,"networkConfiguration":null,
			"createdBy":"arn:aws:iam::123456789012:root","resourceManagementType":"CUSTOMER","currentServiceRevisions":[{"requestedTaskCount":2}]}}`},
		{"CreateService", `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":2}`,
			"InvalidParameterException: Creation of service was not idempotent."},
		{"ListServices", `{"cluster":"main"}`, `{"serviceArns":["arn:aws:ecs:us-east-1:123456789012:service/main/web"],"nextToken":null}`},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":3}`, `{"service":{"desiredCount":3,"deployments":[{"desiredCount":3}]}}`},
		{"UpdateService", `{"cluster":"main","service":"web","taskDefinition":"web:1"}`, `{"service":{"deployments":[{}]}}`},
		{"UpdateService", `{"cluster":"main","service":"web","forceNewDeployment":true}`,
			`{"service":{"deployments":[{"status":"PRIMARY","desiredCount":3},{"status":"ACTIVE","desiredCount":0}]}}`},
		{"DeleteService", `{"cluster":"main","service":"web"}`, "InvalidParameterException: The service cannot be stopped while it is scaled above 0."},
		{"DeleteService", `{"cluster":"main","service":"web","force":true}`, `{"service":{"status":"DRAINING","desiredCount":0}}`},
		{"CreateService", `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":2}`,
			"InvalidParameterException: Unable to Start a service that is still Draining."},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":3}`, "ServiceNotActiveException: Service was not ACTIVE."},
		{"ListServices", `{"cluster":"main"}`, `{"serviceArns":[]}`},
		{"DescribeServices", `{"cluster":"main","services":["web","none"]}`,
			`{"services":[{"status":"DRAINING"}],"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:service/main/none","reason":"MISSING"}]}`},
	}.run(t, a)
}
