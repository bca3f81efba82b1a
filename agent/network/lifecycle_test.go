package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"berth/agent/network/dump"
)

// traces lists all that a network could leave on a machine.
func traces(t *testing.T) string {
	t.Helper()
	var all []string
	for _, name := range links(t) {
		all = append(all, "link "+name)
	}
	addresses, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	neighbours, err2 := dump.Whole(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, netlink.FAMILY_V4) })
	tables, err3 := new(nftables.Conn).ListTables()
	mounts, err4 := os.ReadFile("/proc/self/mounts")
	forward, err5 := os.ReadFile(ipForward)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		all = append(all, "address "+a.String())
	}
	for _, n := range neighbours {
		if n.State == netlink.NUD_PERMANENT {
			all = append(all, "neighbour "+n.String())
		}
	}
	for _, table := range tables {
		all = append(all, "table "+table.Name)
	}
	for line := range strings.Lines(string(mounts)) {
		all = append(all, "mount "+strings.TrimSpace(line))
	}
	slices.Sort(all)
	return strings.Join(append(all, "forward "+string(forward)), "\n")
}

// Whatever was attached, Down leaves the machine as it was, files too.
func TestDownLeavesNothing(t *testing.T) {
	cfg := config(t)
	before := traces(t)
	n := open(t, cfg)
	attach(t, n, "task", vpc("10.210.0.5"))
	attach(t, n, "web", Spec{Mode: Bridge, Ports: []Port{{Protocol: "tcp", Container: 80}}})
	attach(t, n, "alone", Spec{Mode: None})
	attach(t, n, "open", Spec{Mode: Host})
	if traces(t) == before {
		t.Fatal("the test sees nothing")
	}
	n.Close() // as if killed: nothing is released
	for range 2 {
		if err := Down(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if after := traces(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := os.Stat(cfg.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", cfg.Dir)
	}
}

// A new process takes over what lives: connections go on, mapped ports stay
// mapped, and addresses stay taken.
func TestReopen(t *testing.T) {
	cfg := config(t)
	n := open(t, cfg)
	outside := joinOutside(t)
	ports := []Port{{Protocol: "tcp", Container: 80}}
	web := attach(t, n, "web", Spec{Owner: "test", Mode: Bridge, Ports: ports})
	task := attach(t, n, "task", vpc("10.210.0.5"))
	serve(t, web.Path, "tcp", ":80")
	n.Close()

	n = open(t, cfg)
	expect(t, outside, "tcp", fmt.Sprint("198.51.100.1:", web.Ports[0].Host), "198.51.100.2")
	expect(t, task.Path, "tcp", fmt.Sprint("198.51.100.1:", web.Ports[0].Host), "10.210.0.5")
	again := attach(t, n, "web", Spec{Owner: "test", Mode: Bridge, Ports: ports})
	if again.Ports[0] != web.Ports[0] || again.Interface != web.Interface {
		t.Errorf("attached again: %+v, want %+v", again, web)
	}
	if other := attach(t, n, "other", Spec{Mode: Bridge}); other.Interface.Address == web.Interface.Address {
		t.Errorf("address %s was given twice", other.Interface.Address)
	}
	if _, err := n.Attach(t.Context(), "third", Spec{Mode: Bridge, Ports: []Port{{Protocol: "tcp", Container: 1, Host: web.Ports[0].Host}}}); err == nil {
		t.Error("a mapped port was mapped again")
	}
	if err := n.Sync(t.Context(), "test", []string{"task"}); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, a := range n.Attachments() {
		left = append(left, a.ID)
	}
	if !slices.Equal(left, []string{"other", "task"}) {
		t.Errorf("after Sync: %q, want other (not the owner's) and task", left)
	}
}

// What a crash left half made, in any order of steps, is gone after Open or made anew by Attach.
func TestHealsAfterCrash(t *testing.T) {
	cfg := config(t)
	for _, tc := range []struct {
		name   string
		breaks func(n *Network, a Attachment) error
	}{
		{"no record", func(n *Network, a Attachment) error { return os.Remove(n.record(a.ID)) }},
		{"half a record", func(n *Network, a Attachment) error {
			return os.WriteFile(n.record(a.ID), []byte(`{"ID":"task"`), 0o600)
		}},
		{"no namespace, as after a reboot", func(n *Network, a Attachment) error { return unmount(a.Path) }},
		{"no record and no link", func(n *Network, a Attachment) error {
			return errors.Join(os.Remove(n.record(a.ID)), n.removeLink(a.Link))
		}},
		{"mounted twice", func(n *Network, a Attachment) error {
			return errors.Join(os.Remove(n.record(a.ID)), n.makeNamespace(Attachment{Path: a.Path}))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := open(t, cfg)
			before := traces(t)
			a := attach(t, n, "task", vpc("10.210.0.5"))
			if err := tc.breaks(n, a); err != nil {
				t.Fatal(err)
			}
			n.Close()
			n = open(t, cfg)
			if left := n.Attachments(); len(left) != 0 {
				t.Errorf("taken over: %+v", left)
			}
			if after := traces(t); !strings.HasPrefix(before, strings.Split(after, "forward")[0]) && strings.Contains(after, "link "+a.Link) {
				t.Errorf("left behind:\n%s", after)
			}
			a = attach(t, n, "task", vpc("10.210.0.5"))
			serve(t, a.Path, "tcp", ":80")
			expect(t, "", "tcp", "10.210.0.5:80", "10.210.0.1")
		})
	}
}

// A task's link cannot be broken by what is left of an unfinished Attach of it in this process.
func TestAttachHealsLeftovers(t *testing.T) {
	n := open(t, config(t))
	leftover := Attachment{ID: "task", Spec: vpc("10.210.0.5"), Path: n.namespaces() + "/task", Link: n.linkName("task")}
	if err := n.makeNamespace(leftover); err != nil {
		t.Fatal(err)
	}
	a := attach(t, n, "task", vpc("10.210.0.5"))
	serve(t, a.Path, "tcp", ":80")
	expect(t, "", "tcp", "10.210.0.5:80", "10.210.0.1")
}

// A reload of the machine's own firewall flushes our tables too; they come back.
func TestHealsFlushedTables(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	serve(t, outside, "tcp", ":80")
	first := attach(t, n, "first", vpc("10.210.0.5"))
	conn := new(nftables.Conn)
	conn.FlushRuleset()
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	second := attach(t, n, "second", vpc("10.210.0.6"))
	expect(t, first.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
	expect(t, second.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
}

func TestManyAtOnce(t *testing.T) {
	n := open(t, config(t))
	before := traces(t)
	const many = 200
	each := func(do func(id string, address netip.Addr) error) {
		t.Helper()
		var wait sync.WaitGroup
		failed := make(chan error, many)
		address := netip.MustParseAddr("10.211.0.1")
		for i := range many {
			address = address.Next()
			wait.Go(func() { failed <- do(fmt.Sprint("task", i), address) })
		}
		wait.Wait()
		close(failed)
		for err := range failed {
			if err != nil {
				t.Error(err)
			}
		}
	}
	each(func(id string, _ netip.Addr) error {
		_, err := n.Attach(t.Context(), id, Spec{Mode: Bridge, Ports: []Port{{Protocol: "tcp", Container: 80}}})
		return err
	})
	if got := len(n.Attachments()); got != many {
		t.Errorf("%d attached, want %d", got, many)
	}
	each(func(id string, _ netip.Addr) error { return n.Release(t.Context(), id) })
	waitFor(t, "the links to go", func() bool { return traces(t) == before })
}

// waitFor waits for what the kernel does in the background.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	often := time.NewTicker(10 * time.Millisecond)
	defer often.Stop()
	deadline, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-often.C:
		case <-deadline.Done():
			t.Fatalf("waited in vain for %s:\n%s", what, traces(t))
		}
	}
}

// The same id attached and released by many at once is attached or not, never both.
func TestSameAtOnce(t *testing.T) {
	n := open(t, config(t))
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := n.Attach(t.Context(), "task", vpc("10.210.0.5")); err != nil {
				t.Error(err)
			}
		})
		wait.Go(func() {
			if err := n.Release(t.Context(), "task"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	a := attach(t, n, "task", vpc("10.210.0.5"))
	serve(t, a.Path, "tcp", ":80")
	expect(t, "", "tcp", "10.210.0.5:80", "10.210.0.1")
}

func TestRefuses(t *testing.T) {
	n := open(t, config(t))
	held, err := net.Listen("tcp4", "127.0.0.1:18080")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	attach(t, n, "first", vpc("10.210.0.5"))
	mapped := func(p ...Port) Spec { return Spec{Mode: Bridge, Ports: p} }
	bad := func(change func(*Interface)) Spec {
		s := vpc("10.210.0.9")
		change(&s.Interface)
		return s
	}
	for _, tc := range []struct {
		id   string
		spec Spec
		want string
	}{
		{"a", mapped(Port{Protocol: "tcp", Container: 80, Host: 18080}), "attach a: host port 18080/tcp is in use on this machine"},
		{"a", mapped(Port{Protocol: "tcp", Container: 80, Host: 18079, Count: 3}), "host port 18080/tcp is in use on this machine"},
		{"a", mapped(Port{Protocol: "sctp", Container: 80}), `protocol "sctp": want tcp or udp`},
		{"a", mapped(Port{Protocol: "tcp"}), "container port 0"},
		{"a", mapped(Port{Protocol: "tcp", Container: 65535, Count: 2}), "ports end at 65535"},
		{"a", mapped(Port{Protocol: "tcp", Container: 1, Count: 60000}), "60000 at once do not fit 32768-60999"},
		{"../a", mapped(), "want up to 200 letters"},
		{"a", Spec{Mode: "overlay"}, "want awsvpc, bridge, none or host"},
		{"a", Spec{Mode: Host, Ports: []Port{{Protocol: "tcp", Container: 80}}}, "takes no port mappings"},
		{"a", Spec{Mode: None, Interface: vpc("10.210.0.9").Interface}, "takes no interface"},
		{"a", vpc("10.210.0.5"), "address 10.210.0.5 is that of first"},
		{"first", vpc("10.210.0.6"), "it is attached already"},
		{"a", bad(func(i *Interface) { i.MAC = "x" }), `MAC "x": want six bytes`},
		{"a", bad(func(i *Interface) { i.Gateway = netip.MustParseAddr("10.9.0.1") }), "gateway 10.9.0.1: want another address of 10.210.0.0/20"},
		{"a", bad(func(i *Interface) { i.Address = netip.MustParsePrefix("10.210.0.0/20") }), "address 10.210.0.0/20: want"},
	} {
		_, err := n.Attach(t.Context(), tc.id, tc.spec)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want %q", tc.spec, err, tc.want)
		}
	}
	if left := n.Attachments(); len(left) != 1 {
		t.Errorf("attached: %+v", left)
	}
	var port *PortError
	if _, err := n.Attach(t.Context(), "a", mapped(Port{Protocol: "tcp", Container: 80, Host: 18080})); !errors.As(err, &port) {
		t.Errorf("%v is no PortError", err)
	}
}

// A range that the machine uses is not taken over; without a wish, a free one
// is found, and kept.
func TestRanges(t *testing.T) {
	first := open(t, config(t))
	if _, err := Open(t.Context(), Config{Name: "u", Dir: t.TempDir(), Bridge: first.Bridge}); err == nil || !strings.Contains(err.Error(), "10.211.0.0/16 is in use on this machine") {
		t.Errorf("error %v", err)
	}
	attach(t, first, "task", vpc("10.210.0.5"))
	cfg := config(t)
	cfg.Name = "u"
	for range 2 {
		n := open(t, cfg)
		if want := netip.MustParsePrefix("10.212.0.1/16"); n.Bridge != want {
			t.Errorf("the second network has %s, want %s", n.Bridge, want)
		}
		if _, err := n.Attach(t.Context(), "other", vpc("10.210.0.6")); err == nil || !strings.Contains(err.Error(), "10.210.0.0/20 is in use on this machine") {
			t.Errorf("a task in the first one's subnet: %v", err)
		}
		n.Close()
	}
}

// Where Docker and ufw drop what they do not know, tasks work all the same, and
// Down leaves those chains as they were.
func TestWithOthersFirewalls(t *testing.T) {
	conn, drop := new(nftables.Conn), nftables.ChainPolicyDrop
	filter := conn.AddTable(&nftables.Table{Name: "filter", Family: nftables.TableFamilyIPv4})
	t.Cleanup(func() {
		conn.DelTable(filter)
		if err := conn.Flush(); err != nil {
			t.Error(err)
		}
	})
	chains := []*nftables.Chain{
		conn.AddChain(&nftables.Chain{Table: filter, Name: "FORWARD", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &drop}),
		conn.AddChain(&nftables.Chain{Table: filter, Name: "INPUT", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &drop}),
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	n := open(t, cfg)
	outside := joinOutside(t)
	listener, err := n.ListenMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer(t, listener)
	serve(t, outside, "tcp", ":80")
	task := attach(t, n, "task", vpc("10.210.0.5"))
	web := attach(t, n, "web", Spec{Mode: Bridge, Ports: []Port{{Protocol: "tcp", Container: 80, Host: 8080}}})
	serve(t, web.Path, "tcp", ":80")
	expect(t, task.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
	expect(t, outside, "tcp", "198.51.100.1:8080", "198.51.100.2")
	expect(t, task.Path, "tcp", "169.254.170.2:80", "10.210.0.5")

	n.Close()
	n = open(t, cfg) // does not add them again
	n.Close()
	for i, want := range []int{2, 1} {
		if rules, err := conn.GetRules(filter, chains[i]); err != nil || len(rules) != want {
			t.Errorf("%d rules in %s, error %v; want %d", len(rules), chains[i].Name, err, want)
		}
	}
	if err := Down(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, chain := range chains {
		if rules, err := conn.GetRules(filter, chain); err != nil || len(rules) != 0 {
			t.Errorf("%d rules left in %s, error %v", len(rules), chain.Name, err)
		}
	}
}
