package shim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// sandbox is the agent's end of one shim.
type sandbox struct {
	dir    string
	client *wire.Client  // nil where the shim was gone from the start
	ending atomic.Bool   // its end is wanted
	closed chan struct{} // by close: this agent does not care any more
	gone   chan struct{} // closed when the shim is gone and what it left is removed

	lost runtime.SandboxStatus // what its journal says, once gone
}

// connect finds the shim of dir, or buries it.
func (s *Shims) connect(ctx context.Context, dir string) (*sandbox, error) {
	b := &sandbox{dir: dir, closed: make(chan struct{}), gone: make(chan struct{})}
	conn, err := dial(ctx, filepath.Join(dir, wire.SocketFile))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.bury(b)
		return b, nil
	}
	b.client = wire.NewClient(conn)
	go func() {
		<-b.client.Done()
		if b.ending.Load() {
			close(b.gone)
			return
		}
		slog.Warn("a shim is gone: killing what it left", "dir", dir)
		s.bury(b)
	}()
	return b, nil
}

// close lets go of the shim.
func (b *sandbox) close() {
	b.ending.Store(true)
	close(b.closed)
	if b.client != nil {
		b.client.Close()
	}
}

// bury removes what a shim has left, and reads how its containers ended.
func (s *Shims) bury(b *sandbox) {
	defer close(b.gone)
	err := s.clear(b.dir)
	_, history, readErr := wire.Read(b.dir)
	b.lost = history.SandboxStatus
	if b.lost.Lost == "" { // for what follows, it is
		b.lost.Task, b.lost.Lost = filepath.Base(b.dir), errors.Join(errors.New("its shim was killed"), err, readErr).Error()
	}
}

