package ecs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

const createWeb = `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":2}`

func TestServiceLifecycle(t *testing.T) {
	a := taskAPI(t)
	script{
		{"CreateService", createWeb,
			`{"service":{"serviceArn":"arn:aws:ecs:us-east-1:123456789012:service/main/web","serviceName":"web","status":"ACTIVE",
			"clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main","desiredCount":2,"runningCount":0,"pendingCount":0,"launchType":"EC2",
			"taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1","schedulingStrategy":"REPLICA","deploymentController":{"type":"ECS"},
			"deploymentConfiguration":{"maximumPercent":200,"minimumHealthyPercent":100,"strategy":"ROLLING","bakeTimeInMinutes":0,
				"deploymentCircuitBreaker":{"enable":false,"rollback":false}},
			"deployments":[{"status":"PRIMARY","desiredCount":2,"runningCount":0,"pendingCount":0,"failedTasks":0,"launchType":"EC2","rolloutState":"IN_PROGRESS"}],
			"events":[],"taskSets":[],"tags":[],"placementConstraints":[],"placementStrategy":[],"propagateTags":"NONE","availabilityZoneRebalancing":"ENABLED",
			"enableECSManagedTags":false,"enableExecuteCommand":false,"healthCheckGracePeriodSeconds":null,"roleArn":null,
			"loadBalancers":[],"serviceRegistries":[],"platformVersion":null,"platformFamily":null,"capacityProviderStrategy":null,"networkConfiguration":null,
			"createdBy":"arn:aws:iam::123456789012:root","resourceManagementType":"CUSTOMER","currentServiceRevisions":[{"requestedTaskCount":2}]}}`},
		{"CreateService", createWeb, "InvalidParameterException: Creation of service was not idempotent."},
		{"ListServices", `{"cluster":"main"}`, `{"serviceArns":["arn:aws:ecs:us-east-1:123456789012:service/main/web"],"nextToken":null}`},
		{"DescribeClusters", `{"clusters":["main"]}`, `{"clusters":[{"activeServicesCount":1}]}`},
		{"DeleteCluster", `{"cluster":"main"}`, "ClusterContainsServicesException: The Cluster cannot be deleted while Services are active."},
		{"DeleteService", `{"cluster":"main","service":"web"}`, "InvalidParameterException: The service cannot be stopped while it is scaled above 0."},
		{"DeleteService", `{"cluster":"main","service":"web","force":true}`, `{"service":{"status":"DRAINING","desiredCount":0,"deployments":[{"desiredCount":0}]}}`},
		{"DeleteService", `{"cluster":"main","service":"web"}`, `{"service":{"status":"DRAINING"}}`},
		{"CreateService", createWeb, "InvalidParameterException: Unable to Start a service that is still Draining."},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":3}`, "ServiceNotActiveException: Service was not ACTIVE."},
		{"ListServices", `{"cluster":"main"}`, `{"serviceArns":[]}`},
		{"DescribeServices", `{"cluster":"main","services":["arn:aws:ecs:us-east-1:123456789012:service/web","none"]}`,
			`{"services":[{"status":"DRAINING"}],"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:service/main/none","reason":"MISSING"}]}`},
		{"DescribeServices", `{"services":["arn:aws:ecs:us-east-1:123456789012:service/main/web"]}`, "ClusterNotFoundException: Cluster not found."},
		{"DescribeServices", `{"cluster":"empty","services":["arn:aws:ecs:us-east-1:123456789012:service/main/web"]}`, `{"services":[],"failures":[{"reason":"MISSING"}]}`},
	}.run(t, a)
}

