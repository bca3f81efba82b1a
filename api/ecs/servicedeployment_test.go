package ecs

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

const (
	serviceARN    = "arn:aws:ecs:us-east-1:123456789012:service/main/web"
	deploymentARN = "arn:aws:ecs:us-east-1:123456789012:service-deployment/main/web/"
	revisionARN   = "arn:aws:ecs:us-east-1:123456789012:service-revision/main/web/"
)

// deployedAPI serves the cluster main with the service web of two tasks, which
// has been deployed from web:1 and is being deployed anew, with a circuit breaker.
func deployedAPI(t *testing.T) *API {
	a := taskAPI(t)
	write(t, a, func(tx *state.Tx) {
		s := state.Service{
			ARN: serviceARN, Name: "web", Cluster: a.arn("cluster/main"), Status: "ACTIVE", Desired: 2,
			Scheduling: types.SchedulingStrategyReplica, Controller: types.DeploymentControllerTypeEcs,
			Rollout: deploy.Defaults(&types.DeploymentConfiguration{
				DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
			}, types.SchedulingStrategyReplica),
		}
		r := state.ServiceRevision{Workload: state.Workload{Definition: a.arn("task-definition/web:1"), LaunchType: "EC2"}}
		deploy.Begin(tx, &s, r)
		first, _ := tx.ServiceDeployments.Get(s.Deployments[0].ServiceDeployment)
		first.Status, first.FinishedAt, first.CreatedAt = types.ServiceDeploymentStatusSuccessful, tx.Now(), tx.Now().Add(-time.Hour)
		tx.ServiceDeployments.Put(tx, first)
		deploy.Begin(tx, &s, r)
		s.Deployments[0].Failed = 1
		second, _ := tx.ServiceDeployments.Get(s.Deployments[0].ServiceDeployment)
		second.Status, second.StartedAt = types.ServiceDeploymentStatusInProgress, tx.Now()
		second.Hooks = []types.DeploymentLifecycleHookDetail{{
			HookId: aws.String("ecs-pause-1"), Status: types.DeploymentLifecycleHookStatusAwaitingAction, TargetType: types.DeploymentLifecycleHookTargetTypePause}}
		tx.ServiceDeployments.Put(tx, second)
		tx.Services.Put(tx, s)
		for i, last := range []string{"RUNNING", "PENDING", "RUNNING"} {
			tx.Tasks.Put(tx, state.Task{
				ARN: a.arn("task/main/" + string(rune('a'+i))), Cluster: s.Cluster, Service: s.ARN, Last: last, Desired: "RUNNING",
				StartedBy: s.Deployments[i/2].ID, Group: "service:web",
			})
		}
	})
	return a
}

// deployments are the ARNs of the service deployments of web, newest first.
func deployments(t *testing.T, a *API) (arns []string) {
	t.Helper()
	out, err := a.ListServiceDeployments(context.Background(), &ecs.ListServiceDeploymentsInput{Service: aws.String(serviceARN)})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range out.ServiceDeployments {
		arns = append(arns, *d.ServiceDeploymentArn)
	}
	return arns
}

func TestServiceDeployments(t *testing.T) {
	a := deployedAPI(t)
	all := deployments(t, a)
	newest, oldest := all[0], all[1]
	v := a.store.View()
	target, _ := v.ServiceDeployments.Get(newest)
	source, _ := v.ServiceDeployments.Get(oldest)
	script{
		{"ListServiceDeployments", `{"service":"web","cluster":"main","maxResults":1}`, `{"serviceDeployments":[{"serviceDeploymentArn":"` + newest + `",
			"serviceArn":"` + serviceARN + `","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main","status":"IN_PROGRESS","finishedAt":null,"statusReason":null,
			"targetServiceRevisionArn":"` + target.Target + `"}]}`},
		{"ListServiceDeployments", `{"service":"web","cluster":"main","status":["SUCCESSFUL","STOPPED"]}`, `{"serviceDeployments":[{"serviceDeploymentArn":"` + oldest + `"}],"nextToken":null}`},
		{"ListServiceDeployments", `{"service":"web","cluster":"main","status":["DONE"]}`, `InvalidParameterException: status[0] should be one of [`},
		{"ListServiceDeployments", `{"service":"web","cluster":"main","createdAt":{"after":1}}`, `{"serviceDeployments":[{},{}]}`},
		{"ListServiceDeployments", `{"service":"web","cluster":"main","createdAt":{"before":1}}`, `{"serviceDeployments":[]}`},
		{"ListServiceDeployments", `{"service":"none","cluster":"main"}`, `ServiceNotFoundException: Service not found.`},
		{"ListServiceDeployments", `{"service":"web","cluster":"none"}`, `ClusterNotFoundException: Cluster not found.`},
		{"ListServiceDeployments", `{"cluster":"main"}`, `InvalidParameterException: Service cannot be empty.`},
		{"ListServiceDeployments", `{"service":"web","cluster":"main","maxResults":101}`, `InvalidParameterException: maxResults must be between 1 and 100.`},
		{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + newest + `","` + deploymentARN + `none"]}`, `{"serviceDeployments":[{
			"serviceDeploymentArn":"` + newest + `","serviceArn":"` + serviceARN + `","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main","status":"IN_PROGRESS",
			"sourceServiceRevisions":[{"arn":"` + source.Target + `","requestedTaskCount":1,"runningTaskCount":1,"pendingTaskCount":0}],
			"targetServiceRevision":{"arn":"` + target.Target + `","requestedTaskCount":2,"runningTaskCount":1,"pendingTaskCount":1},
			"deploymentConfiguration":{"maximumPercent":200,"minimumHealthyPercent":100,"strategy":"ROLLING"},
			"deploymentCircuitBreaker":{"status":"MONITORING","failureCount":1,"threshold":3},"alarms":{"status":"DISABLED"},"finishedAt":null,"stoppedAt":null,"rollback":null}],
			"failures":[{"arn":"` + deploymentARN + `none","reason":"MISSING"}]}`},
		{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + oldest + `"]}`, `{"serviceDeployments":[{"status":"SUCCESSFUL","sourceServiceRevisions":[],"deploymentCircuitBreaker":{"status":"MONITORING_COMPLETE"}}]}`},
		{"DescribeServiceDeployments", `{}`, `InvalidParameterException: serviceDeploymentArns cannot be empty.`},
		{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + target.Target + `"]}`, `InvalidParameterException: The ARN "`},
		{"DescribeServiceRevisions", `{"serviceRevisionArns":["` + target.Target + `","` + revisionARN + `1"]}`, `{"serviceRevisions":[{"serviceRevisionArn":"` + target.Target + `",
			"serviceArn":"` + serviceARN + `","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/main","taskDefinition":"arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
			"launchType":"EC2","platformVersion":null,"guardDutyEnabled":false,"serviceConnectConfiguration":{"enabled":false}}],"failures":[{"arn":"` + revisionARN + `1","reason":"MISSING"}]}`},
		{"DescribeServiceRevisions", `{}`, `InvalidParameterException: serviceRevisionArns cannot be empty.`},
	}.run(t, a)
}

