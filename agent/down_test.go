package agent

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/agent/network"
	"berth/agent/network/dump"
	"berth/agent/network/networktest"
	"berth/agent/runtime"
	"berth/agent/shim"
	"berth/agent/shim/shimtest"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { os.Exit(networktest.Main(m)) }

// machine lists what there is on the machine that Berths make: links, tables,
// routes, mounts, and the cgroups and processes of one data directory.
func machine(t *testing.T, dir string) (all []string) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	links, err := dump.Whole(netlink.LinkList)
	ok(err)
	for _, link := range links {
		all = append(all, "link "+link.Attrs().Name)
	}
	routes, err := dump.Whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_ALL) })
	ok(err)
	for _, route := range routes {
		all = append(all, "route "+route.String())
	}
	tables, err := new(nftables.Conn).ListTables()
	ok(err)
	for _, table := range tables {
		all = append(all, "table "+table.Name)
	}
	for _, file := range []string{"/proc/sys/net/ipv4/ip_forward", "/proc/self/mounts"} {
		text, err := os.ReadFile(file)
		ok(err)
		for line := range strings.Lines(string(text)) {
			all = append(all, file+" "+strings.TrimSpace(line))
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/berth/" + Name(dir) + "*", "/sys/fs/cgroup/berth/" + Name(dir) + "*"} {
		cgroups, err := filepath.Glob(pattern)
		ok(err)
		all = append(all, cgroups...)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ok(err)
	for _, file := range processes {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), dir) {
			all = append(all, fmt.Sprintf("process %s %q", file, line))
		}
	}
	slices.Sort(all)
	return all
}

// Whatever runs, and whoever was killed, Down leaves the machine as it was.
func TestDownLeavesNothing(t *testing.T) {
	program := shimtest.Build(t)
	root := shimtest.Rootfs(t, nil)
	dir := filepath.Join(t.TempDir(), "data dir")
	before := machine(t, dir)

	net, err := network.Open(t.Context(), network.Config{Name: Name(dir), Dir: Dir(dir, "network")})
	must(t, err)
	task, err := net.Attach(t.Context(), "0123", network.Spec{Mode: network.VPC, Interface: network.Interface{
		MAC: "02:00:0a:d2:00:05", Address: netip.MustParsePrefix("10.210.0.5/20"), Gateway: netip.MustParseAddr("10.210.0.1")}})
	must(t, err)
	shims, err := shim.Open(t.Context(), shim.Config{Dir: Dir(dir, "ec2", "shims"), Cgroup: Cgroup(Name(dir), "ec2"), Binary: program})
	must(t, err)
	must(t, shims.CreateSandbox(t.Context(), runtime.Sandbox{Task: "0123"}))
	container := runtime.Container{ID: runtime.ID{Task: "0123", Container: "web"}, Spec: shimtest.Spec(root, "/bin/sh", "-c", "sleep 1000 & sleep 1000")}
	for i := range container.Spec.Linux.Namespaces {
		if n := &container.Spec.Linux.Namespaces[i]; n.Type == "network" {
			n.Path = task.Path
		}
	}
	_, err = shims.Create(t.Context(), container)
	must(t, err)
	_, err = shims.Start(t.Context(), container.ID)
	must(t, err)
	volume := Dir(dir, "ec2", "volumes", "a b")
	must(t, os.MkdirAll(volume, 0o755))
	must(t, unix.Mount("none", volume, "tmpfs", 0, ""))
	net.Close() // as if this agent had been killed: nothing is released
	must(t, shims.Close())

	if during := machine(t, dir); len(during) < len(before)+5 {
		t.Errorf("the test sees too little: %q", during)
	}
	for range 2 {
		must(t, down(context.Background(), dir, program))
	}
	if after := machine(t, dir); !slices.Equal(after, before) {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
