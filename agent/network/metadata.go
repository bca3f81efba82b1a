package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// ListenMetadata listens for what tasks send to 169.254.170.2:80, on an address
// that is the bridge's own, so that several Berths share a machine. The source
// address of each connection is truly the task's: see [Network.Owner]. Containers
// in network mode host connect from an address of the machine; where two Berths
// of one machine have such tasks, the one that was first answers them.
func (n *Network) ListenMetadata(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", netip.AddrPortFrom(n.Bridge.Addr(), 0).String())
	if err != nil {
		return nil, fmt.Errorf("network: listen for containers' metadata: %w", err)
	}
	if err := n.firewall.serveMetadata(netip.MustParseAddrPort(listener.Addr().String())); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}
