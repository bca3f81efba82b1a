package taskdef

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	mostPort       = 65535
	mostPortRanges = 100 // of one container
)

var portName = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,63}$`)

// checkPorts checks the port mappings of one container.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
func checkPorts(d *definition, c *container) error {
	if len(c.PortMappings) > 0 && d.NetworkMode == types.NetworkModeNone {
		return refuse("Port mappings are not supported when networkMode=none.")
	}
	ranges := 0
	for _, p := range c.PortMappings {
		check := checkPort
		if p.ContainerPortRange != nil {
			ranges, check = ranges+1, checkPortRange
		}
		if err := check(d, c, p); err != nil {
			return err
		}
		if p.Name != nil && !portName.MatchString(*p.Name) {
			return refuse("Invalid port mapping name '%s' for container '%s': it can have up to 64 lowercase letters, numbers, underscores and hyphens, and cannot start with a hyphen.", *p.Name, *c.Name)
		}
	}
	if ranges > mostPortRanges {
		return refuse("Too many port ranges for container '%s': the maximum is %d.", *c.Name, mostPortRanges)
	}
	return checkOverlap(c)
}

func checkPort(d *definition, c *container, p types.PortMapping) error {
	inside, outside := number(p.ContainerPort), number(p.HostPort)
	switch {
	case inside < 1 || inside > mostPort:
		return refuse("Invalid 'containerPort' setting for container '%s'.", *c.Name)
	case outside < 0 || outside > mostPort:
		return refuse("Invalid 'hostPort' setting for container '%s'.", *c.Name)
	case outside != 0 && outside != inside && (d.NetworkMode == types.NetworkModeAwsvpc || d.NetworkMode == types.NetworkModeHost):
		return refuse("When networkMode=%s, the host ports and container ports in port mappings must match.", d.NetworkMode)
	}
	return nil
}

func checkPortRange(d *definition, c *container, p types.PortMapping) error {
	switch low, high := ports(p); {
	case p.ContainerPort != nil || p.HostPort != nil:
		return refuse("Invalid port mapping for container '%s'. You cannot specify both single port and port range.", *c.Name)
	case low < 1 || high <= low || high > mostPort:
		return refuse("Invalid 'containerPortRange' setting for container '%s'.", *c.Name)
	case d.NetworkMode == types.NetworkModeHost:
		return refuse("Port ranges are not supported when networkMode=host.")
	}
	return nil
}

// ports returns the first and the last container port of a mapping; 0 where
// its range cannot be read.
func ports(p types.PortMapping) (low, high int) {
	if p.ContainerPortRange == nil {
		return number(p.ContainerPort), number(p.ContainerPort)
	}
	from, to, _ := strings.Cut(*p.ContainerPortRange, "-")
	first, _ := strconv.ParseUint(from, 10, 32)
	last, _ := strconv.ParseUint(to, 10, 32)
	return int(first), int(last)
}

// transport is the protocol of a mapping. ECS takes anything but UDP for TCP: it
// registers http, which many write, as tcp.
func transport(p types.PortMapping) string {
	if strings.EqualFold(string(p.Protocol), "UDP") {
		return "UDP"
	}
	return "TCP"
}

// checkOverlap: a port is in one mapping of a container only, where ranges are used.
func checkOverlap(c *container) error {
	for i, p := range c.PortMappings {
		for _, q := range c.PortMappings[:i] {
			pLow, pHigh := ports(p)
			qLow, qHigh := ports(q)
			ranged := p.ContainerPortRange != nil || q.ContainerPortRange != nil
			if ranged && transport(p) == transport(q) && pLow <= qHigh && qLow <= pHigh {
				return refuse("%s container port '%d' is used multiple times in task.", transport(p), max(pLow, qLow))
			}
		}
	}
	return nil
}

// checkHostPorts: no two mappings of a task take the same port of its network.
func checkHostPorts(d *definition) error {
	seen := map[string]bool{}
	for _, c := range d.ContainerDefinitions {
		for _, p := range c.PortMappings {
			port := number(p.HostPort)
			if d.NetworkMode == types.NetworkModeAwsvpc || d.NetworkMode == types.NetworkModeHost {
				port = number(p.ContainerPort)
			}
			key := transport(p) + strconv.Itoa(port)
			if port != 0 && seen[key] {
				return refuse("%s host port '%d' is mapped multiple times in task.", transport(p), port)
			}
			seen[key] = true
		}
	}
	return nil
}

func checkPortNames(d *definition) error {
	seen := map[string]bool{}
	for _, c := range d.ContainerDefinitions {
		for _, p := range c.PortMappings {
			if p.Name == nil {
				continue
			}
			if seen[*p.Name] {
				return refuse("The port mapping name '%s' is already used.", *p.Name)
			}
			seen[*p.Name] = true
		}
	}
	return nil
}
