package network

import (
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of 4 bytes: what several loads put side by side is looked up as one key.
const (
	reg0 = unix.NFT_REG32_00 + iota
	reg1
	_
	_
	reg4 // after the name of a link
	_
	reg6 // after a MAC
)

// addRules prepares the chains. In nft's words, for bridge berth-x:
//
//	table ip berth-x {
//	  chain guard       { type filter hook prerouting priority raw
//	    iifname berth-x ip daddr 127.0.0.0/8 drop                      # route_localnet is for our own mappings
//	    iifname != {berth-x, lo} ip daddr <bridge> tcp dport <metadata> drop    # and so for the control plane
//	  chain prerouting  { type nat hook prerouting priority dstnat
//	    iifname berth-x ip daddr 169.254.170.2 tcp dport 80 dnat to <bridge>:<metadata>
//	    iifname berth-x ip daddr 169.254.170.3 tcp dport 80 dnat to <bridge>:<control plane>
//	    fib daddr type local dnat to meta l4proto . th dport map @ports }
//	  chain output      { type nat hook output priority dstnat
//	    ip daddr 169.254.170.2 tcp dport 80 dnat to <bridge>:<metadata>   # only while a task has network mode host
//	    fib daddr type local dnat to meta l4proto . th dport map @ports }
//	  chain forward     { type filter hook forward priority filter
//	    iifname != berth-x oifname berth-x ct state != {established, related} ct status != dnat drop }
//	  chain postrouting { type nat hook postrouting priority srcnat
//	    ip saddr @subnets ip daddr != @subnets oifname != berth-x masquerade
//	    oifname berth-x ip saddr 127.0.0.0/8 masquerade
//	    oifname berth-x ip saddr <range> ip daddr <range> ct status dnat masquerade } }  # a mapping of a neighbour
//	table bridge berth-x {
//	  chain prerouting  { type filter hook prerouting priority raw
//	    iifname != bx* accept
//	    iifname . ether saddr != @macs drop
//	    ether type arp iifname . arp saddr ether . arp saddr ip @sources accept
//	    ether type ip iifname . ether saddr . ip saddr @sources accept
//	    drop } }
func (f *firewall) addRules() {
	f.addGuard()
	f.addNAT()
	f.addBridged()
}

func (f *firewall) addGuard() {
	onBridge, notOnBridge := iif(expr.CmpOpEq, f.bridge), iif(expr.CmpOpNeq, f.bridge)
	guard := f.chain(f.routed, "guard", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
	f.rule(guard, onBridge, inRange(daddr(), loopbackRange()), verdict(expr.VerdictDrop))
	for _, address := range f.served {
		f.rule(guard, notOnBridge, iif(expr.CmpOpNeq, "lo"), to(address), verdict(expr.VerdictDrop))
	}
	forward := f.chain(f.routed, "forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter)
	const asked = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	f.rule(forward, notOnBridge, oif(expr.CmpOpEq, f.bridge), conntrack(expr.CtKeySTATE, asked, expr.CmpOpEq),
		conntrack(expr.CtKeySTATUS, destinationChanged, expr.CmpOpEq), verdict(expr.VerdictDrop))
}

func (f *firewall) addNAT() {
	prerouting := f.chain(f.routed, "prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	output := f.chain(f.routed, "output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	for asked, address := range f.served {
		f.rule(prerouting, iif(expr.CmpOpEq, f.bridge), to(asked), redirect(address))
		if asked == metadataAddress() && f.hostMode() {
			f.rule(output, to(asked), redirect(address))
		}
	}
	for _, chain := range []*nftables.Chain{prerouting, output} {
		f.rule(chain, toThisMachine(), f.redirectByPort())
	}

	postrouting := f.chain(f.routed, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	onBridge, masquerade := oif(expr.CmpOpEq, f.bridge), []expr.Any{&expr.Masq{}}
	f.rule(postrouting, saddr(), f.in(f.subnets, reg0, false), daddr(), f.in(f.subnets, reg0, true), oif(expr.CmpOpNeq, f.bridge), masquerade)
	f.rule(postrouting, onBridge, inRange(saddr(), loopbackRange()), masquerade)
	f.rule(postrouting, onBridge, inRange(saddr(), f.container), inRange(daddr(), f.container),
		conntrack(expr.CtKeySTATUS, destinationChanged, expr.CmpOpNeq), masquerade)
}

func (f *firewall) addBridged() {
	chain := f.chain(f.bridged, "prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
	link, accept, drop := loadIIF(), verdict(expr.VerdictAccept), verdict(expr.VerdictDrop)
	f.rule(chain, link, compare(expr.CmpOpNeq, []byte(f.links)), accept) // a shorter value compares the beginning
	f.rule(chain, link, load(expr.PayloadBaseLLHeader, 6, 6, reg4), f.in(f.macs, reg0, true), drop)
	f.rule(chain, etherType(unix.ETH_P_ARP), link, load(expr.PayloadBaseNetworkHeader, 8, 6, reg4),
		load(expr.PayloadBaseNetworkHeader, 14, 4, reg6), f.in(f.sources, reg0, false), accept)
	f.rule(chain, etherType(unix.ETH_P_IP), link, load(expr.PayloadBaseLLHeader, 6, 6, reg4),
		load(expr.PayloadBaseNetworkHeader, 12, 4, reg6), f.in(f.sources, reg0, false), accept)
	f.rule(chain, drop)
}

// chain prepares a base chain that accepts what no rule of it stops.
func (f *firewall) chain(table *nftables.Table, name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	accept := nftables.ChainPolicyAccept
	return f.conn.AddChain(&nftables.Chain{Table: table, Name: name, Type: kind, Hooknum: hook, Priority: priority, Policy: &accept})
}

func (f *firewall) rule(chain *nftables.Chain, parts ...[]expr.Any) {
	f.conn.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: slices.Concat(parts...)})
}

// destinationChanged is IPS_DST_NAT of the kernel's connection tracking.
const destinationChanged = 1 << 5

func loopbackRange() netip.Prefix { return netip.MustParsePrefix("127.0.0.0/8") }

func load(base expr.PayloadBase, offset, length uint32, register uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}}
}

func saddr() []expr.Any { return load(expr.PayloadBaseNetworkHeader, 12, 4, reg0) }
func daddr() []expr.Any { return load(expr.PayloadBaseNetworkHeader, 16, 4, reg0) }

func compare(op expr.CmpOp, data []byte) []expr.Any {
	return []expr.Any{&expr.Cmp{Op: op, Register: reg0, Data: data}}
}

func loadIIF() []expr.Any { return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg0}} }