// clear kills and unmounts what a shim has left.
func (s *Shims) clear(dir string) error {
	cmd := exec.Command(s.cfg.Binary, "recover", dir)
	if _, err := os.Stat(filepath.Join(dir, wire.SandboxFile)); errors.Is(err, fs.ErrNotExist) { // somebody removed it
		cmd = exec.Command(s.cfg.Binary, "remove", s.cgroup(filepath.Base(dir)))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		slog.Error("cannot remove what a shim left", "dir", dir, "err", err, "output", string(out))
		return fmt.Errorf("remove what a shim left: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// cgroup is that of a task.
func (s *Shims) cgroup(task string) string { return s.cfg.Cgroup + "/" + task }

// call asks the shim. If it dies before it answers, or was dead, the error is
// errGone once it is buried.
func (b *sandbox) call(ctx context.Context, op string, arg, result any) error {
	err := wire.ErrClosed
	if b.client != nil {
		err = b.client.Call(ctx, op, arg, result)
	}
	if !errors.Is(err, wire.ErrClosed) {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.closed:
		return wire.ErrClosed
	case <-b.gone:
		return errGone
	}
}

var errGone = errors.New("the shim is gone")

func (b *sandbox) status(ctx context.Context) (runtime.SandboxStatus, error) {
	var status runtime.SandboxStatus
	err := b.call(ctx, wire.OpSandbox, nil, &status)
	if err == errGone {
		return b.lost, nil
	}
	return status, err
}

// exitOf is how a container of a buried shim ended.
func (b *sandbox) exitOf(name string) (runtime.Exit, error) {
	for _, c := range b.lost.Containers {
		if c.Name == name && c.State != runtime.Exited { // its end could not even be written down
			return runtime.Exit{Code: 128 + int(syscall.SIGKILL), Lost: b.lost.Lost}, nil
		}
		if c.Name == name {
			return c.Exit, nil
		}
	}
	return runtime.Exit{}, fmt.Errorf("container %s: %w", name, runtime.ErrNotFound)
}

// remove ends the shim, if it lives, and removes its directory.
func (s *Shims) remove(ctx context.Context, b *sandbox) error {
	b.ending.Store(true)
	switch err := b.call(ctx, wire.OpShutdown, nil, nil); err {
	case nil:
		select {
		case <-b.client.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	case errGone:
		if err := s.clear(b.dir); err != nil {
			return err
		}
	default:
		b.ending.Store(false)
		return err
	}
	return removeAll(b.dir)
}

// removeAll removes a directory in which nothing is mounted any more. If
// something were, that would be emptied with it.
func removeAll(dir string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if strings.Contains(string(table), " "+dir+"/") {
		return fmt.Errorf("something is still mounted in %s", dir)
	}
	return os.RemoveAll(dir)
}

// listen makes a unix listener for a child process. A socket's path may have
// 107 bytes; by the descriptor of its directory any path is short enough.
func listen(path string) (*os.File, error) {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: through(dir, path)})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	return l.File()
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(dir)
	var d net.Dialer
	return d.DialContext(ctx, "unix", through(dir, path))
}

func through(dir int, path string) string {
	return filepath.Join("/proc/self/fd", strconv.Itoa(dir), filepath.Base(path))
}

// Create makes a container.
func (s *Shims) Create(ctx context.Context, c runtime.Container) (runtime.Started, error) {
	var started runtime.Started
	if err := validName(c.ID.Container); err != nil {
		return started, fmt.Errorf("container %q: %w", c.ID.Container, err)
	}
	err := s.call(ctx, c.ID.Task, wire.OpCreate, c, &started)
	return started, err
}

// Start lets a created container run.
func (s *Shims) Start(ctx context.Context, id runtime.ID) (runtime.Started, error) {
	var started runtime.Started
	err := s.call(ctx, id.Task, wire.OpStart, id.Container, &started)
	return started, err
}

// Stats measures a running container.
func (s *Shims) Stats(ctx context.Context, id runtime.ID) (runtime.Stats, error) {
	var stats runtime.Stats
	err := s.call(ctx, id.Task, wire.OpStats, id.Container, &stats)
	return stats, err
}

// call asks the shim of a task, which has to live.
func (s *Shims) call(ctx context.Context, task, op string, arg, result any) error {
	b, err := s.find(task)
	if err != nil {
		return err
	}
	if err = b.call(ctx, op, arg, result); err == errGone {
		return fmt.Errorf("sandbox %s: %s", task, b.lost.Lost)
	}
	return err
}

// Signal sends a signal to a container's first process.
func (s *Shims) Signal(ctx context.Context, id runtime.ID, signal syscall.Signal) error {
	b, err := s.find(id.Task)
	if err != nil {
		return err
	}
	err = b.call(ctx, wire.OpSignal, wire.Signal{Container: id.Container, Signal: int(signal)}, nil)
	if err == errGone {
		_, err = b.exitOf(id.Container)
	}
	return err
}

// Wait blocks until a container has ended.
func (s *Shims) Wait(ctx context.Context, id runtime.ID) (runtime.Exit, error) {
	b, err := s.find(id.Task)
	if err != nil {
		return runtime.Exit{}, err
	}
	var exit runtime.Exit
	err = b.call(ctx, wire.OpWait, id.Container, &exit)
	if err == errGone {
		return b.exitOf(id.Container)
	}
	return exit, err
}

// Delete removes a container.
func (s *Shims) Delete(ctx context.Context, id runtime.ID) error {
	b, err := s.find(id.Task)
	if err != nil {
		return nil
	}
	err = b.call(ctx, wire.OpDelete, id.Container, nil)
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		return nil
	case err == errGone:
		return nil // the burial did
	}
	return err
}

// Exec runs one more process in a container.
func (s *Shims) Exec(ctx context.Context, id runtime.ID, p runtime.Process) (runtime.Exit, error) {
	b, err := s.find(id.Task)
	if err != nil {
		return runtime.Exit{}, err
	}
	conn, err := dial(ctx, filepath.Join(b.dir, wire.SocketFile))
	if err != nil {
		return runtime.Exit{}, fmt.Errorf("%s: %w", id, errors.Join(runtime.ErrNotRunning, err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // the shim then kills the process
	exec := wire.Exec{Container: id.Container, Args: p.Args, Env: p.Env, Cwd: p.Cwd, User: p.User, Terminal: p.Terminal}
	if err := wire.Take(conn, wire.OpExec, exec); err != nil {
		return runtime.Exit{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go feed(ctx, conn, p)
	exit, err := receive(conn, p)
	return exit, errors.Join(ctx.Err(), err)
}

// feed sends what a process gets, until there is no more or nobody to take it.
func feed(ctx context.Context, conn net.Conn, p runtime.Process) {
	var mu sync.Mutex // one frame at a time
	send := func(in wire.ExecInput) error {
		mu.Lock()
		defer mu.Unlock()
		return json.NewEncoder(conn).Encode(in)
	}
	if p.Resize != nil {
		go func() {
			for {
				select {
				case size, ok := <-p.Resize:
					if !ok || send(wire.ExecInput{Resize: &size}) != nil {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	if p.Stdin != nil {
		buffer := make([]byte, 32<<10)
		for {
			n, err := p.Stdin.Read(buffer)
			if n > 0 && send(wire.ExecInput{Stdin: buffer[:n]}) != nil {
				return
			}
			if err != nil {
				break
			}
		}
	}
	_ = send(wire.ExecInput{End: true})
}

// receive hands on what a process writes, until it has ended.
func receive(conn net.Conn, p runtime.Process) (runtime.Exit, error) {
	write := func(w io.Writer, text []byte) {
		if w != nil && len(text) > 0 {
			_, _ = w.Write(text) // as with a pipe that nobody reads, the process goes on
		}
	}
	for decoder := json.NewDecoder(conn); ; {
		var out wire.ExecOutput
		if err := decoder.Decode(&out); err != nil {
			return runtime.Exit{Lost: "its shim was killed", At: time.Now()}, fmt.Errorf("%w: %w", wire.ErrClosed, err)
		}
		write(p.Stdout, out.Stdout)
		write(p.Stderr, out.Stderr)
		switch {
		case out.Error != nil:
			return runtime.Exit{}, out.Error.Err()
		case out.Exit != nil:
			return *out.Exit, nil
		}
	}
}
