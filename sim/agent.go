package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// agent is the container agent of one container instance, and its machine.
type agent struct {
	name     string // as the history calls it
	instance string // ARN
	cluster  string // ARN
	up       bool   // the machine runs
	session  string // id of its socket; empty while it has none
	tasks    []*held
	inbox    []letter // what it is told and has not taken in
	outbox   []report // what the control plane has not acknowledged
	old      []report // what it has: they may come again
}

// held is a task as its agent has it.
type held struct {
	arn     string
	image   image
	status  string // PENDING, RUNNING, STOPPED
	stop    bool   // it is asked to stop
	health  types.HealthStatus
	checked bool      // it has health checks
	at      time.Time // when the next thing happens to it
}

// letter is what an agent is told of a task: to run or to stop it.
type letter struct {
	task string
	stop bool
}

func (l letter) String() string {
	if l.stop {
		return "stop " + l.task
	}
	return "run " + l.task
}

// report is what an agent says of a task.
type report struct {
	task   string
	text   string
	health types.HealthStatus // it is about that alone
	input  *ecs.SubmitTaskStateChangeInput
}

func (r report) String() string { return r.task + " is " + r.text }

// task finds a task that the agent has.
func (a *agent) task(arn string) *held {
	i := slices.IndexFunc(a.tasks, func(h *held) bool { return h.arn == arn })
	if i < 0 {
		return nil
	}
	return a.tasks[i]
}

// connect opens the agent's socket. Its first message is a manifest, by which
// the agent stops what it should not run.
func (w *World) connect(a *agent) {
	i, ok := w.store.View().ContainerInstances.Get(a.instance)
	if !ok || i.Status == "INACTIVE" {
		a.up = false // it would register anew: see arrive
		return
	}
	w.tell("%s connects", a.name)
	a.session = fmt.Sprint("session-", w.rand.Uint32())
	w.apply(plan.ConnectAgent{Instance: a.instance, Session: a.session, Server: w.server})
	v := w.store.View()
	for _, h := range a.tasks {
		t, ok := v.Tasks.Get(h.arn)
		if h.status != "STOPPED" && (!ok || t.Desired == "STOPPED") {
			w.askToStop(h)
		}
	}
}

// news is what the control plane has to tell an agent and has not: what its
// outbox would send, now or again.
func (w *World) news(a *agent) (letters []letter) {
	for t := range w.store.View().TasksOn(a.instance) {
		l := letter{t.ARN, t.Desired == "STOPPED"}
		h := a.task(t.ARN)
		known := h != nil && (!l.stop || h.stop || h.status == "STOPPED")
		if !known && (l.stop || t.Pending()) && !slices.Contains(a.inbox, l) {
			letters = append(letters, l)
		}
	}
	return letters
}

// take takes a letter in.
func (w *World) take(a *agent, l letter) {
	h := a.task(l.task)
	switch {
	case !l.stop && h == nil:
		h = &held{arn: l.task, status: "PENDING", health: types.HealthStatusUnknown}
		t, _ := w.store.View().Tasks.Get(l.task)
		d, _ := w.store.View().TaskDefinitions.Get(t.Definition)
		h.image, h.checked = w.imageOf(d), plan.HasHealthCheck(&d.TaskDefinition)
		if w.mishap(12) {
			h.image = pick(w, mishaps)
		}
		h.at = w.now.Add(w.pull(h.image))
		a.tasks = append(a.tasks, h)
		if w.chance(2) {
			w.report(a, h, "")
		}
	case !l.stop:
	case h == nil: // it never got to know of it
		h = &held{arn: l.task, status: "STOPPED"}
		a.tasks = append(a.tasks, h)
		w.report(a, h, "")
	default:
		w.askToStop(h)
	}
	if l.stop && !w.mishap(5) { // the acknowledgment arrives
		w.apply(plan.StoppingTask{ARN: l.task})
	}
}

func (w *World) askToStop(h *held) {
	if h.status != "STOPPED" && !h.stop {
		h.stop, h.at = true, w.now.Add(w.upTo(30*time.Second))
	}
}

// pull is how long an image takes to run, or to fail.
func (w *World) pull(i image) time.Duration {
	if i == slow || i == hangs {
		return 2*time.Minute + w.upTo(10*time.Minute)
	}
	return w.upTo(8 * time.Second)
}

// act does the next thing to a task whose time has come.
func (w *World) act(a *agent, h *held) {
	if w.faults && h.image == hangs && !h.stop && h.status == "PENDING" {
		h.at = w.now.Add(10 * time.Minute)
		return
	}
	switch {
	case h.stop:
		h.status = "STOPPED"
		w.report(a, h, "")
	case h.status == "PENDING" && h.image == broken:
		h.status = "STOPPED"
		w.report(a, h, "CannotPullContainerError: pull image manifest has been retried 1 time(s)")
	case h.status == "PENDING":
		h.status = "RUNNING"
		h.at = w.now.Add(w.lifetime(h.image))
		w.report(a, h, "")
		if h.checked {
			h.at = w.now.Add(w.upTo(30 * time.Second))
		}
	case h.image == crashes && h.health != types.HealthStatusUnhealthy:
		h.status = "STOPPED"
		w.report(a, h, "")
	case h.checked:
		w.probe(a, h)
	default:
		h.at = time.Time{}
	}
}

