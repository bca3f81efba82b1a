package vpc

import (
	"fmt"
	"net/netip"
	"testing"

	"berth/state"
)

func TestDefault(t *testing.T) {
	n := Default("123456789012", "eu-central-1", "")
	if again := Default("123456789012", "eu-central-1", ""); again.VPC != n.VPC || Default("123456789012", "us-east-1", "").VPC.ID == n.VPC.ID {
		t.Error("ids do not follow from account and region")
	}
	whole := netip.MustParsePrefix(n.VPC.CIDR)
	for i, s := range n.Subnets {
		if p := netip.MustParsePrefix(s.CIDR); !whole.Contains(p.Addr()) || p.Masked() != p {
			t.Errorf("%s is no subnet of %s", p, whole)
		}
		for _, other := range n.Subnets[:i] {
			if netip.MustParsePrefix(other.CIDR).Overlaps(netip.MustParsePrefix(s.CIDR)) || other.Zone == s.Zone {
				t.Errorf("%v and %v overlap", other, s)
			}
		}
	}
	if got, want := Gateway(n.Subnets[1]).String(), "10.210.16.1/20"; got != want {
		t.Errorf("gateway %s, want %s", got, want)
	}
}

// A subnet gives each of its addresses once, but for the first four and the
// last, and again when they were given back.
func TestAddress(t *testing.T) {
	s := state.Subnet{ID: "subnet-1", CIDR: "10.0.0.16/28"}
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		seen := map[string]bool{}
		for i := range 11 {
			id := fmt.Sprint("eni-", i)
			a, ok := Address(tx.View, s, id)
			if !ok || seen[a.String()] || a.Less(netip.MustParseAddr("10.0.0.20")) || !a.Less(netip.MustParseAddr("10.0.0.31")) {
				t.Errorf("interface %d: %s, %v", i, a, ok)
			}
			seen[a.String()] = true
			tx.NetworkInterfaces.Put(tx, state.NetworkInterface{ID: id, Subnet: s.ID, Address: a.String()})
		}
		if a, ok := Address(tx.View, s, "eni-11"); ok || Free(tx.View, s) != 0 {
			t.Errorf("a full subnet gives %s and has %d left", a, Free(tx.View, s))
		}
		back := netip.MustParseAddr("10.0.0.25")
		tx.NetworkInterfaces.Delete(tx, state.InterfaceKey(s.ID, back))
		if a, ok := Address(tx.View, s, "eni-12"); !ok || a != back {
			t.Errorf("got %s, want %s, the only one left", a, back)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPrivateDNSName(t *testing.T) {
	a := netip.MustParseAddr("10.210.0.7")
	for region, want := range map[string]string{"us-east-1": "ip-10-210-0-7.ec2.internal", "eu-west-1": "ip-10-210-0-7.eu-west-1.compute.internal"} {
		if got := PrivateDNSName(a, region); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
