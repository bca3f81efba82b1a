package agent

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/agent/engine"
	"berth/agent/metadata"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/api/acs/message"
)

var _ metadata.Agent = (*agent)(nil)

// TaskOf finds the task of the container that has an endpoint id.
func (one *agent) TaskOf(endpointID string) (metadata.Task, bool) {
	return one.find(func(t *engine.Task) bool {
		for _, c := range t.Containers {
			if c.EndpointID == endpointID {
				return true
			}
		}
		return false
	})
}

// TaskWith finds the task that has a role with this credentials id.
func (one *agent) TaskWith(credentialsID string) (metadata.Task, bool) {
	has := func(r *message.RoleCredentials) bool { return r != nil && r.CredentialsID == credentialsID }
	return one.find(func(t *engine.Task) bool {
		return has(t.Payload.RoleCredentials) || has(t.Payload.ExecutionRoleCredentials)
	})
}

// TaskAt finds the task that has this address in the network mode awsvpc.
func (one *agent) TaskAt(address netip.Addr) (metadata.Task, bool) {
	return one.find(func(t *engine.Task) bool { return !t.Released && eniAddress(t) == address })
}

func (one *agent) find(match func(*engine.Task) bool) (metadata.Task, bool) {
	t, found := one.engine.Find(match)
	if !found {
		return metadata.Task{}, false
	}
	return one.view(t), true
}

// Tasks lists all tasks, and says what the agent is.
func (one *agent) Tasks() (metadata.Instance, []metadata.Task) {
	var all []metadata.Task
	for _, t := range one.engine.Tasks() {
		all = append(all, one.view(t))
	}
	return metadata.Instance{Cluster: one.pool.Cluster, ARN: one.instance(), Version: "Berth - " + one.version}, all
}

func (one *agent) instance() string {
	if i := one.link.Instance(); i != nil {
		return aws.ToString(i.ContainerInstanceArn)
	}
	return ""
}

// Sample measures a running container.
func (one *agent) Sample(ctx context.Context, task, container string) (metadata.Sample, error) {
	t, _ := one.engine.Task(engine.ID(task))
	stats, counters, err := one.host.Measure(ctx, &t, container)
	return metadata.Sample{Stats: stats, Network: counters}, err
}

// Tags gives the tags of a task or of the container instance, by ARN.
func (one *agent) Tags(ctx context.Context, arn string) (map[string]string, error) {
	return one.link.Tags(ctx, arn)
}

// view is a task as its containers may see it.
func (one *agent) view(t engine.Task) metadata.Task {
	p := t.Payload
	out := metadata.Task{
		Cluster: p.Cluster, TaskARN: p.ARN, Family: p.Family, Revision: p.Version,
		DesiredStatus: t.Desired(), KnownStatus: t.Last(),
		PullStartedAt: moment(t.PullStartedAt), PullStoppedAt: moment(t.PullStoppedAt), ExecutionStoppedAt: moment(t.ExecutionStoppedAt),
		AvailabilityZone: p.Zone, LaunchType: p.LaunchType, ServiceName: p.ServiceName,
		NetworkMode: p.NetworkMode, ContainerInstance: one.instance(), Role: p.RoleCredentials, ExecutionRole: p.ExecutionRoleCredentials,
	}
	if p.CPU > 0 || p.Memory > 0 {
		out.Limits = &metadata.Limits{CPU: some(p.CPU), Memory: some(p.Memory)}
	}
	if t.Role != nil {
		out.Role = t.Role
	}
	if t.Execution != nil {
		out.ExecutionRole = t.Execution
	}
	for _, c := range t.Containers {
		out.Containers = append(out.Containers, one.viewContainer(&t, c))
	}
	return out
}

// union is all of a and b, of which b counts more.
func union(a, b map[string]string) map[string]string {
	all := maps.Clone(b)
	for name, value := range a {
		if _, ok := b[name]; !ok {
			all[name] = value
		}
	}
	return all
}

