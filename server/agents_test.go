package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/acstest"
	"berth/api/acs/message"
	"berth/cli/profile"
	"berth/state"
	"berth/state/journal"
	"berth/state/journal/journaltest"
)

// member is one server of a control plane, and a client of it.
type member struct {
	*Server
	*ecs.Client
	key  aws.Credentials
	stop func()
}

func startMember(t *testing.T, etcd []string) member {
	t.Helper()
	cfg := Default()
	cfg.Listen, cfg.DataDir, cfg.Log = "127.0.0.1:0", t.TempDir(), slog.New(slog.DiscardHandler)
	cfg.Etcd = journal.Config{Endpoints: etcd}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	m := member{Server: s, stop: func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}}
	t.Cleanup(m.stop)
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	p, err := profile.Read(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	m.key = aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretKey}
	m.Client = ecs.New(ecs.Options{Region: cfg.Region, BaseEndpoint: aws.String(s.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return m.key, nil })})
	return m
}

// await waits until the instance of m's own tables is connected, or is not.
func (m member) await(t *testing.T, instance string, connected bool) state.ContainerInstance {
	t.Helper()
	store := m.store.Load()
	sub := store.Subscribe(store.View().ContainerInstances.Name())
	defer sub.Close()
	timeout := time.After(10 * time.Second)
	for {
		i, known := store.View().ContainerInstances.Get(instance)
		if known && i.AgentConnected == connected {
			return i
		}
		select {
		case <-sub.Changed():
			sub.Take()
		case <-timeout:
			t.Fatalf("connected is never %v", connected)
		}
	}
}

// An agent may have its sockets at any server: what they show reaches the
// leader, and what the leader writes reaches them.
func TestAgentAtAServerThatDoesNotLead(t *testing.T) {
	etcd := journaltest.StartEtcd(t, 1).Endpoints
	leader := startMember(t, etcd)
	follower := startMember(t, etcd)
	instance := prepare(t, leader)

	agent := acstest.Agent{Endpoint: follower.URL(), Cluster: "stub", Instance: instance, Region: "us-east-1", Key: follower.key}
	follower.await(t, instance, false) // a server refuses whom it does not know yet
	s := agent.ACS(t)
	acstest.Next[*message.Manifest](s)
	leader.await(t, instance, true)

	out, err := leader.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: aws.String("stub"), TaskDefinition: aws.String("web")})
	if err != nil || len(out.Tasks) != 1 {
		t.Fatalf("RunTask: %v, failures %v", err, out.Failures)
	}
	p := acstest.Next[*message.Payload](s)
	if p.Tasks[0].ARN != *out.Tasks[0].TaskArn {
		t.Errorf("the payload is for %s", p.Tasks[0].ARN)
	}
	s.Ack(p)
	_, err = follower.SubmitTaskStateChange(t.Context(), &ecs.SubmitTaskStateChangeInput{
		Cluster: aws.String("stub"), Task: &p.Tasks[0].ARN, Status: aws.String("RUNNING")})
	if err != nil {
		t.Error(err)
	}
	telemetry := agent.TCS(t)
	telemetry.Publish(&message.PublishHealth{Tasks: []message.TaskHealth{{Task: p.Tasks[0].ARN, Containers: []message.ContainerHealth{{Name: "c", Status: "HEALTHY"}}}}})
	telemetry.Any()
	if task, _ := leader.store.Load().View().Tasks.Get(p.Tasks[0].ARN); task.Last != "RUNNING" || task.Containers[0].HealthStatus != types.HealthStatusHealthy {
		t.Errorf("the task is %s, its container %s", task.Last, task.Containers[0].HealthStatus)
	}

	s.Close()
	leader.await(t, instance, false)
	acstest.Next[*message.Manifest](agent.ACS(t))
	before := leader.await(t, instance, true)
	follower.stop() // its agents go elsewhere, and were never away
	agent.Endpoint = leader.URL()
	acstest.Next[*message.Manifest](agent.ACS(t))
	if after := leader.await(t, instance, true); after.Version != before.Version+1 || after.Session.Epoch <= before.Session.Epoch {
		t.Errorf("the instance went from version %d, epoch %d to %d, %d", before.Version, before.Session.Epoch, after.Version, after.Session.Epoch)
	}
}

// prepare makes the cluster stub with an instance, and the task definition web.
func prepare(t *testing.T, m member) (instance string) {
	t.Helper()
	_, err := m.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("stub")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("c"), Image: aws.String("web"), Memory: aws.Int32(64)}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.RegisterContainerInstance(t.Context(), &ecs.RegisterContainerInstanceInput{Cluster: aws.String("stub"),
		Attributes: []types.Attribute{{Name: aws.String("com.amazonaws.ecs.capability.docker-remote-api.1.18")}},
		TotalResources: []types.Resource{
			{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 2048},
			{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: 4096},
		}})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ContainerInstance.ContainerInstanceArn
}