// A deleted service still tells what it was, until one of its name replaces it.
func TestInactiveService(t *testing.T) {
	a := taskAPI(t)
	script{{"CreateService", createWeb, `{}`}}.run(t, a)
	write(t, a, func(tx *state.Tx) {
		s, _ := tx.Services.Get(a.arn("service/main/web"))
		plan.RecordEvent{Service: s.ARN, Message: "before"}.Apply(tx)
		for i := range 250 { // more than are removed at once
			tx.ServiceRevisions.Put(tx, state.ServiceRevision{ARN: fmt.Sprint(i), Service: s.ARN})
		}
		s.Status = "INACTIVE"
		tx.Services.Put(tx, s)
	})
	script{
		{"DescribeServices", `{"cluster":"main","services":["web"]}`, `{"services":[{"status":"INACTIVE","deployments":[],"events":[{"message":"before"}],
			"taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1","launchType":"EC2","currentServiceRevisions":null}]}`},
		{"DeleteService", `{"cluster":"main","service":"web"}`, "ServiceNotFoundException: Service not found."},
		{"UpdateService", `{"cluster":"main","service":"web"}`, "ServiceNotActiveException: Service was not ACTIVE."},
		{"UpdateService", `{"cluster":"main","service":"none"}`, "ServiceNotFoundException: Service not found."},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:1"}`, `{}`},
		{"CreateService", `{"cluster":"main","serviceName":"web","taskDefinition":"vpc","desiredCount":0,` + fill(a, network) + `}`,
			`{"service":{"status":"ACTIVE","deployments":[{}],"events":[]}}`},
	}.run(t, a)
	if v := a.store.View(); v.ServiceEvents.Len() != 0 || v.ServiceDeployments.Len() != 1 || v.ServiceRevisions.Len() != 1 {
		t.Error("the new service has the history of the old one")
	}
}

// A repeated request with its client token gives what it gave before.
func TestCreateServiceAgain(t *testing.T) {
	with := func(members string) string { return strings.TrimSuffix(createWeb, "}") + members + "}" }
	script{
		{"CreateService", with(`,"clientToken":"t1"`), `{"service":{"desiredCount":2}}`},
		{"CreateService", with(`,"clientToken":"t1"`), `{"service":{"desiredCount":2,"deployments":[{}]}}`},
		{"CreateService", with(`,"clientToken":"t2"`), "InvalidParameterException: Creation of service was not idempotent."},
		{"CreateService", with(`,"clientToken":"t1","launchType":"EC2"`), "InvalidParameterException: Creation of service was not idempotent."},
		{"CreateService", with(`,"clientToken":"` + strings.Repeat("x", 37) + `"`), "InvalidParameterException: clientToken can have up to 36 characters"},
	}.run(t, taskAPI(t))
}

// Only what changes what tasks are made from begins a deployment.
func TestUpdateServiceDeploys(t *testing.T) {
	for _, tc := range []struct {
		members string
		deploys bool
	}{
		{`"desiredCount":3`, false},
		{`"taskDefinition":"vpc"`, false},
		{`"taskDefinition":"vpc:2"`, true},
		{`"platformVersion":"1.4.0"`, true},
		{`"platformVersion":"LATEST"`, false},
		{network, false},
		{`"networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETB"]}}`, true},
		{`"networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA"],"assignPublicIp":"ENABLED"}}`, true},
		{`"deploymentConfiguration":{"maximumPercent":150},"healthCheckGracePeriodSeconds":5,"propagateTags":"SERVICE","enableECSManagedTags":true`, false},
		{`"availabilityZoneRebalancing":"DISABLED","placementConstraints":[],"placementStrategy":[],"loadBalancers":[],"serviceRegistries":[]`, false},
		{`"serviceConnectConfiguration":{"enabled":false},"volumeConfigurations":[],"vpcLatticeConfigurations":[],"enableExecuteCommand":false`, false},
		{`"capacityProviderStrategy":[]`, false},
		{`"monitoring":{"metricConfigurations":[{"metricNames":["CPUUtilization"],"resolutionSeconds":20}]}`, true},
		{`"forceNewDeployment":true`, true},
		{`"forceNewDeployment":true,"capacityProviderStrategy":[{"capacityProvider":"FARGATE_SPOT","weight":1}]`, true},
	} {
		t.Run(tc.members, func(t *testing.T) {
			a := taskAPI(t)
			deployments := `[{"status":"PRIMARY"}]`
			if tc.deploys {
				deployments = `[{"status":"PRIMARY"},{"status":"ACTIVE"}]`
			}
			definition := `{"family":"vpc","requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512","containerDefinitions":[{"name":"c","image":"nginx"}]}`
			script{
				{"PutClusterCapacityProviders", `{"cluster":"main","capacityProviders":["FARGATE_SPOT"],"defaultCapacityProviderStrategy":[]}`, `{}`},
				{"DeregisterTaskDefinition", `{"taskDefinition":"vpc:1"}`, `{}`},
				{"RegisterTaskDefinition", definition, `{}`},
				{"RegisterTaskDefinition", definition, `{}`},
				{"CreateService", fill(a, `{"cluster":"main","serviceName":"web","taskDefinition":"vpc:3","desiredCount":2,"launchType":"FARGATE",`+network+`}`), `{}`},
				{"UpdateService", fill(a, `{"cluster":"main","service":"web",`+tc.members+`}`), `{"service":{"deployments":` + deployments + `}}`},
			}.run(t, a)
		})
	}
}

