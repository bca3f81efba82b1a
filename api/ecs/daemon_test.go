package ecs

import (
	"strings"
	"testing"

	"berth/state"
)

const machines = `{"name":"machines","cluster":"main","managedInstancesProvider":{"infrastructureRoleArn":"arn:aws:iam::123456789012:role/r",
	"instanceLaunchTemplate":{"ec2InstanceProfileArn":"arn:aws:iam::123456789012:instance-profile/p","networkConfiguration":{"subnets":["subnet-1"]}}}}`

const (
	providerMachines = `"capacityProviderArns":["arn:aws:ecs:us-east-1:123456789012:capacity-provider/machines"]`
	loggerARN        = "arn:aws:ecs:us-east-1:123456789012:daemon/main/logger"
	loggerDefinition = `"daemonTaskDefinitionArn":"arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/logger:`
	createLogger     = `{"daemonName":"logger","clusterArn":"main",` + loggerDefinition + `1",` + providerMachines + `}`
)

// withMachines has a cluster, a capacity provider of it and two revisions of a
// daemon task definition.
func withMachines(t *testing.T) *API {
	a := testAPI()
	script{
		{"CreateCluster", `{"clusterName":"main"}`, `{}`},
		{"CreateCapacityProvider", machines, `{}`},
		{"RegisterDaemonTaskDefinition", `{"family":"logger","containerDefinitions":[{"name":"log","image":"log:1"}],"tags":[{"key":"a","value":"b"}]}`,
			`{"daemonTaskDefinitionArn":"arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/logger:1"}`},
		{"RegisterDaemonTaskDefinition", `{"family":"logger","containerDefinitions":[{"name":"log","image":"log:2"}]}`,
			`{"daemonTaskDefinitionArn":"arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/logger:2"}`},
	}.run(t, a)
	return a
}

func TestDaemonTaskDefinitions(t *testing.T) {
	a := withMachines(t)
	const arn = "arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/"
	script{
		{"DescribeDaemonTaskDefinition", `{"daemonTaskDefinition":"logger"}`, `{"daemonTaskDefinition":{"family":"logger","revision":2,"status":"ACTIVE",
			"registeredBy":"arn:aws:iam::123456789012:root","daemonTaskDefinitionArn":"` + arn + `logger:2","pidMode":null,"volumes":[],
			"containerDefinitions":[{"name":"log","image":"log:2","essential":true,"cpu":0,"environment":[],"mountPoints":[],"secrets":[],"memory":null,"command":null}]}}`},
		{"DescribeDaemonTaskDefinition", `{"daemonTaskDefinition":"` + arn + `logger:1"}`, `{"daemonTaskDefinition":{"revision":1}}`},
		{"DescribeDaemonTaskDefinition", `{"daemonTaskDefinition":"logger:3"}`, "ClientException: Unable to describe daemon task definition."},
		{"DescribeDaemonTaskDefinition", `{"daemonTaskDefinition":"logger:x"}`, "InvalidParameterException: Invalid revision number. Number: x"},
		{"DescribeDaemonTaskDefinition", `{}`, "InvalidParameterException: DaemonTaskDefinition can not be blank."},
		{"DescribeTaskDefinition", `{"taskDefinition":"logger"}`, "ClientException: Unable to describe task definition."}, // they are two worlds
		{"ListTagsForResource", `{"resourceArn":"` + arn + `logger:1"}`, `{"tags":[{"key":"a","value":"b"}]}`},
		{"RegisterDaemonTaskDefinition", `{"family":"guard","containerDefinitions":[{"name":"g","image":"g"}]}`, `{}`},
		{"ListDaemonTaskDefinitions", `{}`, `{"nextToken":null,"daemonTaskDefinitions":[{"arn":"` + arn + `guard:1","status":"ACTIVE","registeredBy":"arn:aws:iam::123456789012:root"},
			{"arn":"` + arn + `logger:1"},{"arn":"` + arn + `logger:2"}]}`},
		{"ListDaemonTaskDefinitions", `{"sort":"DESC","maxResults":1}`, `{"daemonTaskDefinitions":[{"arn":"` + arn + `logger:2"}]}`},
		{"ListDaemonTaskDefinitions", `{"revision":"LAST_REGISTERED","familyPrefix":"log"}`, `{"daemonTaskDefinitions":[{"arn":"` + arn + `logger:2"}]}`},
		{"ListDaemonTaskDefinitions", `{"family":"log"}`, `{"daemonTaskDefinitions":[]}`},
		{"DeleteDaemonTaskDefinition", `{"daemonTaskDefinition":"logger"}`, "ClientException: Revision is missing."},
		{"DeleteDaemonTaskDefinition", `{"daemonTaskDefinition":"logger:2"}`, `{"daemonTaskDefinitionArn":"` + arn + `logger:2"}`},
		{"DeleteDaemonTaskDefinition", `{"daemonTaskDefinition":"logger:2"}`, "ClientException: The specified daemon task definition is not in ACTIVE status"},
		{"DescribeDaemonTaskDefinition", `{"daemonTaskDefinition":"logger"}`, `{"daemonTaskDefinition":{"revision":1}}`},
		{"ListDaemonTaskDefinitions", `{"status":"DELETE_IN_PROGRESS"}`, `{"daemonTaskDefinitions":[{"arn":"` + arn + `logger:2","status":"DELETE_IN_PROGRESS"}]}`},
		{"CreateDaemon", strings.Replace(createLogger, "logger:1", "logger:2", 1), "InvalidParameterException: DaemonTaskDefinition is inactive"},
	}.run(t, a)
}

