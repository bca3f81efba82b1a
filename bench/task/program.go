package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// source is the program that all contenders start: it says its first argument
// on a socket and waits for SIGTERM.
const source = `
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
static void end(int s) { _exit(0); }
int main(int argc, char **argv) {
	struct sockaddr_un to = { AF_UNIX, "/said/socket" };
	signal(SIGTERM, end);
	if (sendto(socket(AF_UNIX, SOCK_DGRAM, 0), argv[1], strlen(argv[1]), 0, (struct sockaddr *)&to, sizeof to) < 0) return 1;
	for (;;) pause();
}
`

// buildPrograms makes root/say, and runc as a static program.
func buildPrograms(dir string) error {
	root := filepath.Join(dir, "root")
	for _, name := range []string{"proc", "dev", "sys", "said"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	gcc := exec.Command("gcc", "-static", "-O2", "-x", "c", "-o", filepath.Join(root, "say"), "-")
	gcc.Stdin = bytes.NewReader([]byte(source))
	if out, err := gcc.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	build := exec.Command("go", "build", "-tags", "netgo osusergo seccomp urfave_cli_no_docs", "-ldflags", "-s -w -extldflags -static",
		"-o", filepath.Join(dir, "runc"), "github.com/opencontainers/runc")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build runc: %w\n%s", err, out)
	}
	return nil
}

// An ear hears what programs say.
type ear struct {
	conn *net.UnixConn

	mu    sync.Mutex
	names map[string]chan time.Time // each gets when its name was said
}

// listen makes the directory of the socket, which containers mount at /said.
func listen(dir string) (*ear, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(dir, "socket")})
	if err != nil {
		return nil, err
	}
	e := &ear{conn: conn, names: map[string]chan time.Time{}}
	go func() {
		for name := make([]byte, 100); ; {
			n, err := conn.Read(name)
			if err != nil {
				return
			}
			e.name(string(name[:n])) <- time.Now()
		}
	}()
	return e, nil
}

func (e *ear) close() { e.conn.Close() }

func (e *ear) name(name string) chan time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	said, ok := e.names[name]
	if !ok {
		said = make(chan time.Time, 100) // contenders use the same names
		e.names[name] = said
	}
	return said
}

// await returns when name was said.
func (e *ear) await(name string) (time.Time, error) {
	select {
	case at := <-e.name(name):
		return at, nil
	case <-time.After(time.Minute):
		return time.Time{}, fmt.Errorf("%s never ran", name)
	}
}

// runc starts the program with nothing around it, in namespaces like a task's.
func runc(dir string) contender {
	program, state := filepath.Join(dir, "runc"), filepath.Join(dir, "runc-state")
	return contender{
		name: "runc run -d",
		start: func(name string) error {
			bundle := filepath.Join(dir, "bundles", name)
			text, err := json.Marshal(spec(dir, name))
			if err != nil {
				return err
			}
			if err := errors.Join(os.MkdirAll(bundle, 0o755), os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644)); err != nil {
				return err
			}
			cmd := exec.Command(program, "--root", state, "run", "-d", "--bundle", bundle, name)
			cmd.Stderr = os.Stderr // a file: the container would keep a pipe open
			return cmd.Run()
		},
		remove: func(name string) error {
			return errors.Join(exec.Command(program, "--root", state, "delete", "--force", name).Run(), os.RemoveAll(filepath.Join(dir, "bundles", name)))
		},
	}
}

// docker is there where a daemon answers.
func docker(dir string) (contender, bool) {
	const image = "berth-bench-task"
	if exec.Command("sh", "-c", "tar -C '"+filepath.Join(dir, "root")+"' -c . | docker import - "+image).Run() != nil {
		return contender{}, false
	}
	return contender{
		name: "docker run -d",
		start: func(name string) error {
			return exec.Command("docker", "run", "-d", "--name", image+name, "-v", filepath.Join(dir, "said")+":/said", image, "/say", name).Run()
		},
		remove: func(name string) error { return exec.Command("docker", "rm", "-f", image+name).Run() },
	}, true
}
