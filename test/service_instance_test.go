package test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestServiceOnInstances has services on three machines, of which one is drained
// and one is lost: a spread service of six, and a daemon.
func TestServiceOnInstances(t *testing.T) {
	t.Parallel()
	m, _ := upServer(t, append(soon, "--lost-after", "5s")...)
	if _, err := m.client().CreateCluster(t.Context(), &ecs.CreateClusterInput{}); err != nil {
		t.Fatal(err)
	}
	token := m.says(t, "token", "create", "--data-dir", m.dir)
	agents, dirs := map[string]*agentProcess{}, map[string]string{}
	join := func(name string) {
		agents[name] = startAgent(t, dirs[name], "--endpoint", m.url, "--token", token, "--name", name, "--bridge-cidr", freeRange(t))
	}
	for _, name := range []string{"first", "second", "third"} {
		dirs[name] = agentDir(t)
		join(name)
	}
	eventually(t, "three agents are connected", func() bool { return m.connected(t) == 3 })

	web, alone := m.sleeper(t, 1, ""), m.sleeper(t, 2, "")
	m.createService(t, &ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: &web, DesiredCount: aws.Int32(6),
		PlacementStrategy: []types.PlacementStrategy{{Type: types.PlacementStrategyTypeSpread, Field: aws.String("instanceId")}}})
	m.createService(t, &ecs.CreateServiceInput{ServiceName: aws.String("watch"), TaskDefinition: &web, SchedulingStrategy: types.SchedulingStrategyDaemon})
	m.awaitSteady(t, "web", web, 6)
	m.awaitSteady(t, "watch", web, 3)
	on := m.tasksByInstance(t, "web")
	for i, n := range on {
		if n != 2 || m.tasksByInstance(t, "watch")[i] != 1 {
			t.Errorf("tasks by instance: %v, and of the daemon %v", on, m.tasksByInstance(t, "watch"))
		}
	}

	standalone := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &alone})
	m.awaitTask(t, standalone, "RUNNING")
	drained := aws.ToString(m.task(t, standalone).ContainerInstanceArn)
	m.setInstance(t, drained, types.ContainerInstanceStatusDraining)
	m.awaitService(t, "web", "has left the drained instance", func(s types.Service) bool {
		on := m.tasksByInstance(t, "web")
		return steady(s) && len(on) == 2 && on[drained] == 0
	})
	m.awaitSteady(t, "watch", web, 2)
	if task := m.task(t, standalone); aws.ToString(task.LastStatus) != "RUNNING" {
		t.Errorf("a task of its own on the drained instance is %s: %s", aws.ToString(task.LastStatus), aws.ToString(task.StoppedReason))
	}
	m.setInstance(t, drained, types.ContainerInstanceStatusActive)
	m.awaitSteady(t, "watch", web, 3)

	lost := "first"
	agents[lost].kill()
	m.awaitService(t, "web", "has left the lost instance", func(s types.Service) bool {
		return steady(s) && len(m.tasksByInstance(t, "web")) == 2
	})
	join(lost)
	eventually(t, "the lost one is back", func() bool { return m.connected(t) == 3 })
	m.awaitSteady(t, "watch", web, 3)
	eventually(t, "nine processes run, and none that was given up", func() bool { return len(processes(t, m.sleeps(1))) == 9 })
	for _, name := range []string{"web", "watch"} {
		m.deleteService(t, name)
	}
}

// tasksByInstance counts the tasks of a service on each container instance that
// should run.
func (m *machine) tasksByInstance(t *testing.T, service string) map[string]int {
	t.Helper()
	n := map[string]int{}
	arns := m.serviceTasks(t, service)
	if len(arns) == 0 {
		return n
	}
	out, err := m.client().DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Tasks: arns})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range out.Tasks {
		n[aws.ToString(task.ContainerInstanceArn)]++
	}
	return n
}

func (m *machine) setInstance(t *testing.T, arn string, status types.ContainerInstanceStatus) {
	t.Helper()
	out, err := m.client().UpdateContainerInstancesState(t.Context(), &ecs.UpdateContainerInstancesStateInput{ContainerInstances: []string{arn}, Status: status})
	if err != nil || len(out.Failures) > 0 {
		t.Fatal(fmt.Sprint(err, out.Failures))
	}
}
