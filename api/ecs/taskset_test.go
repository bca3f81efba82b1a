package ecs

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// externalAPI serves the cluster main with the service ext of ten tasks, whose
// deployment controller is external, and the service web, whose is not.
func externalAPI(t *testing.T) *API {
	a := taskAPI(t)
	script{
		{"CreateService", `{"cluster":"main","serviceName":"ext","desiredCount":10,"deploymentController":{"type":"EXTERNAL"}}`, `{}`},
		{"CreateService", `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":1}`, `{}`},
	}.run(t, a)
	return a
}

const extSet = `"cluster":"main","service":"ext"`

// newTaskSet makes a task set of ext and returns its id.
func newTaskSet(t *testing.T, a *API, scale float64) string {
	t.Helper()
	in := &ecs.CreateTaskSetInput{Cluster: aws.String("main"), Service: aws.String("ext"), TaskDefinition: aws.String("web")}
	in.Scale = &types.Scale{Value: scale}
	out, err := a.CreateTaskSet(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.TaskSet.Id
}

func TestCreateTaskSet(t *testing.T) {
	a := externalAPI(t)
	script{
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web"}`, `{"taskSet":{"status":"ACTIVE","taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
			"serviceArn":"arn:aws:ecs:us-east-1:123456789012:service/main/ext","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main",
			"launchType":"EC2","computedDesiredCount":0,"pendingCount":0,"runningCount":0,"scale":{"value":0,"unit":"PERCENT"},"stabilityStatus":"STABILIZING",
			"loadBalancers":[],"serviceRegistries":[],"tags":[],"externalId":null,"startedBy":null,"platformVersion":null}}`},
		{"CreateTaskSet", fill(a, `{`+extSet+`,"taskDefinition":"far:1","launchType":"FARGATE","platformVersion":"LATEST","scale":{"value":33.3,"unit":"PERCENT"},
			"externalId":"v2","tags":[{"key":"team","value":"blue"}],"clientToken":"t1",`+network+`}`),
			fill(a, `{"taskSet":{"launchType":"FARGATE","platformVersion":"1.4.0","platformFamily":"Linux","computedDesiredCount":4,"scale":{"value":33.3},"externalId":"v2",
			"tags":[{"key":"team","value":"blue"}],"networkConfiguration":{"awsvpcConfiguration":{"subnets":["SUBNETA"],"assignPublicIp":"DISABLED"}}}}`)},
		{"CreateTaskSet", fill(a, `{`+extSet+`,"taskDefinition":"far:1","launchType":"FARGATE","platformVersion":"LATEST","scale":{"value":33.3,"unit":"PERCENT"},
			"externalId":"v2","tags":[{"key":"team","value":"blue"}],"clientToken":"t1",`+network+`}`), `{"taskSet":{"externalId":"v2"}}`}, // the same
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","clientToken":"t1"}`, `InvalidParameterException: The client token was used before`},
		{"DescribeTaskSets", `{` + extSet + `}`, `{"taskSets":[{"tags":[]},{"tags":[]}],"failures":[]}`},
		{"DescribeTaskSets", `{` + extSet + `,"taskSets":["ecs-svc/1"]}`, `{"taskSets":[],"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:task-set/main/ext/ecs-svc/1","reason":"MISSING"}]}`},

		{"CreateTaskSet", `{"service":"ext","taskDefinition":"web"}`, `InvalidParameterException: Cluster cannot be empty.`},
		{"CreateTaskSet", `{"cluster":"main","taskDefinition":"web"}`, `InvalidParameterException: Service cannot be empty.`},
		{"CreateTaskSet", `{` + extSet + `}`, `InvalidParameterException: TaskDefinition cannot be empty.`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"none"}`, `ClientException: TaskDefinition not found.`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","scale":{"value":101}}`, `InvalidParameterException: scale.value must be between 0 and 100`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","scale":{"value":1,"unit":"TASKS"}}`, `InvalidParameterException: scale.unit should be one of [PERCENT]`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","clientToken":"1234567890123456789012345678901234567"}`, `InvalidParameterException: clientToken can have up to 36 characters`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","launchType":"FARGATE"}`, `InvalidParameterException: Task definition does not support launch_type FARGATE.`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","platformVersion":"1.4.0"}`, `InvalidParameterException: The platform version must be null`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"vpc"}`, `InvalidParameterException: Network Configuration must be provided`},
		{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web","loadBalancers":[{"containerName":"c"}]}`, `UnsupportedFeatureException: loadBalancers is not supported yet`},
		{"CreateTaskSet", `{"cluster":"main","service":"none","taskDefinition":"web"}`, `ServiceNotFoundException: Service not found.`},
		{"CreateTaskSet", `{"cluster":"main","service":"web","taskDefinition":"web"}`, `InvalidParameterException: Amazon ECS only supports task set management on services configured to use external deployment controllers.`},
		{"DescribeTaskSets", `{"cluster":"main","service":"web"}`, `InvalidParameterException: Amazon ECS only supports task set management on services`},
	}.run(t, a)
	for range 3 {
		newTaskSet(t, a, 0)
	}
	script{{"CreateTaskSet", `{` + extSet + `,"taskDefinition":"web"}`,
		`InvalidParameterException: 5 deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.`}}.run(t, a)
}

