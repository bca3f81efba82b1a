package network

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Counters count what a namespace's eth0 received and sent since it was attached.
type Counters struct {
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Stats reads the counters of id. What has no link (network modes none and
// host) has none: ok is false.
func (n *Network) Stats(id string) (c Counters, ok bool, err error) {
	n.mu.Lock()
	a := n.attached[id]
	n.mu.Unlock()
	if a == nil || a.Link == "" {
		return Counters{}, false, nil
	}
	link, err := n.rtnl.LinkByName(a.Link)
	if err != nil {
		return Counters{}, false, fmt.Errorf("count the traffic of %s: %w", id, err)
	}
	return fromPeer(link.Attrs().Statistics), true, nil
}

// fromPeer turns the counters of the machine's end of a veth pair around.
func fromPeer(s *netlink.LinkStatistics) Counters {
	return Counters{
		RxBytes: s.TxBytes, RxPackets: s.TxPackets, RxErrors: s.TxErrors, RxDropped: s.TxDropped,
		TxBytes: s.RxBytes, TxPackets: s.RxPackets, TxErrors: s.RxErrors, TxDropped: s.RxDropped,
	}
}