func TestDaemons(t *testing.T) {
	a := withMachines(t)
	const daemon = `{"daemonArn":"` + loggerARN + `"}`
	update := func(members string) string {
		return `{"daemonArn":"` + loggerARN + `",` + providerMachines + `,` + loggerDefinition + `2"` + members + `}`
	}
	script{
		{"CreateDaemon", createLogger, `{"daemonArn":"` + loggerARN + `","status":"ACTIVE"}`},
		{"CreateDaemon", createLogger, "InvalidParameterException: Creation of daemon was not idempotent."},
		{"DescribeDaemon", daemon, `{"daemon":{"daemonArn":"` + loggerARN + `","status":"ACTIVE","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main",
			"currentRevisions":[{"totalRunningCount":0,"totalWithoutDaemonCount":0,
				"capacityProviders":[{"arn":"arn:aws:ecs:us-east-1:123456789012:capacity-provider/machines","runningCount":0,"withoutDaemonCount":0}]}]}}`},
		{"ListDaemons", `{"clusterArn":"main"}`, `{"daemonSummariesList":[{"daemonArn":"` + loggerARN + `","status":"ACTIVE"}]}`},
		{"ListDaemons", `{"clusterArn":"main","capacityProviderArns":["arn:aws:ecs:us-east-1:123456789012:capacity-provider/others"]}`, `{"daemonSummariesList":[]}`},
		{"DeleteCapacityProvider", `{"capacityProvider":"machines","cluster":"main"}`, `{"capacityProvider":{"updateStatus":"DELETE_FAILED",
			"updateStatusReason":"The capacity provider cannot be deleted because it is associated with daemon: logger. Remove the capacity provider from the daemon and try again."}}`},
		{"UpdateDaemon", update(`,"critical":false,"deploymentConfiguration":{"drainPercent":50,"bakeTimeInMinutes":5}`), `{"daemonArn":"` + loggerARN + `","status":"ACTIVE"}`},
		{"ListDaemonDeployments", daemon, `{"daemonDeployments":[
			{"status":"PENDING","daemonArn":"` + loggerARN + `","finishedAt":null},
			{"status":"STOPPED","statusReason":"Deployment stopped: it was replaced by a new deployment."}]}`},
		{"ListDaemonDeployments", `{"daemonArn":"` + loggerARN + `","status":["STOPPED"]}`, `{"daemonDeployments":[{"status":"STOPPED"}]}`},
		{"ListDaemonDeployments", `{"daemonArn":"` + loggerARN + `","createdAt":{"before":1}}`, `{"daemonDeployments":[]}`},
		{"ListDaemonDeployments", `{"daemonArn":"` + loggerARN + `","status":["DONE"]}`, "InvalidParameterException: status[0] should be one of"},
		{"TagResource", `{"resourceArn":"` + loggerARN + `","tags":[{"key":"team","value":"ops"}]}`, `{}`},
		{"ListTagsForResource", `{"resourceArn":"` + loggerARN + `"}`, `{"tags":[{"key":"team","value":"ops"}]}`},
		{"DeleteDaemon", daemon, `{"daemonArn":"` + loggerARN + `","status":"DELETE_IN_PROGRESS"}`},
		{"DeleteDaemon", daemon, "InvalidParameterException: The daemon logger can not be deleted: a deployment deletion is ongoing."},
		{"UpdateDaemon", update(``), "DaemonNotActiveException: The daemon is not active"},
		{"CreateDaemon", createLogger, "InvalidParameterException: The daemon logger can not be created: a deployment deletion is ongoing."},
	}.run(t, a)
}

