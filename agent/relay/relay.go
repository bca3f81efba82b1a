// Package relay carries containers' connections to the control plane, which may
// listen where only this machine reaches it.
//
// It moves bytes and looks at none: requests are signed together with the host
// that they name, and who calls is for the signature to tell. Used by package agent.
package relay

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// most is how many connections one container may have open, so that it cannot
// use up what others and the agent itself need.
const most = 256

// Relay carries what comes to one listener to one address.
type Relay struct {
	address string // host:port
	log     *slog.Logger

	mu   sync.Mutex
	open map[netip.Addr]int // connections by caller
}

// New makes a relay to address, a host and a port.
func New(address string, log *slog.Logger) *Relay {
	return &Relay{address: address, log: log, open: map[netip.Addr]int{}}
}

// Serve carries every connection until ctx ends, and ends them with it.
func (r *Relay) Serve(ctx context.Context, listener net.Listener) error {
	var carried sync.WaitGroup
	defer carried.Wait()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		caller := callerOf(conn)
		if !r.enter(caller) {
			r.log.Warn("a container has too many connections to the control plane open", "address", caller, "most", most)
			conn.Close()
			continue
		}
		carried.Go(func() {
			defer r.leave(caller)
			r.carry(ctx, conn)
		})
	}
}

// carry moves bytes both ways until both sides have said all or one breaks. A
// control plane that is away shows as a connection that ends at once, which
// every AWS client takes as a reason to try again.
func (r *Relay) carry(ctx context.Context, from net.Conn) {
	defer from.Close()
	to, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		r.log.Debug("the control plane does not answer a container", "address", callerOf(from), "err", err)
		return
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() { from.Close(); to.Close() })()
	var answers sync.WaitGroup
	answers.Go(func() { pipe(from, to) })
	pipe(to, from)
	answers.Wait()
}

// pipe moves what one side says to the other, and tells that when it has ended.
func pipe(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close() // nothing more can come of it
		from.Close()
		return
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
}

func (r *Relay) enter(caller netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[caller] >= most {
		return false
	}
	r.open[caller]++
	return true
}

func (r *Relay) leave(caller netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[caller]--; r.open[caller] == 0 {
		delete(r.open, caller)
	}
}

func callerOf(conn net.Conn) netip.Addr {
	from, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return from.Addr()
}
