package acs

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/message"
	"berth/api/acs/payload"
	"berth/plan"
	"berth/plan/access"
	"berth/state"
)

const (
	firstResend = 5 * time.Second // of what is not acknowledged; doubles each time
	lastResend  = time.Minute

	// stopAgain is when an agent that has acknowledged a stop is reminded of it.
	stopAgain = time.Minute
	// credentialsLast is the life of credentials, as on ECS; they are replaced
	// long before, so that tasks can do without the control plane for hours.
	credentialsLast = 6 * time.Hour
	credentialsAge  = time.Hour
)

// outbox knows what one agent has been told, and finds what to tell it next. It
// holds nothing that a new session could not find out again.
type outbox struct {
	payload   payload.Config
	instance  string // ARN
	cluster   string // ARN
	epoch     int64
	restarted bool // the agent lost all credentials: it asks for them

	numbered int64 // payloads and manifests of this session
	looked   bool  // a manifest was made
	letters  map[letterKey]*letter
	sent     map[string]letterKey // what a message id is about
}

// letterKey says what a letter is about.
type letterKey struct {
	task string // ARN; empty for the manifest
	kind string // run, stop, manifest, or the type of a role
}

const (
	run         = "run"
	stop        = "stop"
	manifest    = "manifest"
	taskRole    = "TaskApplication"
	executeRole = "TaskExecution"
)

// letter is one thing that the agent must know.
type letter struct {
	due      time.Time // zero: never again, unless something changes
	attempts int       // since the last acknowledgment
	id       string    // of the last message
	renew    time.Time // credentials: when they are to be replaced
}

func newOutbox() *outbox {
	return &outbox{letters: map[letterKey]*letter{}, sent: map[string]letterKey{}}
}

// lookAt finds out what the agent must know of tasks that may have changed, or
// of all tasks on its instance.
func (o *outbox) lookAt(v *state.View, tasks map[string]struct{}, all bool, now time.Time) {
	for arn := range tasks {
		o.lookAtOne(v, arn, now)
	}
	if !all {
		return
	}
	for t := range v.TasksOn(o.instance) {
		o.want(t, now)
	}
	for key := range o.letters { // about tasks that are there no more
		if key.task != "" {
			o.lookAtOne(v, key.task, now)
		}
	}
}

func (o *outbox) lookAtOne(v *state.View, arn string, now time.Time) {
	if t, ok := v.Tasks.Get(arn); ok && t.Instance == o.instance {
		o.want(t, now)
	} else {
		o.drop(arn, run, stop, taskRole, executeRole)
	}
}

// want makes sure that the letters about t are those that its state asks for.
func (o *outbox) want(t state.Task, now time.Time) {
	switch {
	case t.Last == "STOPPED":
		o.drop(t.ARN, run, stop, taskRole, executeRole)
	case t.Desired == "STOPPED":
		o.drop(t.ARN, run, taskRole, executeRole)
		o.write(t.ARN, stop, now)
	case t.Last == "PENDING", t.Last == "ACTIVATING":
		o.write(t.ARN, run, now)
	case t.Last != "PROVISIONING": // it runs: the agent has all but credentials that age
		o.drop(t.ARN, run)
		due := now
		if !o.restarted {
			due = now.Add(stopAgain) // it still has those of its last session; replace them without hurry
		}
		if t.TaskRole != "" {
			o.write(t.ARN, taskRole, due)
		}
		if t.ExecutionRole != "" {
			o.write(t.ARN, executeRole, due)
		}
	}
}

func (o *outbox) write(task, kind string, due time.Time) {
	key := letterKey{task, kind}
	if o.letters[key] == nil {
		o.letters[key] = &letter{due: due}
	}
}

func (o *outbox) drop(task string, kinds ...string) {
	for _, kind := range kinds {
		key := letterKey{task, kind}
		if l := o.letters[key]; l != nil {
			delete(o.sent, l.id)
			delete(o.letters, key)
		}
	}
}

// next returns what to send now, and when to ask again. Failed has the tasks
// that cannot run, with the reason.
func (o *outbox) next(v *state.View, now time.Time) (messages []message.Message, failed []plan.FailTask, wake time.Time) {
	if !o.looked {
		o.looked = true
		o.write("", manifest, now)
	}
	for _, key := range o.due(now) {
		m, failure := o.compose(v, key, o.letters[key], now)
		if failure != nil {
			failed = append(failed, *failure)
		} else if m != nil {
			messages = append(messages, m)
		}
	}
	for _, l := range o.letters {
		if !l.due.IsZero() && (wake.IsZero() || l.due.Before(wake)) {
			wake = l.due
		}
	}
	return messages, failed, wake
}

// due lists the letters to send now: the manifest, stops, and then what starts.
func (o *outbox) due(now time.Time) (keys []letterKey) {
	for key, l := range o.letters {
		if !l.due.IsZero() && !now.Before(l.due) {
			keys = append(keys, key)
		}
	}
	order := []string{manifest, stop, run, taskRole, executeRole}
	slices.SortFunc(keys, func(a, b letterKey) int {
		return cmp.Or(slices.Index(order, a.kind)-slices.Index(order, b.kind), strings.Compare(a.task, b.task))
	})
	return keys
}

