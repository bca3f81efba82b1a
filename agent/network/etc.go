package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// DNS is what a task definition says of name resolution. An empty member is
// taken from the machine.
type DNS struct {
	Servers []string // dnsServers
	Search  []string // dnsSearchDomains; a single "." is none
	Options []string
}

// Name gives names to an address, as a line of /etc/hosts does.
type Name struct {
	Address string
	Names   []string
}

// ParseExtraHosts reads docker's form of extraHosts: name:address, where the
// address host-gateway is the machine's own on the bridge.
func ParseExtraHosts(extra []string, gateway netip.Addr) ([]Name, error) {
	var names []Name
	for _, e := range extra {
		name, address, ok := strings.Cut(e, ":")
		if address == "host-gateway" {
			address = gateway.String()
		}
		if _, err := netip.ParseAddr(address); !ok || name == "" || err != nil {
			return nil, fmt.Errorf("extra host %q: want a name, a colon and an IP address", e)
		}
		names = append(names, Name{address, []string{name}})
	}
	return names, nil
}

// MachineResolvConf reads the machine's /etc/resolv.conf. Where that only names
// systemd-resolved on the loopback, which no container reaches, it reads the
// file that says which servers systemd-resolved asks.
func MachineResolvConf() (string, error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) {
		return "", nil // resolver(5): a server on this machine, which is none for a container
	}
	if servers, _, _ := parseResolvConf(string(text)); slices.Equal(servers, []string{"127.0.0.53"}) {
		if behind, err := os.ReadFile("/run/systemd/resolve/resolv.conf"); err == nil {
			return string(behind), nil
		}
	}
	return string(text), err
}

// ResolvConf is a container's /etc/resolv.conf, by docker's rules: the
// machine's, without servers on its loopback, unless dns says otherwise. Where
// no server is left, it names Google's, as docker does. A container in the
// network mode host has the machine's own file if dns is empty.
func ResolvConf(machine string, dns DNS) string {
	servers, search, options := parseResolvConf(machine)
	servers = slices.DeleteFunc(servers, func(s string) bool {
		address, err := netip.ParseAddr(s)
		return err != nil || address.IsLoopback() || !address.Is4() // there is no IPv6 on the bridge
	})
	if len(servers) == 0 {
		servers = []string{"8.8.8.8", "8.8.4.4"}
	}
	if len(dns.Servers) > 0 {
		servers = dns.Servers
	}
	if len(dns.Search) > 0 {
		search = dns.Search
	}
	if len(dns.Options) > 0 {
		options = dns.Options
	}
	var b strings.Builder
	for _, s := range servers {
		fmt.Fprintln(&b, "nameserver", s)
	}
	if len(search) > 0 && !slices.Equal(search, []string{"."}) {
		fmt.Fprintln(&b, "search", strings.Join(search, " "))
	}
	if len(options) > 0 {
		fmt.Fprintln(&b, "options", strings.Join(options, " "))
	}
	return b.String()
}

// parseResolvConf reads what resolver(5) describes.
func parseResolvConf(text string) (servers, search, options []string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			servers = append(servers, fields[1])
		case "domain", "search": // the last one counts
			search = fields[1:]
		case "options":
			options = append(options, fields[1:]...)
		}
	}
	return servers, search, options
}

// Hosts is a container's /etc/hosts as docker writes it: the loopback, extra
// names (extraHosts, then links), and the container's own name for its address,
// if it has one. A task in the network mode awsvpc has the private DNS name of
// its interface, ip-10-210-0-7.ec2.internal, and is known by its first label too.
func Hosts(hostname string, address netip.Addr, extra ...Name) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\n" +
		"fe00::\tip6-localnet\n" +
		"ff00::\tip6-mcastprefix\n" +
		"ff02::1\tip6-allnodes\n" +
		"ff02::2\tip6-allrouters\n")
	writeNames(&b, extra)
	if address.IsValid() && hostname != "" {
		own := Name{address.String(), []string{hostname}}
		if first, _, long := strings.Cut(hostname, "."); long {
			own.Names = append(own.Names, first)
		}
		writeNames(&b, []Name{own})
	}
	return b.String()
}

// HostsOfMachine is the /etc/hosts of a container in the network mode host: the
// machine's, with extra names.
func HostsOfMachine(machine string, extra ...Name) string {
	var b strings.Builder
	b.WriteString(machine)
	if machine != "" && !strings.HasSuffix(machine, "\n") {
		b.WriteByte('\n')
	}
	writeNames(&b, extra)
	return b.String()
}

func writeNames(b *strings.Builder, names []Name) {
	for _, n := range names {
		fmt.Fprintf(b, "%s\t%s\n", n.Address, strings.Join(n.Names, " "))
	}
}

// Link is what a container that links to another finds in its /etc/hosts: the
// other's address by alias, hostname and name, as docker writes it. The alias
// may be empty.
func Link(address netip.Addr, alias, hostname, name string) Name {
	var names []string
	for _, n := range []string{alias, hostname, name} {
		if n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return Name{address.String(), names}
}
