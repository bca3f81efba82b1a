//go:build cgo

package task

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// session is one process that an agent runs in a container over a connection.
type session struct {
	conn    net.Conn
	process *libcontainer.Process
	stdin   *os.File // a pipe's end, or the terminal

	mu sync.Mutex // one frame at a time
}

// exec runs a process, and returns when it has ended and its output is sent.
func (c *container) exec(ctx context.Context, conn net.Conn, in io.Reader, e wire.Exec) (*runtime.Exit, error) {
	if status, _ := c.status(); status.State != runtime.Running {
		return nil, fmt.Errorf("container %s: %w", c.name, runtime.ErrNotRunning)
	}
	spec := *c.process
	spec.Args, spec.Terminal, spec.ConsoleSize = e.Args, e.Terminal, nil
	spec.Env = append(slices.Clone(spec.Env), e.Env...)
	if e.Cwd != "" {
		spec.Cwd = e.Cwd
	}
	if e.User != "" {
		spec.User.AdditionalGids = nil
		if err := setUser(&spec.User, e.User, c.box.Config().Rootfs); err != nil {
			return nil, err
		}
	}
	process, err := newProcess(&spec)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, process: process}
	return s.run(ctx, c.box, in, e.Terminal)
}

func (s *session) run(ctx context.Context, box *libcontainer.Container, in io.Reader, terminal bool) (*runtime.Exit, error) {
	pipes, err := newPipes(s.process, terminal)
	if err != nil {
		return nil, err
	}
	defer pipes.closeOurs()
	err = box.Start(s.process)
	pipes.closeTheirs()
	if err != nil {
		return nil, &runtime.ProcessError{Message: err.Error()}
	}
	if terminal {
		if err := pipes.receive(); err != nil {
			s.kill()
			_, _ = s.process.Wait()
			return nil, err
		}
	}
	s.stdin = pipes.in
	defer context.AfterFunc(ctx, s.kill)()
	go func() {
		s.feed(in)
		s.kill() // the agent is gone, and with it whoever wanted the process
	}()
	var copying sync.WaitGroup
	copying.Go(func() { s.copy(pipes.out, func(o *wire.ExecOutput, text []byte) { o.Stdout = text }) })
	if pipes.err != nil {
		copying.Go(func() { s.copy(pipes.err, func(o *wire.ExecOutput, text []byte) { o.Stderr = text }) })
	}
	state, err := s.process.Wait()
	if state == nil {
		return nil, err
	}
	exit := &runtime.Exit{Code: exitCode(state), At: time.Now()}
	// A child that it left behind may hold its output open for ever.
	limit := time.AfterFunc(time.Second, pipes.closeOurs)
	defer limit.Stop()
	copying.Wait()
	return exit, nil
}

// kill ends the process and those that are still in its session's first group.
func (s *session) kill() {
	if pid, err := s.process.Pid(); err == nil {
		_ = unix.Kill(-pid, unix.SIGKILL)
	}
	_ = s.process.Signal(unix.SIGKILL)
}

// feed gives the process what the agent sends, until the connection ends.
func (s *session) feed(in io.Reader) {
	for decoder := json.NewDecoder(in); ; {
		var input wire.ExecInput
		if decoder.Decode(&input) != nil {
			return
		}
		if len(input.Stdin) > 0 && s.stdin != nil {
			_, _ = s.stdin.Write(input.Stdin) // who does not read has no use for it
		}
		if input.End && s.stdin != nil && s.process.ConsoleSocket == nil {
			s.stdin.Close()
		}
		if input.Resize != nil && s.stdin != nil && s.process.ConsoleSocket != nil {
			size := &unix.Winsize{Col: input.Resize.Width, Row: input.Resize.Height}
			_ = unix.IoctlSetWinsize(int(s.stdin.Fd()), unix.TIOCSWINSZ, size)
		}
	}
}

// copy sends what the process writes.
func (s *session) copy(from *os.File, into func(*wire.ExecOutput, []byte)) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			var output wire.ExecOutput
			into(&output, buffer[:n])
			if s.send(output) != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *session) send(o wire.ExecOutput) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.NewEncoder(s.conn).Encode(o)
}

// pipes are the streams of an exec'd process.
type pipes struct {
	in, out, err *os.File // ours; with a terminal, in and out are one
	theirs       []*os.File
	console      *os.File
}

func newPipes(process *libcontainer.Process, terminal bool) (p *pipes, err error) {
	p = &pipes{}
	defer func() {
		if err != nil {
			p.closeTheirs()
			p.closeOurs()
		}
	}()
	if terminal {
		p.console, process.ConsoleSocket, err = socketPair()
		p.theirs = []*os.File{process.ConsoleSocket}
		return p, err
	}
	open := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	stdin, in := open()
	out, stdout := open()
	er, stderr := open()
	p.in, p.out, p.err, p.theirs = in, out, er, []*os.File{stdin, stdout, stderr}
	process.Stdin, process.Stdout, process.Stderr = stdin, stdout, stderr
	return p, err
}

func (p *pipes) receive() (err error) {
	p.out, err = receiveTerminal(p.console)
	p.in = p.out
	return err
}

func (p *pipes) closeTheirs() {
	for _, f := range p.theirs {
		f.Close() // nil is no trouble
	}
}

func (p *pipes) closeOurs() {
	for _, f := range []*os.File{p.in, p.out, p.err, p.console} {
		f.Close()
	}
}

// answerExec serves a connection that is one process's.
func (t *task) answerExec(ctx context.Context, conn net.Conn, in io.Reader, arg json.RawMessage) {
	exit, err := t.exec(ctx, conn, in, arg)
	_ = json.NewEncoder(conn).Encode(wire.ExecOutput{Exit: exit, Error: wire.NewError(err)}) // who is gone gets none
}

func (t *task) exec(ctx context.Context, conn net.Conn, in io.Reader, arg json.RawMessage) (*runtime.Exit, error) {
	var e wire.Exec
	if err := json.Unmarshal(arg, &e); err != nil {
		return nil, err
	}
	c, err := t.find(e.Container)
	if err != nil {
		return nil, err
	}
	return c.exec(ctx, conn, in, e)
}