func (one *agent) viewContainer(t *engine.Task, c engine.Container) metadata.Container {
	def := t.Definition(c.Name)
	docker, _ := oci.Parse(def.DockerConfig) // was read when the container was created
	out := metadata.Container{
		DockerID: c.RuntimeID, Name: c.Name, DockerName: dockerName(t, c), Image: cmp.Or(def.ImageName, def.Image), ImageID: c.Image.ID,
		Labels: union(docker.Config.Labels, one.host.Labels(t, c.Name)), DesiredStatus: t.Desired(), KnownStatus: c.Status.String(),
		ExitCode: c.ExitCode, Limits: metadata.Limits{CPU: some(float64(def.CPU)), Memory: some(int64(def.Memory))},
		CreatedAt: moment(c.CreatedAt), StartedAt: moment(c.StartedAt), Type: "NORMAL",
		LogDriver: docker.HostConfig.LogConfig.Type, LogOptions: docker.HostConfig.LogConfig.Config, ContainerARN: def.ARN,
		EndpointID: c.EndpointID,
	}
	if c.Status == engine.Stopped {
		out.FinishedAt = moment(c.FinishedAt)
	}
	if c.Check != nil {
		out.Health = viewHealth(c)
	}
	for _, b := range c.Bindings {
		out.Ports = append(out.Ports, metadata.Port{ContainerPort: uint16(b.ContainerPort), HostPort: uint16(b.HostPort), Protocol: b.Protocol, HostIP: b.IP})
	}
	for _, v := range c.Volumes {
		out.Volumes = append(out.Volumes, metadata.Volume{DockerName: v.Name, Source: v.Source, Destination: v.Destination})
	}
	if def.RestartPolicy != nil && def.RestartPolicy.Enabled {
		out.RestartCount = &c.Restarts
	}
	out.Networks = viewNetworks(t, c)
	switch network.Mode(t.Payload.NetworkMode) {
	case network.VPC:
		out.Address = eniAddress(t)
	case network.Bridge, "":
		out.Address, _ = netip.ParseAddr(c.Address)
	}
	return out
}

// viewNetworks is the network that a container is in.
func viewNetworks(t *engine.Task, c engine.Container) []metadata.Network {
	n := metadata.Network{NetworkMode: cmp.Or(t.Payload.NetworkMode, string(network.Bridge))}
	if c.Address != "" {
		n.IPv4Addresses = []string{c.Address}
	}
	if len(t.Payload.ENIs) == 0 {
		return []metadata.Network{n}
	}
	eni := t.Payload.ENIs[0]
	n.IPv4Addresses = []string{eniAddress(t).String()}
	n.AttachmentIndex, n.MACAddress = new(int), eni.MACAddress
	n.DomainNameServers, n.DomainNameSearchList = eni.DomainNameServers, eni.DomainName
	n.PrivateDNSName, n.SubnetGatewayIPv4Address = eni.PrivateDNSName, eni.Gateway
	if gateway, err := netip.ParsePrefix(eni.Gateway); err == nil {
		n.IPv4SubnetCIDRBlock = gateway.Masked().String()
	}
	return []metadata.Network{n}
}

func viewHealth(c engine.Container) *metadata.Health {
	if c.Health.Status == "" {
		return &metadata.Health{}
	}
	return &metadata.Health{Status: c.Health.Status, Since: moment(c.Health.Since), Output: c.Health.Output}
}

// some is nil for a limit that there is not.
func some[T int64 | float64](limit T) *T {
	if limit == 0 {
		return nil
	}
	return &limit
}

// dockerName is what Amazon's agent calls a container.
func dockerName(t *engine.Task, c engine.Container) string {
	return "ecs-" + t.Payload.Family + "-" + t.Payload.Version + "-" + c.Name + "-" + c.RuntimeID[len(c.RuntimeID)-20:]
}

// eniAddress is the address of a task's network interface; not valid without one.
func eniAddress(t *engine.Task) netip.Addr {
	for _, eni := range t.Payload.ENIs {
		for _, a := range eni.IPv4Addresses {
			if a.Primary || len(eni.IPv4Addresses) == 1 {
				address, _ := netip.ParseAddr(a.PrivateAddress)
				return address
			}
		}
	}
	return netip.Addr{}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
