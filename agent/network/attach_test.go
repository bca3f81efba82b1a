package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"berth/agent/network/networktest"

	"github.com/vishvananda/netlink"
)

// Tasks of the VPC reach each other in and across subnets, and the machine
// reaches them and they it, each with its own address.
func TestVPC(t *testing.T) {
	n := open(t, config(t))
	a := attach(t, n, "a", vpc("10.210.0.5"))
	b := attach(t, n, "b", vpc("10.210.0.6"))
	c := attach(t, n, "c", vpc("10.210.16.5"))
	for _, task := range []Attachment{a, b, c} {
		serve(t, task.Path, "tcp", ":80")
	}
	expect(t, a.Path, "tcp", "10.210.0.6:80", "10.210.0.5")
	expect(t, b.Path, "tcp", "10.210.0.5:80", "10.210.0.6")
	expect(t, a.Path, "tcp", "10.210.16.5:80", "10.210.0.5")
	expect(t, a.Path, "tcp", "127.0.0.1:80", "127.0.0.1")
	expect(t, "", "tcp", "10.210.0.5:80", "10.210.0.1")
	expect(t, "", "tcp", "10.210.16.5:80", "10.210.16.1")
}

// A port mapping is reached by the machine's addresses from everywhere: from
// the machine, from outside, from other containers and from the container itself.
func TestBridge(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	web := attach(t, n, "web", Spec{Mode: Bridge, Ports: []Port{
		{Protocol: "tcp", Container: 80, Host: 8080},
		{Protocol: "udp", Container: 53},
		{Protocol: "tcp", Container: 9000, Count: 3},
	}})
	other := attach(t, n, "other", Spec{Mode: Bridge})
	task := attach(t, n, "task", vpc("10.210.0.5"))
	serve(t, web.Path, "tcp", ":80")
	serve(t, web.Path, "tcp", ":9002")
	serve(t, web.Path, "udp", ":53")

	expect(t, "", "tcp", "127.0.0.1:8080", "10.211.0.1")
	expect(t, "", "tcp", "198.51.100.1:8080", "198.51.100.1")
	expect(t, outside, "tcp", "198.51.100.1:8080", "198.51.100.2")
	expect(t, other.Path, "tcp", "198.51.100.1:8080", "10.211.0.1")
	expect(t, other.Path, "tcp", "10.211.0.1:8080", "10.211.0.1")
	expect(t, web.Path, "tcp", "198.51.100.1:8080", "10.211.0.1")
	expect(t, task.Path, "tcp", "198.51.100.1:8080", "10.210.0.5")
	expect(t, other.Path, "tcp", "10.211.0.2:80", "10.211.0.3")
	expect(t, outside, "udp", fmt.Sprint("198.51.100.1:", web.Ports[1].Host), "198.51.100.2")
	expect(t, outside, "tcp", fmt.Sprint("198.51.100.1:", web.Ports[2].Host+2), "198.51.100.2")
}

// Tasks reach the outside by the machine's address; nobody outside reaches them by theirs.
func TestOutside(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	serve(t, outside, "tcp", ":80")
	task := attach(t, n, "task", vpc("10.210.0.5"))
	container := attach(t, n, "container", Spec{Mode: Bridge})
	serve(t, task.Path, "tcp", ":80")

	expect(t, task.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
	expect(t, container.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
	expectSilence(t, outside, "tcp", "10.210.0.5:80")
}

// Nobody can use an address, a MAC or a protocol that is not its own: the
// source address of what arrives identifies the task.
func TestSpoofing(t *testing.T) {
	n := open(t, config(t))
	thief := attach(t, n, "thief", vpc("10.210.0.5"))
	victim := attach(t, n, "victim", vpc("10.210.0.6"))
	serve(t, victim.Path, "tcp", ":80")
	expect(t, thief.Path, "tcp", "10.210.0.6:80", "10.210.0.5")
	if id, ok := n.Owner(netip.MustParseAddr("10.210.0.5")); !ok || id != "thief" {
		t.Errorf("owner of 10.210.0.5: %q, %v", id, ok)
	}
	for _, tc := range []struct{ name, address, mac string }{
		{"another's address", "10.210.0.7/20", hardwareAddress(netip.MustParseAddr("10.210.0.5"))},
		{"another MAC", "10.210.0.5/20", "02:00:00:00:00:99"},
	} {
		err := networktest.Within(thief.Path, func() error {
			eth0, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			old, err := netlink.AddrList(eth0, netlink.FAMILY_V4)
			return errors.Join(err, netlink.AddrDel(eth0, &old[0]), netlink.LinkSetHardwareAddr(eth0, parseMAC(tc.mac)),
				netlink.AddrAdd(eth0, &netlink.Addr{IPNet: toIPNet(netip.MustParsePrefix(tc.address))}))
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(tc.name)
		expectSilence(t, thief.Path, "tcp", "10.210.0.6:80")
	}
}

// A task without a network has a loopback and nothing else.
func TestNone(t *testing.T) {
	n := open(t, config(t))
	alone := attach(t, n, "alone", Spec{Mode: None})
	serve(t, alone.Path, "tcp", ":80")
	expect(t, alone.Path, "tcp", "127.0.0.1:80", "127.0.0.1")
	err := networktest.Within(alone.Path, func() error {
		if names := links(t); !slices.Equal(names, []string{"lo"}) {
			t.Errorf("links %q", names)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := n.Stats("alone"); ok || err != nil {
		t.Errorf("counters: %v, error %v", ok, err)
	}
}

// Every task reaches the metadata by one address, and is known by its own.
func TestMetadataAddress(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	listener, err := n.ListenMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer(t, listener)
	task := attach(t, n, "task", vpc("10.210.16.5"))
	container := attach(t, n, "container", Spec{Mode: Bridge})
	expect(t, task.Path, "tcp", "169.254.170.2:80", "10.210.16.5")
	expect(t, container.Path, "tcp", "169.254.170.2:80", "10.211.0.2")
	expectSilence(t, outside, "tcp", listener.Addr().String())
	expectSilence(t, "", "tcp", "169.254.170.2:80") // no task is in network mode host yet
	attach(t, n, "host", Spec{Mode: Host})
	expect(t, "", "tcp", "169.254.170.2:80", "10.211.0.1")
}

// Tasks on the bridge reach the control plane by one address, and nobody else does.
func TestControlPlaneAddress(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	listener, err := n.ListenControlPlane(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer(t, listener)
	task := attach(t, n, "task", vpc("10.210.16.5"))
	attach(t, n, "host", Spec{Mode: Host})
	expect(t, task.Path, "tcp", ControlPlane, "10.210.16.5")
	expectSilence(t, outside, "tcp", listener.Addr().String())
	expectSilence(t, "", "tcp", ControlPlane)
}

func TestStats(t *testing.T) {
	n := open(t, config(t))
	task := attach(t, n, "task", vpc("10.210.0.5"))
	serve(t, task.Path, "tcp", ":80")
	expect(t, "", "tcp", "10.210.0.5:80", "10.210.0.1")
	c, ok, err := n.Stats("task")
	if err != nil || !ok || c.RxPackets < 3 || c.TxPackets < 3 || c.TxBytes < uint64(len("10.210.0.1")) {
		t.Errorf("counters %+v, %v, error %v", c, ok, err)
	}
}