func TestServiceDeploymentsInPages(t *testing.T) {
	a := deployedAPI(t)
	all := deployments(t, a)
	first, err := a.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Service: aws.String(serviceARN), MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Service: aws.String(serviceARN), MaxResults: aws.Int32(1), NextToken: first.NextToken})
	if err != nil || len(second.ServiceDeployments) != 1 || *second.ServiceDeployments[0].ServiceDeploymentArn != all[1] || second.NextToken != nil {
		t.Errorf("the second page is %+v, %v, want %s alone", second, err, all[1])
	}
}

func TestStopServiceDeployment(t *testing.T) {
	a := deployedAPI(t)
	all := deployments(t, a)
	newest, oldest := `"serviceDeploymentArn":"`+all[0]+`"`, `"serviceDeploymentArn":"`+all[1]+`"`
	describe := `{"serviceDeploymentArns":["` + all[0] + `"]}`
	script{
		{"StopServiceDeployment", `{` + oldest + `}`, `ConflictException: The service deployment cannot be stopped because it is in the SUCCESSFUL state.`},
		{"StopServiceDeployment", `{"serviceDeploymentArn":"` + deploymentARN + `none"}`, `ServiceDeploymentNotFoundException: The service deployment arn:aws:ecs:`},
		{"StopServiceDeployment", `{}`, `InvalidParameterException: serviceDeploymentArn cannot be empty.`},
		{"StopServiceDeployment", `{` + newest + `,"stopType":"NOW"}`, `InvalidParameterException: stopType should be one of [ABORT,ROLLBACK]`},
		{"StopServiceDeployment", `{` + newest + `,"stopType":"ABORT"}`, `{` + newest + `}`},
		{"DescribeServiceDeployments", describe, `{"serviceDeployments":[{"status":"STOP_REQUESTED"}]}`},
		{"StopServiceDeployment", `{` + newest + `}`, `{` + newest + `}`}, // it continues to stop
		{"DescribeServiceDeployments", describe, `{"serviceDeployments":[{"status":"STOP_REQUESTED"}]}`},
	}.run(t, a)

	a = deployedAPI(t)
	newest = `"serviceDeploymentArn":"` + deployments(t, a)[0] + `"`
	script{
		{"StopServiceDeployment", `{` + newest + `}`, `{` + newest + `}`}, // to roll back is the default
		{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + deployments(t, a)[0] + `"]}`, `{"serviceDeployments":[{"status":"ROLLBACK_REQUESTED"}]}`},
	}.run(t, a)
}

func TestContinueServiceDeployment(t *testing.T) {
	for _, tc := range []struct{ action, want string }{
		{``, `{"serviceDeployments":[{"status":"IN_PROGRESS","lifecycleHookDetails":[{"hookId":"ecs-pause-1","status":"SUCCEEDED"}]}]}`},
		{`,"action":"ROLLBACK"`, `{"serviceDeployments":[{"status":"ROLLBACK_REQUESTED"}]}`},
	} {
		a := deployedAPI(t)
		all := deployments(t, a)
		newest := `"serviceDeploymentArn":"` + all[0] + `"`
		script{
			{"ContinueServiceDeployment", `{` + newest + `}`, `InvalidParameterException: hookId cannot be empty.`},
			{"ContinueServiceDeployment", `{"hookId":"ecs-pause-1"}`, `InvalidParameterException: serviceDeploymentArn cannot be empty.`},
			{"ContinueServiceDeployment", `{"hookId":"ecs-pause-2",` + newest + `}`, `InvalidParameterException: The service deployment does not wait at the lifecycle hook "ecs-pause-2".`},
			{"ContinueServiceDeployment", `{"hookId":"ecs-pause-1","serviceDeploymentArn":"` + all[1] + `"}`, `InvalidParameterException: The service deployment cannot be continued because it is in the SUCCESSFUL state`},
			{"ContinueServiceDeployment", `{"hookId":"ecs-pause-1",` + newest + tc.action + `}`, `{` + newest + `}`},
			{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + all[0] + `"]}`, tc.want},
			{"ContinueServiceDeployment", `{"hookId":"ecs-pause-1",` + newest + `}`, `InvalidParameterException: The service deployment`},
		}.run(t, a)
	}
}
