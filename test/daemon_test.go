package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestDaemon leads a managed daemon through its life: it runs before other tasks
// of its capacity provider, answers them, heals, moves to another definition, and
// is deleted.
func TestDaemon(t *testing.T) {
	t.Parallel()
	m := upMachine(t, append(soon, "--capacity-provider", "machines")...)
	provider, err := m.client().CreateCapacityProvider(t.Context(), &ecs.CreateCapacityProviderInput{
		Name: aws.String("machines"), Cluster: aws.String("default"),
		ManagedInstancesProvider: &types.CreateManagedInstancesProviderConfiguration{
			InfrastructureRoleArn: aws.String("arn:aws:iam::123456789012:role/r"),
			InstanceLaunchTemplate: &types.InstanceLaunchTemplate{
				Ec2InstanceProfileArn: aws.String("arn:aws:iam::123456789012:instance-profile/p"),
				NetworkConfiguration:  &types.ManagedInstancesNetworkConfiguration{Subnets: []string{"subnet-1"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	providers := []string{*provider.CapacityProvider.CapacityProviderArn}
	daemon, err := m.client().CreateDaemon(t.Context(), &ecs.CreateDaemonInput{
		DaemonName: aws.String("greeter"), DaemonTaskDefinitionArn: m.greeter(t, 1), CapacityProviderArns: providers})
	if err != nil {
		t.Fatal(err)
	}
	m.awaitDaemon(t, *daemon.DeploymentArn)
	instance := m.onlyInstance(t)
	if aws.ToString(instance.CapacityProviderName) != "machines" || instance.RunningTasksCount != 1 {
		t.Errorf("the instance is %+v", instance)
	}

	app := m.define(t, `{"networkMode":"awsvpc","containerDefinitions":[{"name":"app","image":"`+m.image+`","memory":32,
		"command":["nc","-w","5","169.254.172.2","7000"],`+logTo+`}]}`)
	task := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &app, NetworkConfiguration: m.network(t),
		CapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("machines"), Weight: 1}}})
	stopped := m.awaitTask(t, task, "STOPPED")
	if said := m.said(t, stopped, "app"); !strings.Contains(said, "hello 1") || stopped.LaunchType != types.LaunchTypeManagedInstances {
		t.Errorf("a task on %s heard %q of the daemon", stopped.LaunchType, said)
	}

	first := m.daemonTask(t)
	m.killProcess(t, "hello 1")
	eventually(t, "another task of the daemon runs", func() bool { again := m.daemonTask(t); return again != "" && again != first })

	update, err := m.client().UpdateDaemon(t.Context(), &ecs.UpdateDaemonInput{
		DaemonArn: daemon.DaemonArn, DaemonTaskDefinitionArn: m.greeter(t, 2), CapacityProviderArns: providers})
	if err != nil {
		t.Fatal(err)
	}
	m.awaitDaemon(t, *update.DeploymentArn)
	if old, now := len(processes(t, "hello 1")), len(processes(t, "hello 2")); old != 0 || now == 0 {
		t.Errorf("%d processes of the old revision, %d of the new one", old, now)
	}
	if status := aws.ToString(m.onlyInstance(t).Status); status != "ACTIVE" {
		t.Errorf("the instance is %s", status)
	}

	if _, err := m.client().DeleteDaemon(t.Context(), &ecs.DeleteDaemonInput{DaemonArn: daemon.DaemonArn}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the daemon is gone", func() bool {
		_, err := m.client().DescribeDaemon(t.Context(), &ecs.DescribeDaemonInput{DaemonArn: daemon.DaemonArn})
		return err != nil && len(processes(t, "hello 2")) == 0
	})
}

// greeter registers a daemon that greets whoever calls, by a number.
func (m *machine) greeter(t *testing.T, n int) *string {
	t.Helper()
	out, err := m.client().RegisterDaemonTaskDefinition(t.Context(), &ecs.RegisterDaemonTaskDefinitionInput{
		Family: aws.String("greeter"), ContainerDefinitions: []types.DaemonContainerDefinition{{
			Name: aws.String("greeter"), Image: &m.image, Memory: aws.Int32(32), StopTimeout: aws.Int32(2),
			Command: []string{"nc", "-ll", "-p", "7000", "-e", "echo", fmt.Sprint("hello ", n)}}}})
	if err != nil {
		t.Fatal(err)
	}
	return out.DaemonTaskDefinitionArn
}

func (m *machine) awaitDaemon(t *testing.T, deployment string) {
	t.Helper()
	eventually(t, "the daemon deployment is over", func() bool {
		out, err := m.client().DescribeDaemonDeployments(t.Context(), &ecs.DescribeDaemonDeploymentsInput{DaemonDeploymentArns: []string{deployment}})
		if err != nil || len(out.DaemonDeployments) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.DaemonDeployments[0].Status == types.DaemonDeploymentStatusSuccessful &&
			aws.ToInt32(out.DaemonDeployments[0].TargetDaemonRevision.TotalRunningInstanceCount) == 1
	})
}

// daemonTask is the ARN of the daemon's task that runs; empty for none.
func (m *machine) daemonTask(t *testing.T) string {
	t.Helper()
	out, err := m.client().ListTasks(t.Context(), &ecs.ListTasksInput{DaemonName: aws.String("greeter"), DesiredStatus: types.DesiredStatusRunning})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.TaskArns) == 1 && aws.ToString(m.task(t, out.TaskArns[0]).LastStatus) == "RUNNING" {
		return out.TaskArns[0]
	}
	return ""
}

func (m *machine) onlyInstance(t *testing.T) types.ContainerInstance {
	t.Helper()
	list, err := m.client().ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{})
	if err != nil || len(list.ContainerInstanceArns) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	out, err := m.client().DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{ContainerInstances: list.ContainerInstanceArns})
	if err != nil {
		t.Fatal(err)
	}
	return out.ContainerInstances[0]
}
