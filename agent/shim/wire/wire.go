// Package wire is what an agent and its shims say to each other over a unix
// socket: JSON frames, many calls at a time, answered in any order.
//
// [Call] and [Serve] are the two sides. The file journal.go is the language of
// the files that a shim leaves for the time when it cannot answer any more.
// It links nothing but the standard library, because a shim is kept small.
package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"berth/agent/runtime"
)

// frame is a call, with Op, or the answer to the call that has the same ID.
type frame struct {
	ID    uint64          `json:"id"`
	Op    string          `json:"op,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error *Error          `json:"error,omitempty"`
}

// Error is an error on its way through a socket. Kind names those of package
// runtime, so that they compare equal on the other side.
type Error struct {
	Kind string `json:"kind,omitempty"`
	Text string `json:"text"`
}

// kinds are the errors of package runtime that cross the socket by name.
func kinds() map[string]error {
	return map[string]error{"not found": runtime.ErrNotFound, "exists": runtime.ErrExists, "not running": runtime.ErrNotRunning}
}

// NewError makes err ready for the socket; nil stays nil.
func NewError(err error) *Error {
	if err == nil {
		return nil
	}
	var process *runtime.ProcessError
	if errors.As(err, &process) {
		return &Error{Kind: "process", Text: process.Message}
	}
	for kind, known := range kinds() {
		if errors.Is(err, known) {
			return &Error{Kind: kind, Text: err.Error()}
		}
	}
	return &Error{Text: err.Error()}
}

// Err is the error that e carries; nil of a nil e.
func (e *Error) Err() error {
	switch {
	case e == nil:
		return nil
	case e.Kind == "process":
		return &runtime.ProcessError{Message: e.Text}
	}
	return &remote{text: e.Text, is: kinds()[e.Kind]}
}

// remote is an error that happened on the other side.
type remote struct {
	text string
	is   error // the error of package runtime that it is; may be nil
}

func (e *remote) Error() string { return e.text }
func (e *remote) Unwrap() error { return e.is }

// ErrClosed is the error of calls whose connection broke before the answer.
var ErrClosed = errors.New("connection to the shim is closed")

// Client is the calling side of a connection.
type Client struct {
	conn net.Conn
	done chan struct{} // closed when the connection is

	write sync.Mutex // one frame at a time

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan frame // nil when closed
}

// NewClient calls over conn, which it owns from now on.
func NewClient(conn net.Conn) *Client {
	c := &Client{conn: conn, done: make(chan struct{}), waiting: map[uint64]chan frame{}}
	go c.read()
	return c
}

// Done is closed when the connection has ended, by whichever side.
func (c *Client) Done() <-chan struct{} { return c.done }

// Close ends the connection and all calls that wait for an answer.
func (c *Client) Close() error { return c.conn.Close() }

// Call asks for op with arg and stores the answer's value in result, unless
// that is nil. The other side does not learn that ctx ended.
func (c *Client) Call(ctx context.Context, op string, arg, result any) error {
	body, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	answer, id := make(chan frame, 1), uint64(0)
	c.mu.Lock()
	if c.waiting == nil {
		c.mu.Unlock()
		return ErrClosed
	}
	c.last++
	id = c.last
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := send(&c.write, c.conn, frame{ID: id, Op: op, Body: body}); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case f, ok := <-answer:
		if !ok {
			return ErrClosed
		}
		if f.Error != nil || result == nil {
			return f.Error.Err()
		}
		return json.Unmarshal(f.Body, result)
	}
}

// read hands out answers until the connection ends.
func (c *Client) read() {
	decoder := json.NewDecoder(c.conn)
	for {
		var f frame
		if decoder.Decode(&f) != nil {
			break
		}
		c.mu.Lock()
		if answer := c.waiting[f.ID]; answer != nil {
			answer <- f // has room for the one answer there is
			delete(c.waiting, f.ID)
		}
		c.mu.Unlock()
	}
	c.conn.Close()
	c.mu.Lock()
	for _, answer := range c.waiting {
		close(answer)
	}
	c.waiting = nil
	c.mu.Unlock()
	close(c.done)
}

// A Func answers one call.
type Func func(ctx context.Context, arg json.RawMessage) (any, error)

// A Takeover has the connection to itself, once it was called for: in is what
// comes over it from then on.
type Takeover func(ctx context.Context, conn net.Conn, in io.Reader, arg json.RawMessage)

// Serve answers the calls that come over conn, each in a goroutine of its own,
// until the connection ends. Their ctx ends with it.
func Serve(ctx context.Context, conn net.Conn, ops map[string]Func, takeovers map[string]Takeover) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer conn.Close()
	var write sync.Mutex
	decoder := json.NewDecoder(conn)
	for {
		var f frame
		if err := decoder.Decode(&f); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if take := takeovers[f.Op]; take != nil {
			take(ctx, conn, io.MultiReader(decoder.Buffered(), conn), f.Body)
			return nil
		}
		go func() {
			answer := frame{ID: f.ID}
			value, err := any(nil), fmt.Errorf("this shim does not know %q", f.Op)
			if op := ops[f.Op]; op != nil {
				value, err = op(ctx, f.Body)
			}
			if err == nil && value != nil {
				answer.Body, err = json.Marshal(value)
			}
			answer.Error = NewError(err)
			if send(&write, conn, answer) != nil {
				conn.Close() // the reader sees it
			}
		}()
	}
}

// Take asks for op over conn, which then is the caller's own to use.
func Take(conn net.Conn, op string, arg any) error {
	body, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	return json.NewEncoder(conn).Encode(frame{Op: op, Body: body})
}

func send(mu *sync.Mutex, w io.Writer, f frame) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	_, err = w.Write(append(text, '\n'))
	return err
}
