package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"berth/agent/runtime"
	"berth/api/acs/message"
)

// fake is a host in memory. Containers run until they are signalled, or exit.
type fake struct {
	mu       sync.Mutex
	log      []string
	fails    map[string]error // by step; once
	exits    map[string]chan int
	creating int
	most     int // at once
	deaf     bool
}

func newFake() *fake { return &fake{fails: map[string]error{}, exits: map[string]chan int{}} }

// step notes a step, and fails it if the test said so.
func (f *fake) step(verb Verb, container string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := Step{Verb: verb, Container: container}.String()
	f.log = append(f.log, name)
	err := f.fails[name]
	delete(f.fails, name)
	return err
}

func (f *fake) exit(container string) chan int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.exits[container] == nil {
		f.exits[container] = make(chan int, 1)
	}
	return f.exits[container]
}

func (f *fake) Prepare(context.Context, *Task) error { return f.step(Prepare, "") }
func (f *fake) Fetch(context.Context, *Task) error   { return f.step(Fetch, "") }
func (f *fake) Pull(_ context.Context, _ *Task, c string) (Image, error) {
	return Image{Digest: "sha256:1"}, f.step(Pull, c)
}
func (f *fake) Create(_ context.Context, _ *Task, c string) (Made, error) {
	f.mu.Lock()
	f.creating++
	f.most = max(f.most, f.creating)
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.creating--; f.mu.Unlock() }()
	<-time.After(time.Second)
	return Made{}, f.step(Create, c)
}
func (f *fake) Start(_ context.Context, _ *Task, c string) error { return f.step(Start, c) }
func (f *fake) Wait(ctx context.Context, _ *Task, c string) (runtime.Exit, error) {
	if err := f.step(Watch, c); err != nil {
		return runtime.Exit{}, err
	}
	select {
	case code := <-f.exit(c):
		return runtime.Exit{Code: code, At: time.Now()}, nil
	case <-ctx.Done():
		return runtime.Exit{}, ctx.Err()
	}
}
func (f *fake) Probe(_ context.Context, _ *Task, c string) (bool, string, error) {
	err := f.step(Probe, c)
	return err == nil, fmt.Sprint(err), nil
}
func (f *fake) Signal(_ context.Context, _ *Task, c string, s syscall.Signal) error {
	if s == syscall.SIGKILL {
		err := f.step(Kill, c)
		f.exit(c) <- 137
		return err
	}
	err := f.step(Term, c)
	if !f.deaf && err == nil {
		f.exit(c) <- 143
	}
	return err
}
func (f *fake) Discard(_ context.Context, _ *Task, c string) error { return f.step(Discard, c) }
func (f *fake) Release(context.Context, *Task) error               { return f.step(Release, "") }
func (f *fake) Clean(context.Context, *Task) error                 { return f.step(Clean, "") }
func (f *fake) Retain(_ context.Context, ids []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, "retain "+strings.Join(ids, " "))
	return nil
}

const arn = "arn:aws:ecs:us-east-1:123456789012:task/default/0123456789abcdef"

func payload(desired, containers string) message.Task {
	return message.Task{ARN: arn, DesiredStatus: desired, Containers: define(containers)}
}

// live runs an engine over dir in a bubble; stop ends it.
func live(t *testing.T, dir string, f *fake) (e *Engine, stop func()) {
	t.Helper()
	e, err := New(Config{Dir: dir, Host: f, Starts: 4})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	return e, func() { cancel(); <-done }
}

func accept(t *testing.T, e *Engine, p message.Task) {
	t.Helper()
	if err := e.Accept(p); err != nil {
		t.Fatal(err)
	}
}

// settle lets time pass until nothing more happens, and gives the task.
func settle(e *Engine, d time.Duration) Task {
	<-time.After(d)
	synctest.Wait()
	t, _ := e.Task(ID(arn))
	return t
}

func TestEngineRunsATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		e, stop := live(t, t.TempDir(), f)
		defer stop()
		accept(t, e, payload("RUNNING", "a!"))
		if got := settle(e, 2*time.Second); got.Last() != "RUNNING" {
			t.Fatalf("is %s after %v", got.Last(), f.log)
		}
		f.exit("a") <- 3
		got := settle(e, time.Second)
		if got.Last() != "STOPPED" || *got.Containers[0].ExitCode != 3 || !got.Cleaned {
			t.Errorf("is %s, %+v", got.Last(), got.Containers[0])
		}
		if last := f.log[len(f.log)-2:]; !slices.Equal(last, []string{"release", "clean"}) {
			t.Errorf("ends with %v", last)
		}
	})
}

func TestEngineKillsWhatDoesNotListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.deaf = true
		e, stop := live(t, t.TempDir(), f)
		defer stop()
		accept(t, e, payload("RUNNING", "a! stopTimeout=5"))
		settle(e, 2*time.Second)
		accept(t, e, payload("STOPPED", ""))
		if got := settle(e, 4900*time.Millisecond); got.Last() != "RUNNING" || got.Containers[0].TermAt.IsZero() {
			t.Errorf("before the time is over is %s, %+v", got.Last(), got.Containers[0])
		}
		if got := settle(e, time.Second); got.Last() != "STOPPED" || *got.Containers[0].ExitCode != 137 {
			t.Errorf("is %s, %+v", got.Last(), got.Containers[0])
		}
	})
}

// An engine that starts again goes on where the last one was, with what
// happened meanwhile, and does nothing that is done twice.
func TestEngineContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dir := newFake(), t.TempDir()
		e, stop := live(t, dir, f)
		accept(t, e, payload("RUNNING", "a!"))
		settle(e, 2*time.Second)
		stop()
		f.exit("a") <- 9
		f.log = nil
		e, stop = live(t, dir, f)
		defer stop()
		got := settle(e, time.Second)
		if got.Last() != "STOPPED" || *got.Containers[0].ExitCode != 9 {
			t.Errorf("is %s, %+v", got.Last(), got.Containers[0])
		}
		if want := []string{"retain 0123456789abcdef", "watch a", "release", "clean"}; !slices.Equal(f.log, want) {
			t.Errorf("does %v, want %v", f.log, want)
		}
	})
}

func TestEngineTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		for _, step := range []string{"release", "clean", "term a", "watch a"} {
			f.fails[step] = errors.New("no luck")
		}
		e, stop := live(t, t.TempDir(), f)
		defer stop()
		accept(t, e, payload("RUNNING", "a!"))
		settle(e, 2*time.Second)
		accept(t, e, payload("STOPPED", ""))
		if got := settle(e, 5*time.Second); !got.Cleaned {
			t.Errorf("does %v", f.log)
		}
	})
}

func TestReasons(t *testing.T) {
	for step, want := range map[string]string{
		"pull a":   "CannotPullContainerError: no luck",
		"create a": "CannotCreateContainerError: no luck",
		"start a":  "CannotStartContainerError: no luck",
		"prepare":  "ResourceInitializationError: no luck",
		"fetch":    "ResourceInitializationError: no luck",
	} {
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.fails[step] = errors.New("no luck")
				e, stop := live(t, t.TempDir(), f)
				defer stop()
				accept(t, e, payload("RUNNING", "a!"))
				got := settle(e, 2*time.Second)
				if got.Last() != "STOPPED" || got.Reason+got.Containers[0].Reason != want {
					t.Errorf("is %s because %q, want %q", got.Last(), got.Reason+got.Containers[0].Reason, want)
				}
			})
		})
	}
}

func TestCreatesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		e, stop := live(t, t.TempDir(), f)
		defer stop()
		for i := range 20 {
			p := payload("RUNNING", "a!")
			p.ARN = fmt.Sprintf("arn:task/%d", i)
			accept(t, e, p)
		}
		settle(e, 15*time.Second)
		for _, task := range e.Tasks() {
			if task.Last() != "RUNNING" {
				t.Errorf("%s is %s", task.Payload.ARN, task.Last())
			}
		}
		if f.most != 2 {
			t.Errorf("%d containers created at once, want 2", f.most)
		}
	})
}

