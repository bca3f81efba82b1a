package shim_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/runtime/runtimetest"
	"berth/agent/shim"
	"berth/agent/shim/shimtest"
	"berth/agent/shim/wire"
)

// bench is what a test runs containers with.
type bench struct {
	*testing.T
	cfg    shim.Config
	rootfs string
	*shim.Shims
}

// open makes a runtime of the test's own. When the test ends, nothing of it may
// be left.
func open(t *testing.T) *bench {
	b := &bench{T: t, rootfs: shimtest.Rootfs(t, runtimetest.Programs()), cfg: shim.Config{
		Dir: filepath.Join(t.TempDir(), "shims"), Cgroup: "/berth-" + rand.Text()[:8], Binary: program,
	}}
	b.reopen()
	t.Cleanup(func() {
		if b.Shims == nil { // the test ended between two agents
			b.reopen()
		}
		if err := b.Down(context.Background()); err != nil {
			t.Error(err)
		}
		b.wantNothing()
	})
	return b
}

// reopen is what the next agent does.
func (b *bench) reopen() {
	b.Helper()
	if b.Shims != nil {
		b.ok(b.Close())
	}
	var err error
	b.Shims, err = shim.Open(context.Background(), b.cfg)
	b.ok(err)
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// run makes a sandbox, where there is none, and a running container.
func (b *bench) run(id runtime.ID, args ...string) runtime.Started {
	b.Helper()
	b.ok(b.CreateSandbox(b.Context(), runtime.Sandbox{Task: id.Task}))
	_, err := b.Create(b.Context(), b.container(id, args...))
	b.ok(err)
	started, err := b.Start(b.Context(), id)
	b.ok(err)
	return started
}

func (b *bench) exit(id runtime.ID) runtime.Exit {
	b.Helper()
	exit, err := b.Wait(b.Context(), id)
	b.ok(err)
	return exit
}

// status gives the sandbox of a task.
func (b *bench) status(task string) runtime.SandboxStatus {
	b.Helper()
	all, err := b.Sandboxes(b.Context())
	b.ok(err)
	for _, s := range all {
		if s.Task == task {
			return s
		}
	}
	b.Fatalf("there is no sandbox %s in %+v", task, all)
	panic("unreachable")
}

// shimOf is the process of a task's shim.
func (b *bench) shimOf(task string) int {
	b.Helper()
	_, history, err := wire.Read(filepath.Join(b.cfg.Dir, task))
	b.ok(err)
	return history.ShimPid
}

func (b *bench) kill(pid int) {
	b.Helper()
	b.ok(unix.Kill(pid, unix.SIGKILL))
}

func (b *bench) container(id runtime.ID, args ...string) runtime.Container {
	return runtime.Container{ID: id, Spec: shimtest.Spec(b.rootfs, args...)}
}

// wantNothing looks for cgroups, mounts and processes of the test.
func (b *bench) wantNothing() {
	b.Helper()
	left, _ := filepath.Glob("/sys/fs/cgroup/*" + b.cfg.Cgroup)
	if _, err := os.Stat("/sys/fs/cgroup" + b.cfg.Cgroup); err == nil {
		left = append(left, b.cfg.Cgroup)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	b.ok(err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, b.cfg.Dir) {
			left = append(left, line)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range processes {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), b.cfg.Dir) {
			left = append(left, file+": "+string(line))
		}
	}
	if _, err := os.Stat(b.cfg.Dir); err == nil {
		left = append(left, b.cfg.Dir)
	}
	if len(left) > 0 {
		b.Errorf("left behind: %q", left)
	}
}

func TestSuite(t *testing.T) {
	runtimetest.Suite(t, func(t *testing.T) runtimetest.Setup {
		b := open(t)
		return runtimetest.Setup{Runtime: b.Shims, Container: b.container, Reopen: func() runtime.Runtime {
			b.reopen()
			return b.Shims
		}}
	})
}
