package network

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/agent/network/dump"
)

func (n *Network) bridgeName() string { return "berth-" + n.Name }

// linkName is the name of the machine's end of id's veth pair. It follows from
// the id, so that a crash cannot make it unknown, and is not used again by
// another, because the kernel removes links some time after their namespace.
func (n *Network) linkName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "b" + n.Name + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))
}

func (n *Network) isLinkName(name string) bool {
	return strings.HasPrefix(name, "b"+n.Name) && len(name) == len(n.linkName(""))
}

// hardwareAddress is the MAC of an address that has none of its own: the same for ever,
// so that nobody's neighbour table grows stale.
func hardwareAddress(address netip.Addr) string {
	four := address.As4()
	return net.HardwareAddr{0x02, 0xbe, four[0], four[1], four[2], four[3]}.String()
}

// makeBridge makes the bridge, unless it is there, with its address in the range of bridge mode.
func (n *Network) makeBridge() error {
	n.mtu = n.uplinkMTU()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.Flags = n.bridgeName(), n.mtu, net.FlagUp
	// Without an address of its own a bridge takes that of one of its ports, and changes it as they come and go.
	attrs.HardwareAddr = parseMAC(hardwareAddress(n.Bridge.Addr()))
	err := n.rtnl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return lacking("make bridge "+attrs.Name, err)
	}
	link, err := n.rtnl.LinkByName(attrs.Name)
	if err != nil {
		return fmt.Errorf("find bridge %s: %w", attrs.Name, err)
	}
	if link.Type() != "bridge" {
		return fmt.Errorf("link %s is not a bridge but of type %s, and not ours", attrs.Name, link.Type())
	}
	n.bridge = link.Attrs().Index
	if err := n.rtnl.LinkSetUp(link); err != nil {
		return fmt.Errorf("set bridge %s up: %w", attrs.Name, err)
	}
	return n.addSubnet(n.Bridge)
}

func (n *Network) removeBridge() error {
	return n.removeLink(n.bridgeName())
}

// addSubnet gives the bridge an address, unless it has it, so that it is the
// router of the subnet. A range that another link of the machine has is refused.
func (n *Network) addSubnet(router netip.Prefix) error {
	if n.subnets[router] {
		return nil
	}
	if router != n.Bridge && n.Bridge.Overlaps(router) {
		return fmt.Errorf("the subnet %s overlaps %s, which this machine uses for the network mode bridge: choose another range with --bridge-cidr", router.Masked(), n.Bridge.Masked())
	}
	addresses, err := dump.Whole(func() ([]netlink.Addr, error) { return n.rtnl.AddrList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return fmt.Errorf("list the machine's addresses: %w", err)
	}
	there := false
	for _, address := range addresses {
		prefix := toPrefix(address.IPNet)
		switch {
		case address.LinkIndex == n.bridge:
			there = there || prefix == router
		case prefix.Overlaps(router):
			return fmt.Errorf("the range %s is in use on this machine: another link has the address %s; choose another range", router.Masked(), prefix)
		}
	}
	if !there {
		if err := n.rtnl.AddrAdd(linkIndex(n.bridge), &netlink.Addr{IPNet: toIPNet(router)}); err != nil {
			return lacking(fmt.Sprintf("give the bridge address %s", router), err)
		}
	}
	n.subnets[router] = true
	return n.firewall.addRange(router)
}

// route makes the bridge the router of a's subnet. For a container in the
// network mode host it makes the metadata's address one that can be called at
// all, also where the machine has no way out. The caller holds the lock.
func (n *Network) route(a Attachment) error {
	switch a.Mode {
	case VPC, DaemonBridge:
		return n.addSubnet(netip.PrefixFrom(a.Interface.Gateway, a.Interface.Address.Bits()))
	case Host:
		to := netip.PrefixFrom(metadataAddress().Addr(), 32)
		if err := n.rtnl.RouteReplace(&netlink.Route{LinkIndex: n.bridge, Scope: netlink.SCOPE_LINK, Dst: toIPNet(to)}); err != nil {
			return lacking("route "+to.String(), err)
		}
	}
	return nil
}

// makeVeth joins the namespace that inside works in to the bridge: the order
// is such that eth0 has its address before it can hear anything.
func (n *Network) makeVeth(inside *netlink.Handle, a Attachment) error {
	namespace, err := unix.Open(a.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", a.Path, err)
	}
	defer unix.Close(namespace)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.Flags, attrs.MasterIndex = a.Link, n.mtu, net.FlagUp, n.bridge
	veth := &netlink.Veth{
		LinkAttrs: attrs,
		PeerName:  "eth0", PeerHardwareAddr: parseMAC(a.Interface.MAC), PeerMTU: uint32(n.mtu),
		PeerNamespace: netlink.NsFd(namespace),
	}
	if err := n.rtnl.LinkAdd(veth); err != nil {
		return lacking("make a veth pair", err)
	}
	if len(a.Ports) > 0 {
		// With br_netfilter, what a container sends to its own mapping is turned around on the bridge.
		if err := n.rtnl.LinkSetHairpin(veth, true); err != nil {
			return fmt.Errorf("let %s hear itself: %w", a.Link, err)
		}
	}
	eth0, err := inside.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("find eth0 in the namespace: %w", err)
	}
	if err := inside.AddrAdd(eth0, &netlink.Addr{IPNet: toIPNet(a.Interface.Address)}); err != nil {
		return fmt.Errorf("give eth0 address %s: %w", a.Interface.Address, err)
	}
	if err := inside.LinkSetUp(eth0); err != nil {
		return fmt.Errorf("set eth0 up: %w", err)
	}
	route := &netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: a.Interface.Gateway.AsSlice()}
	if err := inside.RouteAdd(route); err != nil {
		return fmt.Errorf("route eth0 by %s: %w", a.Interface.Gateway, err)
	}
	if err := n.setNeighbour(a.Interface); err != nil {
		return err
	}
	return n.waitUp(a.Link)
}

