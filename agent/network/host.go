package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const ipForward = "/proc/sys/net/ipv4/ip_forward"

// enableForwarding makes the machine a router between its bridge and the rest.
// Where it was none before, that is noted, so that Down can undo it. The packet
// filter keeps others' new connections away from the bridge.
func (n *Network) enableForwarding() error {
	// Connections from the machine's loopback to port mappings leave by the bridge.
	if err := n.setBridgeOption("ipv4", "route_localnet"); err != nil {
		return err
	}
	if err := n.setBridgeOption("ipv6", "disable_ipv6"); err != nil {
		return err
	}
	old, err := os.ReadFile(ipForward)
	if err != nil {
		return fmt.Errorf("read whether the machine forwards: %w", err)
	}
	if strings.TrimSpace(string(old)) == "1" {
		return nil
	}
	if err := os.WriteFile(n.forwardingNote(), nil, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(ipForward, []byte("1"), 0); err != nil {
		return lacking("enable forwarding", err)
	}
	return nil
}

// restoreForwarding undoes enableForwarding.
func (n *Network) restoreForwarding() error {
	if _, err := os.Stat(n.forwardingNote()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return os.WriteFile(ipForward, []byte("0"), 0)
}

// forwardingNote is a file that exists if the machine did not forward before we came.
func (n *Network) forwardingNote() string { return filepath.Join(n.Dir, "enabled-forwarding") }

// setBridgeOption switches an option of one address family on; a kernel
// without the family does not have it.
func (n *Network) setBridgeOption(family, option string) error {
	file := filepath.Join("/proc/sys/net", family, "conf", n.bridgeName(), option)
	if err := os.WriteFile(file, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return lacking("set "+file, err)
	}
	return nil
}
