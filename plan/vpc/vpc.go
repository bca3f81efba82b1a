// Package vpc knows the default VPC and which address a network interface gets.
//
// The default VPC follows from the account, the region and a range that the
// operator may choose, as nothing of it can change; no record holds it. Whoever makes an interface asks [Address] within
// the transaction that writes it. Agents make the addresses true. Used by
// api/ecs and api/ec2.
package vpc

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"berth/state"
)

// Network is a VPC with its parts.
type Network struct {
	VPC           state.VPC
	Subnets       []state.Subnet // one for each zone: a, b, c
	SecurityGroup state.SecurityGroup
}

// DefaultCIDR is the range of the default VPC where the operator chose none. It is
// not EC2's for default VPCs: Berth may run in one of these.
const DefaultCIDR = "10.210.0.0/16"

// CheckCIDR refuses ranges that the default VPC cannot have.
func CheckCIDR(cidr string) error {
	if p, err := netip.ParsePrefix(cidr); err != nil || !p.Addr().Is4() || p.Bits() != 16 || p != p.Masked() {
		return fmt.Errorf("invalid range %q: want an IPv4 range of 16 bits, such as %s", cidr, DefaultCIDR)
	}
	return nil
}

// Default is the VPC that an account has in a region from the start. Its range
// is one that CheckCIDR takes; empty means DefaultCIDR.
func Default(account, region, cidr string) Network {
	cidr = cmp.Or(cidr, DefaultCIDR)
	id := func(kind, name string) string {
		sum := sha256.Sum256([]byte(strings.Join([]string{account, region, kind, name}, "\x00")))
		return kind + "-0" + hex.EncodeToString(sum[:8])
	}
	n := Network{VPC: state.VPC{ID: id("vpc", "default"), CIDR: cidr}}
	first := netip.MustParsePrefix(cidr).Addr().As4()
	n.SecurityGroup = state.SecurityGroup{ID: id("sg", "default"), VPC: n.VPC.ID, Name: "default"}
	for i, letter := range []string{"a", "b", "c"} {
		n.Subnets = append(n.Subnets, state.Subnet{
			ID: id("subnet", letter), VPC: n.VPC.ID, Zone: region + letter, CIDR: fmt.Sprintf("%d.%d.%d.0/20", first[0], first[1], 16*i),
		})
	}
	return n
}

// Subnet finds a subnet by its id.
func (n Network) Subnet(id string) (state.Subnet, bool) {
	for _, s := range n.Subnets {
		if s.ID == id {
			return s, true
		}
	}
	return state.Subnet{}, false
}

// reserved is how many addresses of each subnet are not given: the first four
// and the last.
//
// https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
const reserved = 5

// Free returns how many addresses a subnet has left.
func Free(v *state.View, s state.Subnet) int { return size(s) - reserved - v.InterfacesIn(s.ID) }

func size(s state.Subnet) int { return 1 << (32 - netip.MustParsePrefix(s.CIDR).Bits()) }

// Gateway is the address by which a subnet reaches the world, with the length
// of the subnet's prefix: 10.210.16.1/20.
func Gateway(s state.Subnet) netip.Prefix {
	prefix := netip.MustParsePrefix(s.CIDR)
	return netip.PrefixFrom(prefix.Addr().Next(), prefix.Bits())
}

// Address finds an address of a subnet that no interface has; false if there is
// none. The search begins where id, the new interface's, leads, so that an
// address that was just given back is rarely given again.
func Address(v *state.View, s state.Subnet, id string) (netip.Addr, bool) {
	sum := sha256.Sum256([]byte(id))
	usable := uint32(size(s) - reserved)
	start := binary.BigEndian.Uint32(sum[:4]) % usable
	base := netip.MustParsePrefix(s.CIDR).Addr().As4()
	first := binary.BigEndian.Uint32(base[:]) + 4
	for i := range usable {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], first+(start+i)%usable)
		if a := netip.AddrFrom4(b); !v.NetworkInterfaces.Has(state.InterfaceKey(s.ID, a)) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// MAC is the link address of a network interface, by its id: locally
// administered, as EC2's are.
func MAC(id string) string {
	sum := sha256.Sum256([]byte("mac " + id))
	return fmt.Sprintf("0a:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

// PrivateDNSName is the name of an address within the VPC.
func PrivateDNSName(address netip.Addr, region string) string {
	host := "ip-" + strings.ReplaceAll(address.String(), ".", "-")
	if region == "us-east-1" {
		return host + ".ec2.internal"
	}
	return host + "." + region + ".compute.internal"
}
