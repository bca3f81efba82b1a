package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/plan"
	"berth/plan/deploy"
	"berth/state"
)

// choice is something that may happen next, and how often it does.
type choice struct {
	weight int
	do     func(*World)
}

var choices = []choice{
	{40, (*World).turnDue}, {4, (*World).turnAny}, {30, (*World).agentDoes}, {6, (*World).allAgentsDo}, {8, (*World).wait},
	{5, (*World).change}, {2, (*World).create}, {1, (*World).protect}, {1, (*World).stopTask}, {1, (*World).runTask},
	{1, (*World).drain}, {1, (*World).label}, {1, (*World).stopDeployment}, {5, (*World).fault},
}

// faults are what goes wrong, but for what agents do wrong by themselves.
var faults = []choice{
	{4, (*World).restartNow}, {3, (*World).machineFails}, {4, (*World).machineReturns}, {2, (*World).newMachine}, {1, (*World).loseMachine},
	{3, (*World).loseSocket}, {3, (*World).repeatOldReport}, {1, (*World).clockGoesBack}, {1, (*World).remove}, {1, (*World).stall},
}

func (w *World) choose(all []choice) {
	total := 0
	for _, c := range all {
		total += c.weight
	}
	n := w.rand.IntN(total)
	for _, c := range all {
		if n -= c.weight; n < 0 {
			c.do(w)
			return
		}
	}
}

// Step lets one thing happen that could, and returns what it broke, if anything.
func (w *World) Step() error {
	w.steps++
	w.pass(w.upTo(time.Second))
	w.choose(choices)
	return w.check()
}

// pass lets time go by.
func (w *World) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.seen()
}

// turn is one object of a loop.
type turn struct {
	loop int
	key  string
}

// due lists the objects whose loops would plan them now.
func (w *World) due() (all []turn) {
	for i, l := range w.loops {
		for _, key := range l.Due(w.now) {
			all = append(all, turn{i, key})
		}
	}
	return all
}

// turnDue lets a loop plan an object that is due.
func (w *World) turnDue() {
	if all := w.due(); len(all) > 0 {
		w.turn(pick(w, all))
	} else {
		w.agentDoes()
	}
}

// turnAny lets a loop plan an object that is not due: more often is never wrong.
func (w *World) turnAny() {
	n := w.rand.IntN(len(w.loops))
	if keys := w.loops[n].Keys(); len(keys) > 0 {
		w.turn(turn{n, pick(w, keys)})
	}
}

func (w *World) turn(t turn) {
	l := w.loops[t.loop]
	before := w.store.View()
	if l.Name() == "services" && w.chance(60) {
		w.checkMemory(t.key, l.Plan(t.key, w.now))
	}
	p, err := l.Turn(context.Background(), t.key)
	if err != nil {
		w.broken("a loop stops", fmt.Errorf("%s: %w", l.Name(), err))
		return
	}
	for _, action := range p.Strings() {
		w.tell("%s plans %s: %s", l.Name(), t.key, action)
	}
	if s, ok := before.Services.Get(t.key); ok && l.Name() == "services" {
		w.checkPlan(before, w.store.View(), s)
	}
}

// agentDoes lets an agent do one thing.
func (w *World) agentDoes() {
	var can []func()
	for _, a := range w.agents {
		can = append(can, w.couldDo(a)...)
	}
	if len(can) > 0 {
		pick(w, can)()
	}
}

// checkMemory: a control plane that knows nothing but the durable state plans
// the same for a service.
func (w *World) checkMemory(service string, p plan.Plan) {
	store, err := w.store.Reload()
	if err != nil {
		panic(err)
	}
	s, _ := store.View().Services.Get(service)
	if fresh := w.deploy.Plan(store.View(), s, w.now); doing(p) != doing(fresh) {
		w.broken("a restart changes no decision", fmt.Errorf("planned: %s\nafter a restart: %s", doing(p), doing(fresh)))
	}
}

// doing says what a plan does, and where.
func doing(p plan.Plan) string {
	text := strings.Join(p.Strings(), "; ")
	for _, action := range p.Actions {
		if l, ok := action.(deploy.Launch); ok {
			for _, s := range l.Starts {
				text += " " + s.Place.Instance
			}
		}
	}
	return text
}

// couldDo lists what an agent could do next, in whatever order messages come.
func (w *World) couldDo(a *agent) (can []func()) {
	if !a.up {
		return nil
	}
	if a.session == "" {
		return []func(){func() { w.connect(a) }}
	}
	w.resendHealth(a)
	for _, l := range w.news(a) {
		can = append(can, func() { w.post(a, l) })
	}
	for n := range a.inbox {
		can = append(can, func() { w.takeLetter(a, n) })
	}
	for n := range a.outbox {
		if n == 0 || w.faults {
			can = append(can, func() { w.takeReport(a, n) })
		}
	}
	for _, h := range a.tasks {
		if !h.at.IsZero() && !w.now.Before(h.at) && h.status != "STOPPED" {
			can = append(can, func() { w.actOn(a, h) })
		}
	}
	return can
}

