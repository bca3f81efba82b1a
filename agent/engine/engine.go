package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"berth/api/acs/message"
)

// Config says how tasks run. The zero value of a field is its default.
type Config struct {
	Dir  string // of the tasks' files; required
	Host Host   // required

	StopTimeout time.Duration // from the stop signal to SIGKILL, where a container names none; default 30 s
	Retention   time.Duration // how long a task that has stopped is remembered; default 3 h
	Starts      int           // tasks prepared and containers created at once, half each; default twice the cores

	// Changed is called after something about a task has changed, which may be
	// nothing that the control plane needs to know. It must not block.
	Changed func(arn string)

	Log *slog.Logger // default slog.Default()
}

// Engine runs the tasks of one container instance.
type Engine struct {
	cfg   Config
	files files

	// Two queues, so that a task which is prepared does not wait until all
	// others are. To start what is created costs next to nothing, and waits for nobody.
	prepares, creates *semaphore.Weighted

	mu      sync.Mutex
	tasks   map[string]*entry // by id
	running context.Context   // of Run; nil before it
	drivers sync.WaitGroup
}

// entry is a task and what may only happen to it in turn.
type entry struct {
	look chan struct{} // holds one: something has changed

	mu     sync.Mutex
	task   Task
	driven bool // its goroutine is there
}

// New checks cfg and reads the tasks that an engine before this one had. It
// starts nothing; Run does.
func New(cfg Config) (*Engine, error) {
	if cfg.Dir == "" || cfg.Host == nil {
		return nil, errors.New("engine: Dir and Host are required")
	}
	cfg.StopTimeout = cmp.Or(cfg.StopTimeout, 30*time.Second)
	cfg.Retention = cmp.Or(cfg.Retention, 3*time.Hour)
	cfg.Starts = cmp.Or(cfg.Starts, 2*runtime.NumCPU())
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Changed == nil {
		cfg.Changed = func(string) {}
	}
	f, err := openFiles(cfg.Dir)
	if err != nil {
		return nil, err
	}
	tasks, damaged, err := f.load()
	if err != nil {
		return nil, fmt.Errorf("read tasks in %s: %w", cfg.Dir, err)
	}
	for _, problem := range damaged {
		cfg.Log.Error("task file is damaged", "err", problem)
	}
	half := int64(max(1, cfg.Starts/2))
	e := &Engine{
		cfg: cfg, files: f, tasks: map[string]*entry{},
		prepares: semaphore.NewWeighted(half), creates: semaphore.NewWeighted(half),
	}
	for _, t := range tasks {
		e.tasks[t.ID()] = &entry{task: t, look: make(chan struct{}, 1)}
	}
	return e, nil
}

// Run brings tasks forward until ctx ends; containers go on without it. First
// it removes what no task of its own has made.
func (e *Engine) Run(ctx context.Context) error {
	var ids []string
	for _, t := range e.Live() {
		ids = append(ids, t.ID())
	}
	if err := e.cfg.Host.Retain(ctx, ids); err != nil {
		e.cfg.Log.Error("cannot remove what tasks left behind", "err", err)
	}

	ctx, stop := context.WithCancel(ctx)
	defer e.drivers.Wait()
	defer stop()
	e.setRunning(ctx)
	for _, x := range e.entries() { // also what was accepted meanwhile
		e.wake(x)
	}
	sweep := time.NewTicker(time.Minute)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			e.forget(time.Now())
		}
	}
}

func (e *Engine) setRunning(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = ctx
}

// Accept takes in a task of a payload: one to run, one to stop, or one that is
// known already, of which only the wish to stop and the credentials count. When
// it returns nil, the task is not forgotten any more.
func (e *Engine) Accept(p message.Task) error {
	id := ID(p.ARN)
	if !taskID.MatchString(id) {
		return fmt.Errorf("invalid task ARN %q: its last part names no task", p.ARN)
	}
	e.mu.Lock()
	x, known := e.tasks[id]
	if !known {
		x = &entry{look: make(chan struct{}, 1)}
		e.tasks[id] = x
	}
	e.mu.Unlock()
	if err := e.accept(x, p); err != nil {
		return fmt.Errorf("keep task %s: %w", id, err)
	}
	e.wake(x)
	e.cfg.Changed(p.ARN)
	return nil
}

// taskID is what an id may be that becomes the name of files.
var taskID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

