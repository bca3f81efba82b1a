package sim

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// tally is how many tasks a service has, counted from their statuses.
type tally struct{ live, healthy, staying int }

// tallyOf counts the tasks of a service.
func tallyOf(v *state.View, service string) (n tally) {
	for t := range v.Tasks.All() {
		if t.Service != service || t.Last == "STOPPED" {
			continue
		}
		switch phaseOf(t) {
		case state.Healthy:
			n.healthy++
			fallthrough
		case state.Pending, state.Running:
			n.staying++
			fallthrough
		case state.Leaving:
			n.live++
		}
	}
	return n
}

// bounds are the floor and the ceiling of a service, as documented: the minimum
// is rounded up, the maximum down.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func bounds(v *state.View, s state.Service) (floor, ceiling int) {
	desired := desiredOf(v, s)
	lowest, most := desired*int(aws.ToInt32(s.Rollout.MinimumHealthyPercent)), desired*int(aws.ToInt32(s.Rollout.MaximumPercent))
	floor = lowest / 100
	if lowest%100 != 0 {
		floor++
	}
	return floor, most / 100
}

// desiredOf is how many tasks a service should have: a daemon one on each
// instance that it may run on.
func desiredOf(v *state.View, s state.Service) int {
	if s.Scheduling != types.SchedulingStrategyDaemon {
		return s.Desired
	}
	return len(daemonInstances(v, s))
}

// checkPlan checks what a plan of a service did in the transaction that made
// after of before.
func (w *World) checkPlan(before, after *state.View, s state.Service) {
	was, is := tallyOf(before, s.ARN), tallyOf(after, s.ARN)
	if s.Scheduling == types.SchedulingStrategyDaemon { // what leaves other instances is none of the desired tasks
		on := daemonInstances(before, s)
		was.healthy, is.healthy = healthyOn(before, s, on), healthyOn(after, s, on)
	}
	floor, ceiling := bounds(before, s)
	started, stopped := w.changed(before, after, s)
	rolls := s.Status == "ACTIVE" && s.Controller == types.DeploymentControllerTypeEcs
	if rolls && is.healthy < was.healthy && is.healthy < floor {
		w.broken("never fewer healthy tasks than the floor", fmt.Errorf("%s had %d healthy tasks and has %d; its floor is %d", s.Name, was.healthy, is.healthy, floor))
	}
	replica := s.Scheduling != types.SchedulingStrategyDaemon
	if rolls && replica && len(started) > 0 && is.live > ceiling {
		w.broken("never more live tasks than the ceiling", fmt.Errorf("%s has %d live tasks, %d of them new; its ceiling is %d", s.Name, is.live, len(started), ceiling))
	}
	if s.Status != "ACTIVE" && len(started) > 0 {
		w.broken("a deleted service starts nothing", fmt.Errorf("%s is %s and starts %s", s.Name, s.Status, started[0].ARN))
	}
	for _, t := range stopped {
		w.checkStop(before, s, t)
	}
	w.checkToldStarts(before, after, s, started)
	w.checkSpread(after, s, started)
	w.checkPauses(s, started)
}

// checkSpread: of instances that a strategy spreads tasks over, one that got a
// task has at most one more than each that has room for another.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-strategies.html
func (w *World) checkSpread(after *state.View, s state.Service, started []state.Task) {
	byZone := hasStrategy(s, 0, "attribute:ecs.availability-zone")
	byInstance := hasStrategy(s, 0, "instanceId") || byZone && hasStrategy(s, 1, "instanceId")
	if len(started) == 0 || !byZone && !byInstance {
		return
	}
	if strings.Contains(lastEvent(after, s), "to AZ Rebalance") {
		return // that evens out the tasks that are to stay, not those that still stop
	}
	inZone, onInstance := map[string]int{}, map[string]int{}
	family, _ := familyOf(started[0].Definition)
	for i := range after.InstancesOf(s.Cluster) {
		if suits(after, families[family], i) {
			for t := range after.TasksOn(i.ARN) {
				if t.Service == s.ARN {
					inZone[t.Zone]++
					onInstance[t.Instance]++
				}
			}
		}
	}
	for i := range after.InstancesOf(s.Cluster) {
		if !w.fits(after, s, families[family], i) {
			continue
		}
		for _, t := range started {
			zone := zoneOf(i)
			if byZone && inZone[t.Zone] > inZone[zone]+1 {
				w.broken("tasks are spread", fmt.Errorf("%s started in %s, which has %d tasks of %s; %s has %d and room on %s", t.ARN, t.Zone, inZone[t.Zone], s.Name, zone, inZone[zone], i.ARN))
			}
			if byInstance && (!byZone || zone == t.Zone) && onInstance[t.Instance] > onInstance[i.ARN]+1 {
				w.broken("tasks are spread", fmt.Errorf("%s started on %s, which has %d tasks of %s; %s has %d, and room", t.ARN, t.Instance, onInstance[t.Instance], s.Name, i.ARN, onInstance[i.ARN]))
			}
		}
	}
}

