package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"
)

// driver does the steps of one task, until there is nothing left to do.
type driver struct {
	e       *Engine
	x       *entry
	results chan result
	steps   sync.WaitGroup
	busy    map[string]bool // by lane
	held    map[Step]hold   // what failed, and when to try again
	unsaved bool            // the file lacks what happened last

	forward context.Context // of steps that only a task that is not to stop needs
	halt    context.CancelFunc
}

// A hold keeps a step that failed from being tried again at once.
type hold struct {
	until time.Time
	pause time.Duration
}

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

type result struct {
	Step
	outcome
}

// wake has a task looked at, by a goroutine of its own if it has none.
func (e *Engine) wake(x *entry) {
	select {
	case x.look <- struct{}{}:
	default:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil || e.running.Err() != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.driven || x.task.Payload.ARN == "" {
		return
	}
	x.driven = true
	e.drivers.Go(func() { e.drive(e.running, x) })
}

// drive does what there is to do for a task.
func (e *Engine) drive(ctx context.Context, x *entry) {
	ctx, stop := context.WithCancel(ctx)
	d := &driver{e: e, x: x, results: make(chan result), busy: map[string]bool{}, held: map[Step]hold{}}
	d.forward, d.halt = context.WithCancel(ctx)
	defer d.steps.Wait()
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wake, done := d.advance(ctx)
		if done {
			return
		}
		timer.Stop()
		if !wake.IsZero() {
			timer.Reset(time.Until(wake))
		}
		select {
		case <-ctx.Done():
			x.mu.Lock()
			x.driven = false
			x.mu.Unlock()
			return
		case <-x.look:
		case <-timer.C:
		case r := <-d.results:
			d.take(r)
		}
	}
}

// advance starts the steps that are due, and says when to look again, or that
// there is nothing left to do.
func (d *driver) advance(ctx context.Context) (wake time.Time, done bool) {
	for again := true; again; {
		again = false
		now := time.Now()
		d.x.mu.Lock()
		plan := Next(&d.x.task, now, d.e.cfg.StopTimeout)
		t := d.x.task.clone()
		if t.stopping() {
			d.halt()
		}
		idle := len(plan.Steps) == 0 && len(d.busy) == 0 && plan.Wake.IsZero() && t.Cleaned
		if idle && len(d.x.look) == 0 {
			d.x.driven = false // wake looks at this after it has left its mark
			done = true
		}
		d.x.mu.Unlock()

		wake = plan.Wake
		for _, s := range plan.Steps {
			held := d.held[s]
			switch {
			case d.busy[s.lane()]:
			case s.Verb == Skip || s.Verb == Fail: // nothing to do but to note it
				d.take(result{Step: s})
				again = true
			case now.Before(held.until):
				wake = earliest(wake, held.until)
			case s.Verb == Release && !d.saved():
				d.hold(s)
				wake = earliest(wake, d.held[s].until)
			default:
				d.start(ctx, s, &t)
			}
		}
	}
	return wake, done
}

// lane: one step at a time goes on in each.
func (s Step) lane() string {
	if s.Verb == Watch || s.Verb == Probe {
		return s.String()
	}
	return s.Container
}

// start has a step done.
func (d *driver) start(ctx context.Context, s Step, t *Task) {
	d.busy[s.lane()] = true
	within := ctx
	switch s.Verb {
	case Fetch, Prepare, Pull, Create, Start, Restart:
		within = d.forward
	}
	d.steps.Go(func() {
		o := d.e.perform(within, s, t)
		select {
		case d.results <- result{s, o}:
		case <-ctx.Done(): // steps are repeated: what came of this one is not needed
		}
	})
}

// take notes what came of a step.
func (d *driver) take(r result) {
	delete(d.busy, r.lane())
	if r.err == nil {
		delete(d.held, r.Step)
	} else {
		d.hold(r.Step)
		d.e.cfg.Log.Log(context.Background(), level(r), "step failed", "task", d.x.task.Payload.ARN, "step", r.Step.String(), "err", r.err)
	}
	d.x.mu.Lock()
	d.x.task.record(r.Step, r.outcome, time.Now())
	d.x.task.shrink()
	d.unsaved = !d.e.save(&d.x.task)
	arn := d.x.task.Payload.ARN
	d.x.mu.Unlock()
	d.e.cfg.Changed(arn)
}

// level is how much a failed step matters: a container may end just before its
// health is checked, and steps are called off when a task is to stop.
func level(r result) slog.Level {
	if r.Verb == Probe || errors.Is(r.err, context.Canceled) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (d *driver) hold(s Step) {
	pause := min(max(firstPause, 2*d.held[s].pause), lastPause)
	d.held[s] = hold{until: time.Now().Add(pause), pause: pause}
}

// saved makes sure that all that happened is in the task's file.
func (d *driver) saved() bool {
	if d.unsaved {
		d.x.mu.Lock()
		defer d.x.mu.Unlock()
		d.unsaved = !d.e.save(&d.x.task)
	}
	return !d.unsaved
}

// perform does one step.
func (e *Engine) perform(ctx context.Context, s Step, t *Task) (o outcome) {
	h, c := e.cfg.Host, s.Container
	queue := map[Verb]*semaphore.Weighted{Prepare: e.prepares, Create: e.creates, Restart: e.creates}[s.Verb]
	if queue != nil {
		if o.err = queue.Acquire(ctx, 1); o.err != nil {
			return o
		}
		defer queue.Release(1)
	}
	o.began = time.Now()
	switch s.Verb {
	case Fetch:
		o.err = h.Fetch(ctx, t)
	case Prepare:
		o.err = h.Prepare(ctx, t)
	case Pull:
		o.image, o.err = h.Pull(ctx, t, c)
	case Create:
		o.made, o.err = h.Create(ctx, t, c)
	case Start:
		o.err = h.Start(ctx, t, c)
	case Restart:
		o.err = e.restart(ctx, t, c)
	case Watch:
		o.exit, o.err = h.Wait(ctx, t, c)
	case Probe:
		o.ok, o.output, o.err = h.Probe(ctx, t, c)
	case Term:
		o.err = h.Signal(ctx, t, c, stopSignal(t, c))
	case Kill:
		o.err = h.Signal(ctx, t, c, syscall.SIGKILL)
	case Discard:
		o.err = h.Discard(ctx, t, c)
	case Release:
		o.err = h.Release(ctx, t)
	case Clean:
		o.err = h.Clean(ctx, t)
	}
	return o
}

// restart makes a container anew on the file system that it had.
func (e *Engine) restart(ctx context.Context, t *Task, c string) error {
	if err := e.cfg.Host.Discard(ctx, t, c); err != nil {
		return err
	}
	if _, err := e.cfg.Host.Create(ctx, t, c); err != nil {
		return err
	}
	return e.cfg.Host.Start(ctx, t, c)
}
