//go:build cgo

package task

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/spool"
)

// output is a container's standard streams: ours, and until it runs also those
// that the container gets.
type output struct {
	writer  *spool.Writer
	theirs  []*os.File
	stdin   *os.File // kept open; nobody writes to it
	streams map[string]*os.File
	console *os.File // of a terminal: where its master comes from
	copying sync.WaitGroup
}

// connect gives a process its streams.
func connect(p *libcontainer.Process, terminal bool, c runtime.Container) (_ *output, err error) {
	o := &output{streams: map[string]*os.File{}}
	defer func() {
		if err != nil {
			o.end()
		}
	}()
	log := c.Log
	if log.Dir == "" {
		log.Mode = spool.Discard
	}
	if o.writer, err = spool.Create(log); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if terminal {
		o.console, p.ConsoleSocket, err = socketPair()
		o.theirs = append(o.theirs, p.ConsoleSocket)
		return o, err
	}
	if c.OpenStdin {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		o.stdin, p.Stdin, o.theirs = w, r, append(o.theirs, r)
	}
	for _, name := range []string{"stdout", "stderr"} {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		o.streams[name], o.theirs = r, append(o.theirs, w)
		if name == "stdout" {
			p.Stdout = w
		} else {
			p.Stderr = w
		}
	}
	return o, nil
}

// begun closes what the container has got, and copies what it writes; where it
// could not be started, err says so.
func (o *output) begun(err error) {
	for _, f := range o.theirs {
		f.Close()
	}
	o.theirs = nil
	if err == nil && o.console != nil {
		if o.streams["stdout"], err = receiveTerminal(o.console); err != nil {
			slog.Error("no terminal came", "err", err)
		}
	}
	for name, f := range o.streams {
		o.copying.Go(func() {
			if err := o.writer.Copy(name, f); err != nil && !errors.Is(err, spool.ErrClosed) {
				slog.Error("the log stops", "stream", name, "err", err)
			}
			f.Close()
		})
	}
	go func() {
		o.copying.Wait()
		o.writer.Close()
	}()
}

// drain gives output that was already written a moment to reach the log, for
// containers whose end is followed by their deletion at once. It may be that
// the log has no room, or that a process elsewhere still holds the stream.
func (o *output) drain() {
	if o == nil {
		return
	}
	copied := make(chan struct{})
	go func() {
		o.copying.Wait()
		close(copied)
	}()
	select {
	case <-copied:
	case <-time.After(time.Second):
	}
}

// end closes everything. Output that was not read yet is lost.
func (o *output) end() {
	if o == nil {
		return
	}
	for _, f := range o.theirs {
		f.Close()
	}
	for _, f := range o.streams {
		f.Close()
	}
	for _, f := range []*os.File{o.stdin, o.console} {
		if f != nil {
			f.Close()
		}
	}
	if o.writer != nil {
		o.writer.Close()
	}
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "console"), os.NewFile(uintptr(fds[1]), "console of the container"), nil
}

// receiveTerminal takes the master of the terminal that the container made.
func receiveTerminal(socket *os.File) (*os.File, error) {
	conn, err := net.FileConn(socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	name, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(name, rights)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("a terminal's descriptor was to come: %d messages, %v", len(messages), err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("a terminal's descriptor was to come: %d descriptors, %v", len(fds), err)
	}
	unix.CloseOnExec(fds[0])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}
