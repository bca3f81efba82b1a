package network

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// firewall is two tables of nftables that are ours alone: one for what is
// routed, one for frames on the bridge. Their rules never change while tasks
// come and go; only elements of their sets do. The sets follow from known, so the
// whole can be made again at any time, in one transaction that nothing sees half done.
type firewall struct {
	bridge    string       // the bridge's name
	links     string       // what the names of its ports begin with
	container netip.Prefix // the range of bridge mode
	address   netip.Addr   // the bridge's in that range
	log       *slog.Logger

	routed, bridged *nftables.Table
	ports           *nftables.Set // protocol . host port to address . container port
	subnets         *nftables.Set // ranges on the bridge
	macs            *nftables.Set // link . MAC that may send from it
	sources         *nftables.Set // link . MAC . address that may send from it

	mu     sync.Mutex
	conn   *nftables.Conn
	known  map[string]Attachment
	ranges map[netip.Prefix]bool
	served map[netip.AddrPort]netip.AddrPort // where a link-local address is served
	live   bool                              // false until the first rebuild: until then changes are only noted
	passed time.Time                         // when passOthers looked last
}

func newFirewall(name, instance string, bridge netip.Prefix, log *slog.Logger) *firewall {
	routed := &nftables.Table{Name: name, Family: nftables.TableFamilyIPv4}
	bridged := &nftables.Table{Name: name, Family: nftables.TableFamilyBridge}
	address, port := nftables.TypeIPAddr, nftables.TypeInetService
	link, mac := nftables.TypeIFName, nftables.TypeEtherAddr
	return &firewall{
		bridge: name, links: "b" + instance, container: bridge.Masked(), address: bridge.Addr(), log: log,
		routed: routed, bridged: bridged,
		ports: &nftables.Set{Table: routed, ID: 1, Name: "ports", IsMap: true, Concatenation: true,
			KeyType: nftables.MustConcatSetType(nftables.TypeInetProto, port), DataType: nftables.MustConcatSetType(address, port)},
		subnets: &nftables.Set{Table: routed, ID: 2, Name: "subnets", Interval: true, KeyType: address},
		macs:    &nftables.Set{Table: bridged, ID: 3, Name: "macs", Concatenation: true, KeyType: nftables.MustConcatSetType(link, mac)},
		sources: &nftables.Set{Table: bridged, ID: 4, Name: "sources", Concatenation: true, KeyType: nftables.MustConcatSetType(link, mac, address)},
		conn:    &nftables.Conn{},
		known:   map[string]Attachment{},
		ranges:  map[netip.Prefix]bool{},
		served:  map[netip.AddrPort]netip.AddrPort{},
	}
}

// rebuild replaces both tables by what is known.
func (f *firewall) rebuild() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = true
	if err := f.rebuildLocked(); err != nil {
		return err
	}
	return f.passOthers()
}

func (f *firewall) rebuildLocked() error {
	if !f.live {
		return nil
	}
	for _, table := range []*nftables.Table{f.routed, f.bridged} {
		f.conn.AddTable(table) // so that there is one to delete
		f.conn.DelTable(table)
		f.conn.AddTable(table)
	}
	for _, set := range []*nftables.Set{f.ports, f.subnets, f.macs, f.sources} {
		if err := f.conn.AddSet(set, nil); err != nil {
			return err
		}
	}
	for prefix := range f.ranges {
		if err := f.conn.SetAddElements(f.subnets, interval(prefix)); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.known)) {
		if err := f.each(f.known[id], f.conn.SetAddElements); err != nil {
			return err
		}
	}
	f.addRules()
	return f.flush()
}

// flush sends what was prepared to the kernel, which does all of it or nothing.
func (f *firewall) flush() error {
	if err := f.conn.Flush(); err != nil {
		return lacking("change the packet filter", err)
	}
	return nil
}

// add lets a's traffic through.
func (f *firewall) add(a Attachment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[a.ID] = a
	if err := f.change(a, f.conn.SetAddElements); err != nil || !f.live {
		return err
	}
	if err := f.passOthers(); err != nil {
		f.log.Warn("cannot see whether the machine's own firewall lets tasks through", "err", err)
	}
	return nil
}

// drop undoes add, and does nothing if there was none.
func (f *firewall) drop(a Attachment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[a.ID]; !ok {
		return nil
	}
	delete(f.known, a.ID)
	return f.change(a, f.conn.SetDeleteElements)
}

// change applies do to a's elements. Where the kernel refuses, our tables are
// not as we left them (a reload of the machine's own firewall flushes all
// tables), so they are made again.
func (f *firewall) change(a Attachment, do func(*nftables.Set, []nftables.SetElement) error) error {
	if a.Mode == Host { // the first and the last one change a rule
		return f.rebuildLocked()
	}
	if a.Link == "" || !f.live {
		return nil
	}
	if err := f.each(a, do); err != nil {
		return err
	}
	if f.flush() == nil {
		return nil
	}
	return f.rebuildLocked()
}

// addRange names a range on the bridge.
func (f *firewall) addRange(prefix netip.Prefix) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ranges[prefix.Masked()] {
		return nil
	}
	f.ranges[prefix.Masked()] = true
	return f.rebuildLocked()
}

// serve sends what tasks send to one address to another.
func (f *firewall) serve(asked, address netip.AddrPort) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served[asked] = address
	return f.rebuildLocked()
}

// remove removes the tables, and our rules in others.
func (f *firewall) remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.withdraw(); err != nil {
		return err
	}
	for _, table := range []*nftables.Table{f.routed, f.bridged} {
		f.conn.AddTable(table)
		f.conn.DelTable(table)
	}
	return f.flush()
}

// each calls do with the elements that a has in each set.
func (f *firewall) each(a Attachment, do func(*nftables.Set, []nftables.SetElement) error) error {
	if a.Link == "" {
		return nil
	}
	address := a.Interface.Address.Addr().As4()
	sender := append(ifname(a.Link), padded(parseMAC(a.Interface.MAC))...)
	err := errors.Join(
		do(f.macs, []nftables.SetElement{{Key: sender}}),
		do(f.sources, []nftables.SetElement{{Key: slices.Concat(sender, address[:])}}))
	protocol := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}
	var mapped []nftables.SetElement
	for _, p := range a.Ports {
		for i := range p.Count {
			mapped = append(mapped, nftables.SetElement{
				Key: slices.Concat([]byte{protocol[p.Protocol], 0, 0, 0}, padded(bigEndian(p.Host+i))),
				Val: slices.Concat(address[:], padded(bigEndian(p.Container+i))),
			})
		}
	}
	const perMessage = 500 // a message has at most 64 KiB
	for chunk := range slices.Chunk(mapped, perMessage) {
		err = errors.Join(err, do(f.ports, chunk))
	}
	if err != nil {
		return fmt.Errorf("prepare the packet filter for %s: %w", a.ID, err)
	}
	return nil
}

// hostMode reports whether any attachment uses the machine's own namespace.
func (f *firewall) hostMode() bool {
	for _, a := range f.known {
		if a.Mode == Host {
			return true
		}
	}
	return false
}

// interval is a prefix as the two elements of an interval set.
func interval(prefix netip.Prefix) []nftables.SetElement {
	first := prefix.Masked().Addr()
	last := first.As4()
	mask := net.CIDRMask(prefix.Bits(), 32)
	for i := range last {
		last[i] |= ^mask[i]
	}
	return []nftables.SetElement{{Key: first.AsSlice()}, {Key: netip.AddrFrom4(last).Next().AsSlice(), IntervalEnd: true}}
}