func (w *World) post(a *agent, l letter) {
	if w.mishap(8) {
		w.tell("to %s: %v, late", a.name, l)
		a.inbox = append(a.inbox, l)
		return
	}
	w.tell("to %s: %v", a.name, l)
	w.take(a, l)
}

func (w *World) takeLetter(a *agent, n int) {
	l := a.inbox[n]
	w.tell("to %s, at last: %v", a.name, l)
	if !w.mishap(6) { // else it comes twice
		a.inbox = slices.Delete(a.inbox, n, n+1)
	}
	w.take(a, l)
}

func (w *World) takeReport(a *agent, n int) {
	w.tell("%s reports: %v", a.name, a.outbox[n])
	w.deliver(a, n)
}

func (w *World) actOn(a *agent, h *held) {
	was := h.status + string(h.health)
	w.act(a, h)
	if h.status+string(h.health) != was {
		w.tell("on %s: %s is %s %s", a.name, h.arn, h.status, h.health)
	}
}

// allAgentsDo lets every agent do all it can.
func (w *World) allAgentsDo() {
	for _, a := range w.agents {
		for range 10 {
			if !a.up || a.session == "" {
				break
			}
			letters := w.news(a)
			for _, l := range letters {
				w.post(a, l)
			}
			done := len(letters) == 0
			for _, h := range a.tasks {
				if !h.at.IsZero() && !w.now.Before(h.at) && h.status != "STOPPED" {
					w.actOn(a, h)
					done = false
				}
			}
			for range len(a.outbox) {
				w.takeReport(a, 0)
				done = false
			}
			if done {
				break
			}
		}
	}
}

// wait lets time pass: to the next thing that is to happen, or as it comes.
func (w *World) wait() {
	if at, ok := w.next(); ok && at.After(w.now) && !w.chance(3) {
		w.tell("time passes")
		w.pass(at.Sub(w.now))
		return
	}
	w.pass(w.upTo(pick(w, []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute})))
	w.tell("time passes")
}

// next is when the next thing is to happen, unless something changes; false if
// nothing is.
func (w *World) next() (next time.Time, ok bool) {
	sooner := func(at time.Time) {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	for _, l := range w.loops {
		if at, found := l.Next(); found && l.Name() != "container-instances" { // those wait for their server to go
			sooner(at)
		}
	}
	for _, a := range w.agents {
		if !a.up {
			continue
		}
		for _, h := range a.tasks {
			if !h.at.IsZero() && h.status != "STOPPED" {
				sooner(h.at)
			}
		}
	}
	return next, ok
}

// fault lets something go wrong.
func (w *World) fault() { w.choose(faults) }

func (w *World) restartNow() {
	w.tell("the control plane restarts")
	w.restart()
}

func (w *World) machineFails() {
	if a := pick(w, w.agents); a.up {
		w.tell("%s fails", a.name)
		w.disconnect(a)
		a.fail()
	}
}

func (w *World) machineReturns() {
	for _, a := range w.agents {
		if _, known := w.store.View().ContainerInstances.Get(a.instance); !a.up && known {
			off := w.chance(2)
			w.tell("%s returns, was off: %v", a.name, off)
			w.boot(a, off)
			return
		}
	}
}

func (w *World) newMachine() {
	if len(w.agents) < 12 {
		a := w.arriveAt("default")
		w.tell("%s arrives", a.name)
	}
}

// loseMachine deregisters a machine, which may be up.
func (w *World) loseMachine() {
	if a := pick(w, w.agents); len(w.agents) > 1 && a.cluster == defaultCluster {
		w.deregister(a)
		w.disconnect(a)
		a.fail()
	}
}

func (w *World) loseSocket() {
	if a := pick(w, w.agents); a.session != "" {
		w.tell("%s loses its socket", a.name)
		w.disconnect(a)
	}
}

// repeatOldReport brings what the control plane has acknowledged once more.
func (w *World) repeatOldReport() {
	if a := pick(w, w.agents); len(a.old) > 0 {
		r := pick(w, a.old)
		if r.health == "" { // telemetry is a stream: nothing comes twice
			w.tell("%s reports again: %v", a.name, r)
			w.submit(a, r)
		}
	}
}

func (w *World) clockGoesBack() {
	w.now = w.now.Add(-w.upTo(3 * time.Second))
	w.tell("the clock goes back")
}

// stall keeps the control plane from doing anything for a while.
func (w *World) stall() {
	w.now = w.now.Add(w.upTo(2 * time.Minute))
	w.tell("the control plane stalls")
	if all := w.due(); len(all) > 0 { // what comes first may look at how it was
		w.turn(pick(w, all))
	}
}

const (
	defaultCluster = "arn:aws:ecs:" + region + ":" + account + ":cluster/default"
	fargateCluster = "arn:aws:ecs:" + region + ":" + account + ":cluster/" + state.FargateCluster
)
