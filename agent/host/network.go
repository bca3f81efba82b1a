package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"berth/agent/engine"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/api/acs/message"
)

// mode is a task's network mode; Docker's default is bridge.
func mode(t *engine.Task) network.Mode {
	if t.Payload.NetworkMode == "" {
		return network.Bridge
	}
	return network.Mode(t.Payload.NetworkMode)
}

// daemons is the id of the attachment that all managed daemons of the machine
// share. It stays when the last of them has gone.
const daemons = "daemons"

// shared is the id of the attachment that all containers of a task share.
func shared(t *engine.Task) string {
	if mode(t) == network.DaemonBridge {
		return daemons
	}
	return t.ID()
}

// attachTask makes the network that all containers of a task share.
func (h *Host) attachTask(ctx context.Context, t *engine.Task) error {
	spec := network.Spec{Owner: h.cfg.Owner, Mode: mode(t)}
	switch spec.Mode {
	case network.VPC:
		var err error
		if spec.Interface, err = vpcInterface(t.Payload.ENIs); err != nil {
			return err
		}
	case network.Host, network.DaemonBridge:
	default:
		return nil // each container has its own
	}
	_, err := h.cfg.Network.Attach(ctx, shared(t), spec)
	return err
}

// vpcInterface reads what the control plane says of a task's network interface.
func vpcInterface(enis []message.ENI) (i network.Interface, err error) {
	if len(enis) != 1 {
		return i, fmt.Errorf("the task has %d network interfaces, want one", len(enis))
	}
	eni := enis[0]
	gateway, err := netip.ParsePrefix(eni.Gateway)
	if err != nil {
		return i, fmt.Errorf("subnetGatewayIpv4Address: %w", err)
	}
	for _, a := range eni.IPv4Addresses {
		if !a.Primary && len(eni.IPv4Addresses) > 1 {
			continue
		}
		address, err := netip.ParseAddr(a.PrivateAddress)
		if err != nil {
			return i, fmt.Errorf("privateAddress: %w", err)
		}
		return network.Interface{MAC: eni.MACAddress, Address: netip.PrefixFrom(address, gateway.Bits()), Gateway: gateway.Addr()}, nil
	}
	return i, errors.New("the network interface has no IPv4 address")
}

// attachContainer gives the path of a container's network namespace, and makes
// it where it is the container's own.
func (h *Host) attachContainer(ctx context.Context, t *engine.Task, container string) (made engine.Made, path string, err error) {
	switch mode(t) {
	case network.VPC, network.Host, network.DaemonBridge:
		for _, a := range h.cfg.Network.Attachments() {
			if a.ID == shared(t) {
				if a.Mode == network.DaemonBridge {
					made.Address = a.Interface.Address.Addr().String()
				}
				return made, a.Path, nil
			}
		}
		return made, "", errors.New("the task's network is not attached")
	}
	spec := network.Spec{Owner: h.cfg.Owner, Mode: mode(t)}
	if spec.Mode == network.Bridge {
		if spec.Ports, err = ports(t.Definition(container).PortMappings); err != nil {
			return made, "", err
		}
	}
	a, err := h.cfg.Network.Attach(ctx, t.ID()+"."+container, spec)
	var taken *network.PortError
	if errors.As(err, &taken) {
		return made, "", &engine.Failure{Name: "CannotStartContainerError", Err: err}
	}
	if err != nil {
		return made, "", err
	}
	if a.Interface.Address.IsValid() {
		made.Address = a.Interface.Address.Addr().String()
	}
	for i, p := range a.Ports {
		made.Bindings = append(made.Bindings, binding(t.Definition(container).PortMappings[i], p))
	}
	return made, a.Path, nil
}

// ports reads port mappings; a range maps to a range that is chosen.
func ports(mappings []message.PortMapping) (out []network.Port, err error) {
	for _, m := range mappings {
		p := network.Port{Protocol: m.Protocol, Container: uint16(m.ContainerPort), Host: uint16(m.HostPort), Count: 1}
		if p.Protocol == "" {
			p.Protocol = "tcp"
		}
		if m.ContainerPortRange != "" {
			first, last, ok := strings.Cut(m.ContainerPortRange, "-")
			from, err1 := strconv.ParseUint(first, 10, 16)
			to, err2 := strconv.ParseUint(last, 10, 16)
			if !ok || err1 != nil || err2 != nil || to < from {
				return nil, fmt.Errorf("containerPortRange %q: want the first port, a hyphen and the last", m.ContainerPortRange)
			}
			p.Container, p.Count = uint16(from), uint16(to-from+1)
		}
		out = append(out, p)
	}
	return out, nil
}

