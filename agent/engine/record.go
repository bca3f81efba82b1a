package engine

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"berth/agent/runtime"
)

// outcome is what came of a step: of its members those that the step gives.
type outcome struct {
	err    error
	began  time.Time
	image  Image
	made   Made
	exit   runtime.Exit
	ok     bool // of Probe
	output string
}

// record takes in what came of a step. It looks at nothing but its arguments.
// An error that it does not know what to make of leaves the task as it is: the
// step will be asked for again.
func (t *Task) record(s Step, o outcome, now time.Time) {
	if s.Container == "" {
		t.recordTask(s, o, now)
		return
	}
	c := t.Container(s.Container)
	switch s.Verb {
	case Pull:
		t.recordPull(c, o, now)
	case Create:
		t.recordStep(c, Created, o, now)
		c.Bindings, c.Address, c.Volumes = o.made.Bindings, o.made.Address, o.made.Volumes
	case Start:
		t.recordStep(c, Running, o, now)
	case Restart:
		t.recordRestart(c, o, now)
	case Watch:
		t.recordExit(c, o, now)
	case Probe:
		if o.err == nil && c.Status == Running && !c.Restarting {
			c.checked(o.ok, o.output, o.began, now)
		}
	case Term:
		if o.err == nil {
			c.TermAt = now
		}
	case Kill:
		if o.err == nil {
			c.KillAt = now
		}
	case Discard:
		if o.err == nil {
			t.stopped(c, "", now)
		}
	case Skip:
		t.stopped(c, "", now)
	case Fail: // 143 is what Amazon's agent reports here: as if it had been told to stop
		code := 143
		c.ExitCode = &code
		t.stopped(c, "CannotStartContainerError: "+s.Reason, now)
	}
	t.settle(now)
}

// recordTask takes in what came of a step for the task as a whole.
func (t *Task) recordTask(s Step, o outcome, now time.Time) {
	switch {
	case s.Verb == Prepare && o.err == nil:
		t.Prepared = true
	case s.Verb == Fetch && o.err == nil:
		t.Fetched = true
	case (s.Verb == Prepare || s.Verb == Fetch) && !t.stopping():
		t.Reason = named("ResourceInitializationError", o.err)
	case s.Verb == Release && o.err == nil:
		t.Released, t.ReleaseFailed = true, ""
		t.StoppedAt = earliest(t.StoppedAt, now)
	case s.Verb == Release:
		t.ReleaseFailed = o.err.Error()
		t.StoppedAt = earliest(t.StoppedAt, now)
	case s.Verb == Clean && o.err == nil:
		t.Cleaned = true
	}
}

func (t *Task) recordPull(c *Container, o outcome, now time.Time) {
	if c.Status != None || o.err != nil && t.stopping() { // a pull ends when its task does
		return
	}
	t.PullStartedAt = earliest(t.PullStartedAt, o.began)
	t.PullStoppedAt = now
	if o.err != nil {
		t.stopped(c, named("CannotPullContainerError", o.err), now)
		return
	}
	c.Image, c.Status = o.image, Pulled
	if config, _ := dockerConfig(*t.Definition(c.Name)); config.Healthcheck == nil { // else it replaces the image's, also if it is NONE
		c.Check = o.image.Check.orNone()
	}
}

// recordStep takes in that a container was created or started, or could not be.
func (t *Task) recordStep(c *Container, to Status, o outcome, now time.Time) {
	var process *runtime.ProcessError
	switch {
	case c.Status >= to:
	case o.err != nil && t.stopping():
	case errors.As(o.err, &process), o.err != nil && to == Running:
		t.stopped(c, named("CannotStartContainerError", o.err), now)
	case o.err != nil:
		t.stopped(c, named("CannotCreateContainerError", o.err), now)
	case to == Created:
		c.Status, c.CreatedAt = Created, now
	default:
		c.Status, c.StartedAt = Running, now
	}
}

func (t *Task) recordRestart(c *Container, o outcome, now time.Time) {
	switch {
	case !c.Restarting:
	case o.err != nil && t.stopping():
	case o.err != nil:
		t.stopped(c, named("CannotStartContainerError", o.err), now)
	default:
		c.Restarting, c.ExitCode, c.Reason = false, nil, ""
		c.Restarts++
		c.RestartedAt = now
		c.Health = Health{}
	}
}

// recordExit takes in that a container has ended.
func (t *Task) recordExit(c *Container, o outcome, now time.Time) {
	if c.Status != Running || c.Restarting {
		return
	}
	reason := ""
	switch {
	case errors.Is(o.err, runtime.ErrNotFound):
		reason = "ContainerVanishedError: the container is no longer known to the runtime"
	case o.err != nil:
		return
	case o.exit.Lost != "":
		reason = "ContainerRuntimeError: " + o.exit.Lost
	default:
		c.ExitCode = &o.exit.Code
	}
	if o.exit.OOMKilled {
		reason = "OutOfMemoryError: Container killed due to memory usage"
	}
	at := now
	if !o.exit.At.IsZero() && o.exit.At.After(c.lastStart()) { // else the clock was set back
		at = o.exit.At
	}
	if c.ExitCode != nil && t.restarts(c, *c.ExitCode, at, now) {
		c.Restarting, c.FinishedAt = true, at
		return
	}
	t.stopped(c, reason, at)
}

// restarts reports whether a container's policy starts it again: it must have
// run for the policy's period since it was last started.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html
func (t *Task) restarts(c *Container, code int, at, now time.Time) bool {
	policy := t.Definition(c.Name).RestartPolicy
	if policy == nil || !policy.Enabled || t.stopping() || slices.Contains(policy.IgnoredExitCodes, int32(code)) {
		return false
	}
	period := time.Duration(cmp.Or(policy.RestartAttemptPeriod, 300)) * time.Second
	ran := min(at.Sub(c.lastStart()), now.Sub(c.lastStart())) // the first counts while no agent is there, the second when the clock is set
	return ran >= period
}

// lastStart is when a container was started last.
func (c *Container) lastStart() time.Time {
	if c.Restarts > 0 {
		return c.RestartedAt
	}
	return c.StartedAt
}

// stopped is the end of a container.
func (t *Task) stopped(c *Container, reason string, at time.Time) {
	c.Status, c.Reason, c.FinishedAt, c.Restarting = Stopped, reason, at, false
	if t.Definition(c.Name).Essential && t.ExecutionStoppedAt.IsZero() && !c.StartedAt.IsZero() {
		t.ExecutionStoppedAt = at
	}
}

// settle notes what follows for the task: that every container has started,
// or will not, and that without all of them it can run.
func (t *Task) settle(now time.Time) {
	if !t.RunningAt.IsZero() || t.Reason != "" || t.Desired() == "STOPPED" {
		return
	}
	some := false
	for i, c := range t.Containers {
		ran := !c.StartedAt.IsZero()
		some = some || ran
		if !ran && (c.Status != Stopped || t.Payload.Containers[i].Essential) {
			return
		}
	}
	if some {
		t.RunningAt = now
	}
}
