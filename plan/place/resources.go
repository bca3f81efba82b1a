// Package place knows what tasks take of a container instance: the arithmetic
// that decides whether a task fits, which must be the agent's own (an agent
// lets a task that it has no room for wait, and all later ones with it), and
// how the cluster query language sees an instance.
//
// Used by api/ecs to describe and to list container instances.
package place

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Need is what one task takes of the container instance it runs on.
type Need struct {
	CPU      int32    // units, of 1,024 to a core
	Memory   int32    // MiB
	TCP, UDP []string // ports of the host
}

// NeedOf returns what a task of d takes. What the task definition states for
// the task as a whole counts; where it does not, the sum over its containers,
// of the soft memory limit before the hard one. Ports that the agent chooses
// are not in it.
func NeedOf(d *types.TaskDefinition) Need {
	var n Need
	for _, c := range d.ContainerDefinitions {
		n.CPU += c.Cpu
		n.Memory += cmp.Or(aws.ToInt32(c.MemoryReservation), aws.ToInt32(c.Memory))
		for _, p := range c.PortMappings {
			n.addPort(d.NetworkMode, p)
		}
	}
	if cpu, err := strconv.ParseInt(aws.ToString(d.Cpu), 10, 32); err == nil {
		n.CPU = int32(cpu)
	}
	if memory, err := strconv.ParseInt(aws.ToString(d.Memory), 10, 32); err == nil {
		n.Memory = int32(memory)
	}
	return n
}

// addPort counts a port mapping. Only the network modes host and bridge use
// ports of the host; in the mode host, a container port is one.
func (n *Need) addPort(mode types.NetworkMode, p types.PortMapping) {
	port := aws.ToInt32(p.HostPort)
	switch mode {
	case types.NetworkModeAwsvpc, types.NetworkModeNone:
		return
	case types.NetworkModeHost:
		port = aws.ToInt32(p.ContainerPort)
	}
	if port == 0 {
		return
	}
	if p.Protocol == types.TransportProtocolUdp {
		n.UDP = append(n.UDP, strconv.Itoa(int(port)))
	} else {
		n.TCP = append(n.TCP, strconv.Itoa(int(port)))
	}
}

// Remaining returns the resources of i as its tasks leave them: of CPU and
// MEMORY what is not taken, of PORTS and PORTS_UDP what is reserved or taken.
// A task counts until it has stopped.
func Remaining(v *state.View, i state.ContainerInstance) []types.Resource {
	var taken Need
	for t := range v.TasksOn(i.ARN) {
		d, ok := v.TaskDefinitions.Get(t.Definition)
		if !ok || t.Last == "STOPPED" {
			continue
		}
		n := NeedOf(&d.TaskDefinition)
		taken.CPU += n.CPU
		taken.Memory += n.Memory
		taken.TCP = append(taken.TCP, n.TCP...)
		taken.UDP = append(taken.UDP, n.UDP...)
	}
	remaining := slices.Clone(i.Resources)
	for j := range remaining {
		switch r := &remaining[j]; *r.Name {
		case "CPU":
			r.IntegerValue -= taken.CPU
		case "MEMORY":
			r.IntegerValue -= taken.Memory
		case "PORTS":
			r.StringSetValue = append(slices.Clone(r.StringSetValue), taken.TCP...)
		case "PORTS_UDP":
			r.StringSetValue = append(slices.Clone(r.StringSetValue), taken.UDP...)
		}
	}
	return remaining
}
