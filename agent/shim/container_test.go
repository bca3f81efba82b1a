package shim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/agent/runtime"
	"berth/agent/spool"
)

// output runs a container to its end and gives what it wrote, stream by stream.
func (b *bench) output(c runtime.Container) (stdout, stderr string, exit runtime.Exit) {
	b.Helper()
	c.Log = spool.Config{Dir: filepath.Join(b.TempDir(), "log")}
	b.ok(b.CreateSandbox(b.Context(), runtime.Sandbox{Task: c.ID.Task}))
	_, err := b.Create(b.Context(), c)
	b.ok(err)
	_, err = b.Start(b.Context(), c.ID)
	b.ok(err)
	exit = b.exit(c.ID)
	reader, err := spool.Open(c.Log.Dir)
	b.ok(err)
	defer reader.Close()
	for {
		record, err := reader.Next(b.Context())
		if errors.Is(err, io.EOF) {
			return stdout, stderr, exit
		}
		b.ok(err)
		if record.Stream == "stdout" {
			stdout += record.Log
		} else {
			stderr += record.Log
		}
	}
}

func (b *bench) exec(id runtime.ID, p runtime.Process) (string, runtime.Exit) {
	b.Helper()
	var out bytes.Buffer
	p.Stdout, p.Stderr = &out, &out
	exit, err := b.Exec(b.Context(), id, p)
	b.ok(err)
	return out.String(), exit
}

// What a container sees of what its Container says.
func TestInside(t *testing.T) {
	b := open(t)
	for i, tc := range []struct {
		name, script   string
		change         func(*runtime.Container)
		stdout, stderr string
		code           int
	}{
		{name: "streams", script: "echo out; echo err >&2; printf unended; exit 3", stdout: "out\nunended", stderr: "err\n", code: 3},
		{name: "a user by name", script: "id -u; id -G; touch /tmp/mine 2>/dev/null || echo stranger",
			change: func(c *runtime.Container) { c.User = "web" }, stdout: "1000\n1001 1002\nstranger\n"},
		{name: "a user and a group by number", script: "id -u; id -G",
			change: func(c *runtime.Container) { c.User = "7:8" }, stdout: "7\n8\n"},
		{name: "a user may reopen its output", script: "echo again > /dev/stdout",
			change: func(c *runtime.Container) { c.User = "web" }, stdout: "again\n"},
		{name: "a terminal", script: "test -t 0 && test -t 1 && test -t 2 && echo yes",
			change: func(c *runtime.Container) { c.Spec.Process.Terminal = true }, stdout: "yes\r\n"},
		{name: "no standard input", script: "cat; echo end", stdout: "end\n"},
		{name: "layers", script: "cat /layer/*; echo new > /layer/file && cat /layer/file", change: overlay(t, b.rootfs, 70), stdout: "bottom\ntop\nnew\n"},
		{name: "limits of its own", script: "ulimit -n; ulimit -Hn",
			change: func(c *runtime.Container) {
				c.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
			}, stdout: "100\n200\n"},
		{name: "out of the shim's own protection", script: "cat /proc/self/oom_score_adj", stdout: "0\n"},
		{name: "an init process", script: "ps -o args= 1; sh -c 'sleep 0.01 & exit'; exit 5", change: initProcess, stdout: "/script/docker-init -- sh -c", code: 5},
		{name: "an init process hands signals on", script: "kill -TERM 1; sleep 10", change: initProcess, code: 143},
		{name: "no file descriptor of the shim's", script: "ls /proc/self/fd | wc -l", stdout: "4\n"}, // ls has one
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := *b
			b.T = t
			c := b.container(runtime.ID{Task: fmt.Sprintf("t%d", i), Container: "c"}, "sh", "-c", tc.script)
			if tc.change != nil {
				tc.change(&c)
			}
			stdout, stderr, exit := b.output(c)
			if !strings.HasPrefix(stdout, tc.stdout) || tc.stdout == "" && stdout != "" || stderr != tc.stderr || exit.Code != tc.code {
				t.Errorf("got %q, %q, %d, want %q, %q, %d", stdout, stderr, exit.Code, tc.stdout, tc.stderr, tc.code)
			}
		})
	}
}

