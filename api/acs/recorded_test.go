package acs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/acstest"
	"berth/api/acs/message"
	"berth/aws/shape"
	"berth/state"
)

// The conversation in testdata is one that Amazon's agent 1.105.1, unmodified,
// had with this control plane: it connected, ran a task of two containers with
// a role, reported its health, and stopped another.
type recorded struct{ From, On, Text string }

func conversation(t *testing.T) (lines []recorded) {
	t.Helper()
	text, err := os.ReadFile("testdata/real-agent.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var line recorded
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// All that the agent says is understood, to the last member.
func TestRecordedFramesAreUnderstood(t *testing.T) {
	for _, line := range conversation(t) {
		if line.From != "agent" || !strings.HasSuffix(line.On, "/ws") {
			continue
		}
		m, err := message.Decode([]byte(line.Text))
		if err != nil {
			t.Fatal(err)
		}
		if unknown, ok := m.(*message.Unknown); ok {
			t.Errorf("%s is not known", unknown.Name)
			continue
		}
		_, body, headed := strings.Cut(line.Text, "\r\n\r\n")
		if !headed {
			body = line.Text
		}
		var frame message.Frame
		if err := json.Unmarshal([]byte(body), &frame); err != nil {
			t.Fatal(err)
		}
		strict := json.NewDecoder(bytes.NewReader(frame.Message))
		strict.DisallowUnknownFields()
		if err := strict.Decode(m); err != nil {
			t.Errorf("%s: %v", m.Type(), err)
		}
	}
}

// Replays the agent's side, and wants from the control plane what that sent then.
func TestRecordedConversation(t *testing.T) {
	lines := conversation(t)
	var payloads []*message.Payload
	for _, line := range lines {
		if m, err := message.Decode([]byte(line.Text)); err == nil && line.From == "control plane" {
			if p, ok := m.(*message.Payload); ok {
				payloads = append(payloads, p)
			}
		}
	}
	run, stopped := payloads[0].Tasks[0], payloads[1].Tasks[0]
	store := newStore(t)
	recordedState(t, store, payloads[0].ContainerInstance, run, stopped)

	w := newWorld(t, store)
	agent := w.agent()
	agent.Instance = payloads[0].ContainerInstance
	s := agent.ACS(t)
	m := acstest.Next[*message.Manifest](s)
	s.Send(&message.Ack{Cluster: m.Cluster, ContainerInstance: m.ContainerInstance, MessageID: m.MessageID})

	if got := acstest.Next[*message.Payload](s).Tasks[0]; !reflect.DeepEqual(got, stopped) {
		t.Errorf("the stop is %+v", got)
	}
	p := acstest.Next[*message.Payload](s)
	s.Ack(p)
	got := p.Tasks[0]
	got.RoleCredentials.Expiration, got.RoleCredentials.AccessKeyID = run.RoleCredentials.Expiration, run.RoleCredentials.AccessKeyID
	got.RoleCredentials.SecretAccessKey, got.RoleCredentials.SessionToken = run.RoleCredentials.SecretAccessKey, run.RoleCredentials.SessionToken
	if want, got := indented(t, run), indented(t, got); got != want {
		t.Errorf("the payload is\n%s\nwant\n%s", got, want)
	}

	telemetry := agent.TCS(t)
	for _, line := range lines {
		if line.From != "agent" || line.On != "/tcs/ws" {
			continue
		}
		telemetry.SendText([]byte(line.Text))
		if answer := telemetry.Any().Type(); !strings.HasPrefix(answer, "AckPublish") {
			t.Errorf("the answer is %s", answer)
		}
	}
	after, _ := store.View().Tasks.Get(run.ARN)
	if got := after.Containers[1].HealthStatus; got != types.HealthStatusHealthy {
		t.Errorf("the health of web is %s", got)
	}
	i, _ := store.View().ContainerInstances.Get(agent.Instance)
	if len(i.Health) != 1 || i.Health[0].Type != types.InstanceHealthCheckTypeContainerRuntime || i.Health[0].Status != types.InstanceHealthCheckStateOk {
		t.Errorf("the health of the instance is %+v", i.Health)
	}
}

// recordedState is what the control plane knew when it sent the payloads.
func recordedState(t *testing.T, store *state.Store, instance string, run, stopped message.Task) {
	t.Helper()
	text, err := os.ReadFile("testdata/real-agent-definition.json")
	if err != nil {
		t.Fatal(err)
	}
	var definition types.TaskDefinition
	if _, err := shape.New(shape.Names{Lower: true, Unions: state.Unions}).DecodeJSON(text, &definition); err != nil {
		t.Fatal(err)
	}
	task := state.Task{
		ARN: run.ARN, Cluster: cluster, Instance: instance, Definition: *definition.TaskDefinitionArn, Group: run.Group,
		LaunchType: run.LaunchType, Zone: run.Zone, CPU: "512", Memory: "256", Last: "PENDING", Desired: "RUNNING",
		TaskRole: run.RoleCredentials.RoleARN, TaskCredentials: run.RoleCredentials.CredentialsID,
	}
	for _, c := range run.Containers {
		task.Containers = append(task.Containers, types.Container{Name: &c.Name, ContainerArn: &c.ARN, HealthStatus: types.HealthStatusUnknown})
	}
	write(t, store, func(tx *state.Tx) {
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: definition})
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: instance, Cluster: cluster, Status: "ACTIVE"})
		tx.Tasks.Put(tx, task)
		tx.Tasks.Put(tx, state.Task{ARN: stopped.ARN, Cluster: cluster, Instance: instance, Definition: task.Definition,
			Last: "RUNNING", Desired: "STOPPED", Containers: []types.Container{{Name: aws.String("web")}}})
	})
}

func indented(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
