package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

const (
	mostSteps = 20000          // in which a history settles
	longest   = 12 * time.Hour // of simulated time
)

// Settle ends all faults, and returns an error if things do not come to rest,
// or not as they should.
func (w *World) Settle() error {
	w.endFaults()
	end := w.now.Add(longest)
	for range mostSteps {
		w.steps++
		if !w.goOn() {
			w.checkAwake()
			at, ok := w.next()
			if !ok || at.After(end) {
				return w.atRest()
			}
			w.pass(max(at.Sub(w.now), time.Millisecond))
			w.tell("time passes")
		}
		if err := w.check(); err != nil {
			return err
		}
	}
	w.broken("every history settles", fmt.Errorf("something is still to do after %d steps", mostSteps))
	return w.failure
}

// endFaults brings machines back, or takes them away, and lets everybody connect.
func (w *World) endFaults() {
	w.tell("faults end")
	w.faults = false
	w.mended = w.chance(2)
	for _, a := range w.agents {
		i, ok := w.store.View().ContainerInstances.Get(a.instance)
		if !a.up && ok && i.Status != "INACTIVE" {
			if w.chance(2) {
				w.boot(a, true)
			} else {
				w.deregister(a)
			}
		}
	}
}

// goOn does one thing that can be done now; false if there is none.
func (w *World) goOn() bool {
	if all := w.due(); len(all) > 0 {
		w.turn(pick(w, all))
		return true
	}
	var can []func()
	for _, a := range w.agents {
		a.forget(w.store.View())
		can = append(can, w.couldDo(a)...)
	}
	if len(can) > 0 {
		pick(w, can)()
	}
	return len(can) > 0
}

// checkAwake: when nothing is due, no plan has anything to do.
func (w *World) checkAwake() {
	for _, l := range w.loops {
		if l.Name() == "container-instances" || l.Name() == "servers" { // those wait for each other, and nobody for them
			continue
		}
		for _, key := range l.Keys() {
			if p := l.Plan(key, w.now); len(p.Actions) > 0 {
				w.broken("nobody sleeps through work", fmt.Errorf("%s would do this to %s, and nothing wakes it: %v", l.Name(), key, p.Strings()))
			}
		}
	}
}

// atRest checks how things are when nothing is left to do.
func (w *World) atRest() error {
	v := w.store.View()
	for s := range v.Services.All() {
		if err := w.settled(v, s); err != nil {
			w.broken("every service settles", fmt.Errorf("%s %w", s.Name, err))
		}
	}
	return w.failure
}

// settled returns what is left to do for a service, if anything is.
func (w *World) settled(v *state.View, s state.Service) error {
	switch s.Status {
	case "INACTIVE":
		return nil
	case "DRAINING":
		return fmt.Errorf("is still DRAINING")
	}
	if s.Controller == types.DeploymentControllerTypeExternal {
		return w.setsSettled(v, s)
	}
	_, behaviour := familyOf(s.Deployments[0].Definition)
	if !w.mended && (behaviour != good && behaviour != slow) {
		return nil
	}
	n, desired := tallyOf(v, s.ARN), desiredOf(v, s)
	floor, ceiling := bounds(v, s)
	leaving := false // its tasks want to, as their instances drain
	missing := desired
	for t := range v.Tasks.All() {
		if i, _ := v.ContainerInstances.Get(t.Instance); t.Service == s.ARN && t.Desired == "RUNNING" && i.Status == "DRAINING" {
			leaving = true
			if s.Scheduling == types.SchedulingStrategyDaemon && hasOthers(v, i, s) {
				return nil // a daemon is the last to leave
			}
		}
		if t.Service == s.ARN && t.StartedBy == s.Deployments[0].ID && t.Desired == "RUNNING" {
			missing--
		}
	}
	stuck := floor >= desired && (ceiling <= desired || !w.hasRoom(v, s)) && (len(s.Deployments) > 1 || leaving)
	switch {
	case stuck, s.Deployments[0].State == types.DeploymentRolloutStateFailed: // it starts nothing any more
		return nil
	case missing > 0 && n.live < ceiling && w.hasRoom(v, s):
		return fmt.Errorf("lacks %d of %d tasks, and there is room", missing, desired)
	case missing > 0:
		return nil
	case n.staying != desired || n.healthy != desired || n.live != desired:
		return fmt.Errorf("wants %d tasks and has %+v", desired, n)
	case len(s.Deployments) > 1:
		return fmt.Errorf("still has %d deployments", len(s.Deployments))
	case s.Deployments[0].State == types.DeploymentRolloutStateInProgress:
		return fmt.Errorf("has a deployment that is still in progress")
	case !strings.HasSuffix(lastEvent(v, s), "has reached a steady state."):
		return fmt.Errorf("does not say that it is steady, but: %s", lastEvent(v, s))
	}
	for d := range v.DeploymentsOf(s.ARN) {
		if !d.Over() {
			return fmt.Errorf("%s is %s", d.ARN, d.Status)
		}
	}
	return nil
}

func lastEvent(v *state.View, s state.Service) (message string) {
	for e := range v.EventsOf(s.ARN) {
		message = e.Message
	}
	return message
}

// hasOthers reports whether other services have tasks on an instance.
func hasOthers(v *state.View, i state.ContainerInstance, s state.Service) bool {
	for t := range v.TasksOn(i.ARN) {
		if t.Service != "" && t.Service != s.ARN {
			return true
		}
	}
	return false
}
