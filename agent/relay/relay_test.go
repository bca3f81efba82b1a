package relay

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
)

// start carries connections to address and returns where.
func start(t *testing.T, address string) (at string, end context.CancelFunc, ended chan error) {
	t.Helper()
	listener := listen(t)
	ctx, end := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- New(address, slog.New(slog.DiscardHandler)).Serve(ctx, listener) }()
	t.Cleanup(end)
	return listener.Addr().String(), end, ended
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// echo answers each connection, when it has said all, with what it said.
func echo(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				said, _ := io.ReadAll(conn)
				conn.Write(append([]byte("you said "), said...))
			}()
		}
	}()
	return listener.Addr().String()
}

func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestBothWays(t *testing.T) {
	at, _, _ := start(t, echo(t))
	conn := dial(t, at)
	conn.Write([]byte("hello"))
	conn.CloseWrite()
	if answer, err := io.ReadAll(conn); string(answer) != "you said hello" || err != nil {
		t.Errorf("answer %q, error %v", answer, err)
	}
}

func TestNobodyThere(t *testing.T) {
	gone := listen(t)
	gone.Close()
	at, _, _ := start(t, gone.Addr().String())
	if answer, _ := io.ReadAll(dial(t, at)); len(answer) > 0 {
		t.Errorf("answer %q of nobody", answer)
	}
}

func TestTooMany(t *testing.T) {
	at, _, _ := start(t, echo(t))
	for range most {
		dial(t, at)
	}
	if _, err := dial(t, at).Read(make([]byte, 1)); err == nil {
		t.Error("there is no limit")
	}
}

func TestEnds(t *testing.T) {
	at, end, ended := start(t, echo(t))
	conn := dial(t, at)
	conn.Write([]byte("hello"))
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if answer, _ := io.ReadAll(conn); len(answer) > 0 {
		t.Errorf("answer %q after the end", answer)
	}
}
