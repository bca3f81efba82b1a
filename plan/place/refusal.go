package place

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/state"
)

// Refusal is why a container instance does not run a task.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
type Refusal struct {
	Instance string // ARN
	Reason   string // as ECS gives it: RESOURCE:MEMORY
	Detail   string // in words, of the instance: needs 512 MiB of memory, has 300 of 1024 left
}

func refusal(i state.ContainerInstance, reason, detail string, args ...any) *Refusal {
	return &Refusal{i.ARN, reason, fmt.Sprintf(detail, args...)}
}

// refuse says why c has no room for one more of the tasks; nil if it has.
func (c *candidate) refuse(v *state.View, r Request) *Refusal {
	i, t := c.instance, r.Takes
	lacks := func(name, unit string, needs int32, left int64) *Refusal {
		return refusal(i, "RESOURCE:"+name, "needs %d %s, has %d of %s left", needs, unit, left, total(i, name))
	}
	switch {
	case c.fits(r):
		return nil
	case c.inGroup > 0 && r.distinct():
		return refusal(i, "DistinctInstance placement constraint unsatisfied.", "runs a task of the group %s", r.Group)
	case c.cpu < int64(t.CPU):
		return lacks("CPU", "CPU units", t.CPU, c.cpu)
	case c.memory < int64(t.Memory):
		return lacks("MEMORY", "MiB of memory", t.Memory, c.memory)
	case c.portsTaken:
		port, holder, found := conflict(v, t, i)
		if !found {
			return refusal(i, "RESOURCE:PORTS", "another task of this call takes the same ports")
		}
		return refusal(i, "RESOURCE:PORTS", "port %s is taken by %s", port, holder)
	case len(c.gpus) < r.GPUs:
		return lacks("GPU", "GPUs", int32(r.GPUs), int64(len(c.gpus)))
	case c.enis < int64(t.ENIs):
		return lacks("ENI", "network interfaces", t.ENIs, c.enis)
	}
	return refusal(i, "RESOURCE:ENI", "no subnet that it can use has an address left")
}

// total is how much of a resource an instance registered.
func total(i state.ContainerInstance, name string) string {
	for _, r := range i.Resources {
		if *r.Name == name && *r.Type == "STRINGSET" {
			return strconv.Itoa(len(r.StringSetValue))
		} else if *r.Name == name {
			return strconv.Itoa(int(r.IntegerValue))
		}
	}
	if name == "ENI" {
		return strconv.Itoa(mostENIs)
	}
	return "0"
}

// conflict finds the first port that a task needs and that is taken on i, and
// what holds it.
func conflict(v *state.View, t state.Resources, i state.ContainerInstance) (port, holder string, found bool) {
	for _, ports := range []struct {
		protocol, resource string
		numbers            []int32
	}{{"tcp", "PORTS", t.TCP}, {"udp", "PORTS_UDP", t.UDP}} {
		for _, n := range ports.numbers {
			port := fmt.Sprint(n)
			if reserved(i, ports.resource, port) {
				return port + "/" + ports.protocol, "the instance itself", true
			}
			if holder, taken := v.TaskWithPort(i.ARN, ports.protocol, n); taken {
				return port + "/" + ports.protocol, "task " + holder.ARN[strings.LastIndexByte(holder.ARN, '/')+1:], true
			}
		}
	}
	return "", "", false
}

func reserved(i state.ContainerInstance, resource, port string) bool {
	for _, r := range i.Resources {
		if *r.Name == resource {
			return slices.Contains(r.StringSetValue, port)
		}
	}
	return false
}

// sortRefusals puts the instances first that are closest to running the task:
// those that only lack room.
func sortRefusals(refused []Refusal) {
	distance := func(r Refusal) int {
		switch {
		case strings.HasPrefix(r.Reason, "RESOURCE:"):
			return 0
		case strings.HasPrefix(r.Reason, "DistinctInstance"):
			return 1
		case r.Reason == "LOCATION", strings.HasPrefix(r.Reason, "MemberOf"):
			return 2
		case r.Reason == "ATTRIBUTE":
			return 3
		case r.Reason == "AGENT":
			return 4
		}
		return 5
	}
	slices.SortStableFunc(refused, func(a, b Refusal) int { return distance(a) - distance(b) })
}