// The keys of credentials are never written down; what needs them waits.
func TestKeysStayInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dir := newFake(), t.TempDir()
		e, stop := live(t, dir, f)
		p := payload("RUNNING", "a!")
		p.Containers[0].Secrets = []message.Secret{{Name: "S", ValueFrom: "p"}}
		p.ExecutionRoleCredentials = &message.RoleCredentials{CredentialsID: "id", AccessKeyID: "ASIAKEY", SecretAccessKey: "hush"}
		f.fails["create a"] = context.Canceled // the agent ends before the container is there
		stop()
		accept(t, e, p)
		text, err := os.ReadFile(filepath.Join(dir, ID(arn)+".json"))
		if err != nil || strings.Contains(string(text), "hush") || strings.Contains(string(text), "ASIAKEY") || !strings.Contains(string(text), `"id"`) {
			t.Fatalf("%v, file %s", err, text)
		}
		delete(f.fails, "create a")
		e, stop = live(t, dir, f)
		defer stop()
		if got := settle(e, 2*time.Second); got.Last() != "PENDING" || slices.Contains(f.log, "fetch") {
			t.Errorf("without keys is %s after %v", got.Last(), f.log)
		}
		if !e.SetCredentials(arn, "TaskExecution", *p.ExecutionRoleCredentials) {
			t.Error("the task is not known")
		}
		if got := settle(e, 2*time.Second); got.Last() != "RUNNING" {
			t.Errorf("with keys is %s after %v", got.Last(), f.log)
		}
	})
}

// A file that is damaged keeps no agent from starting.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.json"), []byte(`{"Payl`), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Dir: dir, Host: newFake()})
	if err != nil || len(e.Tasks()) != 0 {
		t.Errorf("%v, %d tasks", err, len(e.Tasks()))
	}
	if _, err := os.Stat(filepath.Join(dir, "x.json.damaged")); err != nil {
		t.Error(err)
	}
}

// A task that comes while the engine looks for what others left behind is run.
func TestAcceptedBeforeItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		e, err := New(Config{Dir: t.TempDir(), Host: &early{f, func(e *Engine) { accept(t, e, payload("RUNNING", "a!")) }, nil}})
		if err != nil {
			t.Fatal(err)
		}
		e.cfg.Host.(*early).engine = e
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); e.Run(ctx) }()
		if got := settle(e, 2*time.Second); got.Last() != "RUNNING" {
			t.Errorf("is %s after %v", got.Last(), f.log)
		}
		cancel()
		<-done
	})
}

// early does something while the engine starts.
type early struct {
	*fake
	do     func(*Engine)
	engine *Engine
}

func (e *early) Retain(context.Context, []string) error { e.do(e.engine); return nil }

// What is not kept is not accepted, and the same task is once there is room.
func TestAcceptNeedsTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tasks")
	e, err := New(Config{Dir: dir, Host: newFake()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := e.Accept(payload("RUNNING", "a!")); err == nil || len(e.Tasks()) != 0 {
		t.Errorf("error %v, %d tasks", err, len(e.Tasks()))
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Accept(payload("RUNNING", "a!")); err != nil || len(e.Tasks()) != 1 {
		t.Errorf("error %v, %d tasks", err, len(e.Tasks()))
	}
	if err := e.Accept(message.Task{ARN: "arn:task/../../etc/passwd", DesiredStatus: "RUNNING"}); err != nil {
		t.Log(err)
	}
	if err := e.Accept(message.Task{ARN: "arn:task/..", DesiredStatus: "RUNNING"}); err == nil {
		t.Error("takes a task whose file would be anywhere")
	}
}

func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dir := newFake(), t.TempDir()
		e, stop := live(t, dir, f)
		defer stop()
		accept(t, e, payload("RUNNING", "a!"))
		settle(e, 2*time.Second)
		accept(t, e, payload("STOPPED", ""))
		settle(e, time.Second)
		for change, more := e.Change(arn); more; change, more = e.Change(arn) {
			e.Sent(change)
		}
		settle(e, 2*time.Hour)
		if len(e.Tasks()) != 1 {
			t.Error("forgets at once: a payload that comes again would run again")
		}
		settle(e, 2*time.Hour)
		entries, err := os.ReadDir(dir)
		if len(e.Tasks()) != 0 || len(entries) != 0 || err != nil {
			t.Errorf("remembers %v, %v", entries, err)
		}
	})
}