// waitUp waits until the kernel has noticed, in the background, that both ends
// of a veth pair are up. Before, the bridge forwards nothing to or from it, and
// whoever loses the first packet of a connection waits a second to send it again.
func (n *Network) waitUp(name string) error {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		link, err := n.rtnl.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if link.Attrs().OperState == netlink.OperUp {
			break
		}
	}
	return nil
}

// setNeighbour tells the machine the MAC of an address for good: it need not
// ask, and keeps none of the interface that had the address before.
func (n *Network) setNeighbour(i Interface) error {
	if err := n.rtnl.NeighSet(n.neighbour(i)); err != nil {
		return fmt.Errorf("note the MAC of %s: %w", i.Address.Addr(), err)
	}
	return nil
}

// forgetNeighbour does not mind if there is none.
func (n *Network) forgetNeighbour(i Interface) { _ = n.rtnl.NeighDel(n.neighbour(i)) }

func (n *Network) neighbour(i Interface) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: n.bridge, State: netlink.NUD_PERMANENT,
		IP: i.Address.Addr().AsSlice(), HardwareAddr: parseMAC(i.MAC)}
}

// removeLink removes a link if it is there; that of a veth pair takes its peer with it.
func (n *Network) removeLink(name string) error {
	link, err := n.rtnl.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if err := n.rtnl.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return lacking("remove link "+name, err)
	}
	return nil
}

// uplinkMTU is the MTU of the machine's way out, so that what tasks send fits it.
func (n *Network) uplinkMTU() int {
	const ethernet = 1500
	routes, err := dump.Whole(func() ([]netlink.Route, error) { return n.rtnl.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return ethernet
	}
	for _, route := range routes {
		if ones, _ := route.Dst.Mask.Size(); ones == 0 && route.LinkIndex > 0 {
			if link, err := n.rtnl.LinkByIndex(route.LinkIndex); err == nil {
				return link.Attrs().MTU
			}
		}
	}
	return ethernet
}

// chooseAddress picks the next free address of bridge mode, and not at once one
// that was given back. The caller holds the lock.
func (n *Network) chooseAddress() (Interface, error) {
	free := func(a netip.Addr) bool {
		_, taken := n.owners[a]
		return !taken && a != n.Bridge.Addr() && a != n.Bridge.Masked().Addr() && n.Bridge.Contains(a.Next())
	}
	start := n.last
	for a := start.Next(); a != start; a = a.Next() {
		if !n.Bridge.Contains(a) {
			a = n.Bridge.Masked().Addr()
		}
		if free(a) {
			n.last = a
			return Interface{MAC: hardwareAddress(a), Address: netip.PrefixFrom(a, n.Bridge.Bits()), Gateway: n.Bridge.Addr()}, nil
		}
		if a == start {
			break
		}
	}
	return Interface{}, fmt.Errorf("no address of %s is free", n.Bridge.Masked())
}

// daemonInterface is where daemons are reached, as on ECS. The bridge is its router.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-task-definitions.html
func daemonInterface() Interface {
	at := netip.MustParsePrefix("169.254.172.2/30")
	return Interface{MAC: hardwareAddress(at.Addr()), Address: at, Gateway: at.Addr().Prev()}
}

func toIPNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func toPrefix(n *net.IPNet) netip.Prefix {
	address, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(address.Unmap(), ones)
}
