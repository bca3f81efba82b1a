package network

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/agent/network/dump"
	"berth/agent/network/networktest"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { os.Exit(networktest.Main(m)) }

// config is a network that no other test has.
func config(t *testing.T) Config {
	t.Helper()
	return Config{Name: "t", Dir: t.TempDir()}
}

// open opens a network that ends with the test.
func open(t *testing.T, cfg Config) *Network {
	t.Helper()
	n, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		if err := Down(context.Background(), cfg); err != nil {
			t.Error(err)
		}
	})
	return n
}

func attach(t *testing.T, n *Network, id string, spec Spec) Attachment {
	t.Helper()
	a, err := n.Attach(t.Context(), id, spec)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// vpc is a task's interface in the subnet of 10.210.0.0/20 or 10.210.16.0/20.
func vpc(address string) Spec {
	a := netip.MustParseAddr(address)
	subnet := netip.PrefixFrom(a, 20)
	return Spec{Owner: "test", Mode: VPC, Interface: Interface{MAC: hardwareAddress(a), Address: subnet, Gateway: subnet.Masked().Addr().Next()}}
}

// serve answers every connection to address in a namespace with what it sees as the caller's address.
func serve(t *testing.T, path, network, address string) {
	t.Helper()
	err := networktest.Within(path, func() error { return serveHere(t, network, address) })
	if err != nil {
		t.Fatal(err)
	}
}

func serveHere(t *testing.T, network, address string) error {
	if strings.HasPrefix(network, "udp") {
		socket, err := net.ListenPacket(network, address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { socket.Close() })
		go func() {
			buf := make([]byte, 100)
			for {
				_, from, err := socket.ReadFrom(buf)
				if err != nil {
					return
				}
				socket.WriteTo([]byte(from.(*net.UDPAddr).IP.String()), from)
			}
		}()
		return nil
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	answer(t, listener)
	return nil
}

// answer answers every connection with the caller's address.
func answer(t *testing.T, listener net.Listener) {
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, conn.RemoteAddr().(*net.TCPAddr).IP.String())
			conn.Close()
		}
	}()
}

// call connects from a namespace ("" is the machine's) and gives the address that the other side sees.
func call(t *testing.T, path, network, address string, patience time.Duration) (seen string, err error) {
	t.Helper()
	ask := func() error {
		conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), network, address)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if strings.HasPrefix(network, "udp") {
			conn.Write([]byte("who am I?"))
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		seen = string(buf[:n])
		return err
	}
	if path == "" {
		return seen, ask()
	}
	return seen, networktest.Within(path, ask)
}

// expect calls and compares what the other side sees.
func expect(t *testing.T, path, network, address, want string) {
	t.Helper()
	if seen, err := call(t, path, network, address, 10*time.Second); err != nil || seen != want {
		t.Errorf("%s %s: seen as %q, error %v; want %q", network, address, seen, err, want)
	}
}

// expectSilence calls and hopes for nothing.
func expectSilence(t *testing.T, path, network, address string) {
	t.Helper()
	if seen, err := call(t, path, network, address, 500*time.Millisecond); err == nil {
		t.Errorf("%s %s answers, and sees %s", network, address, seen)
	}
}

func links(t *testing.T) (names []string) {
	t.Helper()
	all, err := dump.Whole(netlink.LinkList)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range all {
		names = append(names, link.Attrs().Name)
	}
	return names
}

// joinOutside gives the machine a way out: another namespace, at 198.51.100.2,
// that has its default route by the machine, at 198.51.100.1.
func joinOutside(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "outside")
	err := make(chan error)
	go onOwnThread(func() {
		err <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			return mountNamespace(path)
		}()
	})
	if err := <-err; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unmount(path) })
	file, openErr := os.Open(path)
	if openErr != nil {
		t.Fatal(openErr)
	}
	defer file.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "uplink"
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(file.Fd())}
	setUp := func(name, address, router string) error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		err = errors.Join(netlink.AddrAdd(link, &netlink.Addr{IPNet: toIPNet(netip.MustParsePrefix(address))}), netlink.LinkSetUp(link))
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(router)})
	}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netlink.LinkDel(veth) })
	inside := networktest.Within(path, func() error { return setUp("eth0", "198.51.100.2/24", "198.51.100.1") })
	if err := errors.Join(inside, setUp("uplink", "198.51.100.1/24", "198.51.100.2")); err != nil {
		t.Fatal(err)
	}
	return path
}
