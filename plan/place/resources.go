package place

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Needs returns what a task of d takes with a caller's overrides, which may be
// nil, and how many GPUs. What is stated for the task as a whole counts; where
// nothing is, the sum over its containers, of the soft memory limit before the
// hard one. Ports that the agent chooses are not in it.
func Needs(d *types.TaskDefinition, o *types.TaskOverride) (takes state.Resources, gpus int) {
	if o == nil {
		o = &types.TaskOverride{}
	}
	for _, c := range d.ContainerDefinitions {
		c = overridden(c, o)
		takes.CPU += c.Cpu
		takes.Memory += cmp.Or(aws.ToInt32(c.MemoryReservation), aws.ToInt32(c.Memory))
		for _, p := range c.PortMappings {
			addPort(&takes, d.NetworkMode, p)
		}
		gpus += gpusOf(c)
	}
	takes.CPU = number(takes.CPU, d.Cpu, o.Cpu)
	takes.Memory = number(takes.Memory, d.Memory, o.Memory)
	if d.NetworkMode == types.NetworkModeAwsvpc {
		takes.ENIs = 1
	}
	return takes, gpus
}

// gpusOf is how many GPUs a container needs.
func gpusOf(c types.ContainerDefinition) (n int) {
	for _, r := range c.ResourceRequirements {
		if r.Type == types.ResourceTypeGpu {
			n += int(number(0, r.Value))
		}
	}
	return n
}

// overridden is a container with the sizes that a caller gave it.
func overridden(c types.ContainerDefinition, overrides *types.TaskOverride) types.ContainerDefinition {
	if overrides == nil {
		return c
	}
	for _, o := range overrides.ContainerOverrides {
		if aws.ToString(o.Name) != aws.ToString(c.Name) {
			continue
		}
		if o.Cpu != nil {
			c.Cpu = *o.Cpu
		}
		c.Memory = cmp.Or(o.Memory, c.Memory)
		c.MemoryReservation = cmp.Or(o.MemoryReservation, c.MemoryReservation)
		if o.ResourceRequirements != nil {
			c.ResourceRequirements = o.ResourceRequirements
		}
	}
	return c
}

// number is the last of texts that holds one; n if none does.
func number(n int32, texts ...*string) int32 {
	for _, text := range texts {
		if m, err := strconv.ParseInt(aws.ToString(text), 10, 32); err == nil {
			n = int32(m)
		}
	}
	return n
}

// addPort counts a port mapping. Only the network modes host and bridge use
// ports of the host; in the mode host, a container port is one.
func addPort(takes *state.Resources, mode types.NetworkMode, p types.PortMapping) {
	port := aws.ToInt32(p.HostPort)
	switch mode {
	case types.NetworkModeAwsvpc, types.NetworkModeNone:
		return
	case types.NetworkModeHost:
		port = aws.ToInt32(p.ContainerPort)
	}
	switch {
	case port == 0:
	case p.Protocol == types.TransportProtocolUdp:
		takes.UDP = append(takes.UDP, port)
	default:
		takes.TCP = append(takes.TCP, port)
	}
}

// Remaining returns the resources of i as its tasks leave them: of CPU and
// MEMORY what is not taken, of PORTS and PORTS_UDP what is reserved or taken.
// A task counts until it has stopped.
func Remaining(v *state.View, i state.ContainerInstance) []types.Resource {
	used := v.Usage(i.ARN)
	remaining := slices.Clone(i.Resources)
	for j := range remaining {
		switch r := &remaining[j]; *r.Name {
		case "CPU":
			r.IntegerValue -= int32(used.CPU)
		case "MEMORY":
			r.IntegerValue -= int32(used.Memory)
		case "PORTS":
			r.StringSetValue = append(slices.Clone(r.StringSetValue), ports(v, i, func(t state.Task) []int32 { return t.Takes.TCP })...)
		case "PORTS_UDP":
			r.StringSetValue = append(slices.Clone(r.StringSetValue), ports(v, i, func(t state.Task) []int32 { return t.Takes.UDP })...)
		case "GPU":
			free := []string{}
			for _, id := range r.StringSetValue {
				if _, taken := v.TaskWithGPU(i.ARN, id); !taken {
					free = append(free, id)
				}
			}
			r.StringSetValue = free
		}
	}
	return remaining
}

// ports are those that the tasks on i take.
func ports(v *state.View, i state.ContainerInstance, of func(state.Task) []int32) (texts []string) {
	for t := range v.TasksOn(i.ARN) {
		for _, port := range of(t) {
			texts = append(texts, strconv.Itoa(int(port)))
		}
	}
	return texts
}

// Constraints are those that a task definition puts on its tasks.
func Constraints(d *types.TaskDefinition) (out []types.PlacementConstraint) {
	for _, c := range d.PlacementConstraints {
		out = append(out, types.PlacementConstraint{Type: types.PlacementConstraintType(c.Type), Expression: c.Expression})
	}
	return out
}
