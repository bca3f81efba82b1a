package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// Mode is how a namespace is connected, in the words of a task definition.
type Mode string

// The network modes of a task definition.
const (
	VPC    Mode = "awsvpc" // one namespace per task, with the address that the task's network interface has
	Bridge Mode = "bridge" // one namespace per container, with a private address and port mappings
	None   Mode = "none"   // one namespace per container, with nothing but a loopback interface
	Host   Mode = "host"   // the machine's own namespace

	// DaemonBridge is that of managed daemons: one namespace for all of a machine,
	// at an address that every task of the machine can reach.
	DaemonBridge Mode = "daemon-bridge"
)

// Spec is what to attach.
type Spec struct {
	Owner     string // whose it is: see [Network.Sync]
	Mode      Mode
	Interface Interface // VPC
	Ports     []Port    // Bridge
}

// Interface is the network interface of a task in the VPC.
type Interface struct {
	MAC     string       // of eth0
	Address netip.Prefix // of eth0, with the length of its subnet's prefix: 10.210.0.7/20
	Gateway netip.Addr   // the subnet's router; the bridge takes this address
}

// Port maps ports of the machine to ports of a container.
type Port struct {
	Protocol  string // tcp or udp
	Container uint16 // first port in the container
	Host      uint16 // first port of the machine; 0 chooses one
	Count     uint16 // length of the range; 0 is 1
}

// Attachment is what was attached: the spec with everything chosen.
type Attachment struct {
	ID string
	Spec
	Path string `json:",omitempty"` // of the namespace; empty in host mode
	Link string `json:",omitempty"` // the machine's end of the veth pair, if any
}

// attachment is an Attachment and what this process holds for it.
type attachment struct {
	Attachment
	complete bool
	reserved reservation
}

// Attach makes a network namespace as spec wants and gives its path and what
// was chosen. To attach the same again gives the same; what is left of an
// earlier, unfinished try is removed first. An error leaves nothing behind. It
// is a [*PortError] where a host port cannot be had.
//
// The path is a bind mount that keeps the namespace alive until [Network.Release].
func (n *Network) Attach(ctx context.Context, id string, spec Spec) (Attachment, error) {
	if err := check(id, spec); err != nil {
		return Attachment{}, fmt.Errorf("attach %s: %w", id, err)
	}
	unlock, err := n.busy.Acquire(ctx, id)
	if err != nil {
		return Attachment{}, err
	}
	defer unlock()

	a, found, err := n.claim(id, spec)
	if err != nil || found {
		return a.Attachment, err
	}
	if err := n.attach(a); err != nil {
		n.detach(a)
		return Attachment{}, fmt.Errorf("attach %s: %w", id, err)
	}
	return a.Attachment, nil
}