// What an update leaves out stays; what it gives replaces.
func TestUpdateServiceKeeps(t *testing.T) {
	script{
		{"CreateService", `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":1,
			"placementConstraints":[{"type":"distinctInstance"}],"placementStrategy":[{"type":"binpack","field":"memory"}],
			"deploymentConfiguration":{"maximumPercent":150,"deploymentCircuitBreaker":{"enable":true,"rollback":true}}}`,
			`{"service":{"availabilityZoneRebalancing":"DISABLED"}}`},
		{"UpdateService", `{"cluster":"main","service":"web","placementConstraints":[],"deploymentConfiguration":{"minimumHealthyPercent":50}}`,
			`{"service":{"desiredCount":1,"placementConstraints":[],"placementStrategy":[{"type":"binpack","field":"memory"}],
			"deploymentConfiguration":{"maximumPercent":150,"minimumHealthyPercent":50,"deploymentCircuitBreaker":{"enable":true,"rollback":true}}}}`},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:1"}`, `{}`},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":2,"placementStrategy":[],"forceNewDeployment":true}`,
			`{"service":{"desiredCount":2,"placementStrategy":[],"deployments":[{"desiredCount":2},{"desiredCount":0}]}}`},
		{"DeleteService", `{"cluster":"main","service":"web","force":false}`, "InvalidParameterException: The service cannot be stopped while it is scaled above 0."},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":0}`, `{"service":{"desiredCount":0}}`},
		{"DeleteService", `{"cluster":"main","service":"web"}`, "InvalidParameterException: The service cannot be stopped while deployments are active."},
		{"UpdateService", `{"cluster":"main","service":"web","taskDefinition":"web:1"}`, "InvalidParameterException: TaskDefinition is inactive"},
	}.run(t, taskAPI(t))
}

// A service counts its tasks by deployment, and shows what happened newest first.
func TestDescribeServiceCounts(t *testing.T) {
	a := taskAPI(t)
	script{{"CreateService", createWeb, `{}`}}.run(t, a)
	write(t, a, func(tx *state.Tx) {
		s, _ := tx.Services.Get(a.arn("service/main/web"))
		for i, last := range []string{"PENDING", "RUNNING", "RUNNING", "STOPPED", "DEPROVISIONING"} {
			tx.Tasks.Put(tx, state.Task{ARN: a.arn(fmt.Sprint("task/main/", i)), Cluster: s.Cluster, Service: s.ARN,
				StartedBy: s.Deployments[0].ID, Desired: "RUNNING", Last: last})
		}
	})
	for i := range 103 {
		write(t, a, func(tx *state.Tx) {
			plan.RecordEvent{Service: a.arn("service/main/web"), Message: fmt.Sprint(i)}.Apply(tx)
		})
	}
	script{{"DescribeServices", `{"cluster":"main","services":["web"]}`, `{"services":[{"runningCount":2,"pendingCount":1,
		"deployments":[{"runningCount":2,"pendingCount":1,"desiredCount":2}],
		"currentServiceRevisions":[{"runningTaskCount":2,"pendingTaskCount":1,"requestedTaskCount":2}]}]}`}}.run(t, a)
	s, _ := a.store.View().Services.Get(a.arn("service/main/web"))
	events := a.describeService(a.store.View(), s, false).Events
	if len(events) != 100 || *events[0].Message != "102" || *events[99].Message != "3" {
		t.Errorf("got %d events, from %s to %s", len(events), *events[0].Message, *events[len(events)-1].Message)
	}
}

