package ecs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// machine is a connected container instance of 1,024 CPU units and 1,000 MiB,
// of zone a, that can all that the test's task definitions need.
func machine(a *API, cluster, id string) state.ContainerInstance {
	i := state.ContainerInstance{
		ARN: a.arn("container-instance/" + cluster + "/" + id), Cluster: a.arn("cluster/" + cluster), Status: "ACTIVE", AgentConnected: true,
		Resources: []types.Resource{
			{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 1024},
			{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: 1000},
			{Name: aws.String("PORTS"), Type: aws.String("STRINGSET"), StringSetValue: []string{"22"}},
			{Name: aws.String("PORTS_UDP"), Type: aws.String("STRINGSET"), StringSetValue: []string{}},
		},
	}
	for _, name := range []string{"berth.task-eni", "ecs.capability.task-eni", "com.amazonaws.ecs.capability.docker-remote-api.1.18"} {
		i.Attributes = append(i.Attributes, types.Attribute{Name: &name})
	}
	i.Attributes = append(i.Attributes, types.Attribute{Name: aws.String("ecs.availability-zone"), Value: aws.String("us-east-1a")})
	return i
}

// taskAPI serves the cluster main with the instance i1, the pool of Fargate with
// one machine, and the task definitions web, vpc and far.
func taskAPI(t *testing.T) *API {
	a := testAPI()
	write(t, a, func(tx *state.Tx) {
		tx.ContainerInstances.Put(tx, machine(a, "main", "i1"))
		tx.ContainerInstances.Put(tx, machine(a, ".fargate", "f1"))
	})
	script{
		{"CreateCluster", `{"clusterName":"main"}`, `{}`},
		{"CreateCluster", `{"clusterName":"empty"}`, `{}`},
		{"RegisterTaskDefinition", `{"family":"web","tags":[{"key":"team","value":"blue"}],"containerDefinitions":[{"name":"c","image":"nginx","memory":100,"cpu":10,"portMappings":[{"containerPort":80}]}]}`, `{}`},
		{"RegisterTaskDefinition", `{"family":"vpc","networkMode":"awsvpc","containerDefinitions":[{"name":"c","image":"nginx","memory":100}]}`, `{}`},
		{"RegisterTaskDefinition", `{"family":"far","requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512","containerDefinitions":[{"name":"c","image":"nginx"}]}`, `{}`},
	}.run(t, a)
	return a
}

// fill puts the ids of the default VPC into a text.
func fill(a *API, text string) string {
	n := a.vpc()
	return strings.NewReplacer("SUBNETA", n.Subnets[0].ID, "SUBNETB", n.Subnets[1].ID, "GROUP", n.SecurityGroup.ID).Replace(text)
}

const network = `"networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA"]}}`

func TestRunTask(t *testing.T) {
	a := taskAPI(t)
	script{
		{"RunTask", `{"cluster":"main","taskDefinition":"web","startedBy":"me"}`,
			`{"failures":[],"tasks":[{"clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main",
			"containerInstanceArn":"arn:aws:ecs:us-east-1:123456789012:container-instance/main/i1",
			"taskDefinitionArn":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
			"availabilityZone":"us-east-1a","launchType":"EC2","capacityProviderName":null,"group":"family:web","startedBy":"me",
			"lastStatus":"PENDING","desiredStatus":"RUNNING","version":1,"cpu":"10","memory":"100","healthStatus":"UNKNOWN",
			"enableExecuteCommand":false,"platformVersion":null,"inferenceAccelerators":[],"tags":[],"attachments":[],
			"overrides":{"containerOverrides":[{"name":"c","command":null}],"inferenceAcceleratorOverrides":[]},
			"startedAt":null,"stoppedAt":null,"stopCode":null,"stoppedReason":null,
			"containers":[{"name":"c","image":"nginx","lastStatus":"PENDING","networkInterfaces":[],"cpu":"10","memory":"100","exitCode":null}]}]}`},
		{"RunTask", fill(a, `{"cluster":"main","taskDefinition":"far","launchType":"FARGATE",`+network+`}`),
			fill(a, `{"failures":[],"tasks":[{"launchType":"FARGATE","containerInstanceArn":null,"platformVersion":"1.4.0","platformFamily":"Linux",
			"cpu":"256","memory":"512","attachments":[{"type":"ElasticNetworkInterface","status":"PRECREATED"}]}]}`)},
		{"DescribeClusters", `{"clusters":["main"]}`, `{"clusters":[{"pendingTasksCount":2,"runningTasksCount":0}]}`},
		{"DescribeContainerInstances", `{"cluster":"main","containerInstances":["i1"]}`,
			`{"containerInstances":[{"pendingTasksCount":1,"remainingResources":[{"integerValue":1014},{"integerValue":900},{},{}]}]}`},
		{"ListTasks", `{"cluster":"main","containerInstance":"f1"}`, `InvalidParameterException: The specified container instance does not exist.`},
	}.run(t, a)
}

