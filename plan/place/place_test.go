package place

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/query"
	"berth/state"
)

// definition reads "mode/cpu/memory cpu/reservation/memory/ports …": the task's
// own size first, then its containers; 0 is unset. Ports are
// host:container:protocol.
func definition(text string) *types.TaskDefinition {
	parts := strings.Fields(text)
	var cpu, memory string
	d := &types.TaskDefinition{}
	task := strings.Split(parts[0], "/")
	d.NetworkMode, cpu, memory = types.NetworkMode(task[0]), task[1], task[2]
	if cpu != "0" {
		d.Cpu = &cpu
	}
	if memory != "0" {
		d.Memory = &memory
	}
	for _, part := range parts[1:] {
		var c types.ContainerDefinition
		var soft, hard int32
		fields := strings.SplitN(part, "/", 4)
		fmt.Sscan(strings.Join(fields[:3], " "), &c.Cpu, &soft, &hard)
		c.MemoryReservation, c.Memory = &soft, &hard
		for port := range strings.SplitSeq(fields[3], ",") {
			var p types.PortMapping
			var host, container int32
			if n, _ := fmt.Sscanf(port, "%d:%d:%s", &host, &container, &p.Protocol); n == 3 {
				p.HostPort, p.ContainerPort = &host, &container
				c.PortMappings = append(c.PortMappings, p)
			}
		}
		d.ContainerDefinitions = append(d.ContainerDefinitions, c)
	}
	return d
}

func TestNeeds(t *testing.T) {
	for _, tc := range []struct{ definition, want string }{
		{"bridge/0/0 100/0/64/ 28/32/64/", "128 CPU, 96 MiB, tcp [], udp []"},
		{"bridge/256/512 100/0/64/ 28/32/64/", "256 CPU, 512 MiB, tcp [], udp []"},
		{"/0/0 0/0/0/8080:80:tcp,53:53:udp,0:443:tcp", "0 CPU, 0 MiB, tcp [8080], udp [53]"},
		{"host/0/0 0/0/0/0:80:tcp", "0 CPU, 0 MiB, tcp [80], udp []"},
		{"awsvpc/0/0 0/0/0/80:80:tcp", "0 CPU, 0 MiB, tcp [], udp []"},
		{"none/0/0 0/0/0/80:80:tcp", "0 CPU, 0 MiB, tcp [], udp []"},
	} {
		n, _ := Needs(definition(tc.definition), nil)
		if got := fmt.Sprintf("%d CPU, %d MiB, tcp %v, udp %v", n.CPU, n.Memory, n.TCP, n.UDP); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.definition, got, tc.want)
		}
	}
}

// world is an instance "i" with a task of each of the statuses, which read
// "LAST>DESIRED".
func world(t *testing.T, statuses ...string) (*state.View, state.ContainerInstance) {
	t.Helper()
	i := state.ContainerInstance{
		ARN: "i", EC2ID: "i-1", AgentConnected: true,
		Resources: []types.Resource{
			{Name: aws.String("CPU"), IntegerValue: 1024}, {Name: aws.String("MEMORY"), IntegerValue: 900},
			{Name: aws.String("PORTS"), StringSetValue: []string{"22"}}, {Name: aws.String("PORTS_UDP"), StringSetValue: []string{}},
		},
		Attributes: []types.Attribute{{Name: aws.String("ecs.os-type"), Value: aws.String("linux")}, {Name: aws.String("ecs.capability.efs")}},
		Software:   &types.VersionInfo{AgentVersion: aws.String("1.105.1")},
	}
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		i.RegisteredAt = tx.Now()
		tx.ContainerInstances.Put(tx, i)
		tx.Attributes.Put(tx, state.Attribute{Target: "i", Name: "stack", Value: aws.String("prod")})
		d := definition("bridge/0/0 100/0/64/80:80:tcp,53:53:udp")
		d.TaskDefinitionArn = aws.String("web:1")
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: *d})
		takes, _ := Needs(d, nil)
		for n, status := range statuses {
			last, desired, _ := strings.Cut(status, ">")
			tx.Tasks.Put(tx, state.Task{ARN: fmt.Sprint(n), Instance: "i", Definition: "web:1", Takes: takes, Group: fmt.Sprint("g", n), Last: last, Desired: desired})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store.View(), i
}

func TestRemaining(t *testing.T) {
	for _, tc := range []struct{ tasks, want string }{
		{"", "1024 CPU, 900 MiB, tcp [22], udp []"},
		{"STOPPED>STOPPED", "1024 CPU, 900 MiB, tcp [22], udp []"},
		{"PENDING>RUNNING", "924 CPU, 836 MiB, tcp [22 80], udp [53]"},
		{"RUNNING>RUNNING RUNNING>STOPPED STOPPED>STOPPED", "824 CPU, 772 MiB, tcp [22 80 80], udp [53 53]"},
	} {
		v, i := world(t, strings.Fields(tc.tasks)...)
		r := Remaining(v, i)
		got := fmt.Sprintf("%d CPU, %d MiB, tcp %v, udp %v", r[0].IntegerValue, r[1].IntegerValue, r[2].StringSetValue, r[3].StringSetValue)
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.tasks, got, tc.want)
		}
		if i.Resources[0].IntegerValue != 1024 {
			t.Fatal("the record was changed")
		}
	}
}

func TestSubject(t *testing.T) {
	v, i := world(t, "RUNNING>RUNNING", "RUNNING>STOPPED", "PENDING>RUNNING", "STOPPED>STOPPED")
	for _, expression := range []string{
		"agentConnected == true",
		"agentVersion == 1.105.1",
		"ec2InstanceId == i-1",
		"attribute:ecs.os-type == linux",
		"attribute:ecs.capability.efs exists",
		"attribute:stack == prod",
		"attribute:rack not_exists",
		"registeredAt > 2020-01-01 and registeredAt < 2200-01-01",
		"runningTasksCount == 1",
		"task:group == g1 and task:group == g2",
		"task:group != g3",
	} {
		e, err := query.Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		if !e.Match(Subject(v, i)) {
			t.Errorf("%s does not match", expression)
		}
	}
	e, _ := query.Parse("ec2InstanceId != x or agentVersion != 1")
	if e.Match(Subject(v, state.ContainerInstance{})) {
		t.Error("an instance without id and version has them")
	}
	if used := v.Usage("i"); used.Running != 1 || used.Pending != 1 {
		t.Errorf("%d running and %d pending, want 1 and 1", used.Running, used.Pending)
	}
}