func TestListServices(t *testing.T) {
	a := taskAPI(t)
	for i := range 11 {
		script{{"CreateService", fmt.Sprintf(`{"cluster":"main","serviceName":"s%02d","taskDefinition":"web","desiredCount":0}`, i), `{}`}}.run(t, a)
	}
	first, err := a.ListServices(t.Context(), &ecs.ListServicesInput{Cluster: aws.String("main")})
	if err != nil || len(first.ServiceArns) != 10 {
		t.Fatalf("got %v, %v", first, err)
	}
	rest, err := a.ListServices(t.Context(), &ecs.ListServicesInput{Cluster: aws.String("main"), NextToken: first.NextToken})
	if err != nil || len(rest.ServiceArns) != 1 || rest.NextToken != nil {
		t.Errorf("got %v, %v", rest, err)
	}
	const web = "arn:aws:ecs:us-east-1:123456789012:service/main/web"
	script{
		{"CreateService", fill(a, `{"cluster":"main","serviceName":"web","taskDefinition":"far","desiredCount":0,"launchType":"FARGATE",`+network+`}`), `{}`},
		{"CreateService", `{"cluster":"main","serviceName":"zd","taskDefinition":"web","schedulingStrategy":"DAEMON"}`, `{}`},
		{"ListServices", `{"cluster":"main","launchType":"FARGATE"}`, `{"serviceArns":["` + web + `"],"nextToken":null}`},
		{"ListServices", `{"cluster":"main","schedulingStrategy":"DAEMON"}`, `{"serviceArns":["arn:aws:ecs:us-east-1:123456789012:service/main/zd"]}`},
		{"ListServices", `{"cluster":"main","resourceManagementType":"ECS"}`, `{"serviceArns":[]}`},
		{"ListServices", `{"cluster":"main","resourceManagementType":"CUSTOMER","launchType":"FARGATE"}`, `{"serviceArns":["` + web + `"]}`},
		{"ListServices", `{"cluster":"main","maxResults":101}`, "InvalidParameterException: maxResults must be between 1 and 100."},
		{"ListServices", `{"cluster":"main","launchType":"MOON"}`, "InvalidParameterException: launchType should be one of"},
		{"ListTasks", `{"cluster":"main","serviceName":"web"}`, `{"taskArns":[]}`},
		{"ListTasks", `{"cluster":"main","serviceName":"` + web + `"}`, `{"taskArns":[]}`},
		{"ListTasks", `{"cluster":"main","serviceName":"none"}`, "ServiceNotFoundException: Service not found."},
	}.run(t, a)
}

// The default strategy of the cluster is that of a service that names none.
func TestServiceCapacityProviders(t *testing.T) {
	a := taskAPI(t)
	const far = `{"cluster":"main","serviceName":"far","taskDefinition":"far","desiredCount":1,` + network + `}`
	script{
		{"PutClusterCapacityProviders", `{"cluster":"main","capacityProviders":["FARGATE","FARGATE_SPOT"],"defaultCapacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1,"base":2}]}`, `{}`},
		{"CreateService", fill(a, far), fill(a, `{"service":{"launchType":null,"capacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1,"base":2}],
			"platformVersion":"LATEST","platformFamily":"Linux","networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA"],"securityGroups":[],"assignPublicIp":"DISABLED"}},
			"deployments":[{"launchType":null,"capacityProviderStrategy":[{}],"platformVersion":"1.4.0","platformFamily":"Linux","networkConfiguration":{}}]}}`)},
		{"CreateService", fill(a, `{"cluster":"main","serviceName":"d","taskDefinition":"far","schedulingStrategy":"DAEMON",`+network+`}`),
			"InvalidParameterException: Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy."},
		{"UpdateService", `{"cluster":"main","service":"far","capacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1,"base":2}]}`, `{"service":{"deployments":[{}]}}`},
		{"UpdateService", `{"cluster":"main","service":"far","capacityProviderStrategy":[]}`, "InvalidParameterException: When switching from launch type to capacity provider strategy on an existing service"},
		{"UpdateService", `{"cluster":"main","service":"far","capacityProviderStrategy":[{"capacityProvider":"FARGATE_SPOT","weight":1}]}`, "InvalidParameterException: When switching from launch type"},
		{"UpdateService", `{"cluster":"main","service":"far","capacityProviderStrategy":[{"capacityProvider":"none","weight":1}],"forceNewDeployment":true}`,
			"InvalidParameterException: The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster."},
		{"UpdateService", `{"cluster":"main","service":"far","platformVersion":"1.4.0"}`, `{"service":{"platformVersion":"1.4.0"}}`},
		{"UpdateService", `{"cluster":"main","service":"far","capacityProviderStrategy":[],"forceNewDeployment":true}`,
			`{"service":{"launchType":"FARGATE","capacityProviderStrategy":null,"platformVersion":"1.4.0","deployments":[{"launchType":"FARGATE"},{"launchType":null},{}]}}`},
	}.run(t, a)
}