func TestDaemonDeploymentsAndRevisions(t *testing.T) {
	a := withMachines(t)
	script{{"CreateDaemon", strings.Replace(createLogger, "{", `{"propagateTags":"DAEMON","tags":[{"key":"k","value":"v"}],`, 1), `{}`}}.run(t, a)
	v := a.store.View()
	d, _ := v.Daemons.Get(loggerARN)
	for _, arn := range []string{d.Deployment, d.Revision} {
		if !strings.Contains(arn, "/main/logger/") {
			t.Errorf("ARN %s", arn)
		}
	}
	script{
		{"DescribeDaemonDeployments", `{"daemonDeploymentArns":["` + d.Deployment + `","arn:aws:ecs:us-east-1:123456789012:daemon-deployment/main/logger/x"]}`,
			`{"daemonDeployments":[{"daemonDeploymentArn":"` + d.Deployment + `","status":"PENDING","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main","rollback":null,
				"deploymentConfiguration":{"drainPercent":25,"bakeTimeInMinutes":0,"alarms":{"enable":false,"alarmNames":[]}},
				"alarms":{"status":"DISABLED","alarmNames":[],"triggeredAlarmNames":[]},"circuitBreaker":{"status":"MONITORING","threshold":10,"failureCount":0},
				"sourceDaemonRevisions":[],"targetDaemonRevision":{"arn":"` + d.Revision + `","totalRunningInstanceCount":0,"totalDrainingInstanceCount":0}}],
			"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:daemon-deployment/main/logger/x","reason":"MISSING"}]}`},
		{"DescribeDaemonRevisions", `{"daemonRevisionArns":["` + d.Revision + `"]}`, `{"daemonRevisions":[{"daemonArn":"` + loggerARN + `","critical":true,
			"containerImages":[{"containerName":"log","image":"log:1"}],"propagateTags":"DAEMON","enableECSManagedTags":false,"enableExecuteCommand":false,
			"daemonTaskDefinitionArn":"arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/logger:1"}],"failures":[]}`},
		{"DescribeDaemonRevisions", `{"daemonRevisionArns":[]}`, "InvalidParameterException: daemonRevisionArns must have 1 to 20 members."},
		{"DescribeDaemonDeployments", `{}`, "InvalidParameterException: daemonDeploymentArns must have 1 to 20 members."},
	}.run(t, a)
}

func TestCreateDaemonRepeated(t *testing.T) {
	a := withMachines(t)
	with := func(members string) string {
		return strings.Replace(createLogger, "{", `{"clientToken":"once",`+members, 1)
	}
	script{
		{"CreateDaemon", with(``), `{"daemonArn":"` + loggerARN + `"}`},
		{"CreateDaemon", with(``), `{"daemonArn":"` + loggerARN + `"}`},
		{"CreateDaemon", with(`"critical":false,`), "ConflictException: The client token was used before"},
	}.run(t, a)
	if n := a.store.View().DaemonDeployments.Len(); n != 1 {
		t.Errorf("%d deployments", n)
	}
}

