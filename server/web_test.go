package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Before the state is loaded and while it stops, the server says so.
func TestHealth(t *testing.T) {
	w := newWeb(slog.New(slog.DiscardHandler))
	get := func(path string) (int, string) {
		answer := httptest.NewRecorder()
		w.http.Handler.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		return answer.Code, answer.Body.String()
	}
	expect := func(path string, wantCode int, want string) {
		t.Helper()
		if code, body := get(path); code != wantCode || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d %q, want %d with %q", path, code, body, wantCode, want)
		}
	}
	expect("/healthz", 503, "starting")
	expect("/", 503, "starting")
	expect("/metrics", 503, "starting")

	var reason error
	w.plane.Store(&plane{
		api:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "api") }),
		metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") }),
		ready:   func() error { return reason },
	})
	expect("/healthz", 200, "ok")
	expect("/", 200, "api")
	expect("/any/path", 200, "api")
	expect("/any//path/../x", 200, "api") // not redirected
	expect("/healthz/", 200, "api")
	expect("/metrics", 200, "metrics")

	reason = errors.New("no space left")
	expect("/healthz", 503, "no space left")
	expect("/", 200, "api") // reads go on
	reason = nil
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	expect("/healthz", 503, "stopping")
}

// A call in flight ends before the server does; one that does not end in time
// cannot hold it up.
func TestStopWaitsForCalls(t *testing.T) {
	for _, tc := range []struct {
		name      string
		call      time.Duration
		takes     time.Duration
		wantError bool
	}{
		{"short call", time.Second, time.Second, false},
		{"endless call", time.Hour, grace, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWeb(slog.New(slog.DiscardHandler))
				called := make(chan struct{})
				w.plane.Store(&plane{api: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					close(called)
					select {
					case <-time.After(tc.call):
					case <-r.Context().Done():
					}
				})})
				client, server := net.Pipe()
				l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
				l.conn <- server
				served := make(chan error, 1)
				go func() { served <- w.serve(l) }()
				failed := make(chan bool, 1)
				go func() {
					_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n\r\n")
					answer, _ := io.ReadAll(client)
					failed <- err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK")
				}()
				<-called
				begin := time.Now()
				if err := w.stop(); err != nil {
					t.Error(err)
				}
				// Shutdown looks for ended calls at growing intervals of up to half a second.
				if took := time.Since(begin); took < tc.takes || took > tc.takes+500*time.Millisecond {
					t.Errorf("took %v, want %v", took, tc.takes)
				}
				if err := <-served; err != nil {
					t.Error(err)
				}
				if <-failed != tc.wantError || time.Since(begin) > tc.takes+500*time.Millisecond {
					t.Errorf("call failed: %v after %v, want %v", !tc.wantError, time.Since(begin), tc.wantError)
				}
			})
		})
	}
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
