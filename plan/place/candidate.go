package place

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// mostENIs is how many network interfaces a container instance has room for
// that did not register the resource ENI: a bridge of Linux has 1,024 ports, and
// the pools of one machine share a bridge.
const mostENIs = 500

// ownInterfaces is the attribute of agents that make tasks' network interfaces themselves.
const ownInterfaces = "berth.task-eni"

// candidate is a container instance that may run the tasks, as far as it has
// room.
type candidate struct {
	leaf        branch         // of the order; its bucket's name is the instance's ARN
	zone        string         // of the instance
	values      []string       // of the attributes that the order spreads over
	subnets     []state.Subnet // where a network interface may be; the best is chosen
	cpu, memory int64          // left
	enis        int64
	gpus        []string // ids, left
	inGroup     int      // tasks of the same group
	portsTaken  bool     // one that the tasks need
}

func (c *candidate) instance() string { return c.leaf.bucket.name }

// check says why i cannot run the tasks whatever room it has; nil if it can. An
// order is kept as long as what this depends on has not changed: the record of i,
// its attributes, its tasks. If it ever looks elsewhere, a [state.Mark] has to.
func (o *order) check(v *state.View, i *state.ContainerInstance) *Refusal {
	r := &o.request
	external := hasAttribute(i, "ecs.capability.external")
	switch {
	case i.Status != "ACTIVE" && !(r.Daemon && i.Status == "DRAINING"):
		return refusal(i, i.Status, "is %s", i.Status)
	case r.LaunchType == "EXTERNAL" && !external:
		return refusal(i, "ATTRIBUTE", "is no external instance: it lacks the attribute ecs.capability.external")
	case r.LaunchType == "EC2" && external:
		return refusal(i, "ATTRIBUTE", "is an external instance: only the launch type EXTERNAL runs tasks on it")
	case r.CapacityProvider != "" && r.LaunchType != "FARGATE" && i.CapacityProvider != r.CapacityProvider:
		return refusal(i, "CAPACITY PROVIDER", "is not of the capacity provider %s", r.CapacityProvider)
	case r.Takes.ENIs > 0 && !hasAttribute(i, ownInterfaces):
		return refusal(i, "ATTRIBUTE", "lacks the attribute %s: Berth's agent has it, and makes the interfaces of awsvpc; other agents wait for an EC2 that attaches them", ownInterfaces)
	}
	if name, missing := missingDaemon(v, i); !r.Daemon && missing {
		return refusal(i, "DAEMON", "its critical daemon %s does not run", name)
	}
	for _, needed := range r.Definition.RequiresAttributes {
		if !hasAttribute(i, *needed.Name) {
			return refusal(i, "ATTRIBUTE", "lacks the attribute %s", *needed.Name)
		}
	}
	if has, ok := runs(i, r.Definition.RuntimePlatform); !ok {
		p := r.Definition.RuntimePlatform
		return refusal(i, "ATTRIBUTE", "runs %s, not %s", has, strings.TrimSpace(string(p.OperatingSystemFamily)+" "+string(p.CpuArchitecture)))
	}
	for _, term := range o.terms {
		if !term.Match(subject(v, i)) {
			return refusal(i, "MemberOf placement constraint unsatisfied.", "is not %s", term)
		}
	}
	if zone := valueOf(i, zoneAttribute); len(r.Subnets) > 0 && len(o.within(zone)) == 0 {
		return refusal(i, "LOCATION", "is in %s, where none of the subnets is", cmp.Or(zone, "no zone"))
	}
	if !i.AgentConnected {
		return refusal(i, "AGENT", "its agent is not connected")
	}
	return nil
}

const zoneAttribute = "ecs.availability-zone"

// within is the subnets that an instance in a zone may use.
func (o *order) within(zone string) (in []state.Subnet) {
	for _, s := range o.request.Subnets {
		if s.Zone == zone {
			in = append(in, s)
		}
	}
	if len(in) == 0 && o.request.LaunchType == "FARGATE" {
		return o.request.Subnets // the machines of the pool are in no zone that users see
	}
	return in
}

// runs reports whether an instance is of a platform, and what it is. What an
// instance does not say of itself is left to the user.
func runs(i *state.ContainerInstance, p *types.RuntimePlatform) (has string, ok bool) {
	if p == nil {
		return "", true
	}
	system, architecture := valueOf(i, "ecs.os-type"), valueOf(i, "ecs.cpu-architecture")
	wantSystem, wantArchitecture := strings.ToLower(string(p.OperatingSystemFamily)), strings.ToLower(string(p.CpuArchitecture))
	if strings.HasPrefix(wantSystem, "windows") {
		wantSystem = "windows"
	}
	if architecture == "aarch64" {
		architecture = "arm64"
	}
	if (wantSystem == "" || system == "" || system == wantSystem) &&
		(wantArchitecture == "" || architecture == "" || architecture == wantArchitecture) {
		return "", true
	}
	return strings.TrimSpace(strings.ToUpper(system + " " + architecture)), false
}

