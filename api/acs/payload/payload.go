// Package payload translates a task and its definition into what an agent runs:
// the dialect that Amazon's own agent understands, in which all that docker does
// is docker's API in JSON.
//
// It is pure. Overrides are merged here; secrets and environment files are the
// agent's to fetch. What it cannot translate is an error, never left out.
// Credentials are added by api/acs, which is its only user.
package payload

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/message"
	"berth/state"
)

// Config says where tasks run.
type Config struct {
	VPC      string // range of the default VPC; see vpc.Default
	Region   string
	Account  string
	Endpoint string // URL of this control plane, for the clients on the machines

	logMode string // of the log driver awslogs, where a definition names none
}

// Stop tells an agent to stop a task.
func Stop(arn string) message.Task { return message.Task{ARN: arn, DesiredStatus: "STOPPED"} }

// Task tells an agent all it needs to run t, but credentials.
func (c Config) Task(v *state.View, t state.Task) (message.Task, error) {
	stored, ok := v.DefinitionOf(t)
	if !ok {
		return message.Task{}, fmt.Errorf("the task definition %s is gone", t.Definition)
	}
	d, err := override(stored, t.Overrides)
	if err != nil {
		return message.Task{}, err
	}
	p := message.Task{
		ARN: t.ARN, DesiredStatus: "RUNNING", Overrides: "{}",
		Cluster: t.Cluster, Account: c.Account, Zone: t.Zone,
		Family: aws.ToString(d.Family), Version: strconv.Itoa(int(d.Revision)),
		LaunchType: t.LaunchType, Group: t.Group,
		NetworkMode: networkMode(d), PIDMode: string(d.PidMode), IPCMode: string(d.IpcMode),
		ExecuteCommand: t.ExecuteCommand, FaultInjection: aws.ToBool(d.EnableFaultInjection),
		Proxy: proxy(d.ProxyConfiguration), Associations: associations(t),
	}
	if service, ok := strings.CutPrefix(t.Group, "service:"); ok {
		p.ServiceName = service
	}
	if t.EphemeralStorage != nil {
		p.EphemeralStorage = &message.EphemeralStorage{SizeInGiB: t.EphemeralStorage.SizeInGiB}
	}
	if p.CPU, p.Memory, err = size(t); err != nil {
		return message.Task{}, err
	}
	if p.Volumes, err = volumes(d.Volumes); err != nil {
		return message.Task{}, err
	}
	if p.ENIs, err = c.interfaces(v, t); err != nil {
		return message.Task{}, err
	}
	c.logMode = logMode(v)
	revision, _ := v.ServiceRevisions.Get(t.Revision)
	for _, definition := range d.ContainerDefinitions {
		translated, err := c.container(t, d, definition)
		if err != nil {
			return message.Task{}, fmt.Errorf("container %s: %w", aws.ToString(definition.Name), err)
		}
		pin(&translated, revision.Images)
		p.Containers = append(p.Containers, translated)
	}
	return p, nil
}

// networkMode is that of d; on Linux the default is docker's.
func networkMode(d types.TaskDefinition) string {
	if d.NetworkMode == "" {
		return string(types.NetworkModeBridge)
	}
	return string(d.NetworkMode)
}

// size is that of the task as a whole, in vCPU and MiB; 0 where it has none.
func size(t state.Task) (vcpu float64, memory int64, err error) {
	if t.CPU != "" {
		units, err := strconv.ParseFloat(t.CPU, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("the task's cpu is %q, want units", t.CPU)
		}
		vcpu = units / 1024
	}
	if t.Memory != "" {
		if memory, err = strconv.ParseInt(t.Memory, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("the task's memory is %q, want MiB", t.Memory)
		}
	}
	return vcpu, memory, nil
}

func proxy(p *types.ProxyConfiguration) *message.Proxy {
	if p == nil {
		return nil
	}
	kind := p.Type
	if kind == "" {
		kind = types.ProxyConfigurationTypeAppmesh
	}
	return &message.Proxy{Type: string(kind), ContainerName: aws.ToString(p.ContainerName), Properties: pairs(p.Properties)}
}

// associations are the GPUs that placement gave the containers of t.
func associations(t state.Task) (all []message.Association) {
	for _, c := range t.Containers {
		for _, id := range c.GpuIds {
			all = append(all, message.Association{Type: "gpu", Name: id, Containers: []string{aws.ToString(c.Name)}})
		}
	}
	return all
}

// pairs makes a map of a list; the last of two with one name counts.
func pairs(list []types.KeyValuePair) map[string]string {
	m := map[string]string{}
	for _, pair := range list {
		m[aws.ToString(pair.Name)] = aws.ToString(pair.Value)
	}
	return m
}