// lifetime is how long a task runs before it is to be looked at again.
func (w *World) lifetime(i image) time.Duration {
	if i == crashes {
		return w.upTo(90 * time.Second)
	}
	return time.Hour
}

// probe finds a health check's result.
func (w *World) probe(a *agent, h *held) {
	was := h.health
	h.health, h.at = types.HealthStatusHealthy, time.Time{}
	if w.faults && (h.image == sick || h.image == flaps && was == types.HealthStatusHealthy) {
		h.health = types.HealthStatusUnhealthy
	}
	if w.faults && h.image == flaps {
		h.at = w.now.Add(time.Second + w.upTo(2*time.Minute))
	}
	if h.health != was {
		a.outbox = append(a.outbox, report{task: h.arn, text: string(h.health), health: h.health})
	}
}

// report puts the state of a task into the outbox.
func (w *World) report(a *agent, h *held, reason string) {
	r := report{task: h.arn, text: h.status, input: &ecs.SubmitTaskStateChangeInput{
		Cluster: &a.cluster, Task: aws.String(h.arn), Status: aws.String(h.status),
	}}
	if reason != "" {
		r.input.Reason = &reason
		r.text += ": " + reason
	}
	container := types.ContainerStateChange{ContainerName: aws.String("app"), Status: aws.String(h.status)}
	if h.status == "RUNNING" {
		container.ImageDigest = aws.String(digestOf(h.image))
	}
	if h.status == "STOPPED" && reason == "" && h.image != "" {
		code := int32(1)
		if h.stop {
			code = 143
		}
		container.ExitCode = &code
	}
	r.input.Containers = []types.ContainerStateChange{container}
	a.outbox = append(a.outbox, r)
}

// deliver takes the n-th report of an agent to the control plane.
func (w *World) deliver(a *agent, n int) {
	r := a.outbox[n]
	w.submit(a, r)
	if w.mishap(10) {
		return // the answer is lost: it will come again
	}
	a.outbox = slices.Delete(a.outbox, n, n+1)
	a.old = append(a.old, r)
}

// submit is one call of an agent, or a message on its telemetry socket.
func (w *World) submit(a *agent, r report) {
	if r.health != "" {
		t, ok := w.store.View().Tasks.Get(r.task)
		set := plan.SetHealth{Task: r.task, Containers: map[string]types.HealthStatus{"app": r.health}}
		if ok && t.Instance == a.instance && set.Changes(t) {
			w.apply(set)
		}
		return
	}
	if _, err := w.api.SubmitTaskStateChange(w.as(), r.input); err != nil {
		w.tell("  refused: %v", err) // the task is forgotten
	}
}

// resendHealth says again what the control plane has wrong, as telemetry does
// every 20 seconds.
func (w *World) resendHealth(a *agent) {
	v := w.store.View()
	for _, h := range a.tasks {
		t, ok := v.Tasks.Get(h.arn)
		if !ok || !h.checked || h.status != "RUNNING" || t.Last != "RUNNING" || h.health == types.HealthStatusUnknown {
			continue
		}
		r := report{task: h.arn, text: string(h.health), health: h.health}
		queued := slices.ContainsFunc(a.outbox, func(o report) bool { return o.task == r.task && o.health == r.health })
		if t.Containers[0].HealthStatus != h.health && !queued {
			a.outbox = append(a.outbox, r)
		}
	}
}

// fail ends the machine: its containers are gone, and its agent does not know
// until it is back.
func (a *agent) fail() { a.up, a.session, a.inbox = false, "", nil }

// boot brings a machine back. Its agent finds its containers running, or
// stopped if the machine was off.
func (w *World) boot(a *agent, wasOff bool) {
	a.up = true
	for _, h := range a.tasks {
		if wasOff && h.status == "RUNNING" {
			h.status = "STOPPED"
			w.report(a, h, "")
		}
	}
}

// forget drops what is over and acknowledged, as agents do after a while.
func (a *agent) forget(v *state.View) {
	a.tasks = slices.DeleteFunc(a.tasks, func(h *held) bool {
		_, known := v.Tasks.Get(h.arn)
		return h.status == "STOPPED" && !known
	})
}

// disconnect ends an agent's socket; the control plane notices.
func (w *World) disconnect(a *agent) {
	if a.session != "" {
		w.apply(plan.DisconnectAgent{Instance: a.instance, Session: a.session})
		a.session = ""
	}
}
