package shim_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim"
	"berth/agent/shim/shimtest"
	"berth/agent/shim/wire"
)

// agentEnv makes this test's program an agent, for others to kill.
const agentEnv = "BERTH_SHIM_TEST_AGENT"

// v2Env makes this test's program see cgroup v2 alone.
const v2Env = "BERTH_SHIM_TEST_CGROUP_V2"

func TestMain(m *testing.M) {
	if os.Getenv(v2Env) != "" {
		err := unix.Unmount("/sys/fs/cgroup", unix.MNT_DETACH)
		if err = errors.Join(err, unix.Mount("none", "/sys/fs/cgroup", "cgroup2", 0, "")); err != nil {
			fmt.Fprintln(os.Stderr, "cgroup v2:", err)
			os.Exit(1)
		}
	}
	if spec := os.Getenv(agentEnv); spec != "" {
		if err := beAgent(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(m))
}

// program is the shim's, built once for all tests.
var program string

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "berth-shim-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		program, err = shimtest.Program(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// order is what an agent of another process is to do.
type order struct {
	Config     shim.Config
	Containers []runtime.Container // to be created, and started in turn
}

// beAgent follows an order, says "ready", and waits for its end.
func beAgent(spec string) error {
	var o order
	if err := json.Unmarshal([]byte(spec), &o); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := shim.Open(ctx, o.Config)
	if err != nil {
		return err
	}
	for _, c := range o.Containers {
		if err := s.CreateSandbox(ctx, runtime.Sandbox{Task: c.ID.Task}); err != nil {
			return err
		}
		if _, err := s.Create(ctx, c); err != nil {
			return err
		}
		if _, err := s.Start(ctx, c.ID); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	select {}
}

// startAgent starts another process that is the agent of b's directory. The
// channel is closed when it is ready, or dead.
func (b *bench) startAgent(containers ...runtime.Container) (*exec.Cmd, <-chan struct{}) {
	b.Helper()
	spec, err := json.Marshal(order{b.cfg, containers})
	b.ok(err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	b.ok(err)
	b.ok(cmd.Start())
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		_, _ = bufio.NewReader(out).ReadString('\n')
	}()
	return cmd, ready
}

func TestKilledShim(t *testing.T) {
	b := open(t)
	ended, running, created := runtime.ID{Task: "t", Container: "ended"}, runtime.ID{Task: "t", Container: "running"}, runtime.ID{Task: "t", Container: "created"}
	b.run(ended, "exit", "9")
	b.exit(ended)
	process := b.run(running, "run")
	_, err := b.Create(t.Context(), b.container(created, "run"))
	b.ok(err)

	b.kill(b.shimOf("t"))
	if exit := b.exit(running); exit.Code != 137 || exit.Lost != "its shim was killed" {
		t.Errorf("got exit %+v of the running container", exit)
	}
	if runs(process.Pid) {
		t.Error("its process still runs")
	}
	if exit := b.exit(ended); exit.Code != 9 || exit.Lost != "" {
		t.Errorf("got exit %+v of the container that had ended", exit)
	}
	if exit := b.exit(created); exit.Lost == "" {
		t.Errorf("got exit %+v of the created container", exit)
	}
	if s := b.status("t"); s.Lost != "its shim was killed" || len(s.Containers) != 3 {
		t.Errorf("got %+v", s)
	}
	if _, err := b.Start(t.Context(), created); err == nil {
		t.Error("a container of a killed shim was started")
	}
	b.ok(b.Signal(t.Context(), running, unix.SIGTERM))
	b.ok(b.DeleteSandbox(t.Context(), "t"))
	b.run(running, "exit", "0") // and the name is free
}

func TestShimKilledWhileNoAgentWasThere(t *testing.T) {
	b := open(t)
	for _, task := range []string{"killed", "rebooted"} {
		b.run(runtime.ID{Task: task, Container: "c"}, "run")
	}
	killed, rebooted := b.shimOf("killed"), b.shimOf("rebooted")
	b.ok(b.Close())
	b.Shims = nil
	b.kill(killed)
	b.kill(rebooted)
	file := filepath.Join(b.cfg.Dir, "rebooted", wire.SandboxFile)
	text, err := os.ReadFile(file)
	b.ok(err)
	boot, err := wire.BootID()
	b.ok(err)
	b.ok(os.WriteFile(file, []byte(strings.ReplaceAll(string(text), boot, "another")), 0o600))
	b.reopen()
	for task, want := range map[string]string{"killed": "its shim was killed", "rebooted": "the machine restarted"} {
		if exit := b.exit(runtime.ID{Task: task, Container: "c"}); exit.Lost != want {
			t.Errorf("%s: got exit %+v, want lost: %s", task, exit, want)
		}
	}
}

// A shim may die at any moment of a container's creation.
func TestShimKilledWhileItCreates(t *testing.T) {
	b := open(t)
	for i := range 12 {
		task := fmt.Sprintf("t%d", i)
		b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: task}))
		pid := b.shimOf(task)
		kill := time.AfterFunc(time.Duration(i)*4*time.Millisecond, func() { _ = unix.Kill(pid, unix.SIGKILL) })
		_, err := b.Create(t.Context(), b.container(runtime.ID{Task: task, Container: "c"}, "run"))
		if kill.Stop() {
			b.kill(pid)
		}
		t.Logf("after %d ms: %v", i*4, err)
		if s := b.awaitLost(task); s.Lost == "" {
			t.Errorf("%s: got %+v", task, s)
		}
		b.ok(b.DeleteSandbox(t.Context(), task))
	}
}