func (e *Engine) accept(x *entry, p message.Task) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	next := x.task.clone()
	switch {
	case next.Payload.ARN == "":
		next = NewTask(p, time.Now())
	case p.DesiredStatus == "STOPPED" && next.Desired() != "STOPPED":
		next.Payload.DesiredStatus = "STOPPED"
	default:
		x.task.adopt(p)
		return nil
	}
	if err := e.files.save(&next, true); err != nil {
		return err
	}
	next.adopt(p)
	x.task = next
	return nil
}

// adopt takes the credentials' keys of a payload.
func (t *Task) adopt(p message.Task) {
	if p.RoleCredentials != nil && p.RoleCredentials.AccessKeyID != "" {
		t.Role = p.RoleCredentials
	}
	if p.ExecutionRoleCredentials != nil && p.ExecutionRoleCredentials.AccessKeyID != "" {
		t.Execution = p.ExecutionRoleCredentials
	}
}

// SetCredentials replaces the credentials of a task's role: its own
// (TaskApplication) or its execution role's (TaskExecution). It reports whether
// the task is known.
func (e *Engine) SetCredentials(arn, roleType string, c message.RoleCredentials) bool {
	x := e.entry(ID(arn))
	if x == nil {
		return false
	}
	x.mu.Lock()
	switch roleType {
	case "TaskApplication":
		x.task.Role = &c
	case "TaskExecution":
		x.task.Execution = &c
	}
	x.mu.Unlock()
	e.wake(x)
	return roleType == "TaskApplication" || roleType == "TaskExecution"
}

// Tasks are all tasks that are known, by age.
func (e *Engine) Tasks() []Task {
	var tasks []Task
	for _, x := range e.entries() {
		if t := x.copy(); t.Payload.ARN != "" { // else it is not kept yet
			tasks = append(tasks, t)
		}
	}
	slices.SortFunc(tasks, func(a, b Task) int {
		return cmp.Or(a.AcceptedAt.Compare(b.AcceptedAt), cmp.Compare(a.Payload.ARN, b.Payload.ARN))
	})
	return tasks
}

// Live are the tasks of which there is something on this machine, in no order.
func (e *Engine) Live() []Task {
	var tasks []Task
	for _, x := range e.entries() {
		x.mu.Lock()
		live := x.task.Payload.ARN != "" && !x.task.Cleaned
		x.mu.Unlock()
		if live {
			tasks = append(tasks, x.copy())
		}
	}
	return tasks
}

// Task finds a task by its id.
func (e *Engine) Task(id string) (Task, bool) {
	x := e.entry(id)
	if x == nil {
		return Task{}, false
	}
	t := x.copy()
	return t, t.Payload.ARN != ""
}

// Change is what the control plane has yet to be told of a task.
func (e *Engine) Change(arn string) (Change, bool) {
	t, known := e.Task(ID(arn))
	if !known {
		return Change{}, false
	}
	return t.Change()
}

// Sent notes that the control plane has accepted a change, or will never.
func (e *Engine) Sent(c Change) {
	x := e.entry(ID(c.Task))
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.task.sent(c)
	x.task.shrink()
	e.save(&x.task)
}

func (e *Engine) entries() []*entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.tasks))
}

func (e *Engine) entry(id string) *entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tasks[id]
}

func (x *entry) copy() Task {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.task.clone()
}

// save writes what has changed. Should it fail, the next change writes all of
// it; nothing is removed before it is written.
func (e *Engine) save(t *Task) bool {
	err := e.files.save(t, false)
	if err != nil {
		e.cfg.Log.Error("cannot keep task", "task", t.Payload.ARN, "err", err)
	}
	return err == nil
}

// forget removes tasks that stopped long ago, and that the control plane knows have.
func (e *Engine) forget(now time.Time) {
	for _, x := range e.entries() {
		t := x.copy()
		if !t.Cleaned || t.Sent.Status != "STOPPED" || now.Sub(t.StoppedAt) < e.cfg.Retention {
			continue
		}
		if err := e.files.remove(t.ID()); err != nil {
			e.cfg.Log.Error("cannot forget task", "task", t.Payload.ARN, "err", err)
			continue
		}
		e.mu.Lock()
		delete(e.tasks, t.ID())
		e.mu.Unlock()
	}
}

// Find finds a task that match wants; match must only look at it.
func (e *Engine) Find(match func(*Task) bool) (Task, bool) {
	for _, x := range e.entries() {
		x.mu.Lock()
		found := match(&x.task)
		x.mu.Unlock()
		if found {
			return x.copy(), true
		}
	}
	return Task{}, false
}
