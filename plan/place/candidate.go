package place

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/query"
	"berth/plan/vpc"
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
	instance    state.ContainerInstance
	zone        string
	subnets     []state.Subnet // where a network interface may be; the best is chosen
	free        map[string]int // addresses left, by subnet; shared by all candidates
	cpu, memory int64          // left
	enis        int64
	gpus        []string // ids, left
	inGroup     int      // tasks of the same group
	placed      int      // tasks of this request on it
	portsTaken  bool     // one that the tasks need
}

// candidates are the instances that could run the tasks if they had room, and
// why the others could not.
func candidates(v *state.View, r Request) (all []*candidate, refused []Refusal) {
	terms := parse(r.Constraints)
	free := map[string]int{}
	for _, s := range r.Subnets {
		free[s.ID] = vpc.Free(v, s)
	}
	for i := range v.InstancesOf(r.Cluster) {
		if r.Only != "" && i.ARN != r.Only {
			continue
		}
		c, refusal := r.candidate(v, i, terms)
		if refusal != nil {
			refused = append(refused, *refusal)
			continue
		}
		c.free = free
		all = append(all, c)
	}
	return all, refused
}

// parse reads the expressions of memberOf constraints. They were checked when
// they were given.
func parse(constraints []types.PlacementConstraint) (terms []*query.Expr) {
	for _, c := range constraints {
		if e, err := query.Parse(aws.ToString(c.Expression)); err == nil && c.Type != types.PlacementConstraintTypeDistinctInstance {
			terms = append(terms, e)
		}
	}
	return terms
}

// candidate checks all of an instance but its room.
func (r Request) candidate(v *state.View, i state.ContainerInstance, terms []*query.Expr) (*candidate, *Refusal) {
	refuse := func(reason, detail string, args ...any) (*candidate, *Refusal) {
		return nil, refusal(i, reason, detail, args...)
	}
	external := hasAttribute(i, "ecs.capability.external")
	switch {
	case i.Status != "ACTIVE":
		return refuse(i.Status, "is %s", i.Status)
	case r.LaunchType == "EXTERNAL" && !external:
		return refuse("ATTRIBUTE", "is no external instance: it lacks the attribute ecs.capability.external")
	case r.LaunchType == "EC2" && external:
		return refuse("ATTRIBUTE", "is an external instance: only the launch type EXTERNAL runs tasks on it")
	case r.CapacityProvider != "" && r.LaunchType != "FARGATE" && i.CapacityProvider != r.CapacityProvider:
		return refuse("CAPACITY PROVIDER", "is not of the capacity provider %s", r.CapacityProvider)
	case !i.AgentConnected:
		return refuse("AGENT", "its agent is not connected")
	}
	if r.Takes.ENIs > 0 && !hasAttribute(i, ownInterfaces) {
		return refuse("ATTRIBUTE", "lacks the attribute %s: Berth's agent has it, and makes the interfaces of awsvpc; other agents wait for an EC2 that attaches them", ownInterfaces)
	}
	for _, needed := range r.Definition.RequiresAttributes {
		if !hasAttribute(i, *needed.Name) {
			return refuse("ATTRIBUTE", "lacks the attribute %s", *needed.Name)
		}
	}
	if has, ok := runs(i, r.Definition.RuntimePlatform); !ok {
		p := r.Definition.RuntimePlatform
		return refuse("ATTRIBUTE", "runs %s, not %s", has, strings.TrimSpace(string(p.OperatingSystemFamily)+" "+string(p.CpuArchitecture)))
	}
	subject := Subject(v, i)
	for _, term := range terms {
		if !term.Match(subject) {
			return refuse("MemberOf placement constraint unsatisfied.", "is not %s", term)
		}
	}
	c := &candidate{instance: i, zone: valueOf(i, "ecs.availability-zone"), inGroup: v.InGroup(i.ARN, r.Group)}
	c.subnets = within(r.Subnets, c.zone)
	if len(r.Subnets) > 0 && len(c.subnets) == 0 {
		if r.LaunchType != "FARGATE" {
			return refuse("LOCATION", "is in %s, where none of the subnets is", cmp.Or(c.zone, "no zone"))
		}
		c.subnets = r.Subnets // the machines of the pool are in no zone that users see
	}
	c.measure(v, r)
	return c, nil
}