func binding(m message.PortMapping, p network.Port) engine.Binding {
	b := engine.Binding{IP: "0.0.0.0", Protocol: p.Protocol}
	if m.ContainerPortRange == "" {
		b.ContainerPort, b.HostPort = int32(p.Container), int32(p.Host)
		return b
	}
	span := func(first uint16) string { return fmt.Sprintf("%d-%d", first, int(first)+int(p.Count)-1) }
	b.ContainerPortSpan, b.HostPortSpan = span(p.Container), span(p.Host)
	return b
}

// releaseNetwork releases what a task and its containers have.
func (h *Host) releaseNetwork(ctx context.Context, task string) error {
	var errs []error
	for _, a := range h.cfg.Network.Attachments() {
		if a.Owner == h.cfg.Owner && owner(a.ID) == task {
			errs = append(errs, h.cfg.Network.Release(ctx, a.ID))
		}
	}
	return errors.Join(errs...)
}

// owner is the task in the id of an attachment.
func owner(attachment string) string {
	task, _, _ := strings.Cut(attachment, ".")
	return task
}

func (h *Host) retainNetwork(ctx context.Context, tasks []string) error {
	var keep []string
	for _, a := range h.cfg.Network.Attachments() {
		if a.ID == daemons || slices.Contains(tasks, owner(a.ID)) {
			keep = append(keep, a.ID)
		}
	}
	return h.cfg.Network.Sync(ctx, h.cfg.Owner, keep)
}

// hostname is what a container is called where its definition does not say: by
// its network interface's name, or as Docker does by its short id.
func (h *Host) hostname(t *engine.Task, container string) string {
	switch mode(t) {
	case network.VPC:
		if name := t.Payload.ENIs[0].PrivateDNSName; name != "" {
			return name
		}
	case network.Host:
		name, _ := os.Hostname()
		return name
	}
	return t.Container(container).RuntimeID[:12]
}

// writeEtc writes hosts, hostname and resolv.conf of a container.
func (h *Host) writeEtc(t *engine.Task, container string, d oci.Docker, address string) (etc oci.Etc, err error) {
	resolv, err := network.MachineResolvConf()
	if err != nil {
		return etc, err
	}
	dns := network.DNS{Servers: d.HostConfig.DNS, Search: d.HostConfig.DNSSearch}
	if mode(t) == network.VPC && len(dns.Servers) == 0 {
		dns.Servers, dns.Search = t.Payload.ENIs[0].DomainNameServers, t.Payload.ENIs[0].DomainName
	}
	if mode(t) != network.Host || len(dns.Servers)+len(dns.Search) > 0 {
		resolv = network.ResolvConf(resolv, dns)
	}
	hosts, name, err := h.hosts(t, container, d, address)
	if err != nil {
		return etc, err
	}
	for file, text := range map[*string]string{&etc.Hosts: hosts, &etc.Hostname: name + "\n", &etc.ResolvConf: resolv} {
		base := map[*string]string{&etc.Hosts: "hosts", &etc.Hostname: "hostname", &etc.ResolvConf: "resolv.conf"}[file]
		if *file, err = h.writeFile(t, container, base, text); err != nil {
			return etc, err
		}
	}
	return etc, nil
}

func (h *Host) hosts(t *engine.Task, container string, d oci.Docker, address string) (text, hostname string, err error) {
	hostname = d.Config.Hostname
	if hostname == "" {
		hostname = h.hostname(t, container)
	}
	extra, err := network.ParseExtraHosts(d.HostConfig.ExtraHosts, h.cfg.Network.Bridge.Addr())
	if err != nil {
		return "", "", err
	}
	switch mode(t) {
	case network.Host:
		machine, err := os.ReadFile("/etc/hosts")
		return network.HostsOfMachine(string(machine), extra...), hostname, err
	case network.VPC:
		i, err := vpcInterface(t.Payload.ENIs)
		return network.Hosts(hostname, i.Address.Addr(), extra...), hostname, err
	}
	for _, link := range t.Definition(container).Links {
		name, alias, _ := strings.Cut(link, ":")
		other := t.Container(name)
		if at, err := netip.ParseAddr(other.Address); err == nil {
			extra = append(extra, network.Link(at, alias, other.RuntimeID[:12], name))
		}
	}
	at, _ := netip.ParseAddr(address) // none in the network mode none
	return network.Hosts(hostname, at, extra...), hostname, nil
}