// compose makes the message of a letter that is due.
func (o *outbox) compose(v *state.View, key letterKey, l *letter, now time.Time) (message.Message, *plan.FailTask) {
	delete(o.sent, l.id)
	l.id = newID()
	o.sent[l.id] = key
	l.due = now.Add(min(firstResend<<min(l.attempts, 10), lastResend))
	l.attempts++
	t, _ := v.Tasks.Get(key.task)
	switch key.kind {
	case manifest:
		return o.manifest(v, l.id, now), nil
	case stop:
		return o.load(payload.Stop(key.task), l.id, now), nil
	case run:
		return o.run(v, t, l.id, now)
	}
	return o.renew(v, t, key.kind, l, now)
}

// load puts a task into a message of its own, so that one which the agent
// cannot read keeps no other from being acknowledged.
func (o *outbox) load(t message.Task, id string, now time.Time) *message.Payload {
	return &message.Payload{
		MessageID: id, Cluster: o.cluster, ContainerInstance: o.instance,
		SeqNum: o.number(), GeneratedAt: now.UnixMilli(), Tasks: []message.Task{t},
	}
}

// number gives payloads and manifests numbers that only grow, over all sessions
// of an instance.
func (o *outbox) number() int64 {
	o.numbered++
	return o.epoch<<20 + o.numbered
}

func (o *outbox) run(v *state.View, t state.Task, id string, now time.Time) (message.Message, *plan.FailTask) {
	p, err := o.payload.Task(v, t)
	if err != nil {
		return nil, &plan.FailTask{ARN: t.ARN, Code: types.TaskStopCodeTaskFailedToStart, Reason: "Task failed to start: " + err.Error()}
	}
	for _, role := range []string{taskRole, executeRole} {
		c, renew, failure := o.assume(v, t, role, now)
		if failure != nil {
			return nil, failure
		}
		if c == nil {
			continue
		}
		o.letters[letterKey{t.ARN, role}] = &letter{due: renew}
		if role == taskRole {
			p.RoleCredentials = c
		} else {
			p.ExecutionRoleCredentials = c
		}
	}
	return o.load(p, id, now), nil
}

// assume gives out credentials for a task's role, if it has one, and says when
// to replace them.
func (o *outbox) assume(v *state.View, t state.Task, kind string, now time.Time) (*message.RoleCredentials, time.Time, *plan.FailTask) {
	role, id := t.TaskRole, t.TaskCredentials
	if kind == executeRole {
		role, id = t.ExecutionRole, t.ExecutionCredentials
	}
	if role == "" {
		return nil, time.Time{}, nil
	}
	until := now.Add(credentialsLast)
	c, err := access.TaskCredentials(v, now, until, role, o.payload.Region, t.ARN[strings.LastIndexByte(t.ARN, '/')+1:])
	if err != nil {
		return nil, time.Time{}, &plan.FailTask{ARN: t.ARN, Code: types.TaskStopCodeTaskFailedToStart, Reason: err.Error()}
	}
	return &message.RoleCredentials{
		CredentialsID: id, RoleARN: role, Expiration: c.Expiration.Format(time.RFC3339),
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey, SessionToken: c.Token,
	}, now.Add(credentialsAge), nil
}

// renew replaces the credentials of a task that runs. Where the role cannot be
// assumed any more, the task keeps what it has until that ends.
func (o *outbox) renew(v *state.View, t state.Task, kind string, l *letter, now time.Time) (message.Message, *plan.FailTask) {
	c, renew, failure := o.assume(v, t, kind, now)
	if failure != nil || c == nil {
		l.due = now.Add(lastResend)
		return nil, nil
	}
	l.renew = renew
	return &message.Credentials{MessageID: l.id, Task: t.ARN, TaskCluster: t.Cluster, RoleType: kind, RoleCredentials: *c}, nil
}

// manifest lists the tasks that the instance should run.
func (o *outbox) manifest(v *state.View, id string, now time.Time) message.Message {
	m := &message.Manifest{
		MessageID: id, Cluster: o.cluster, ContainerInstance: o.instance,
		GeneratedAt: now.UnixMilli(), Timeline: o.number(), Tasks: []message.TaskRef{},
	}
	for t := range v.TasksOn(o.instance) {
		if t.Last != "STOPPED" && t.Desired == "RUNNING" {
			m.Tasks = append(m.Tasks, message.TaskRef{Task: t.ARN, TaskCluster: t.Cluster, DesiredStatus: "RUNNING", LastStatus: t.Last})
		}
	}
	return m
}

// acked notes that the agent has taken a message in, and returns the task whose
// stop that was, if it was one. With credentials, a payload has several
// acknowledgments; only its own counts.
func (o *outbox) acked(id string, ofCredentials bool, now time.Time) (stopping string) {
	key, ok := o.sent[id]
	isCredentials := key.kind == taskRole || key.kind == executeRole
	if !ok || ofCredentials != isCredentials {
		return "" // or it was sent again since
	}
	delete(o.sent, id)
	l := o.letters[key]
	l.attempts = 0
	switch key.kind {
	case run, manifest:
		l.due = time.Time{}
	case stop:
		l.due = now.Add(stopAgain)
		return key.task
	default:
		l.due = l.renew
	}
	return ""
}

// mustStop returns those of the tasks that the agent asks about which it must stop.
func (o *outbox) mustStop(v *state.View, candidates []message.TaskRef) (tasks []message.TaskRef) {
	for _, c := range candidates {
		t, ok := v.Tasks.Get(c.Task)
		if !ok || t.Instance != o.instance || t.Desired == "STOPPED" || t.Last == "STOPPED" {
			c.DesiredStatus = "STOPPED"
			tasks = append(tasks, c)
		}
	}
	return tasks
}