// overlay replaces the root by an overlay of more layers than fit into the page
// of options that mount(2) takes.
func overlay(t *testing.T, root string, layers int) func(*runtime.Container) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep", 20))
	var lower []string
	for i := range layers {
		lower = append(lower, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.MkdirAll(filepath.Join(lower[i], "layer"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, path := range map[string]string{"top": lower[0] + "/layer/z", "bottom": lower[layers-1] + "/layer/a"} {
		if err := os.WriteFile(path, []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root, filepath.Join(dir, "root")); err != nil { // beside them, as snapshots are
		t.Fatal(err)
	}
	lower = append(lower, filepath.Join(dir, "root"))
	upper, work := t.TempDir(), t.TempDir()
	return func(c *runtime.Container) {
		c.Spec.Root = nil
		c.Rootfs = []runtime.Mount{{Type: "overlay", Source: "overlay", Options: []string{
			"lowerdir=" + strings.Join(lower, ":"), "upperdir=" + upper, "workdir=" + work,
		}}}
	}
}

// initProcess is what the agent makes of initProcessEnabled.
func initProcess(c *runtime.Container) {
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/script/docker-init", Type: "bind", Source: program, Options: []string{"bind", "ro"}})
	c.Spec.Process.Args = append([]string{"/script/docker-init", "--"}, c.Spec.Process.Args...)
}

func TestUnknownUser(t *testing.T) {
	b := open(t)
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "t"}))
	c := b.container(runtime.ID{Task: "t", Container: "c"}, "run")
	c.User = "nemo"
	var process *runtime.ProcessError
	if _, err := b.Create(t.Context(), c); !errors.As(err, &process) || process.Message != "unable to find user nemo: no matching entries in passwd file" {
		t.Errorf("got %v", err)
	}
}

func TestOpenStdin(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "t"}))
	c := b.container(id, "cat")
	c.OpenStdin = true
	_, err := b.Create(t.Context(), c)
	b.ok(err)
	_, err = b.Start(t.Context(), id)
	b.ok(err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if exit, err := b.Wait(ctx, id); err == nil {
		t.Errorf("cat ended: %+v", exit)
	}
}

func TestSharedNamespaces(t *testing.T) {
	b := open(t)
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "shared", SharePID: true, ShareIPC: true}))
	one, two := runtime.ID{Task: "shared", Container: "one"}, runtime.ID{Task: "shared", Container: "two"}
	first := b.run(one, "sh", "-c", "sleep 1234 & sleep 1234; exit")
	b.run(two, "stubborn")
	see := func(script string) string {
		out, _ := b.exec(two, runtime.Process{Args: []string{"sh", "-c", script}})
		return out
	}
	if got := see("cat /proc/1/comm"); got != "berth-pause\n" {
		t.Errorf("the first process is %q", got)
	}
	if got := see("pgrep -c -f '^sleep 1234'"); got != "2\n" {
		t.Errorf("the other container's processes: %q", got)
	}
	ipc := func(id runtime.ID) string {
		out, _ := b.exec(id, runtime.Process{Args: []string{"readlink", "/proc/self/ns/ipc"}})
		return out
	}
	if ipc(one) != ipc(two) {
		t.Error("two ipc namespaces")
	}
	b.kill(first.Pid) // a container's end is that of all its processes
	b.exit(one)
	if got := see("pgrep -c -f '^sleep 1234'"); got != "0\n" {
		t.Errorf("left of the other container: %q", got)
	}
}