// Release undoes Attach. To release what is not attached does nothing.
func (n *Network) Release(ctx context.Context, id string) error {
	unlock, err := n.busy.Acquire(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	n.mu.Lock()
	a := n.attached[id]
	n.mu.Unlock()
	if a == nil {
		return nil
	}
	if err := n.detach(a); err != nil {
		return fmt.Errorf("release %s: %w", id, err)
	}
	return nil
}

// check says what is wrong with a spec.
func check(id string, spec Spec) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$`).MatchString(id) {
		return fmt.Errorf("id %q: want up to 200 letters, digits, '_', '.' and '-'", id)
	}
	i := spec.Interface
	switch spec.Mode {
	case VPC:
		if mac, err := net.ParseMAC(i.MAC); err != nil || len(mac) != 6 || mac[0]&1 != 0 {
			return fmt.Errorf("interface's MAC %q: want six bytes such as 02:00:0a:d2:00:07", i.MAC)
		}
		if !i.Address.Addr().Is4() || i.Address.Masked().Addr() == i.Address.Addr() {
			return fmt.Errorf("interface's address %s: want an IPv4 address and its prefix, such as 10.210.0.7/20", i.Address)
		}
		if !i.Address.Contains(i.Gateway) || i.Gateway == i.Address.Addr() {
			return fmt.Errorf("interface's gateway %s: want another address of %s", i.Gateway, i.Address.Masked())
		}
	case Bridge, None, Host, DaemonBridge:
		if i != (Interface{}) {
			return fmt.Errorf("network mode %s takes no interface", spec.Mode)
		}
	default:
		return fmt.Errorf("network mode %q: want awsvpc, bridge, none or host", spec.Mode)
	}
	if spec.Mode != Bridge && len(spec.Ports) > 0 {
		return fmt.Errorf("network mode %s takes no port mappings", spec.Mode)
	}
	return checkPorts(spec.Ports)
}

// claim finds what is attached as id already, or chooses addresses and ports
// for it and keeps others from having them.
func (n *Network) claim(id string, spec Spec) (a *attachment, found bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a = &attachment{Attachment: Attachment{ID: id, Spec: spec}}
	if old := n.attached[id]; old != nil {
		if !sameWish(old.Spec, spec) {
			return a, false, fmt.Errorf("attach %s: it is attached already, as %+v", id, old.Spec)
		}
		return old, true, nil
	}
	switch spec.Mode {
	case Bridge:
		if a.Interface, err = n.chooseAddress(); err != nil {
			return a, false, err
		}
	case DaemonBridge:
		a.Interface = daemonInterface()
	}
	if address := a.Interface.Address.Addr(); address.IsValid() {
		if owner, taken := n.owners[address]; taken {
			return a, false, fmt.Errorf("attach %s: address %s is that of %s", id, address, owner)
		}
		n.owners[address] = id
	}
	if a.Ports, a.reserved, err = reserve(n.Ports, spec.Ports); err != nil {
		n.forget(a)
		return a, false, fmt.Errorf("attach %s: %w", id, err)
	}
	if spec.Mode != Host {
		a.Path = filepath.Join(n.namespaces(), id)
	}
	if spec.Mode == VPC || spec.Mode == Bridge || spec.Mode == DaemonBridge {
		a.Link = n.linkName(id)
	}
	n.attached[id] = a
	return a, false, nil
}

// sameWish reports whether what was attached as old is what spec asks for.
func sameWish(old, spec Spec) bool {
	if spec.Mode == Bridge || spec.Mode == DaemonBridge {
		old.Interface = Interface{} // chosen by us
	}
	if len(old.Ports) == len(spec.Ports) {
		ports := make([]Port, 0, len(old.Ports))
		for i, p := range old.Ports {
			if spec.Ports[i].Host == 0 {
				p.Host = 0
			}
			if spec.Ports[i].Count == 0 && p.Count == 1 {
				p.Count = 0
			}
			ports = append(ports, p)
		}
		old.Ports = ports
	}
	return old.Owner == spec.Owner && old.Mode == spec.Mode && old.Interface == spec.Interface &&
		(len(old.Ports) == 0 && len(spec.Ports) == 0 || reflect.DeepEqual(old.Ports, spec.Ports))
}

// forget gives back what claim took.
func (n *Network) forget(a *attachment) {
	a.reserved.Close()
	delete(n.attached, a.ID)
	if address := a.Interface.Address.Addr(); n.owners[address] == a.ID {
		delete(n.owners, address)
	}
}

// attach makes what a says. The record is written when all of it stands, so a
// namespace without a record is one that nobody was told of.
func (n *Network) attach(a *attachment) error {
	n.mu.Lock()
	err := n.route(a.Attachment)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if a.Path != "" {
		if err := n.clear(a.Attachment); err != nil {
			return err
		}
		if err := n.makeNamespace(a.Attachment); err != nil {
			return err
		}
	}
	if err := n.save(a.Attachment); err != nil {
		return err
	}
	if err := n.firewall.add(a.Attachment); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	a.complete = true
	return nil
}

// detach removes a from the kernel, from the disk and from memory. If that
// fails it is kept, so that it can be tried again.
func (n *Network) detach(a *attachment) error {
	if err := n.firewall.drop(a.Attachment); err != nil {
		return err
	}
	if a.Path != "" {
		if err := n.leave(a.Attachment); err != nil {
			return err
		}
	}
	if err := os.Remove(n.record(a.ID)); err != nil && !os.IsNotExist(err) {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(a)
	return nil
}

func (n *Network) namespaces() string      { return filepath.Join(n.Dir, "netns") }
func (n *Network) records() string         { return filepath.Join(n.Dir, "attached") }
func (n *Network) record(id string) string { return filepath.Join(n.records(), id+".json") }

// save writes the record of a, whole or not at all.
func (n *Network) save(a Attachment) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.records(), 0o700); err != nil {
		return err
	}
	unfinished := n.record(a.ID) + "~"
	if err := os.WriteFile(unfinished, text, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, n.record(a.ID))
}

// load takes over the attachments whose record can be read and whose namespace
// lives; the others' records are removed, and sweep removes the rest.
func (n *Network) load() error {
	entries, err := os.ReadDir(n.records())
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, entry := range entries {
		a := &attachment{complete: true}
		file := filepath.Join(n.records(), entry.Name())
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		id, whole := strings.CutSuffix(entry.Name(), ".json")
		if !whole || json.Unmarshal(text, &a.Attachment) != nil || a.ID != id || !n.alive(a.Attachment) {
			if err := os.Remove(file); err != nil {
				return err
			}
			continue
		}
		a.reserved = n.reserveAgain(a.Attachment)
		if err := n.route(a.Attachment); err != nil {
			return err
		}
		n.attached[id] = a
		if address := a.Interface.Address.Addr(); address.IsValid() {
			n.owners[address] = id
		}
		if err := n.firewall.add(a.Attachment); err != nil {
			return err
		}
	}
	return nil
}
