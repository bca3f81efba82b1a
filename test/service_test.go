package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// soon makes tasks count as healthy after a second, so that tests need not wait
// for ECS's 40.
var soon = []string{"--healthy-after", "1s"}

// TestService leads a service through its life: it starts, heals, scales, rolls
// to another definition, and is deleted.
func TestService(t *testing.T) {
	t.Parallel()
	m := upMachine(t, soon...)
	v1, v2 := m.sleeper(t, 1, ""), m.sleeper(t, 2, "")
	m.createService(t, &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: &v1, DesiredCount: aws.Int32(3)})
	s := m.awaitSteady(t, "web", v1, 3)
	wantEvents(t, s, "(service web) has reached a steady state.", "deployment completed.", "(service web) has started 3 tasks: (task ")

	m.killProcess(t, m.sleeps(1))
	m.awaitService(t, "web", "starts others for those that were killed", func(s types.Service) bool {
		return strings.Count(eventText(s), "has started") >= 2 && steady(s)
	})
	if n := len(processes(t, m.sleeps(1))); n != 3 {
		t.Errorf("%d processes run, want 3", n)
	}

	for _, n := range []int32{5, 2} {
		m.updateService(t, &ecs.UpdateServiceInput{Service: aws.String("web"), DesiredCount: &n})
		m.awaitSteady(t, "web", v1, n)
		eventually(t, fmt.Sprint(n, " processes run"), func() bool { return len(processes(t, m.sleeps(1))) == int(n) })
	}

	foretold, err := m.command(t, binary, "plan", "--data-dir", m.dir, "--task-definition", v2, "web").CombinedOutput()
	if err != nil || !strings.Contains(string(foretold), "start 2 tasks of TestService:2") || !strings.Contains(string(foretold), "would be steady") {
		t.Errorf("berth plan: %v\n%s", err, foretold)
	}
	m.updateService(t, &ecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: &v2})
	m.awaitSteady(t, "web", v2, 2)
	eventually(t, "the old ones are gone", func() bool { return len(processes(t, m.sleeps(1))) == 0 })
	told, err := m.command(t, binary, "explain", "service", "--data-dir", m.dir, "web").CombinedOutput()
	if err != nil || !strings.Contains(string(told), "2 desired, 0 pending, 2 running, of which 2 healthy") {
		t.Errorf("berth explain service: %v\n%s", err, told)
	}

	m.deleteService(t, "web")
	eventually(t, "no process runs", func() bool { return len(processes(t, m.sleeps(2))) == 0 })
}

// TestServiceOfTwenty kills what runs a service: processes, shims, and berth
// itself in the middle of a deployment. It always comes to twenty tasks.
func TestServiceOfTwenty(t *testing.T) {
	t.Parallel()
	m := upMachine(t, soon...)
	v1, v2 := m.sleeper(t, 1, ""), m.sleeper(t, 2, "")
	m.createService(t, &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: &v1, DesiredCount: aws.Int32(20),
		DeploymentConfiguration: &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(125)}})
	m.awaitSteady(t, "web", v1, 20)

	twenty := func(n int) {
		t.Helper()
		eventually(t, "twenty processes run", func() bool { return len(processes(t, m.sleeps(n))) == 20 && steady(m.service(t, "web")) })
	}
	m.killProcess(t, m.sleeps(1))
	twenty(1)
	m.killProcess(t, "run\x00"+filepath.Join(m.dir, "agent/ec2/shims/"))
	twenty(1)

	m.updateService(t, &ecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: &v2})
	for _, least := range []int{1, 8, 16} {
		eventually(t, fmt.Sprint(least, " new processes run"), func() bool { return len(processes(t, m.sleeps(2))) >= least })
		m.kill()
		m.start(t)
	}
	m.awaitSteady(t, "web", v2, 20)
	twenty(2)
	eventually(t, "no old process runs", func() bool { return len(processes(t, m.sleeps(1))) == 0 })
	m.deleteService(t, "web")
}

// TestCircuitBreaker deploys an image that does not exist, and a program that
// ends at once: the service goes back to what ran, of which no task is stopped.
func TestCircuitBreaker(t *testing.T) {
	t.Parallel()
	m := upMachine(t, soon...)
	v1 := m.sleeper(t, 1, "")
	m.createService(t, &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: &v1, DesiredCount: aws.Int32(2),
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}})
	m.awaitSteady(t, "web", v1, 2)
	before := m.serviceTasks(t, "web")
	for name, container := range map[string]string{
		"no image": `"image": "` + strings.Replace(m.image, "busybox", "nothing", 1) + `"`,
		"ends":     `"image": "IMAGE", "command": ["false"]`,
	} {
		bad := m.define(t, `{"containerDefinitions": [{"name": "main", "memory": 16, `+container+`}]}`)
		m.updateService(t, &ecs.UpdateServiceInput{Service: aws.String("web"), TaskDefinition: &bad})
		s := m.awaitService(t, "web", name+" is rolled back", func(s types.Service) bool {
			return steady(s) && aws.ToString(s.TaskDefinition) == v1
		})
		wantEvents(t, s, "deployment failed: tasks failed to start.", "rolling back to ")
		list, err := m.client().ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Service: aws.String("web")})
		if err != nil || len(list.ServiceDeployments) == 0 || list.ServiceDeployments[0].Status != types.ServiceDeploymentStatusRollbackSuccessful {
			t.Errorf("%s: service deployments %+v %v", name, list, err)
		}
	}
	if after := m.serviceTasks(t, "web"); !slices.Equal(before, after) {
		t.Errorf("tasks %v were replaced by %v", before, after)
	}
	m.deleteService(t, "web")
}