// awaitLost waits until the agent has buried a shim.
func (b *bench) awaitLost(task string) runtime.SandboxStatus {
	b.Helper()
	for ticker := time.NewTicker(5 * time.Millisecond); ; {
		s := b.status(task)
		if s.Lost != "" {
			return s
		}
		select {
		case <-ticker.C:
		case <-b.Context().Done():
			b.Fatal("the agent does not notice")
		}
	}
}

// runs is false of a process that is gone, or that nobody has buried yet.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestKilledContainer(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	b.kill(b.run(id, "run").Pid)
	if exit := b.exit(id); exit.Code != 137 || exit.OOMKilled || exit.Lost != "" {
		t.Errorf("got exit %+v", exit)
	}
}

func TestKilledAgent(t *testing.T) {
	b := open(t)
	b.ok(b.Close())
	b.Shims = nil
	stays, ends := runtime.ID{Task: "stays", Container: "c"}, runtime.ID{Task: "ends", Container: "c"}
	gate := filepath.Join(b.rootfs, "tmp", "gate")
	b.ok(unix.Mkfifo(gate, 0o600))
	agent, ready := b.startAgent(b.container(stays, "run"), b.container(ends, "sh", "-c", "read line < /tmp/gate; exit 42"))
	<-ready
	b.kill(agent.Process.Pid)
	_ = agent.Wait()

	f, err := os.OpenFile(gate, os.O_RDWR, 0) // the container ends while no agent is there
	b.ok(err)
	defer f.Close()
	_, err = f.WriteString("now\n")
	b.ok(err)
	journal := filepath.Join(b.cfg.Dir, "ends", wire.JournalFile)
	for ticker := time.NewTicker(5 * time.Millisecond); ; <-ticker.C {
		if text, err := os.ReadFile(journal); err != nil || strings.Contains(string(text), wire.Exited) {
			b.ok(err)
			break
		}
	}
	b.reopen()
	if exit := b.exit(ends); exit.Code != 42 || exit.Lost != "" {
		t.Errorf("got exit %+v, want code 42", exit)
	}
	if s := b.status("stays"); len(s.Containers) != 1 || s.Containers[0].State != runtime.Running {
		t.Errorf("got %+v, want a running container", s)
	}
}

