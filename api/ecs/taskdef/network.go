package taskdef

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkNetworkMembers refuses what containers cannot have of their own where
// they share the task's network namespace.
func checkNetworkMembers(d *definition, c *container) error {
	for _, h := range c.ExtraHosts {
		if empty(h.Hostname) {
			return blank("HostEntry.hostname")
		}
		if empty(h.IpAddress) {
			return blank("HostEntry.ipAddress")
		}
	}
	if len(c.Links) > 0 && d.NetworkMode != "" && d.NetworkMode != types.NetworkModeBridge {
		return refuse("Links are not supported when networkMode=%s.", d.NetworkMode)
	}
	if d.NetworkMode != types.NetworkModeAwsvpc {
		return nil
	}
	switch {
	case !empty(c.Hostname):
		return refuse("hostname is not supported on container when networkMode=awsvpc.")
	case len(c.DnsServers) > 0:
		return refuse("DNS servers are not supported on container when networkMode=awsvpc.")
	case len(c.DnsSearchDomains) > 0:
		return refuse("DNS search domains are not supported on container when networkMode=awsvpc.")
	case len(c.ExtraHosts) > 0:
		return refuse("Extra hosts are not supported on container when networkMode=awsvpc.")
	case isTrue(c.DisableNetworking):
		return refuse("Disable Networking is not supported on container when networkMode=awsvpc.")
	}
	return nil
}

// checkDependencies checks the order in which containers start.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
func checkDependencies(d *definition) error {
	edges := map[string][]string{}
	for _, c := range d.ContainerDefinitions {
		for _, dependency := range c.DependsOn {
			if err := checkDependency(d, dependency); err != nil {
				return err
			}
			edges[*c.Name] = append(edges[*c.Name], *dependency.ContainerName)
		}
	}
	if hasCycle(edges) {
		return refuse("Container dependencies should not have a cycle")
	}
	return nil
}

func checkDependency(d *definition, dependency types.ContainerDependency) error {
	if empty(dependency.ContainerName) {
		return blank("ContainerDependency.containerName")
	}
	on := d.find(*dependency.ContainerName)
	if on == nil {
		return refuse("Cannot depend on container + '%s' because it does not exist", *dependency.ContainerName)
	}
	switch dependency.Condition {
	case "":
		return blank("ContainerDependency.condition")
	case types.ContainerConditionComplete, types.ContainerConditionSuccess:
		if isEssential(on) {
			return refuse("A dependency container with SUCCESS or COMPLETE condition cannot be an essential container")
		}
	case types.ContainerConditionHealthy:
		if on.HealthCheck == nil {
			return refuse("A dependency container with HEALTHY condition must have health check configured")
		}
	}
	return nil
}

func checkLinks(d *definition) error {
	edges := map[string][]string{}
	for _, c := range d.ContainerDefinitions {
		for _, link := range c.Links {
			to, _, _ := strings.Cut(link, ":")
			if d.find(to) == nil {
				return refuse("Invalid 'links' setting. Unknown container: '%s'", to)
			}
			edges[*c.Name] = append(edges[*c.Name], to)
		}
	}
	if hasCycle(edges) {
		return refuse("Container links should not have a cycle")
	}
	return nil
}

// hasCycle reports whether some name leads back to itself.
func hasCycle(edges map[string][]string) bool {
	const entered, left = 1, 2
	state := map[string]int{}
	var visit func(string) bool
	visit = func(from string) bool {
		state[from] = entered
		for _, to := range edges[from] {
			if state[to] == entered || state[to] == 0 && visit(to) {
				return true
			}
		}
		state[from] = left
		return false
	}
	for from := range edges {
		if state[from] == 0 && visit(from) {
			return true
		}
	}
	return false
}