func TestExecInDetail(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	b.run(id, "run")
	for _, tc := range []struct {
		process runtime.Process
		want    string
	}{
		{runtime.Process{Args: []string{"cat"}, Stdin: strings.NewReader("hello\n")}, "hello\n"},
		{runtime.Process{Args: []string{"cat"}}, ""},
		{runtime.Process{Args: []string{"sh", "-c", "echo $MORE; pwd; id -u"}, Env: []string{"MORE=more"}, Cwd: "/etc", User: "web"}, "more\n/etc\n1000\n"},
		{runtime.Process{Args: []string{"sh", "-c", "echo err >&2"}}, "err\n"},
		{runtime.Process{Args: []string{"sh", "-c", "sleep 1000 & echo started"}}, "started\n"}, // who holds the output does not hold us
	} {
		if got, exit := b.exec(id, tc.process); got != tc.want || exit.Code != 0 {
			t.Errorf("%q: got %q and %+v, want %q", tc.process.Args, got, exit, tc.want)
		}
	}
}

func TestExecTerminal(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	b.run(id, "run")
	resize := make(chan runtime.Size, 1)
	resize <- runtime.Size{Width: 123, Height: 45}
	in, out := io.Pipe()
	t.Cleanup(func() { in.Close(); out.Close() })
	got, exit := b.exec(id, runtime.Process{
		Args: []string{"sh", "-c", "until stty size | grep '^45 123'; do sleep 0.01; done; exit 6"}, Terminal: true, Stdin: in, Resize: resize,
	})
	if got != "45 123\r\n" || exit.Code != 6 {
		t.Errorf("got %q and %+v", got, exit)
	}
}

// What an agent began and does not care for any more must not stay.
func TestExecEndsWithItsCaller(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	b.run(id, "run")
	ctx, cancel := context.WithCancel(t.Context())
	sleeping := func() string {
		out, _ := b.exec(id, runtime.Process{Args: []string{"pgrep", "-c", "-f", "^sleep 4321"}})
		return out
	}
	go func() {
		defer cancel()
		for sleeping() != "2\n" {
			continue // it has not begun
		}
	}()
	_, err := b.Exec(ctx, id, runtime.Process{Args: []string{"sh", "-c", "sleep 4321 & sleep 4321; exit"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for got := sleeping(); got != "0\n"; got = sleeping() {
		if time.Now().After(deadline) {
			t.Fatalf("still there: %s", got)
		}
	}
}

func TestTaskLimits(t *testing.T) {
	b := open(t)
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "t", Resources: runtime.Resources{
		CPUShares: 512, CPUQuota: 50_000, Memory: 64 << 20, Pids: 77,
	}}))
	files := map[string]string{"cpu/%s/cpu.shares": "512", "cpu/%s/cpu.cfs_quota_us": "50000", "memory/%s/memory.limit_in_bytes": "67108864", "pids/%s/pids.max": "77"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		files = map[string]string{"%s/cpu.weight": "59", "%s/cpu.max": "50000 100000", "%s/memory.max": "67108864", "%s/pids.max": "77"}
	}
	for file, want := range files {
		file = filepath.Join("/sys/fs/cgroup", fmt.Sprintf(file, b.cfg.Cgroup+"/t"))
		got, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s: got %q, %v, want %s", file, got, err, want)
		}
	}
}

func TestStatsInDetail(t *testing.T) {
	b := open(t)
	id := runtime.ID{Task: "t", Container: "c"}
	b.ok(b.CreateSandbox(t.Context(), runtime.Sandbox{Task: "t"}))
	c := b.container(id, "run")
	limit, pids := int64(48<<20), int64(33)
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit}
	c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	_, err := b.Create(t.Context(), c)
	b.ok(err)
	_, err = b.Start(t.Context(), id)
	b.ok(err)
	s, err := b.Stats(t.Context(), id)
	b.ok(err)
	if s.MemoryLimit != uint64(limit) || s.PidsLimit != 33 || s.Memory == 0 || s.Memory > uint64(limit) || len(s.MemoryStat) == 0 {
		t.Errorf("got %+v", s)
	}
}