func within(subnets []state.Subnet, zone string) (in []state.Subnet) {
	for _, s := range subnets {
		if s.Zone == zone {
			in = append(in, s)
		}
	}
	return in
}

// runs reports whether an instance is of a platform, and what it is. What an
// instance does not say of itself is left to the user.
func runs(i state.ContainerInstance, p *types.RuntimePlatform) (has string, ok bool) {
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
	ok = (wantSystem == "" || system == "" || system == wantSystem) &&
		(wantArchitecture == "" || architecture == "" || architecture == wantArchitecture)
	return strings.TrimSpace(strings.ToUpper(system + " " + architecture)), ok
}

// measure notes what the tasks on an instance leave of it.
func (c *candidate) measure(v *state.View, r Request) {
	i := c.instance
	used := v.Usage(i.ARN)
	c.cpu, c.memory, c.enis = -used.CPU, -used.Memory, mostENIs-used.ENIs
	for _, resource := range i.Resources {
		switch *resource.Name {
		case "CPU":
			c.cpu += int64(resource.IntegerValue)
		case "MEMORY":
			c.memory += int64(resource.IntegerValue)
		case "ENI":
			c.enis = int64(resource.IntegerValue) - used.ENIs
		case "GPU":
			for _, id := range resource.StringSetValue {
				if _, taken := v.TaskWithGPU(i.ARN, id); !taken {
					c.gpus = append(c.gpus, id)
				}
			}
		}
	}
	_, _, c.portsTaken = conflict(v, r.Takes, i)
}

// fits reports whether c has room for one more of the tasks.
func (c *candidate) fits(r Request) bool {
	return c.cpu >= int64(r.Takes.CPU) && c.memory >= int64(r.Takes.Memory) && c.enis >= int64(r.Takes.ENIs) &&
		len(c.gpus) >= r.GPUs && !c.portsTaken && !(c.inGroup > 0 && r.distinct()) &&
		(len(c.subnets) == 0 || c.free[c.subnet().ID] > 0)
}

func (r Request) distinct() bool {
	return slices.ContainsFunc(r.Constraints, func(c types.PlacementConstraint) bool {
		return c.Type == types.PlacementConstraintTypeDistinctInstance
	})
}

// subnet is the one of the candidate's with the most addresses left.
func (c *candidate) subnet() state.Subnet {
	if len(c.subnets) == 0 {
		return state.Subnet{}
	}
	return slices.MaxFunc(c.subnets, func(a, b state.Subnet) int { return cmp.Compare(c.free[a.ID], c.free[b.ID]) })
}

// take gives one of the tasks its place.
func (c *candidate) take(r Request) Place {
	p := Place{Instance: c.instance.ARN, Zone: c.zone, Subnet: c.subnet(), Takes: r.Takes}
	p.Takes.GPUs = c.gpus[:r.GPUs:r.GPUs]
	if p.Subnet.ID != "" {
		p.Zone = p.Subnet.Zone
		c.free[p.Subnet.ID]--
	}
	c.gpus = c.gpus[r.GPUs:]
	c.cpu -= int64(r.Takes.CPU)
	c.memory -= int64(r.Takes.Memory)
	c.enis -= int64(r.Takes.ENIs)
	c.inGroup++
	c.placed++
	c.portsTaken = len(r.Takes.TCP)+len(r.Takes.UDP) > 0
	return p
}

func hasAttribute(i state.ContainerInstance, name string) bool {
	return slices.ContainsFunc(i.Attributes, func(a types.Attribute) bool { return *a.Name == name })
}

func valueOf(i state.ContainerInstance, name string) string {
	for _, a := range i.Attributes {
		if *a.Name == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}