// candidate is i, which check has nothing against, with what its tasks leave of it.
func (o *order) candidate(v *state.View, i *state.ContainerInstance) *candidate {
	r, used := &o.request, v.Usage(i.ARN)
	c := &candidate{
		leaf: branch{bucket: bucket{name: i.ARN}, at: -1},
		zone: valueOf(i, zoneAttribute), inGroup: v.InGroup(i.ARN, r.Group),
		cpu: -used.CPU, memory: -used.Memory, enis: mostENIs - used.ENIs,
	}
	c.leaf.candidate = c
	c.subnets = o.within(c.zone)
	for _, l := range o.levels {
		if l.kind == spread {
			c.values = append(c.values, strings.Join(attribute(v, i, l.attribute), ""))
		}
	}
	for _, resource := range i.Resources {
		switch *resource.Name {
		case "CPU":
			c.cpu += int64(resource.IntegerValue)
		case "MEMORY":
			c.memory += int64(resource.IntegerValue)
		case "ENI":
			c.enis = int64(resource.IntegerValue) - used.ENIs
		case "GPU":
			c.gpus = free(v, i.ARN, resource.StringSetValue, r.GPUs)
		}
	}
	_, _, c.portsTaken = conflict(v, r.Takes, i)
	return c
}

// free is those of an instance's GPUs that no task holds; of no interest where
// tasks need none.
func free(v *state.View, instance string, ids []string, needed int) (free []string) {
	if needed == 0 {
		return nil
	}
	for _, id := range ids {
		if _, taken := v.TaskWithGPU(instance, id); !taken {
			free = append(free, id)
		}
	}
	return free
}

// fits reports whether c has room for one more of the tasks.
func (o *order) fits(c *candidate) bool {
	r := &o.request
	return c.cpu >= int64(r.Takes.CPU) && c.memory >= int64(r.Takes.Memory) && c.enis >= int64(r.Takes.ENIs) &&
		len(c.gpus) >= r.GPUs && !c.portsTaken && !(c.inGroup > 0 && o.distinct) &&
		(len(c.subnets) == 0 || o.free[o.subnet(c).ID] > 0)
}

// subnet is the one of the candidate's, of those with an address left, in whose
// zone the service has the fewest tasks; of equals, the one with the most
// addresses left.
func (o *order) subnet(c *candidate) state.Subnet {
	if len(c.subnets) == 0 {
		return state.Subnet{}
	}
	full := func(s state.Subnet) int {
		if o.free[s.ID] > 0 {
			return 0
		}
		return 1
	}
	return slices.MinFunc(c.subnets, func(a, b state.Subnet) int {
		return cmp.Or(full(a)-full(b), o.inZone[a.Zone]-o.inZone[b.Zone], o.free[b.ID]-o.free[a.ID])
	})
}

// take gives one of the tasks its place on c.
func (o *order) take(c *candidate) Place {
	r := &o.request
	p := Place{Instance: c.instance(), Zone: c.zone, Subnet: o.subnet(c), Takes: r.Takes}
	p.Takes.GPUs = c.gpus[:r.GPUs:r.GPUs]
	if p.Subnet.ID != "" {
		p.Zone = p.Subnet.Zone
	}
	o.occupy(c, p)
	return p
}

// occupy takes from c what a task of the group at p has.
func (o *order) occupy(c *candidate, p Place) {
	if p.Subnet.ID != "" {
		o.free[p.Subnet.ID]--
	}
	o.inZone[p.Zone]++
	c.gpus = slices.DeleteFunc(slices.Clone(c.gpus), func(id string) bool { return slices.Contains(p.Takes.GPUs, id) })
	c.cpu -= int64(p.Takes.CPU)
	c.memory -= int64(p.Takes.Memory)
	c.enis -= int64(p.Takes.ENIs)
	c.inGroup++
	c.portsTaken = c.portsTaken || meet(p.Takes.TCP, o.request.Takes.TCP) || meet(p.Takes.UDP, o.request.Takes.UDP)
}

func meet(a, b []int32) bool {
	return slices.ContainsFunc(a, func(n int32) bool { return slices.Contains(b, n) })
}

func hasAttribute(i *state.ContainerInstance, name string) bool { return find(i, name) != nil }

func valueOf(i *state.ContainerInstance, name string) string {
	if a := find(i, name); a != nil {
		return aws.ToString(a.Value)
	}
	return ""
}

// find looks for an attribute that the agent or the machine has.
func find(i *state.ContainerInstance, name string) *types.Attribute {
	for n := range i.Attributes {
		if a := &i.Attributes[n]; *a.Name == name {
			return a
		}
	}
	return nil
}
