package network

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"berth/agent/network/networktest"

	"golang.org/x/sys/unix"
)

// send puts a frame on eth0 of a namespace, as a program with CAP_NET_RAW can.
func send(t *testing.T, path string, destination, source net.HardwareAddr, protocol uint16, payload []byte) {
	t.Helper()
	frame := slices.Concat(destination, source, bigEndian(protocol), payload)
	err := networktest.Within(path, func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		return unix.Sendto(socket, frame, 0, &unix.SockaddrLinklayer{Ifindex: eth0.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// With another's MAC one could draw another's traffic to oneself: the bridge must not learn it.
func TestMACsAreNotStolen(t *testing.T) {
	n := open(t, config(t))
	thief := attach(t, n, "thief", vpc("10.210.0.5"))
	victim := attach(t, n, "victim", vpc("10.210.0.6"))
	serve(t, victim.Path, "tcp", ":80")
	expect(t, "", "tcp", "10.210.0.6:80", "10.210.0.1")

	own, gateway := parseMAC(thief.Interface.MAC), netip.MustParseAddr("10.210.0.1")
	request := slices.Concat([]byte{0, 1, 8, 0, 6, 4, 0, 1}, own, thief.Interface.Address.Addr().AsSlice(), make([]byte, 6), gateway.AsSlice())
	broadcast := net.HardwareAddr{255, 255, 255, 255, 255, 255}
	send(t, thief.Path, broadcast, parseMAC(victim.Interface.MAC), unix.ETH_P_ARP, request)
	expect(t, "", "tcp", "10.210.0.6:80", "10.210.0.1")
}

// What listens on the machine's loopback trusts its callers: no task is one.
func TestLoopbackIsNotReached(t *testing.T) {
	n := open(t, config(t))
	task := attach(t, n, "task", vpc("10.210.0.5"))
	trusting, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 0})
	if err != nil {
		t.Fatal(err)
	}
	defer trusting.Close()
	hear := func(address string) error {
		t.Helper()
		send(t, task.Path, parseMAC(hardwareAddress(n.Bridge.Addr())), parseMAC(task.Interface.MAC), unix.ETH_P_IP,
			datagram(task.Interface.Address.Addr(), netip.MustParseAddr(address), uint16(trusting.LocalAddr().(*net.UDPAddr).Port)))
		trusting.SetReadDeadline(time.Now().Add(time.Second))
		_, _, err := trusting.ReadFrom(make([]byte, 10))
		return err
	}
	if err := hear("10.210.0.1"); err != nil {
		t.Fatalf("the test's datagrams do not arrive at all: %v", err)
	}
	if err := hear("127.0.0.1"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a task reached 127.0.0.1 of the machine: %v", err)
	}
}

// datagram is an empty one of UDP in IPv4.
func datagram(from, to netip.Addr, port uint16) []byte {
	header := slices.Concat([]byte{0x45, 0}, bigEndian(28), []byte{0, 1, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}, from.AsSlice(), to.AsSlice())
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum+sum>>16))
	return slices.Concat(header, bigEndian(40000), bigEndian(port), bigEndian(8), bigEndian(0))
}
