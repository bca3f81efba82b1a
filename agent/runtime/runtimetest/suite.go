package runtimetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"berth/agent/runtime"
)

// Programs are the shell scripts that do in a real container what the fake's
// programs do, by their names. "echo" is also needed.
func Programs() map[string]string {
	return map[string]string{
		"exit":     "exit $1",
		"run":      "trap 'exit 143' TERM\nsleep infinity & wait",
		"stubborn": "exec sleep infinity",
	}
}

// Setup is a runtime to be tested.
type Setup struct {
	Runtime runtime.Runtime
	// Container says how to make a container that runs one of [Programs].
	Container func(id runtime.ID, args ...string) runtime.Container
	// Reopen gives the runtime as the next agent on this machine finds it.
	Reopen func() runtime.Runtime
}

// Suite is what every runtime has to pass. It calls setup for each test.
func Suite(t *testing.T, setup func(t *testing.T) Setup) {
	for name, test := range map[string]func(*bench){
		"a container's life":            testLife,
		"signals":                       testSignals,
		"what is not there":             testNotFound,
		"what cannot be run":            testProcessError,
		"repeated calls":                testRepeats,
		"exec":                          testExec,
		"waiting":                       testWait,
		"deleting what runs":            testDeleteRunning,
		"the next agent finds all":      testReopen,
		"many at once":                  testMany,
		"measuring":                     testStats,
		"several containers in a task":  testSeveral,
		"a name is free once deleted":   testNameAgain,
		"deletion of what is not there": testDeleteNothing,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			t.Cleanup(cancel)
			test(&bench{T: t, Setup: setup(t), ctx: ctx})
		})
	}
}

// bench is one test of the suite.
type bench struct {
	*testing.T
	Setup
	ctx context.Context
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) is(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("got error %v, want %v", err, want)
	}
}

// created makes the sandbox of id, where needed, and a container in it.
func (b *bench) created(id runtime.ID, args ...string) runtime.Started {
	b.Helper()
	b.ok(b.Runtime.CreateSandbox(b.ctx, runtime.Sandbox{Task: id.Task}))
	started, err := b.Runtime.Create(b.ctx, b.Container(id, args...))
	b.ok(err)
	return started
}

func (b *bench) running(id runtime.ID, args ...string) {
	b.Helper()
	b.created(id, args...)
	_, err := b.Runtime.Start(b.ctx, id)
	b.ok(err)
}

func (b *bench) exit(id runtime.ID) runtime.Exit {
	b.Helper()
	exit, err := b.Runtime.Wait(b.ctx, id)
	b.ok(err)
	return exit
}

