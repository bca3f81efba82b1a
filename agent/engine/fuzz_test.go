package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"berth/agent/runtime"
	"berth/api/acs/message"
)

// world is a machine in memory on which one task runs, one thing at a time: a
// step that succeeds, fails or is cut short by a crash; a container that ends;
// time that passes; a stop.
type world struct {
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	task    Task
	exists  map[string]string // container to created, running, exited
	exits   map[string]int
	trace   []string
	highest map[string]Status
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(w.trace, "\n"))
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, w.now.Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// do performs a step as a host would, and says what came of it.
func (w *world) do(s Step) (o outcome) {
	c := s.Container
	o.began = w.now
	if w.random.IntN(12) == 0 && s.Verb != Skip && s.Verb != Fail && s.Verb != Watch {
		o.err = fmt.Errorf("no luck")
		return o
	}
	switch s.Verb {
	case Create:
		if w.task.stopping() {
			w.fail("creates %s of a task that stops", c)
		}
		w.order(c)
		w.exists[c] = "created"
	case Start:
		if w.exists[c] == "created" {
			w.exists[c] = "running"
		}
	case Restart:
		w.exists[c] = "running"
	case Watch:
		if w.exists[c] == "" {
			o.err = runtime.ErrNotFound
		}
		o.exit = runtime.Exit{Code: w.exits[c], At: w.now}
	case Probe:
		o.ok = w.random.IntN(3) > 0
	case Term, Kill:
		if w.exists[c] == "running" && (s.Verb == Kill || w.random.IntN(2) == 0) {
			w.exists[c], w.exits[c] = "exited", 137
		}
	case Discard:
		delete(w.exists, c)
	case Release:
		w.exists = map[string]string{}
	}
	return o
}

// order demands what a container depends on, in the words of the definition.
func (w *world) order(name string) {
	for _, d := range dependencies(*w.task.Definition(name)) {
		on := w.exists[d.ContainerName]
		code := w.task.Container(d.ContainerName).ExitCode
		good := map[string]bool{
			created: on != "", started: on == "running" || on == "exited", healthy: on == "running",
			completed: code != nil, succeeded: code != nil && *code == 0,
		}[d.Condition]
		if !good && on != "exited" { // it may have ended since
			w.fail("creates %s, which needs %s of %s, which is %q", name, d.Condition, d.ContainerName, on)
		}
	}
}

// advance lets one thing happen.
func (w *world) advance() {
	p := Next(&w.task, w.now, 30*time.Second)
	switch n := w.random.IntN(10); {
	case n == 0: // the agent crashes, and reads its file
		text, err := json.Marshal(w.task)
		if err != nil {
			w.fail("%v", err)
		}
		w.note("crash")
		w.task = Task{}
		if err := json.Unmarshal(text, &w.task); err != nil {
			w.fail("%v", err)
		}
	case n == 1:
		for name, state := range w.exists {
			if state == "running" && w.random.IntN(3) == 0 {
				w.exists[name], w.exits[name] = "exited", w.random.IntN(2)
				w.note("%s exits with %d", name, w.exits[name])
			}
		}
	case n == 2 || len(p.Steps) == 0:
		w.now = w.now.Add(time.Duration(w.random.IntN(40)) * time.Second)
	default:
		s := p.Steps[w.random.IntN(len(p.Steps))]
		if s.Verb == Watch && w.exists[s.Container] == "running" {
			return // it blocks
		}
		o := w.do(s)
		if w.random.IntN(10) == 0 {
			w.note("%s, and nobody learns of it", s)
			return
		}
		w.note("%s: %v", s, o.err)
		w.task.record(s, o, w.now)
	}
	w.check()
}

// check demands what must always hold.
func (w *world) check() {
	for _, c := range w.task.Containers {
		if c.Status < w.highest[c.Name] {
			w.fail("%s goes back from %v to %v", c.Name, w.highest[c.Name], c.Status)
		}
		w.highest[c.Name] = c.Status
	}
	if w.task.Last() == "STOPPED" && w.task.Released && len(w.exists) > 0 {
		w.fail("has stopped, and leaves %v", w.exists)
	}
	if change, any := w.task.Change(); any && w.random.IntN(2) == 0 {
		rank := map[string]int{"": 0, "PENDING": 1, "RUNNING": 2, "STOPPED": 3}
		if rank[change.Status] < rank[w.task.Sent.Status] {
			w.fail("reports %s after %s", change.Status, w.task.Sent.Status)
		}
		w.task.sent(change)
	}
}

// Whatever happens in whatever order, statuses move forward, containers keep
// their order, and a task that is told to stop ends and leaves nothing.
func FuzzTask(f *testing.F) {
	for _, definition := range definitions {
		f.Add(definition, uint64(1))
	}
	f.Fuzz(func(t *testing.T, definition string, seed uint64) {
		containers := containersOf(definition)
		if len(containers) == 0 {
			t.Skip()
		}
		run(t, containers, seed)
	})
}

var definitions = []string{
	"a!", "a! b", "a! b! dep=a:START", "a! dep=b:SUCCESS b", "a! dep=b:COMPLETE dep=c:HEALTHY b c check=5",
	"a! link=b b link=c c from=d d", "a! restart=60 b restart=5", "a dep=b:SUCCESS b dep=c:SUCCESS c startTimeout=20 check=10",
}

// containersOf is define for texts that may be anything.
func containersOf(definition string) (containers []message.Container) {
	defer func() {
		if recover() != nil {
			containers = nil
		}
	}()
	return define(definition)
}

func TestTaskFuzzed(t *testing.T) {
	for _, definition := range definitions {
		for seed := range uint64(150) {
			run(t, define(definition), seed)
		}
	}
}

func run(t *testing.T, containers []message.Container, seed uint64) {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), now: noon,
		exists: map[string]string{}, exits: map[string]int{}, highest: map[string]Status{},
		task: NewTask(message.Task{ARN: "arn:task/x", DesiredStatus: "RUNNING", Containers: containers}, noon),
	}
	for range 60 {
		w.advance()
	}
	w.note("stop")
	w.task.Payload.DesiredStatus = "STOPPED"
	for i := 0; !w.task.Cleaned; i++ {
		if i > 2000 {
			w.fail("does not end: %+v", Next(&w.task, w.now, 0))
		}
		w.advance()
	}
	if len(w.exists) > 0 {
		w.fail("leaves %v", w.exists)
	}
	for change, more := w.task.Change(); more; change, more = w.task.Change() {
		w.task.sent(change)
	}
	if w.task.Sent.Status != "STOPPED" {
		w.fail("is reported %q in the end", w.task.Sent.Status)
	}
}
