package ecs

import (
	"strings"
	"testing"
)

// Each thing that a service cannot have is refused in words that say which
// member is wrong.
func TestCreateServiceRefuses(t *testing.T) {
	a := taskAPI(t)
	const in, no = "InvalidParameterException: ", "UnsupportedFeatureException: "
	rollout := func(members string) string { return `"deploymentConfiguration":{` + members + `}` }
	pause := func(members string) string {
		return rollout(`"lifecycleHooks":[{"targetType":"PAUSE"` + members + `}]`)
	}
	for _, tc := range []struct{ members, want string }{
		{`"serviceName":""`, in + "Service name cannot be empty."},
		{`"serviceName":"a b"`, in + "Invalid service name"},
		{`"serviceName":"` + strings.Repeat("x", 256) + `"`, in + "Invalid service name"},
		{`"cluster":"none"`, "ClusterNotFoundException: Cluster not found."},
		{`"taskDefinition":"none"`, "ClientException: TaskDefinition not found."},
		{`"taskDefinition":null`, in + "TaskDefinition can not be blank."},
		{`"desiredCount":null`, in + "desiredCount is required for the scheduling strategy REPLICA."},
		{`"desiredCount":-1`, in + "desiredCount must be 0 or more."},
		{`"schedulingStrategy":"DAEMON"`, in + "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again"},
		{`"schedulingStrategy":"DAEMON","desiredCount":null,"placementStrategy":[{"type":"random"}]`, in + "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again"},
		{`"schedulingStrategy":"DAEMON","desiredCount":null,` + rollout(`"maximumPercent":200`), in + "The daemon scheduling strategy does not support values above 100 for maximumPercent"},
		{`"schedulingStrategy":"DAEMON","desiredCount":null,"taskDefinition":"far","launchType":"FARGATE",` + network, in + "The daemon scheduling strategy is not supported for the FARGATE launch type."},
		{`"schedulingStrategy":"CRON"`, in + "schedulingStrategy should be one of [REPLICA,DAEMON]"},
		{`"launchType":"FARGATE"`, in + "Task definition does not support launch_type FARGATE."},
		{`"launchType":"MANAGED_INSTANCES"`, in + "The launch type MANAGED_INSTANCES cannot be specified."},
		{`"launchType":"EC2","capacityProviderStrategy":[{"capacityProvider":"p"}]`, in + "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."},
		{`"capacityProviderStrategy":[{"capacityProvider":"p","weight":1}]`, in + "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster."},
		{`"taskDefinition":"far","launchType":"FARGATE"`, in + "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
		{`"taskDefinition":"far","launchType":"FARGATE","platformVersion":"9.9.9",` + network, "PlatformUnknownException: The specified platform does not exist."},
		{`"taskDefinition":"far","launchType":"FARGATE","placementStrategy":[{"type":"random"}],` + network, in + "Placement strategies are not supported with FARGATE launch type."},
		{`"platformVersion":"LATEST"`, in + "The platform version must be null when specifying an EC2 launch type."},
		{network, in + "Network Configuration is not valid for the given networkMode of this task definition."},
		{`"placementStrategy":[{"type":"spread","field":"zone"}]`, in + "The field of a placement strategy of the type spread"},
		{`"placementConstraints":[{"type":"memberOf","expression":"attribute:"}]`, in + "Invalid expression of a placement constraint"},
		{`"healthCheckGracePeriodSeconds":-1`, in + "healthCheckGracePeriodSeconds must be between 0 and 2147483647."},
		{`"role":"web"`, in + "role can be specified only for a service with loadBalancers."},
		{`"tags":[{"key":"aws:x","value":"y"}]`, in + `The tag "aws:x" is invalid`},
		{`"deploymentController":{}`, in + "deploymentController needs a type: ECS or EXTERNAL."},
		{`"deploymentController":{"type":"CODE_DEPLOY"}`, no + "The deployment controller CODE_DEPLOY is not supported yet"},
		{`"loadBalancers":[{"containerName":"c"}]`, no + "loadBalancers is not supported yet: leave it out."},
		{`"serviceRegistries":[{"registryArn":"x"}]`, no + "serviceRegistries is not supported yet"},
		{`"serviceConnectConfiguration":{"enabled":true}`, no + "serviceConnectConfiguration is not supported yet"},
		{`"volumeConfigurations":[{"name":"x"}]`, no + "volumeConfigurations is not supported yet"},
		{`"vpcLatticeConfigurations":[{"portName":"x"}]`, no + "vpcLatticeConfigurations is not supported yet"},
		{`"gatewayConnectors":[{"portName":"x"}]`, no + "gatewayConnectors is not supported yet"},
		{`"enableExecuteCommand":true`, no + "enableExecuteCommand is not supported yet"},
		{`"monitoring":{"metricConfigurations":[{"metricNames":["CPUUtilization"],"resolutionSeconds":30}]}`, in + "monitoring.metricConfigurations[0].resolutionSeconds must be 20 or 60."},
		{`"monitoring":{"metricConfigurations":[{"metricNames":["Disk"],"resolutionSeconds":60}]}`, in + "monitoring.metricConfigurations[0].metricNames can have CPUUtilization and MemoryUtilization, not Disk."},
		{`"monitoring":{"metricConfigurations":[{"resolutionSeconds":60}]}`, in + "monitoring.metricConfigurations[0] needs metricNames."},
		{rollout(`"maximumPercent":100`), in + "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."},
		{rollout(`"maximumPercent":99`), in + "maximumPercent must be 100 or more."},
		{rollout(`"minimumHealthyPercent":101`), in + "minimumHealthyPercent must be between 0 and 100."},
		{rollout(`"minimumHealthyPercent":-1`), in + "minimumHealthyPercent must be between 0 and 100."},
		{rollout(`"bakeTimeInMinutes":1441`), in + "deploymentConfiguration.bakeTimeInMinutes must be between 0 and 1440."},
		{rollout(`"strategy":"BLUE_GREEN"`), no + "The deployment strategy BLUE_GREEN is not supported yet: use ROLLING."},
		{rollout(`"canaryConfiguration":{}`), in + "deploymentConfiguration.canaryConfiguration is only valid with the deployment strategy CANARY."},
		{rollout(`"linearConfiguration":{}`), in + "deploymentConfiguration.linearConfiguration is only valid with the deployment strategy LINEAR."},
		{rollout(`"alarms":{"enable":true,"rollback":true}`), in + "deploymentConfiguration.alarms needs alarmNames where it is enabled."},
		{rollout(`"alarms":{"enable":true,"alarmNames":[""]}`), in + "deploymentConfiguration.alarms.alarmNames cannot have an empty name."},
		{rollout(`"deploymentCircuitBreaker":{"enable":true,"thresholdConfiguration":{"value":3}}`), in + "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration needs a type"},
		{rollout(`"deploymentCircuitBreaker":{"enable":true,"thresholdConfiguration":{"type":"COUNT","value":0}}`), in + "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.value must be 1 or more."},
		{rollout(`"earlySuccessCriteria":{"enable":true}`), in + "deploymentConfiguration.earlySuccessCriteria needs a healthyPercent"},
		{rollout(`"earlySuccessCriteria":{"enable":true,"healthyPercent":101}`), in + "deploymentConfiguration.earlySuccessCriteria.healthyPercent must be between 0 and 100."},
		{rollout(`"earlySuccessCriteria":{"enable":true,"healthyPercent":100}`), in + "deploymentConfiguration.earlySuccessCriteria needs a sourceServiceRevisionCleanup"},
		{rollout(`"earlySuccessCriteria":{"enable":true,"healthyPercent":50,"sourceServiceRevisionCleanup":"DEFERRED"}`), in + "deploymentConfiguration.earlySuccessCriteria.healthyPercent must be 100 or more"},
		{rollout(`"lifecycleHooks":[{"hookTargetArn":"arn:aws:lambda:x"}]`), no + "deploymentConfiguration.lifecycleHooks[0] of the target type AWS_LAMBDA is not supported"},
		{pause(``), in + "deploymentConfiguration.lifecycleHooks[0] needs lifecycleStages."},
		{pause(`,"lifecycleStages":["TEST_TRAFFIC_SHIFT"]`), in + "deploymentConfiguration.lifecycleHooks[0]: a hook of the target type PAUSE cannot be configured at the stage TEST_TRAFFIC_SHIFT."},
		{pause(`,"hookTargetArn":"x"`), in + "deploymentConfiguration.lifecycleHooks[0].hookTargetArn is not applicable"},
		{pause(`,"hookDetails":{}`), in + "deploymentConfiguration.lifecycleHooks[0].hookDetails is not applicable"},
		{pause(`,"lifecycleStages":["PRE_SCALE_UP"],"timeoutConfiguration":{"timeoutInMinutes":0}`), in + "deploymentConfiguration.lifecycleHooks[0].timeoutConfiguration.timeoutInMinutes must be between"},
		{pause(`,"lifecycleStages":["LUNCH"]`), in + "deploymentConfiguration.lifecycleHooks[0].lifecycleStages[0] should be one of"},
	} {
		members := tc.members
		for name, value := range map[string]string{"cluster": `"main"`, "serviceName": `"web"`, "taskDefinition": `"web"`, "desiredCount": "1"} {
			if !strings.Contains(members, `"`+name+`":`) {
				members += `,"` + name + `":` + value
			}
		}
		script{{"CreateService", fill(a, `{`+members+`}`), tc.want}}.run(t, a)
	}
	for range a.store.View().Services.All() {
		t.Error("a refused request made a service")
	}
}

// What a service is made with is what it shows.
func TestServiceShowsAll(t *testing.T) {
	a := taskAPI(t)
	const members = `"serviceName":"web","desiredCount":3,"launchType":"EC2","availabilityZoneRebalancing":"DISABLED",
		"deploymentConfiguration":{"strategy":"ROLLING","maximumPercent":150,"minimumHealthyPercent":50,"bakeTimeInMinutes":5,
			"alarms":{"alarmNames":["web-5xx"],"enable":true,"rollback":true},
			"deploymentCircuitBreaker":{"enable":true,"rollback":true,"resetOnHealthyTask":false,"thresholdConfiguration":{"type":"COUNT","value":7}},
			"earlySuccessCriteria":{"enable":true,"healthyPercent":80,"sourceServiceRevisionCleanup":"DEFERRED"},
			"lifecycleHooks":[{"targetType":"PAUSE","lifecycleStages":["POST_SCALE_UP"],"timeoutConfiguration":{"action":"CONTINUE","timeoutInMinutes":10}}]},
		"deploymentController":{"type":"ECS"},"schedulingStrategy":"REPLICA","healthCheckGracePeriodSeconds":30,
		"placementConstraints":[{"type":"distinctInstance"},{"type":"memberOf","expression":"attribute:disk == ssd"}],
		"placementStrategy":[{"type":"spread","field":"attribute:ecs.availability-zone"},{"type":"binpack","field":"memory"}],
		"networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA","SUBNETB"],"securityGroups":["GROUP"],"assignPublicIp":"DISABLED"}},
		"propagateTags":"SERVICE","enableECSManagedTags":true,"enableExecuteCommand":false,
		"loadBalancers":[],"serviceRegistries":[],"tags":[{"key":"team","value":"blue"}]`
	service := fill(a, `{`+members+`,"taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/vpc:1",
		"deployments":[{"serviceConnectConfiguration":{"enabled":false}}]}`)
	script{
		{"CreateService", fill(a, `{`+members+`,"cluster":"main","taskDefinition":"vpc","clientToken":"t","serviceConnectConfiguration":{"enabled":false},
			"monitoring":{"metricConfigurations":[{"metricNames":["CPUUtilization","MemoryUtilization"],"resolutionSeconds":20}]},
			"volumeConfigurations":[],"vpcLatticeConfigurations":[],"gatewayConnectors":[]}`), `{"service":` + service + `}`},
		{"DescribeServices", `{"cluster":"main","services":["web"],"include":["TAGS"]}`, `{"failures":[],"services":[` + service + `]}`},
		{"DescribeServices", `{"cluster":"main","services":["web"]}`, `{"services":[{"tags":[]}]}`},
		{"DescribeServices", `{"cluster":"main","services":[]}`, "InvalidParameterException: Services cannot be empty."},
		{"DescribeServices", `{"cluster":"main","services":["1","2","3","4","5","6","7","8","9","10","11"]}`, "InvalidParameterException: services can have at most 10 items."},
		{"DescribeServices", `{"cluster":"main","services":["web"],"include":["ALL"]}`, "InvalidParameterException: include[0] should be one of [TAGS]"},
		{"RunTask", fill(a, `{"cluster":"main","taskDefinition":"vpc","group":"service:web",`+network+`}`), "InvalidParameterException: Invalid namespace for group."},
	}.run(t, a)
}
