package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// PortError says that a port of the machine cannot be mapped to a container.
type PortError struct {
	Protocol string
	Port     uint16 // 0 where no free range was found
	Err      error
}

func (e *PortError) Error() string {
	if e.Port == 0 {
		return fmt.Sprintf("no free %s host ports: %v", e.Protocol, e.Err)
	}
	return fmt.Sprintf("host port %d/%s is in use on this machine: %v", e.Port, e.Protocol, e.Err)
}

func (e *PortError) Unwrap() error { return e.Err }

// checkPorts says what is wrong with port mappings.
func checkPorts(ports []Port) error {
	for _, p := range ports {
		last := max(p.Count, 1) - 1
		switch {
		case p.Protocol != "tcp" && p.Protocol != "udp":
			return fmt.Errorf("port mapping's protocol %q: want tcp or udp", p.Protocol)
		case p.Container == 0:
			return errors.New("port mapping's container port 0: want 1 to 65535")
		case int(p.Container)+int(last) > 65535, int(p.Host)+int(last) > 65535:
			return fmt.Errorf("port mapping of %d ports from %d to %d: ports end at 65535", last+1, p.Host, p.Container)
		}
	}
	return nil
}

// reservation holds sockets bound to host ports, so that no other program takes
// one that is mapped. Nothing arrives at them: the packet filter sends it on.
type reservation []io.Closer

func (r reservation) Close() {
	for _, socket := range r {
		socket.Close()
	}
}

// reserve binds the host ports of all mappings, choosing those that are 0 from
// dynamic, or none. Ports that another program has are told from a free one by
// the kernel alone.
func reserve(dynamic Range, ports []Port) (chosen []Port, all reservation, err error) {
	for _, p := range ports {
		p.Count = max(p.Count, 1)
		var held reservation
		if p.Host != 0 {
			held, err = bind(p)
		} else {
			p, held, err = bindAny(dynamic, p)
		}
		if err != nil {
			all.Close()
			return nil, nil, err
		}
		chosen, all = append(chosen, p), append(all, held...)
	}
	return chosen, all, nil
}

// bindAny finds a free range of host ports, looking from a random place.
func bindAny(dynamic Range, p Port) (Port, reservation, error) {
	places := int(dynamic.Last) - int(dynamic.First) + 1 - int(p.Count) + 1
	if places < 1 {
		return p, nil, &PortError{Protocol: p.Protocol, Err: fmt.Errorf("%d at once do not fit %d-%d", p.Count, dynamic.First, dynamic.Last)}
	}
	start := rand.IntN(places)
	for i := 0; i < places; i++ {
		p.Host = dynamic.First + uint16((start+i)%places)
		held, err := bind(p)
		if err == nil {
			return p, held, nil
		}
	}
	return p, nil, &PortError{Protocol: p.Protocol, Err: fmt.Errorf("all of %d-%d are in use", dynamic.First, dynamic.Last)}
}

// bind holds a range of host ports on all IPv4 addresses of the machine.
func bind(p Port) (held reservation, err error) {
	for i := range p.Count {
		address := fmt.Sprintf("0.0.0.0:%d", p.Host+i)
		var socket io.Closer
		if p.Protocol == "udp" {
			socket, err = new(net.ListenConfig).ListenPacket(context.Background(), "udp4", address)
		} else {
			socket, err = new(net.ListenConfig).Listen(context.Background(), "tcp4", address)
		}
		if err != nil {
			held.Close()
			return nil, &PortError{Protocol: p.Protocol, Port: p.Host + i, Err: err}
		}
		held = append(held, socket)
	}
	return held, nil
}

// reserveAgain holds the ports of an attachment that an earlier process made.
// If a program took one in between, the mapping still goes before it.
func (n *Network) reserveAgain(a Attachment) reservation {
	var all reservation
	for _, p := range a.Ports {
		held, err := bind(p)
		if err != nil {
			n.Log.Warn("another program took a mapped port while Berth was away", "id", a.ID, "err", err)
		}
		all = append(all, held...)
	}
	return all
}