// wantStatus compares all sandboxes with "task: container state …", one a line.
func (b *bench) wantStatus(r runtime.Runtime, want ...string) {
	b.Helper()
	statuses, err := r.Sandboxes(b.ctx)
	b.ok(err)
	var got []string
	for _, s := range statuses {
		line := s.Task + ":"
		for _, c := range s.Containers {
			line += fmt.Sprintf(" %s %s", c.Name, c.State)
			if c.State == runtime.Exited {
				line += fmt.Sprintf(" %d", c.Exit.Code)
			}
		}
		got = append(got, line+s.Lost)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.Errorf("got sandboxes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func testLife(b *bench) {
	id := runtime.ID{Task: "life", Container: "web"}
	created := b.created(id, "run")
	if created.Pid == 0 || !created.At.IsZero() {
		b.Errorf("got %+v of a created container", created)
	}
	b.wantStatus(b.Runtime, "life: web created")
	started, err := b.Runtime.Start(b.ctx, id)
	b.ok(err)
	if started.Pid != created.Pid || time.Since(started.At) > time.Minute {
		b.Errorf("got %+v of a started container with pid %d", started, created.Pid)
	}
	b.wantStatus(b.Runtime, "life: web running")
	b.ok(b.Runtime.Signal(b.ctx, id, syscall.SIGKILL))
	if exit := b.exit(id); exit.Code != 137 || exit.OOMKilled || exit.Lost != "" || exit.At.Before(started.At) {
		b.Errorf("got exit %+v", exit)
	}
	b.wantStatus(b.Runtime, "life: web exited 137")
	b.ok(b.Runtime.Delete(b.ctx, id))
	b.wantStatus(b.Runtime, "life:")
	b.ok(b.Runtime.DeleteSandbox(b.ctx, "life"))
	b.wantStatus(b.Runtime)
}

func testSignals(b *bench) {
	id := runtime.ID{Task: "signals", Container: "willing"}
	b.running(id, "run")
	exited := make(chan runtime.Exit)
	go func() { exited <- b.exit(id) }()
	for ticker := time.NewTicker(10 * time.Millisecond); ; { // until the program is ready for it
		b.ok(b.Runtime.Signal(b.ctx, id, syscall.SIGTERM))
		select {
		case exit := <-exited:
			if exit.Code != 143 {
				b.Errorf("got exit code %d, want 143", exit.Code)
			}
		case <-ticker.C:
			continue
		}
		break
	}
	id.Container = "stubborn"
	b.running(id, "stubborn")
	b.ok(b.Runtime.Signal(b.ctx, id, syscall.SIGTERM))
	b.ok(b.Runtime.Signal(b.ctx, id, syscall.SIGKILL))
	if exit := b.exit(id); exit.Code != 137 {
		b.Errorf("got exit code %d, want 137", exit.Code)
	}
	b.ok(b.Runtime.Signal(b.ctx, id, syscall.SIGTERM)) // it has ended: no error
}

func testNotFound(b *bench) {
	for _, id := range []runtime.ID{{Task: "nowhere", Container: "web"}, {Task: "there", Container: "web"}} {
		b.ok(b.Runtime.CreateSandbox(b.ctx, runtime.Sandbox{Task: "there"}))
		_, err := b.Runtime.Start(b.ctx, id)
		b.is(err, runtime.ErrNotFound)
		_, err = b.Runtime.Wait(b.ctx, id)
		b.is(err, runtime.ErrNotFound)
		_, err = b.Runtime.Stats(b.ctx, id)
		b.is(err, runtime.ErrNotFound)
		_, err = b.Runtime.Exec(b.ctx, id, runtime.Process{Args: []string{"echo"}})
		b.is(err, runtime.ErrNotFound)
		b.is(b.Runtime.Signal(b.ctx, id, syscall.SIGTERM), runtime.ErrNotFound)
	}
	_, err := b.Runtime.Create(b.ctx, b.Container(runtime.ID{Task: "nowhere", Container: "web"}, "run"))
	b.is(err, runtime.ErrNotFound)
}

func testProcessError(b *bench) {
	id := runtime.ID{Task: "wrong", Container: "web"}
	b.ok(b.Runtime.CreateSandbox(b.ctx, runtime.Sandbox{Task: id.Task}))
	_, err := b.Runtime.Create(b.ctx, b.Container(id, "missing"))
	var process *runtime.ProcessError
	if want := `exec: "missing": executable file not found in $PATH`; !errors.As(err, &process) || !strings.Contains(process.Message, want) {
		b.Errorf("got %T %v, want a ProcessError with %s", err, err, want)
	}
	b.wantStatus(b.Runtime, "wrong:") // and its name is free
	b.running(id, "exit", "0")
}

func testRepeats(b *bench) {
	id := runtime.ID{Task: "again", Container: "web"}
	b.running(id, "run")
	b.ok(b.Runtime.CreateSandbox(b.ctx, runtime.Sandbox{Task: id.Task}))
	_, err := b.Runtime.Create(b.ctx, b.Container(id, "run"))
	b.is(err, runtime.ErrExists)
	first, err := b.Runtime.Start(b.ctx, id)
	b.ok(err)
	second, err := b.Runtime.Start(b.ctx, id)
	b.ok(err)
	if first.Pid != second.Pid || !first.At.Equal(second.At) {
		b.Errorf("started again: %+v, %+v", first, second)
	}
	b.wantStatus(b.Runtime, "again: web running")
}

func testExec(b *bench) {
	id := runtime.ID{Task: "exec", Container: "web"}
	b.created(id, "run")
	_, err := b.Runtime.Exec(b.ctx, id, runtime.Process{Args: []string{"echo"}})
	b.is(err, runtime.ErrNotRunning)
	_, err = b.Runtime.Start(b.ctx, id)
	b.ok(err)
	var out bytes.Buffer
	exit, err := b.Runtime.Exec(b.ctx, id, runtime.Process{Args: []string{"echo", "hello"}, Stdout: &out})
	b.ok(err)
	if exit.Code != 0 || out.String() != "hello\n" {
		b.Errorf("got exit %+v and output %q", exit, out.String())
	}
	exit, err = b.Runtime.Exec(b.ctx, id, runtime.Process{Args: []string{"exit", "3"}})
	b.ok(err)
	if exit.Code != 3 {
		b.Errorf("got exit %+v, want code 3", exit)
	}
	var process *runtime.ProcessError
	if _, err = b.Runtime.Exec(b.ctx, id, runtime.Process{Args: []string{"missing"}}); !errors.As(err, &process) {
		b.Errorf("got %T %v, want a ProcessError", err, err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	_, err = b.Runtime.Exec(ctx, id, runtime.Process{Args: []string{"run"}})
	b.is(err, context.DeadlineExceeded)
	b.wantStatus(b.Runtime, "exec: web running")
}

func testWait(b *bench) {
	id := runtime.ID{Task: "wait", Container: "web"}
	b.created(id, "exit", "7")
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, err := b.Runtime.Wait(ctx, id)
	b.is(err, context.Canceled)
	var waiters sync.WaitGroup
	for range 3 {
		waiters.Go(func() {
			if exit, err := b.Runtime.Wait(b.ctx, id); err != nil || exit.Code != 7 {
				b.Errorf("got %+v, %v, want code 7", exit, err)
			}
		})
	}
	_, err = b.Runtime.Start(b.ctx, id)
	b.ok(err)
	waiters.Wait()
	if exit := b.exit(id); exit.Code != 7 {
		b.Errorf("got %+v afterwards, want code 7", exit)
	}
}

func testDeleteRunning(b *bench) {
	id := runtime.ID{Task: "delete", Container: "web"}
	b.running(id, "stubborn")
	b.ok(b.Runtime.Delete(b.ctx, id))
	_, err := b.Runtime.Wait(b.ctx, id)
	b.is(err, runtime.ErrNotFound)
	b.running(id, "stubborn")
	b.created(runtime.ID{Task: "delete", Container: "waiting"}, "run")
	b.ok(b.Runtime.DeleteSandbox(b.ctx, "delete"))
	b.wantStatus(b.Runtime)
}

func testReopen(b *bench) {
	b.running(runtime.ID{Task: "a", Container: "run"}, "run")
	b.created(runtime.ID{Task: "a", Container: "made"}, "exit", "4")
	b.running(runtime.ID{Task: "b", Container: "gone"}, "exit", "5")
	b.exit(runtime.ID{Task: "b", Container: "gone"})
	b.Runtime = b.Reopen()
	b.wantStatus(b.Runtime, "a: run running made created", "b: gone exited 5")
	made := runtime.ID{Task: "a", Container: "made"}
	_, err := b.Runtime.Start(b.ctx, made)
	b.ok(err)
	if exit := b.exit(made); exit.Code != 4 {
		b.Errorf("got exit %+v, want code 4", exit)
	}
	b.ok(b.Runtime.DeleteSandbox(b.ctx, "a"))
	b.ok(b.Runtime.DeleteSandbox(b.ctx, "b"))
	b.wantStatus(b.Runtime)
}

func testMany(b *bench) {
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			id := runtime.ID{Task: fmt.Sprintf("task%d", i), Container: "web"}
			exit, err := runtime.Exit{}, b.Runtime.CreateSandbox(b.ctx, runtime.Sandbox{Task: id.Task})
			if err == nil {
				_, err = b.Runtime.Create(b.ctx, b.Container(id, "exit", fmt.Sprint(i)))
			}
			if err == nil {
				_, err = b.Runtime.Start(b.ctx, id)
			}
			if err == nil {
				exit, err = b.Runtime.Wait(b.ctx, id)
			}
			if err = errors.Join(err, b.Runtime.DeleteSandbox(b.ctx, id.Task)); err != nil || exit.Code != i {
				b.Errorf("task %d: %+v, %v", i, exit, err)
			}
		})
	}
	all.Wait()
	b.wantStatus(b.Runtime)
}

func testStats(b *bench) {
	id := runtime.ID{Task: "stats", Container: "web"}
	b.running(id, "run")
	stats, err := b.Runtime.Stats(b.ctx, id)
	b.ok(err)
	if stats.CPU == 0 || stats.Memory == 0 || stats.Pids == 0 || stats.At.IsZero() {
		b.Errorf("got %+v", stats)
	}
	b.ok(b.Runtime.Signal(b.ctx, id, syscall.SIGKILL))
	b.exit(id)
	_, err = b.Runtime.Stats(b.ctx, id)
	b.is(err, runtime.ErrNotRunning)
}

func testSeveral(b *bench) {
	b.running(runtime.ID{Task: "several", Container: "b"}, "run")
	b.running(runtime.ID{Task: "several", Container: "a"}, "exit", "1")
	b.created(runtime.ID{Task: "several", Container: "c"}, "run")
	b.exit(runtime.ID{Task: "several", Container: "a"})
	b.wantStatus(b.Runtime, "several: b running a exited 1 c created")
}

func testNameAgain(b *bench) {
	id := runtime.ID{Task: "again", Container: "web"}
	for code := range 3 {
		b.running(id, "exit", fmt.Sprint(code))
		if exit := b.exit(id); exit.Code != code {
			b.Errorf("got exit %+v, want code %d", exit, code)
		}
		b.ok(b.Runtime.Delete(b.ctx, id))
	}
}

func testDeleteNothing(b *bench) {
	b.ok(b.Runtime.DeleteSandbox(b.ctx, "nowhere"))
	b.ok(b.Runtime.Delete(b.ctx, runtime.ID{Task: "nowhere", Container: "web"}))
	b.ok(b.Runtime.CreateSandbox(b.ctx, runtime.Sandbox{Task: "there"}))
	b.ok(b.Runtime.Delete(b.ctx, runtime.ID{Task: "there", Container: "web"}))
}