// TestUnhealthyTask has a task whose container says that it is ill: another one takes
// its place.
func TestUnhealthyTask(t *testing.T) {
	t.Parallel()
	m := upMachine(t, soon...)
	shared := t.TempDir()
	definition := m.define(t, fmt.Sprintf(`{"volumes": [{"name": "v", "host": {"sourcePath": %q}}], "containerDefinitions": [{
		"name": "main", "image": "IMAGE", "memory": 16, "stopTimeout": 2, "command": ["sleep", "1000"], "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
		"healthCheck": {"command": ["CMD-SHELL", "test ! -e /v/$(hostname)"], "interval": 5, "timeout": 20, "retries": 1}}]}`, shared))
	m.createService(t, &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: &definition, DesiredCount: aws.Int32(2)})
	m.awaitSteady(t, "web", definition, 2)
	before := m.serviceTasks(t, "web")
	ill := m.task(t, before[0])
	id := aws.ToString(ill.Containers[0].RuntimeId)
	for _, name := range []string{id, id[:min(12, len(id))]} { // the host's name is one of them
		if err := os.WriteFile(filepath.Join(shared, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := m.awaitService(t, "web", "has another task", func(s types.Service) bool {
		tasks := m.serviceTasks(t, "web")
		return steady(s) && len(tasks) == 2 && !slices.Contains(tasks, before[0])
	})
	wantEvents(t, s, "failed container health checks")
	if stopped := m.task(t, before[0]); !strings.Contains(aws.ToString(stopped.StoppedReason), "failed container health checks") {
		t.Errorf("it stopped since %s", aws.ToString(stopped.StoppedReason))
	}
	if tasks := m.serviceTasks(t, "web"); !slices.Contains(tasks, before[1]) {
		t.Errorf("the healthy one was stopped too: %v, now %v", before, tasks)
	}
	m.deleteService(t, "web")
}

// sleeper defines a task whose process can be told by a number: see sleeps.
func (m *machine) sleeper(t *testing.T, n int, members string) string {
	t.Helper()
	seconds := strings.Split(m.sleeps(n), "\x00")[1]
	return m.define(t, fmt.Sprintf(`{"containerDefinitions": [{"name": "main", "image": "IMAGE", "memory": 16, "cpu": 10, "stopTimeout": 2,
		"command": ["sleep", %q]}]%s}`, seconds, members))
}

// sleeps is what is in the command line of a sleeper's process.
func (m *machine) sleeps(n int) string {
	sum := 0
	for _, c := range m.dir + m.url {
		sum = (sum*31 + int(c)) % 1_000_000
	}
	return fmt.Sprintf("sleep\x00%d\x00", 1_000_000_000+1_000*sum+n)
}

func (m *machine) createService(t *testing.T, in *ecs.CreateServiceInput) {
	t.Helper()
	if _, err := m.client().CreateService(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) updateService(t *testing.T, in *ecs.UpdateServiceInput) {
	t.Helper()
	if _, err := m.client().UpdateService(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// deleteService deletes a service by force and waits until it is INACTIVE.
func (m *machine) deleteService(t *testing.T, name string) {
	t.Helper()
	if _, err := m.client().DeleteService(t.Context(), &ecs.DeleteServiceInput{Service: &name, Force: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	m.awaitService(t, name, "is inactive", func(s types.Service) bool { return aws.ToString(s.Status) == "INACTIVE" })
}

func (m *machine) service(t *testing.T, name string) types.Service {
	t.Helper()
	out, err := m.client().DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{name}})
	if err != nil || len(out.Services) != 1 {
		t.Fatalf("describe %s: %v %+v", name, err, out)
	}
	return out.Services[0]
}

// awaitService waits until a service is as it should be.
func (m *machine) awaitService(t *testing.T, name, what string, is func(types.Service) bool) (s types.Service) {
	t.Helper()
	defer func() {
		if t.Failed() {
			text, _ := json.MarshalIndent(s, "", " ")
			told, _ := m.command(t, binary, "explain", "service", "--data-dir", m.dir, name).CombinedOutput()
			t.Logf("it is %s\n%s", text, told)
		}
	}()
	eventually(t, name+" "+what, func() bool {
		s = m.service(t, name)
		return is(s)
	})
	return s
}

// awaitSteady waits until a service runs n tasks of a definition, and no others.
func (m *machine) awaitSteady(t *testing.T, name, definition string, n int32) types.Service {
	t.Helper()
	return m.awaitService(t, name, fmt.Sprintf("is steady with %d tasks of %s", n, definition), func(s types.Service) bool {
		return steady(s) && aws.ToString(s.TaskDefinition) == definition && s.DesiredCount == n
	})
}

// steady is what the waiter services-stable waits for, and a completed deployment.
func steady(s types.Service) bool {
	return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount && s.PendingCount == 0 &&
		s.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted &&
		len(s.Events) > 0 && strings.Contains(aws.ToString(s.Events[0].Message), "has reached a steady state")
}

// serviceTasks are the ARNs of a service's tasks that should run, in order.
func (m *machine) serviceTasks(t *testing.T, name string) []string {
	t.Helper()
	out, err := m.client().ListTasks(t.Context(), &ecs.ListTasksInput{ServiceName: &name})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out.TaskArns)
	return out.TaskArns
}

func eventText(s types.Service) string {
	var all []string
	for _, e := range s.Events {
		all = append(all, aws.ToString(e.Message))
	}
	return strings.Join(all, "\n")
}

func wantEvents(t *testing.T, s types.Service, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(eventText(s), text) {
			t.Errorf("no event says %q:\n%s", text, eventText(s))
		}
	}
}