// An agent may die at any moment; the next one finds nothing that it cannot
// either use or delete.
func TestAgentKilledAtAnyMoment(t *testing.T) {
	b := open(t)
	for i := range 8 {
		b.ok(b.Close())
		b.Shims = nil
		var containers []runtime.Container
		for n := range 4 {
			containers = append(containers, b.container(runtime.ID{Task: fmt.Sprintf("t%d", n), Container: "c"}, "run"))
		}
		agent, ready := b.startAgent(containers...)
		select {
		case <-ready:
		case <-time.After(time.Duration(20+i*20) * time.Millisecond):
		}
		_ = agent.Process.Kill()
		_ = agent.Wait()
		b.reopen()
		all, err := b.Sandboxes(t.Context())
		b.ok(err)
		t.Logf("%+v", all)
		for _, s := range all {
			b.ok(b.DeleteSandbox(t.Context(), s.Task))
		}
	}
}

func TestTwoAgents(t *testing.T) {
	b := open(t)
	if _, err := shim.Open(t.Context(), b.cfg); err == nil || !strings.Contains(err.Error(), "another agent has") {
		t.Errorf("got %v for a second agent", err)
	}
}

func TestOutOfMemory(t *testing.T) {
	b := open(t)
	const limit = 16 << 20
	hog := []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"}
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "own"}))
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "task", Resources: runtime.Resources{Memory: limit}}))
	own, task := b.container(runtime.ID{Task: "own", Container: "c"}, hog...), b.container(runtime.ID{Task: "task", Container: "c"}, hog...)
	bytes := int64(limit)
	own.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &bytes, Swap: &bytes}
	for _, c := range []runtime.Container{own, task} {
		_, err := b.Create(t.Context(), c)
		b.ok(err)
		_, err = b.Start(t.Context(), c.ID)
		b.ok(err)
		if exit := b.exit(c.ID); exit.Code != 137 || !exit.OOMKilled {
			t.Errorf("%s: got exit %+v, want 137 for want of memory", c.ID, exit)
		}
	}
}

func TestFiftySandboxesAtOnce(t *testing.T) {
	b := open(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			id := runtime.ID{Task: fmt.Sprintf("t%d", i), Container: "c"}
			if err := b.CreateSandbox(t.Context(), runtime.Sandbox{Task: id.Task}); err != nil {
				t.Error(err)
				return
			}
			if _, err := b.Create(t.Context(), b.container(id, "run")); err != nil {
				t.Error(err)
				return
			}
			if _, err := b.Start(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b.reopen()
	statuses, err := b.Sandboxes(t.Context())
	b.ok(err)
	running := 0
	for _, s := range statuses {
		for _, c := range s.Containers {
			if c.State == runtime.Running {
				running++
			}
		}
	}
	if running != 50 {
		t.Errorf("%d of 50 containers run", running)
	}
}

// Somebody removed the data directory: no shim may stay for ever.
func TestRemovedDirectory(t *testing.T) {
	t.Parallel() // it takes the ten seconds until the shim looks
	b := open(t)
	process := b.run(runtime.ID{Task: "t", Container: "c"}, "run")
	b.ok(os.RemoveAll(filepath.Join(b.cfg.Dir, "t")))
	for ticker := time.NewTicker(50 * time.Millisecond); ; <-ticker.C {
		if !runs(process.Pid) {
			break
		}
	}
}

// Where the machine has cgroup v1, the tests run once more with v2 in a mount
// namespace of their own. The controllers stay with v1: no limits, no memory.
func TestCgroupV2(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		t.Skip("this machine has cgroup v2: all tests use it")
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestSuite|TestKilledShim|TestSharedNamespaces|TestKilledAgent", "-test.skip=TestSuite/measuring")
	cmd.Env = append(os.Environ(), v2Env+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A container that restarts for months must not cost its shim anything.
func TestNoLeakInAShim(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	cycle := func() int {
		b.run(id, "exit", "0")
		b.exit(id)
		b.ok(b.Delete(t.Context(), id))
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.shimOf("t")))
		b.ok(err)
		return len(files)
	}
	cycle()
	before, after := cycle(), 0
	for range 20 {
		after = cycle()
	}
	if after > before {
		t.Errorf("a shim with %d open files has %d after 20 containers", before, after)
	}
}
