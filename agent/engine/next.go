package engine

import (
	"cmp"
	"time"

	"berth/api/acs/message"
)

// Verb is what a step does.
type Verb string

// The verbs, in the order of a task's life.
const (
	Fetch   Verb = "fetch"   // get what the containers find in their environment: secrets, files
	Prepare Verb = "prepare" // make what the containers of a task share
	Pull    Verb = "pull"    // bring a container's image
	Create  Verb = "create"
	Start   Verb = "start"
	Restart Verb = "restart" // remove, create and start again
	Watch   Verb = "watch"   // learn how it ends
	Probe   Verb = "probe"   // run its health check
	Term    Verb = "term"    // send its stop signal
	Kill    Verb = "kill"
	Discard Verb = "discard" // remove a container in which nothing runs
	Skip    Verb = "skip"    // never make it
	Fail    Verb = "fail"    // never make it, for a reason
	Release Verb = "release" // remove the containers and the network
	Clean   Verb = "clean"   // remove what is left: logs once shipped, file systems, volumes
)

// Step is one thing to do for a task. Each may be done twice.
type Step struct {
	Verb
	Container string // empty: for the task
	Reason    string // of Fail
}

func (s Step) String() string {
	if s.Container == "" {
		return string(s.Verb)
	}
	return string(s.Verb) + " " + s.Container
}

// Plan is what to do now, all of it at once where there are hands, and when to
// look again if nothing changes before; zero is never.
type Plan struct {
	Steps []Step
	Wake  time.Time
}

func (p *Plan) add(v Verb, container string) {
	p.Steps = append(p.Steps, Step{Verb: v, Container: container})
}

func (p *Plan) wake(at time.Time) { p.Wake = earliest(p.Wake, at) }

// killAgain is how long to wait for what SIGKILL should have ended.
const killAgain = 10 * time.Second

// Next says what brings a task one step further. It looks at nothing but its
// arguments. grace is how long a container that says nothing itself has between
// its stop signal and SIGKILL.
func Next(t *Task, now time.Time, grace time.Duration) (p Plan) {
	switch {
	case t.ended() && !t.Released:
		p.add(Release, "")
	case t.ended() && !t.Cleaned:
		p.add(Clean, "")
	case t.ended():
	case t.stopping():
		p.stop(t, now, grace)
	default:
		p.run(t, now)
	}
	return p
}

// run brings the containers of a task up, and keeps them.
func (p *Plan) run(t *Task, now time.Time) {
	blocked := t.needsExecutionRole() && t.Execution == nil // the keys come with the next connection
	if t.unmade() {
		if !t.Prepared {
			p.add(Prepare, "")
		}
		if !t.Fetched && !blocked {
			p.add(Fetch, "")
		}
	}
	for i, def := range t.Payload.Containers {
		c := &t.Containers[i]
		switch {
		case c.Status == None && !blocked:
			p.add(Pull, c.Name)
		case c.Status == Pulled && t.Prepared && t.Fetched:
			p.create(t, def, now)
		case c.Status == Created:
			p.add(Start, c.Name)
		case c.Status == Running && !c.Restarting:
			p.keep(c, now)
		case c.Status == Running && t.Prepared && t.Fetched:
			p.add(Restart, c.Name)
		}
	}
}

// create makes a container when its dependencies allow it.
func (p *Plan) create(t *Task, def message.Container, now time.Time) {
	ready, failure, wake := t.waits(def, now)
	switch {
	case ready:
		p.add(Create, def.Name)
	case failure != "":
		p.Steps = append(p.Steps, Step{Verb: Fail, Container: def.Name, Reason: failure})
	default:
		p.wake(wake)
	}
}

// keep looks after a container that runs.
func (p *Plan) keep(c *Container, now time.Time) {
	p.add(Watch, c.Name)
	if c.Check == nil {
		return
	}
	if due := c.due(); now.Before(due) {
		p.wake(due)
	} else {
		p.add(Probe, c.Name)
	}
}

// stop brings the containers of a task down, those that depend on others first.
func (p *Plan) stop(t *Task, now time.Time, grace time.Duration) {
	for i, def := range t.Payload.Containers {
		c := &t.Containers[i]
		switch {
		case c.Status < Created:
			p.add(Skip, c.Name)
		case c.Status == Created, c.Status == Running && c.Restarting:
			p.add(Discard, c.Name)
		case c.Status == Running:
			p.add(Watch, c.Name)
			if !t.dependents(c.Name) {
				p.end(c, now, cmp.Or(time.Duration(def.StopTimeout)*time.Second, grace))
			}
		}
	}
}

// end tells a running container to stop and, when it does not, makes it.
func (p *Plan) end(c *Container, now time.Time, grace time.Duration) {
	limit := c.TermAt.Add(grace)
	again := c.KillAt.Add(killAgain)
	switch {
	case c.TermAt.IsZero():
		p.add(Term, c.Name)
	case now.Before(limit):
		p.wake(limit)
	case c.KillAt.IsZero() || !now.Before(again):
		p.add(Kill, c.Name)
	default:
		p.wake(again)
	}
}
