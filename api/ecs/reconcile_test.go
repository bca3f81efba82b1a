package ecs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/deploy"
	"berth/state"
)

// reconcile applies the plans of all services until they have nothing more to do.
// Agents do at once what they are told, but tasks of a family broken do not start.
func reconcile(t *testing.T, a *API) {
	t.Helper()
	cfg := deploy.Config{Network: a.vpc()}
	for range 100 {
		still := true
		write(t, a, func(tx *state.Tx) {
			for s := range tx.Services.All() {
				p := cfg.Plan(tx.View, s, tx.Now())
				p.Apply(tx)
				still = still && len(p.Actions) == 0
			}
			for task := range tx.Tasks.All() {
				still = !comply(tx, task) && still
			}
		})
		if still {
			return
		}
	}
	t.Fatal("the services do not come to rest")
}

// comply brings a task where it should be, and reports whether it was not.
func comply(tx *state.Tx, task state.Task) bool {
	switch {
	case task.Stopped():
		return false
	case task.Desired == "STOPPED":
		plan.End(tx, task, types.TaskStopCodeServiceSchedulerInitiated, "stopped")
	case !task.Pending():
		return false
	case strings.Contains(task.Definition, "/broken:"):
		plan.End(tx, task, types.TaskStopCodeTaskFailedToStart, "CannotPullContainerError")
	default:
		task.Last, task.StartedAt = "RUNNING", tx.Now()
		tx.Tasks.Put(tx, task)
	}
	return true
}

const webService = `{"cluster":"main","serviceName":"web","taskDefinition":"web","desiredCount":1`

// newest asks for the service deployment of web that began last.
func newest(t *testing.T, a *API) string {
	t.Helper()
	s, _ := a.store.View().Services.Get(serviceARN)
	return s.Deployments[0].ServiceDeployment
}

