package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"berth/agent/network/dump"
)

const ipForward = "/proc/sys/net/ipv4/ip_forward"

// enableForwarding makes the machine a router between its bridge and the rest.
// Where it was none before, that is noted, so that Down can undo it. The packet
// filter keeps others' new connections away from the bridge.
func (n *Network) enableForwarding() error {
	// Connections from the machine's loopback to port mappings leave by the bridge.
	if err := n.setBridgeOption("ipv4", "route_localnet"); err != nil {
		return err
	}
	if err := n.setBridgeOption("ipv6", "disable_ipv6"); err != nil {
		return err
	}
	old, err := os.ReadFile(ipForward)
	if err != nil {
		return fmt.Errorf("read whether the machine forwards: %w", err)
	}
	if strings.TrimSpace(string(old)) == "1" {
		return nil
	}
	if err := os.WriteFile(n.forwardingNote(), nil, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(ipForward, []byte("1"), 0); err != nil {
		return lacking("enable forwarding", err)
	}
	return nil
}

// restoreForwarding undoes enableForwarding.
func (n *Network) restoreForwarding() error {
	if _, err := os.Stat(n.forwardingNote()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return os.WriteFile(ipForward, []byte("0"), 0)
}

// forwardingNote is a file that exists if the machine did not forward before we came.
func (n *Network) forwardingNote() string { return filepath.Join(n.Dir, "enabled-forwarding") }

// setBridgeOption switches an option of one address family on; a kernel
// without the family does not have it.
func (n *Network) setBridgeOption(family, option string) error {
	file := filepath.Join("/proc/sys/net", family, "conf", n.bridgeName(), option)
	if err := os.WriteFile(file, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return lacking("set "+file, err)
	}
	return nil
}

// rangeNote is a file that has the bridge's address in the range of bridge mode.
func rangeNote(dir string) string { return filepath.Join(dir, "range") }

// freeRange gives the range that the network in dir has already, or one that
// neither the VPC has nor the machine has an address in or a route to.
func freeRange(dir string, vpc netip.Prefix) (netip.Prefix, error) {
	if text, err := os.ReadFile(rangeNote(dir)); err == nil {
		if p, err := netip.ParsePrefix(string(text)); err == nil {
			return p, nil
		}
	}
	taken := []netip.Prefix{vpc}
	addresses, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_V4) })
	routes, err2 := dump.Whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err := errors.Join(err, err2); err != nil {
		return netip.Prefix{}, fmt.Errorf("list the machine's addresses and routes: %w", err)
	}
	for _, a := range addresses {
		taken = append(taken, toPrefix(a.IPNet))
	}
	for _, r := range routes {
		if r.Dst != nil && toPrefix(r.Dst).Bits() > 0 { // not the default route
			taken = append(taken, toPrefix(r.Dst))
		}
	}
	const first, last = 211, 250
	for second := first; second <= last; second++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), 0, 1}), 16)
		if !slices.ContainsFunc(taken, p.Overlaps) {
			return p, nil
		}
	}
	return netip.Prefix{}, errors.New("this machine uses all of 10.211.0.0/16 to 10.250.0.0/16; none is left for containers in bridge mode")
}