func iif(op expr.CmpOp, link string) []expr.Any {
	return slices.Concat(loadIIF(), compare(op, ifname(link)))
}

func oif(op expr.CmpOp, link string) []expr.Any {
	return slices.Concat([]expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: reg0}}, compare(op, ifname(link)))
}

func etherType(protocol uint16) []expr.Any {
	return slices.Concat([]expr.Any{&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: reg0}}, compare(expr.CmpOpEq, bigEndian(protocol)))
}

// inRange matches where the address that was loaded is in prefix.
func inRange(address []expr.Any, prefix netip.Prefix) []expr.Any {
	masked := &expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: toIPNet(prefix).Mask, Xor: make([]byte, 4)}
	return slices.Concat(address, []expr.Any{masked}, compare(expr.CmpOpEq, prefix.Masked().Addr().AsSlice()))
}

// conntrack matches where bits of what the kernel notes of a connection are none (Eq) or some (Neq).
func conntrack(key expr.CtKey, bits uint32, op expr.CmpOp) []expr.Any {
	return slices.Concat([]expr.Any{
		&expr.Ct{Key: key, Register: reg0},
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
	}, compare(op, make([]byte, 4)))
}

// to matches TCP to one address and port.
func to(address netip.AddrPort) []expr.Any {
	return slices.Concat(
		daddr(), compare(expr.CmpOpEq, address.Addr().AsSlice()),
		[]expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg0}}, compare(expr.CmpOpEq, []byte{unix.IPPROTO_TCP}),
		load(expr.PayloadBaseTransportHeader, 2, 2, reg0), compare(expr.CmpOpEq, bigEndian(address.Port())))
}

// toThisMachine matches what is for any address of the machine.
func toThisMachine() []expr.Any {
	return slices.Concat([]expr.Any{&expr.Fib{Register: reg0, ResultADDRTYPE: true, FlagDADDR: true}},
		compare(expr.CmpOpEq, binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)))
}

func redirect(address netip.AddrPort) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: reg0, Data: address.Addr().AsSlice()},
		&expr.Immediate{Register: reg1, Data: bigEndian(address.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg0, RegProtoMin: reg1},
	}
}

// redirectByPort sends a connection where the map of ports says, if it does.
func (f *firewall) redirectByPort() []expr.Any {
	return slices.Concat(
		[]expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg0}},
		load(expr.PayloadBaseTransportHeader, 2, 2, reg1),
		[]expr.Any{
			&expr.Lookup{SourceRegister: reg0, DestRegister: reg0, IsDestRegSet: true, SetName: f.ports.Name, SetID: f.ports.ID},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg0, RegProtoMin: reg1},
		})
}

// in matches where what was loaded is an element of set, or where it is not.
func (f *firewall) in(set *nftables.Set, register uint32, invert bool) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: register, SetName: set.Name, SetID: set.ID, Invert: invert}}
}

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

// ifname is the name of a link as the kernel compares it.
func ifname(name string) []byte {
	field := make([]byte, unix.IFNAMSIZ)
	copy(field, name)
	return field
}

func bigEndian(v uint16) []byte { return binaryutil.BigEndian.PutUint16(v) }

// padded fills value up to the next register.
func padded(value []byte) []byte {
	return append(slices.Clip(value), make([]byte, (4-len(value)%4)%4)...)
}
