package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// ControlPlane is where tasks on the bridge reach the control plane, wherever
// that is: a container that was started once knows no other address.
const ControlPlane = "169.254.170.3:80"

// metadataAddress is where containers expect their metadata and credentials.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
func metadataAddress() netip.AddrPort { return netip.MustParseAddrPort("169.254.170.2:80") }

// ListenMetadata listens for what tasks send to 169.254.170.2:80, on an address
// that is the bridge's own, so that several Berths share a machine. The source
// address of each connection is truly the task's: see [Network.Owner]. Containers
// in network mode host connect from an address of the machine; where two Berths
// of one machine have such tasks, the one that was first answers them.
func (n *Network) ListenMetadata(ctx context.Context) (net.Listener, error) {
	return n.listen(ctx, metadataAddress())
}

// ListenControlPlane listens for what tasks on the bridge send to [ControlPlane],
// as ListenMetadata does; who is in the machine's own network needs no such way.
func (n *Network) ListenControlPlane(ctx context.Context) (net.Listener, error) {
	return n.listen(ctx, netip.MustParseAddrPort(ControlPlane))
}

// listen listens for what tasks send to a link-local address.
func (n *Network) listen(ctx context.Context, asked netip.AddrPort) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", netip.AddrPortFrom(n.Bridge.Addr(), 0).String())
	if err != nil {
		return nil, fmt.Errorf("network: listen for what containers send to %s: %w", asked, err)
	}
	if err := n.firewall.serve(asked, netip.MustParseAddrPort(listener.Addr().String())); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}