func TestTaskSetLife(t *testing.T) {
	a := externalAPI(t)
	blue, green := newTaskSet(t, a, 100), newTaskSet(t, a, 0)
	of := func(id string) string { return extSet + `,"taskSet":"` + id + `"` }
	script{
		{"UpdateTaskSet", `{` + of(green) + `,"scale":{"value":25,"unit":"PERCENT"}}`, `{"taskSet":{"id":"` + green + `","computedDesiredCount":3,"status":"ACTIVE"}}`},
		{"UpdateTaskSet", `{` + of(green) + `}`, `InvalidParameterException: Scale cannot be empty.`},
		{"UpdateTaskSet", `{` + extSet + `,"scale":{"value":1}}`, `InvalidParameterException: TaskSet cannot be empty.`},
		{"UpdateTaskSet", `{` + of("ecs-svc/1") + `,"scale":{"value":1}}`, `TaskSetNotFoundException: The referenced task set was not found.`},

		{"UpdateServicePrimaryTaskSet", `{` + extSet + `,"primaryTaskSet":"` + blue + `"}`, `{"taskSet":{"id":"` + blue + `","status":"PRIMARY"}}`},
		{"UpdateServicePrimaryTaskSet", `{` + extSet + `,"primaryTaskSet":"` + blue + `"}`, `{"taskSet":{"status":"PRIMARY"}}`}, // again
		{"DescribeServices", `{"cluster":"main","services":["ext"]}`, `{"services":[{"taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1","deployments":[],
			"taskSets":[{},{}]}]}`},
		{"UpdateServicePrimaryTaskSet", `{` + extSet + `,"primaryTaskSet":"arn:aws:ecs:us-east-1:123456789012:task-set/main/ext/` + green + `"}`, `{"taskSet":{"status":"PRIMARY"}}`},
		{"DescribeTaskSets", `{` + extSet + `,"taskSets":["` + blue + `"]}`, `{"taskSets":[{"status":"ACTIVE"}]}`},

		{"DeleteTaskSet", `{` + of(green) + `}`, `InvalidParameterException: Primary TaskSet cannot be deleted`},
		{"DeleteTaskSet", `{` + of(blue) + `}`, `InvalidParameterException: The task set cannot be deleted while it is scaled above 0.`},
		{"DeleteTaskSet", `{` + of(blue) + `,"force":true}`, `{"taskSet":{"status":"DRAINING","computedDesiredCount":0}}`},
		{"DeleteTaskSet", `{` + of(blue) + `}`, `{"taskSet":{"status":"DRAINING"}}`}, // again
		{"UpdateTaskSet", `{` + of(blue) + `,"scale":{"value":1}}`, `InvalidParameterException: The task set ` + blue + ` is DRAINING`},
		{"UpdateServicePrimaryTaskSet", `{` + extSet + `,"primaryTaskSet":"` + blue + `"}`, `InvalidParameterException: The task set ` + blue + ` is DRAINING`},
		{"DeleteTaskSet", `{` + of(green) + `,"force":true}`, `{"taskSet":{"status":"DRAINING"}}`},
	}.run(t, a)
	if s, _ := a.store.View().Services.Get(a.arn("service/main/ext")); s.PrimaryTaskSet != "" {
		t.Errorf("the service still has the deleted primary task set %s", s.PrimaryTaskSet)
	}
}

func TestTaskSetTags(t *testing.T) {
	a := externalAPI(t)
	id := newTaskSet(t, a, 0)
	set := `"resourceArn":"arn:aws:ecs:us-east-1:123456789012:task-set/main/ext/` + id + `"`
	script{
		{"TagResource", `{` + set + `,"tags":[{"key":"team","value":"blue"},{"key":"a","value":"b"}]}`, `{}`},
		{"UntagResource", `{` + set + `,"tagKeys":["a"]}`, `{}`},
		{"ListTagsForResource", `{` + set + `}`, `{"tags":[{"key":"team","value":"blue"}]}`},
		{"DescribeTaskSets", `{` + extSet + `,"taskSets":["` + id + `"]}`, `{"taskSets":[{"tags":[]}]}`},
		{"DescribeTaskSets", `{` + extSet + `,"taskSets":["` + id + `"],"include":["TAGS"]}`, `{"taskSets":[{"tags":[{"key":"team","value":"blue"}]}]}`},
		{"ListTagsForResource", `{"resourceArn":"arn:aws:ecs:us-east-1:123456789012:task-set/main/ext/ecs-svc/1"}`, `ResourceNotFoundException: The specified resource`},
	}.run(t, a)
}