// A task in a VPC has an address of its subnet, and gives it back.
func TestNetworkInterface(t *testing.T) {
	a := taskAPI(t)
	script{{"RunTask", fill(a, `{"cluster":"main","taskDefinition":"vpc","count":3,`+network+`}`), `{"failures":[],"tasks":[{},{},{}]}`}}.run(t, a)
	seen := map[string]bool{}
	v := a.store.View()
	for task := range v.Tasks.All() {
		n, ok := v.InterfaceOf(task.ARN)
		if !ok || seen[n.Address] || !strings.HasPrefix(n.Address, "10.210.") {
			t.Errorf("%s has the interface %+v", task.ARN, n)
		}
		seen[n.Address] = true
		got := fmt.Sprint(*task.Containers[0].NetworkInterfaces[0].PrivateIpv4Address, " ", task.Takes.ENIs)
		if want := n.Address + " 1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRunTaskRefuses(t *testing.T) {
	a := taskAPI(t)
	script{
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:1"}`, `{}`},
		{"RegisterTaskDefinition", `{"family":"web","containerDefinitions":[{"name":"c","image":"nginx","memory":100}]}`, `{}`},
	}.run(t, a)
	const in = "InvalidParameterException: "
	for _, tc := range []struct{ members, want string }{
		{`"taskDefinition":"web:1"`, in + "TaskDefinition is inactive"},
		{`"taskDefinition":"none"`, "ClientException: TaskDefinition not found."},
		{`"taskDefinition":""`, in + "TaskDefinition can not be blank."},
		{`"taskDefinition":"web","cluster":"none"`, "ClusterNotFoundException: Cluster not found."},
		{`"taskDefinition":"web","cluster":"empty"`, in + "No Container Instances were found in your cluster."},
		{`"taskDefinition":"web","cluster":".fargate"`, "ClusterNotFoundException: Cluster not found."},
		{`"taskDefinition":"web","count":11`, in + "count must be between 1 and 10."},
		{`"taskDefinition":"web","count":0`, in + "count must be between 1 and 10."},
		{`"taskDefinition":"web","launchType":"FARGATE"`, in + "Task definition does not support launch_type FARGATE."},
		{`"taskDefinition":"web","launchType":"MOON"`, in + "launchType should be one of"},
		{`"taskDefinition":"web","launchType":"EC2","capacityProviderStrategy":[{"capacityProvider":"p"}]`, in + "Specifying both a launch type and capacity provider strategy"},
		{`"taskDefinition":"web",` + network, in + "Network Configuration is not valid for the given networkMode"},
		{`"taskDefinition":"vpc"`, in + "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
		{`"taskDefinition":"vpc","networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-1"]}}`, in + "Error retrieving subnet information for [subnet-1]"},
		{`"taskDefinition":"vpc","networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA"],"securityGroups":["sg-1"]}}`, in + "Error retrieving security group information for [sg-1]"},
		{`"taskDefinition":"vpc","networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA"],"assignPublicIp":"ENABLED"}}`, in + "Assign public IP is not supported for this launch type."},
		{`"taskDefinition":"far","launchType":"FARGATE","platformVersion":"9.9",` + network, "PlatformUnknownException: The specified platform does not exist."},
		{`"taskDefinition":"web","platformVersion":"1.4.0"`, in + "The platform version must be null when specifying an EC2 launch type."},
		{`"taskDefinition":"far","launchType":"FARGATE","placementStrategy":[{"type":"random"}],` + network, in + "Placement strategies are not supported with FARGATE launch type."},
		{`"taskDefinition":"web","placementStrategy":[{"type":"binpack","field":"disk"}]`, in + "The field of a placement strategy of the type binpack"},
		{`"taskDefinition":"web","placementConstraints":[{"type":"memberOf","expression":"attribute:x =="}]`, in + "Invalid expression of a placement constraint"},
		{`"taskDefinition":"web","overrides":{"containerOverrides":[{"name":"d"}]}`, in + "Override for container named d is not a container in the TaskDefinition."},
		{`"taskDefinition":"web","enableExecuteCommand":true`, "UnsupportedFeatureException: enableExecuteCommand"},
		{`"taskDefinition":"web","volumeConfigurations":[{"name":"v"}]`, "UnsupportedFeatureException: volumeConfigurations"},
		{`"taskDefinition":"web","propagateTags":"SERVICE"`, in + "PropagateTags can only be"},
		{`"taskDefinition":"web","startedBy":"a b"`, in + "startedBy can have up to 128"},
		{`"taskDefinition":"web","tags":[{"key":"aws:x","value":"y"}]`, in + "The tag \"aws:x\" is invalid"},
	} {
		request := fill(a, `{"cluster":"main",`+tc.members+`}`)
		script{{"RunTask", request, tc.want}}.run(t, a)
	}
	if n := a.store.View().Tasks.Len(); n != 0 {
		t.Errorf("%d tasks run", n)
	}
}

func TestClientToken(t *testing.T) {
	a := taskAPI(t)
	request := `{"cluster":"main","taskDefinition":"web","clientToken":"x"}`
	script{{"RunTask", request, `{"tasks":[{}]}`}}.run(t, a)
	script{
		{"RunTask", request, `{"tasks":[{"taskArn":"` + firstTask(a) + `"}],"failures":[]}`},
		{"RunTask", strings.Replace(request, "web", "web:1", 1), `ConflictException: The client token was used before`},
		{"ListTasks", `{"cluster":"main"}`, `{"taskArns":["` + firstTask(a) + `"]}`},
	}.run(t, a)
}

func firstTask(a *API) string {
	for task := range a.store.View().Tasks.All() {
		return task.ARN
	}
	return ""
}

func TestStopTask(t *testing.T) {
	a := taskAPI(t)
	script{{"RunTask", `{"cluster":"main","taskDefinition":"web"}`, `{"tasks":[{}]}`}}.run(t, a)
	id := lastPart(firstTask(a))
	stopped := `{"task":{"lastStatus":"PENDING","desiredStatus":"STOPPED","stopCode":"UserInitiated","stoppedReason":"enough","version":2}}`
	script{
		{"StopTask", `{"cluster":"main","task":"` + id + `","reason":"enough"}`, stopped},
		{"StopTask", `{"cluster":"main","task":"` + firstTask(a) + `"}`, stopped}, // changes nothing any more
		{"StopTask", `{"cluster":"main","task":"none"}`, `InvalidParameterException: The referenced task was not found.`},
		{"StopTask", `{"cluster":"empty","task":"` + id + `"}`, `InvalidParameterException: The referenced task was not found.`},
		{"StopTask", `{"cluster":"main"}`, `InvalidParameterException: Task cannot be empty.`},
		{"ListTasks", `{"cluster":"main"}`, `{"taskArns":[]}`},
		{"ListTasks", `{"cluster":"main","desiredStatus":"STOPPED"}`, `{"taskArns":["` + firstTask(a) + `"]}`},
	}.run(t, a)
}

func TestDescribeTasks(t *testing.T) {
	a := taskAPI(t)
	script{{"RunTask", `{"cluster":"main","taskDefinition":"web","propagateTags":"TASK_DEFINITION","tags":[{"key":"x","value":"y"}],"enableECSManagedTags":true}`, `{"tasks":[{}]}`}}.run(t, a)
	one := firstTask(a)
	script{
		{"DescribeTasks", `{"cluster":"main","tasks":["` + one + `","none"]}`,
			`{"tasks":[{"tags":[]}],"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:task/main/none","reason":"MISSING"}]}`},
		{"DescribeTasks", `{"cluster":"main","tasks":["` + one + `"],"include":["TAGS"]}`,
			`{"tasks":[{"tags":[{"key":"team","value":"blue"},{"key":"x","value":"y"},{"key":"aws:ecs:clusterName","value":"main"}]}]}`},
		{"DescribeTasks", `{"cluster":"empty","tasks":["` + one + `"]}`, `{"tasks":[],"failures":[{"arn":"` + one + `","reason":"MISSING"}]}`},
		{"DescribeTasks", `{"cluster":"main"}`, `InvalidParameterException: Tasks cannot be empty.`},
		{"DescribeTasks", `{"cluster":"main","tasks":[` + strings.Repeat(`"a",`, 100) + `"a"]}`, `InvalidParameterException: taskIds can have at most 100 items.`},
		{"DescribeTasks", `{"cluster":"none","tasks":["a"]}`, `ClusterNotFoundException: Cluster not found.`},
	}.run(t, a)
}

func TestStartTask(t *testing.T) {
	a := taskAPI(t)
	script{
		{"StartTask", `{"cluster":"main","taskDefinition":"web","containerInstances":["i1","i2"]}`,
			`{"tasks":[{"containerInstanceArn":"arn:aws:ecs:us-east-1:123456789012:container-instance/main/i1"}],
			"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:container-instance/main/i2","reason":"MISSING"}]}`},
		{"StartTask", `{"cluster":"main","taskDefinition":"web"}`, `ClientException: Container Instances cannot be empty.`},
	}.run(t, a)
}

func TestListTasks(t *testing.T) {
	a := taskAPI(t)
	script{
		{"RunTask", `{"cluster":"main","taskDefinition":"web","startedBy":"me"}`, `{"tasks":[{}]}`},
	}.run(t, a)
	web := firstTask(a)
	script{
		{"RunTask", fill(a, `{"cluster":"main","taskDefinition":"far","launchType":"FARGATE",`+network+`}`), `{"tasks":[{}]}`},
		{"ListTasks", `{"cluster":"main","family":"web"}`, `{"taskArns":["` + web + `"]}`},
		{"ListTasks", `{"cluster":"main","family":"we"}`, `{"taskArns":[]}`},
		{"ListTasks", `{"cluster":"main","startedBy":"me"}`, `{"taskArns":["` + web + `"]}`},
		{"ListTasks", `{"cluster":"main","launchType":"EC2"}`, `{"taskArns":["` + web + `"]}`},
		{"ListTasks", `{"cluster":"main","containerInstance":"i1"}`, `{"taskArns":["` + web + `"]}`},
		{"ListTasks", `{"cluster":"main","desiredStatus":"PENDING"}`, `{"taskArns":[]}`},
		{"ListTasks", `{"cluster":"main","serviceName":"s"}`, `ServiceNotFoundException: Service not found.`},
		{"ListTasks", `{"cluster":"main","startedBy":"me","family":"web"}`, `InvalidParameterException: startedBy must be the only filter`},
		{"ListTasks", `{"cluster":"main","maxResults":101}`, `InvalidParameterException: maxResults must be between 1 and 100.`},
	}.run(t, a)
}