// hasStrategy reports whether the n-th strategy of s spreads over a field.
func hasStrategy(s state.Service, n int, field string) bool {
	return n < len(s.Strategy) && s.Strategy[n].Type == types.PlacementStrategyTypeSpread && *s.Strategy[n].Field == field
}

// healthyOn is how many of the instances have a healthy task of s.
func healthyOn(v *state.View, s state.Service, instances []string) (n int) {
	for _, i := range instances {
		for t := range v.TasksOn(i) {
			if t.Service == s.ARN && phaseOf(t) == state.Healthy {
				n++
				break
			}
		}
	}
	return n
}

// changed is what a plan started and stopped.
func (w *World) changed(before, after *state.View, s state.Service) (started, stopped []state.Task) {
	for t := range after.Tasks.All() {
		was, ok := before.Tasks.Get(t.ARN)
		switch {
		case !ok:
			started = append(started, t)
			if t.Service != s.ARN {
				w.broken("a plan keeps to its service", fmt.Errorf("the plan of %s starts %s", s.Name, t.ARN))
			}
		case was.Desired == "RUNNING" && t.Desired == "STOPPED":
			stopped = append(stopped, was)
			if t.Service != s.ARN {
				w.broken("a plan keeps to its service", fmt.Errorf("the plan of %s stops %s", s.Name, t.ARN))
			}
		}
	}
	return started, stopped
}

// checkStop: protected tasks survive, but for the end of their service or task set.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html
func (w *World) checkStop(before *state.View, s state.Service, t state.Task) {
	set, _ := before.TaskSets.Get(t.Revision)
	if s.Status == "ACTIVE" && set.Status != "DRAINING" && w.now.Before(t.ProtectedUntil) {
		w.broken("protected tasks survive", fmt.Errorf("%s of %s is protected until %v and is stopped", t.ARN, s.Name, t.ProtectedUntil))
	}
}

// checkToldStarts: the events name the tasks that were started, each once.
func (w *World) checkToldStarts(before, after *state.View, s state.Service, started []state.Task) {
	told := map[string]int{}
	for e := range after.EventsOf(s.ARN) {
		if before.ServiceEvents.Has(state.ServiceEventKey(s.ARN, e.Number)) || !strings.Contains(e.Message, "has started") {
			continue
		}
		for _, t := range started {
			told[t.ARN] += strings.Count(e.Message, "(task "+t.ARN[strings.LastIndexByte(t.ARN, '/')+1:]+")")
		}
	}
	for _, t := range started {
		if told[t.ARN] != 1 {
			w.broken("events tell of what starts", fmt.Errorf("%s was started, and the events tell of it %d times", t.ARN, told[t.ARN]))
		}
	}
}

// daemonInstances are those that a daemon service runs on. One whose agent is
// away counts as long as it has a task of the service.
func daemonInstances(v *state.View, s state.Service) (arns []string) {
	if len(s.Deployments) == 0 {
		return nil
	}
	family, _ := familyOf(s.Deployments[0].Definition)
	for i := range v.InstancesOf(s.Cluster) {
		own := false
		for t := range v.TasksOn(i.ARN) {
			own = own || t.Service == s.ARN
		}
		if i.Status == "ACTIVE" && (i.AgentConnected || own) && (!families[family].disk || diskOf(v, i) == "ssd") {
			arns = append(arns, i.ARN)
		}
	}
	return arns
}