func TestCreateDaemonRefuses(t *testing.T) {
	a := withMachines(t)
	write(t, a, func(tx *state.Tx) {
		tx.Clusters.Put(tx, state.Cluster{ARN: a.arn("cluster/other"), Name: "other", Status: "ACTIVE"})
	})
	replace := func(old, with string) string { return strings.Replace(createLogger, old, with, 1) }
	script{
		{"CreateDaemon", replace(`"logger"`, `"log ger"`), "InvalidParameterException: daemonName must have"},
		{"CreateDaemon", replace(`"main"`, `"gone"`), "ClusterNotFoundException: Cluster not found."},
		{"CreateDaemon", replace(`"main"`, `"other"`), "InvalidParameterException: The capacity provider machines belongs to another cluster than the daemon."},
		{"CreateDaemon", replace(`logger:1`, `logger:7`), "ClientException: DaemonTaskDefinition not found."},
		{"CreateDaemon", `{"daemonName":"logger","clusterArn":"main",` + providerMachines + `}`, "InvalidParameterException: daemonTaskDefinitionArn can not be blank."},
		{"CreateDaemon", `{"daemonName":"logger","clusterArn":"main",` + loggerDefinition + `1"}`, "InvalidParameterException: capacityProviderArns can not be empty."},
		{"CreateDaemon", replace(`provider/machines`, `provider/none`), "InvalidParameterException: The capacity provider arn:aws:ecs:us-east-1:123456789012:capacity-provider/none does not exist."},
		{"CreateDaemon", replace(`provider/machines`, `provider/FARGATE`), "InvalidParameterException: The capacity provider FARGATE is of the type FARGATE: daemons are only supported"},
		{"CreateDaemon", replace(`{`, `{"deploymentConfiguration":{"drainPercent":101},`), "InvalidParameterException: deploymentConfiguration.drainPercent must be between 0.0 and 100.0."},
		{"CreateDaemon", replace(`{`, `{"deploymentConfiguration":{"bakeTimeInMinutes":1441},`), "InvalidParameterException: deploymentConfiguration.bakeTimeInMinutes must be between 0 and 1440."},
		{"CreateDaemon", replace(`{`, `{"deploymentConfiguration":{"alarms":{"enable":true}},`), "InvalidParameterException: deploymentConfiguration.alarms.alarmNames can not be empty"},
		{"CreateDaemon", replace(`{`, `{"propagateTags":"SERVICE",`), "InvalidParameterException: propagateTags should be one of [DAEMON,NONE]"},
		{"CreateDaemon", replace(`{`, `{"enableExecuteCommand":true,`), "UnsupportedFeatureException: enableExecuteCommand is not supported yet"},
		{"DescribeDaemon", `{}`, "InvalidParameterException: daemonArn can not be blank."},
		{"DescribeDaemon", `{"daemonArn":"` + loggerARN + `"}`, "DaemonNotFoundException: Daemon not found."},
	}.run(t, a)
}

// An agent says which capacity provider its machine is of, before there is one.
func TestRegistersWithCapacityProvider(t *testing.T) {
	a := testAPI()
	const with = `{"cluster":"main","attributes":[{"name":"berth.capacity-provider","value":"%"}]}`
	script{
		{"CreateCluster", `{"clusterName":"main"}`, `{}`},
		{"RegisterContainerInstance", strings.Replace(with, "%", "machines", 1), `{"containerInstance":{"capacityProviderName":"machines"}}`},
		{"RegisterContainerInstance", strings.Replace(with, "%", "ecs-x", 1), "InvalidParameterException: The specified capacity provider name is invalid."},
		{"CreateCapacityProvider", machines, `{}`},
		{"RegisterTaskDefinition", `{"family":"web","networkMode":"host","containerDefinitions":[{"name":"web","image":"web","memory":64}]}`, `{}`},
		{"RunTask", `{"cluster":"main","taskDefinition":"web","capacityProviderStrategy":[{"capacityProvider":"machines","weight":1}]}`,
			`{"tasks":[],"failures":[{"reason":"AGENT"}]}`},
	}.run(t, a)
}