// With an external deployment controller a service has what task sets share.
func TestExternalService(t *testing.T) {
	const create = `{"cluster":"main","serviceName":"web","deploymentController":{"type":"EXTERNAL"}`
	script{
		{"CreateService", create + `,"taskDefinition":"web"}`, "InvalidParameterException: taskDefinition cannot be specified for a service with the deployment controller EXTERNAL"},
		{"CreateService", create + `,"schedulingStrategy":"DAEMON"}`, "InvalidParameterException: The daemon scheduling strategy is not supported with the deployment controller EXTERNAL."},
		{"CreateService", create + `,"deploymentConfiguration":{"deploymentCircuitBreaker":{"enable":true,"rollback":false}}}`,
			"InvalidParameterException: deploymentConfiguration.deploymentCircuitBreaker can only be used with the deployment controller ECS."},
		{"CreateService", create + `}`, `{"service":{"desiredCount":0,"deployments":[],"taskSets":[],"taskDefinition":null,"launchType":null,"deploymentController":{"type":"EXTERNAL"},
			"availabilityZoneRebalancing":"DISABLED"}}`},
		{"UpdateService", `{"cluster":"main","service":"web","desiredCount":3,"deploymentController":{"type":"EXTERNAL"}}`, `{"service":{"desiredCount":3}}`},
		{"UpdateService", `{"cluster":"main","service":"web","taskDefinition":"web"}`, "InvalidParameterException: taskDefinition cannot be specified"},
		{"UpdateService", `{"cluster":"main","service":"web","forceNewDeployment":true}`, "InvalidParameterException: forceNewDeployment cannot be specified"},
		{"UpdateService", `{"cluster":"main","service":"web","deploymentConfiguration":{"maximumPercent":150}}`, "InvalidParameterException: deploymentConfiguration cannot be updated"},
		{"UpdateService", `{"cluster":"main","service":"web","deploymentController":{"type":"ECS"}}`, "InvalidParameterException: The deployment controller of a service cannot be changed from EXTERNAL to ECS."},
	}.run(t, taskAPI(t))
}

func TestDefaultRebalancing(t *testing.T) {
	for _, tc := range []struct{ members, want string }{
		{``, "ENABLED"},
		{`"schedulingStrategy":"DAEMON"`, "DISABLED"},
		{`"deploymentConfiguration":{"maximumPercent":100,"minimumHealthyPercent":50}`, "DISABLED"},
		{`"placementStrategy":[{"type":"spread","field":"attribute:ecs.availability-zone"}]`, "ENABLED"},
		{`"placementStrategy":[{"type":"spread","field":"instanceId"}]`, "DISABLED"},
		{`"placementConstraints":[{"type":"memberOf","expression":"attribute:ecs.availability-zone == us-east-1a"}]`, "DISABLED"},
		{`"placementConstraints":[{"type":"distinctInstance"}]`, "ENABLED"},
		{`"launchType":"EXTERNAL"`, "DISABLED"},
	} {
		members := strings.Trim(`"desiredCount":1,`+tc.members, ",")
		if strings.Contains(tc.members, "DAEMON") {
			members = tc.members
		}
		create := `{"cluster":"main","serviceName":"web","taskDefinition":"web",` + members
		script{{"CreateService", create + `}`, `{"service":{"availabilityZoneRebalancing":"` + tc.want + `"}}`}}.run(t, taskAPI(t))
		if tc.want == string(types.AvailabilityZoneRebalancingDisabled) {
			script{{"CreateService", create + `,"availabilityZoneRebalancing":"ENABLED"}`,
				"InvalidParameterException: availabilityZoneRebalancing cannot be ENABLED for a service w"}}.run(t, taskAPI(t))
		}
	}
}
