// Package network connects the tasks of one machine: it makes their network
// namespaces, the bridge they hang on, and the packet filter around them.
//
// All of it is the kernel's own, driven by netlink from this process: no
// plug-ins, no iptables. What a task should have is on disk before it is in
// force, so that [Open] heals whatever a crash left. It does not decide
// addresses of the VPC, which come with the task, and it does not start
// anything. Package engine uses it.
package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"

	"berth/agent/lock"
)

// Config says which network this is. Several may share a machine if their
// names, directories and ranges differ.
type Config struct {
	Name   string       // 1 to 6 of a-z and 0-9, part of every name the kernel sees; required
	Dir    string       // absolute; namespaces are bind-mounted and attachments recorded below it; required
	Bridge netip.Prefix // the bridge's own address in the range of bridge mode; default a free one, 10.211.0.1/16 first
	VPC    netip.Prefix // range of the tasks' VPC, if known: a range chosen for Bridge keeps clear of it
	Ports  Range        // where host ports are chosen from; default 32768 to 60999
	Log    *slog.Logger // default slog.Default()
}

// Range is a range of ports, both ends included.
type Range struct{ First, Last uint16 }

// Network is the network of the tasks of one machine. Its methods may be
// called at the same time.
type Network struct {
	Config

	bridge   int             // index of the bridge
	mtu      int             // of the way out
	rtnl     *netlink.Handle // to the host's own namespace
	firewall *firewall

	busy lock.Named // by id: held while one is attached or released

	mu       sync.Mutex
	attached map[string]*attachment // by id, complete or being made
	subnets  map[netip.Prefix]bool  // that the bridge has an address in
	owners   map[netip.Addr]string  // address to id
	last     netip.Addr             // the address of bridge mode given last
}

// Open makes the bridge and the packet filter, or takes over those that an
// earlier process made: attachments whose namespace lives go on undisturbed,
// and all that is left of others is removed. An error says what the machine
// lacks: rights (CAP_NET_ADMIN, CAP_SYS_ADMIN) or parts of the kernel.
func Open(ctx context.Context, cfg Config) (*Network, error) {
	n, err := newNetwork(cfg)
	if err != nil {
		return nil, err
	}
	if err := n.open(ctx); err != nil {
		n.Close()
		return nil, fmt.Errorf("network: %w", err)
	}
	return n, nil
}

// newNetwork checks cfg and fills its defaults in; it changes nothing.
func newNetwork(cfg Config) (*Network, error) {
	if cfg.Bridge == (netip.Prefix{}) {
		var err error
		if cfg.Bridge, err = freeRange(cfg.Dir, cfg.VPC); err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
	}
	if cfg.Ports == (Range{}) {
		cfg.Ports = Range{32768, 60999}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	switch {
	case !regexp.MustCompile(`^[a-z0-9]{1,6}$`).MatchString(cfg.Name):
		return nil, fmt.Errorf("network: Name %q: want 1 to 6 of a-z and 0-9", cfg.Name)
	case !filepath.IsAbs(cfg.Dir):
		return nil, fmt.Errorf("network: Dir %q: want an absolute path", cfg.Dir)
	case !cfg.Bridge.Addr().Is4() || cfg.Bridge.Bits() > 28 || cfg.Bridge.Addr() == cfg.Bridge.Masked().Addr():
		return nil, fmt.Errorf("network: Bridge %s: want an IPv4 address in a range of /28 or larger, such as 10.211.0.1/16", cfg.Bridge)
	case cfg.Ports.First == 0 || cfg.Ports.First > cfg.Ports.Last:
		return nil, fmt.Errorf("network: Ports %d-%d: want the first port and then the last", cfg.Ports.First, cfg.Ports.Last)
	}
	return &Network{
		Config:   cfg,
		firewall: newFirewall("berth-"+cfg.Name, cfg.Name, cfg.Bridge, cfg.Log),
		attached: map[string]*attachment{},
		subnets:  map[netip.Prefix]bool{},
		owners:   map[netip.Addr]string{},
		last:     cfg.Bridge.Addr(),
	}, nil
}

func (n *Network) open(ctx context.Context) (err error) {
	if n.rtnl, err = netlink.NewHandle(); err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := os.MkdirAll(n.namespaces(), 0o700); err != nil {
		return err
	}
	if err := n.makeBridge(); err != nil {
		return err
	}
	if err := os.WriteFile(rangeNote(n.Dir), []byte(n.Bridge.String()), 0o600); err != nil {
		return err
	}
	if err := n.enableForwarding(); err != nil {
		return err
	}
	if err := n.load(); err != nil {
		return err
	}
	if err := n.sweep(ctx); err != nil {
		return err
	}
	return n.firewall.rebuild()
}

// Close lets go of sockets and reserved ports. What is attached stays attached.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.attached {
		a.reserved.Close()
	}
	if n.rtnl != nil {
		n.rtnl.Close()
	}
}

// Attachments are all that is attached, by id.
func (n *Network) Attachments() []Attachment {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Attachment
	for _, id := range slices.Sorted(maps.Keys(n.attached)) {
		if a := n.attached[id]; a.complete {
			all = append(all, a.Attachment)
		}
	}
	return all
}

// Owner gives the id of what has addr on the bridge. Nobody can send from an
// address that is not its own: the packet filter checks each frame.
func (n *Network) Owner(addr netip.Addr) (id string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id, ok = n.owners[addr]
	return id, ok
}

// Sync releases what owner attached and ids does not name: it is called once an
// agent knows its tasks, and removes what was lost between two lives of it.
func (n *Network) Sync(ctx context.Context, owner string, ids []string) error {
	var errs []error
	for _, a := range n.Attachments() {
		if a.Owner == owner && !slices.Contains(ids, a.ID) {
			n.Log.Info("releasing the network of a task that is gone", "id", a.ID)
			errs = append(errs, n.Release(ctx, a.ID))
		}
	}
	return errors.Join(errs...)
}

// Down removes every namespace, link, address, rule and file of the network,
// also of one that no longer answers to [Open]. It needs no open network.
func Down(ctx context.Context, cfg Config) error {
	n, err := newNetwork(cfg)
	if err != nil {
		return err
	}
	defer n.Close()
	if n.rtnl, err = netlink.NewHandle(); err != nil {
		return fmt.Errorf("network: open a netlink socket: %w", err)
	}
	return errors.Join(n.firewall.remove(), n.sweep(ctx), n.removeBridge(), n.restoreForwarding(), os.RemoveAll(n.Dir))
}