func TestServiceDeploymentEnds(t *testing.T) {
	const pause = `,"deploymentConfiguration":{"lifecycleHooks":[{"targetType":"PAUSE","lifecycleStages":["POST_SCALE_UP"]}]}`
	for _, tc := range []struct{ name, update, call, want string }{
		{"by itself", ``, ``, `{"status":"SUCCESSFUL","rollback":null,"alarms":{"status":"DISABLED"},"deploymentCircuitBreaker":{"status":"DISABLED","failureCount":0},
			"sourceServiceRevisions":[{"runningTaskCount":0}],"targetServiceRevision":{"requestedTaskCount":1,"runningTaskCount":1}}`},
		{"continued", pause, `ContinueServiceDeployment {HOOK,"action":"CONTINUE"}`, `{"status":"SUCCESSFUL"}`},
		{"rolled back at a hook", pause, `ContinueServiceDeployment {HOOK,"action":"ROLLBACK"}`, `{"status":"ROLLBACK_SUCCESSFUL","rollback":{"serviceRevisionArn":"FIRST"},
			"targetServiceRevision":{"runningTaskCount":0,"requestedTaskCount":0}}`},
		{"rolled back", pause, `StopServiceDeployment {DEPLOYMENT}`, `{"status":"ROLLBACK_SUCCESSFUL","rollback":{"serviceRevisionArn":"FIRST"}}`},
		{"aborted", pause, `StopServiceDeployment {DEPLOYMENT,"stopType":"ABORT"}`, `{"status":"STOPPED","rollback":null}`},
		{"tripped", `,"taskDefinition":"broken","deploymentConfiguration":{"deploymentCircuitBreaker":{"enable":true,"rollback":true,"thresholdConfiguration":{"type":"COUNT","value":1}}}`, ``,
			`{"status":"ROLLBACK_SUCCESSFUL","deploymentCircuitBreaker":{"status":"TRIGGERED","failureCount":1,"threshold":1},"rollback":{"serviceRevisionArn":"FIRST"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := taskAPI(t)
			script{
				{"RegisterTaskDefinition", `{"family":"broken","containerDefinitions":[{"name":"c","image":"nginx","memory":100}]}`, `{}`},
				{"CreateService", webService + `}`, `{}`},
			}.run(t, a)
			reconcile(t, a)
			first, _ := a.store.View().ServiceDeployments.Get(newest(t, a))
			script{{"UpdateService", `{"cluster":"main","service":"web","forceNewDeployment":true` + tc.update + `}`, `{}`}}.run(t, a)
			reconcile(t, a)
			arn := newest(t, a)
			d, _ := a.store.View().ServiceDeployments.Get(arn)
			hook := `"hookId":""`
			if len(d.Hooks) > 0 {
				hook = fmt.Sprintf(`"hookId":%q,"serviceDeploymentArn":%q`, *d.Hooks[0].HookId, arn)
			}
			fill := strings.NewReplacer("HOOK", hook, "DEPLOYMENT", `"serviceDeploymentArn":"`+arn+`"`, "FIRST", first.Target)
			if operation, input, ok := strings.Cut(fill.Replace(tc.call), " "); ok {
				script{
					{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + arn + `"]}`, `{"serviceDeployments":[{"status":"IN_PROGRESS","lifecycleStage":"POST_SCALE_UP",
						"lifecycleHookDetails":[{"targetType":"PAUSE","status":"AWAITING_ACTION","timeoutAction":"ROLLBACK"}]}]}`},
					{operation, input, `{"serviceDeploymentArn":"` + arn + `"}`},
				}.run(t, a)
				reconcile(t, a)
			}
			script{
				{"DescribeServiceDeployments", `{"serviceDeploymentArns":["` + arn + `"]}`, `{"serviceDeployments":[` + fill.Replace(tc.want) + `]}`},
				{"StopServiceDeployment", `{"serviceDeploymentArn":"` + arn + `"}`, `ConflictException: The service deployment cannot be stopped`},
				{"DescribeServices", `{"cluster":"main","services":["web"]}`, `{"services":[{"runningCount":1,"pendingCount":0}]}`},
			}.run(t, a)
		})
	}
}

// Tasks get tags when they start, and keep those.
func TestPropagateTags(t *testing.T) {
	const managed = `{"key":"aws:ecs:clusterName","value":"main"},{"key":"aws:ecs:serviceName","value":"web"}`
	for _, tc := range []struct{ members, want, later string }{
		{``, ``, ``},
		{`,"propagateTags":"NONE","enableECSManagedTags":true`, managed, managed},
		{`,"propagateTags":"TASK_DEFINITION"`, `{"key":"team","value":"blue"}`, `{"key":"team","value":"blue"}`},
		{`,"propagateTags":"SERVICE","enableECSManagedTags":true`, `{"key":"tier","value":"front"},` + managed, `{"key":"tier","value":"back"},` + managed},
	} {
		a := taskAPI(t)
		script{{"CreateService", webService + tc.members + `,"tags":[{"key":"tier","value":"front"}]}`, `{}`}}.run(t, a)
		reconcile(t, a)
		before := tasksOf(t, a)
		script{
			{"TagResource", `{"resourceArn":"` + serviceARN + `","tags":[{"key":"tier","value":"back"}]}`, `{}`},
			{"UpdateService", `{"cluster":"main","service":"web","desiredCount":2}`, `{}`},
		}.run(t, a)
		reconcile(t, a)
		for _, arn := range tasksOf(t, a) {
			want := tc.later
			if arn == before[0] {
				want = tc.want
			}
			script{{"DescribeTasks", `{"cluster":"main","include":["TAGS"],"tasks":["` + arn + `"]}`, `{"tasks":[{"tags":[` + want + `]}]}`}}.run(t, a)
		}
	}
}

func tasksOf(t *testing.T, a *API) []string {
	t.Helper()
	out, err := a.ListTasks(context.Background(), &ecs.ListTasksInput{Cluster: aws.String("main"), ServiceName: aws.String("web")})
	if err != nil || len(out.TaskArns) == 0 {
		t.Fatal(out, err)
	}
	return out.TaskArns
}

// The tasks of task sets, as plans start and stop them.
func TestTaskSetsRun(t *testing.T) {
	a := externalAPI(t)
	blue, green := newTaskSet(t, a, 100), newTaskSet(t, a, 25)
	script{
		{"UpdateServicePrimaryTaskSet", `{` + extSet + `,"primaryTaskSet":"` + blue + `"}`, `{}`},
		{"UpdateService", `{"cluster":"main","service":"ext","desiredCount":5}`, `{}`},
	}.run(t, a)
	reconcile(t, a)
	script{
		{"DescribeTaskSets", `{` + extSet + `,"taskSets":["` + blue + `","` + green + `"]}`, `{"taskSets":[
			{"computedDesiredCount":5,"runningCount":5,"pendingCount":0,"stabilityStatus":"STEADY_STATE"},{"computedDesiredCount":2,"runningCount":2,"stabilityStatus":"STEADY_STATE"}]}`},
		{"DescribeServices", `{"cluster":"main","services":["ext"]}`, `{"services":[{"desiredCount":5,"runningCount":7}]}`},
		{"DeleteTaskSet", `{` + extSet + `,"taskSet":"` + green + `","force":true}`, `{"taskSet":{"status":"DRAINING","runningCount":2}}`},
	}.run(t, a)
	reconcile(t, a)
	script{
		{"DescribeTaskSets", `{` + extSet + `}`, `{"taskSets":[{"id":"` + blue + `"}]}`},
		{"DeleteService", `{"cluster":"main","service":"ext","force":true}`, `{"service":{"status":"DRAINING"}}`},
	}.run(t, a)
	reconcile(t, a)
	script{{"DescribeServices", `{"cluster":"main","services":["ext"]}`, `{"services":[{"status":"INACTIVE","runningCount":0,"taskSets":[]}]}`}}.run(t, a)
}
