package deploy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// DesiredDaemons is how many tasks a service with the scheduling strategy DAEMON
// is to run: one on each container instance that is ACTIVE and satisfies its
// constraints. An instance whose agent is away counts as long as a task of the
// service is on it.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
func DesiredDaemons(v *state.View, s state.Service) int {
	return len((&look{v: v, s: s}).sites())
}

// sites are the container instances, by ARN, that are to run a task of a DAEMON
// service.
func (l *look) sites() map[string]state.ContainerInstance {
	if len(l.s.Deployments) == 0 {
		return nil
	}
	from := l.deployment(l.s.Deployments[0])
	r, _ := l.request(l.v, l.s, from, share{launchType: cmp.Or(from.LaunchType, "EC2")})
	all := map[string]state.ContainerInstance{}
	for _, i := range place.Matching(l.v, r) {
		if i.AgentConnected || l.v.InGroup(i.ARN, r.Group) > 0 {
			all[i.ARN] = i
		}
	}
	return all
}

// recount notes how many tasks a DAEMON service is to run, when that changes.
func (l *look) recount() bool {
	if l.s.Scheduling != types.SchedulingStrategyDaemon {
		return false
	}
	desired := len(l.sites())
	if desired == l.s.Desired {
		return false
	}
	s := l.s
	s.Desired = desired
	l.p.Do(
		plan.PutService{Service: s, Why: fmt.Sprintf("%d container instances are to run %s", desired, s.Name)},
		plan.RecordEvent{Service: s.ARN, Message: fmt.Sprintf("(daemon service %s) updated desired count to %d.", s.Name, desired)},
	)
	return true
}

// daemon keeps one task on each site. The old one has stopped before a new one
// starts there: the maximum percent is 100, always.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
func (l *look) daemon() {
	kept, others := l.kept()
	d := daemons{rolling: rolling{look: l, deployment: kept, source: l.deployment(kept), desired: l.s.Desired}, sites: l.sites()}
	d.sort(others)
	d.start()
	d.stopStrays()
	d.replaceAged()
	d.replaceUnhealthy()
	if len(l.p.Actions) == 0 {
		d.explain()
	}
}

// daemons is one look at the tasks of a DAEMON service.
type daemons struct {
	rolling
	sites  map[string]state.ContainerInstance
	aged   []state.Task // of other deployments, and second ones, on sites
	strays []state.Task // on other instances
}

// sort looks at each task and where it is.
func (d *daemons) sort(others []state.Deployment) {
	occupied := map[string]bool{}
	for _, t := range d.staying(d.deployment.ID) {
		switch _, site := d.sites[t.Instance]; {
		case !site:
			d.strays = append(d.strays, t)
		case occupied[t.Instance]:
			d.aged = append(d.aged, t)
		default:
			occupied[t.Instance] = true
			d.fresh.add(t.Phase())
		}
	}
	for _, o := range others {
		d.assess(d.look.deployment(o))
		for _, t := range d.staying(o.ID) {
			if _, site := d.sites[t.Instance]; site {
				d.aged = append(d.aged, t)
			} else {
				d.strays = append(d.strays, t)
			}
		}
	}
	for _, t := range d.aged {
		d.old.add(t.Phase())
	}
	d.unhealthy = slices.DeleteFunc(d.assess(d.source), func(t state.Task) bool {
		_, site := d.sites[t.Instance]
		return !site
	})
	for _, i := range d.sites {
		if i.AgentConnected && d.v.InGroup(i.ARN, "service:"+d.s.Name) == 0 {
			d.room++
		}
	}
	d.floor, d.ceiling = limits(d.desired, d.s.Rollout)
	d.want = d.desired - d.good()
	d.spare = d.fresh.healthy + d.old.healthy - d.floor
}

// staying is the tasks of a deployment that nobody has asked to stop, the
// healthy ones first.
func (d *daemons) staying(id string) []state.Task {
	return slices.Concat(d.in(id, state.Healthy), d.in(id, state.Running), d.in(id, state.Pending))
}

func (c *counts) add(p state.Phase) {
	switch p {
	case state.Pending:
		c.pending++
	case state.Running:
		c.running++
	case state.Healthy:
		c.healthy++
	}
}

// stopStrays stops tasks where none should be. On a container instance that
// drains, the daemon is the last of the services' tasks to stop.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
func (d *daemons) stopStrays() {
	var drained, misplaced []state.Task
	for _, t := range d.strays {
		switch i, _ := d.v.ContainerInstances.Get(t.Instance); {
		case i.Status != "DRAINING":
			misplaced = append(misplaced, t)
		case t.Phase() == state.Pending || !runsReplicas(d.v, t.Instance):
			drained = append(drained, t)
		default:
			d.p.Note("task %s waits for the other services' tasks on container instance %s, which drains, to stop", idOf(t.ARN), idOf(t.Instance))
		}
	}
	for _, t := range d.unprotected(misplaced) {
		message := fmt.Sprintf("%s (task %s) no longer meets the placement constraints of the service on (container-instance %s).", d.source.title, idOf(t.ARN), idOf(t.Instance))
		d.p.Do(plan.RecordEvent{Service: d.s.ARN, Message: message})
	}
	d.stop(drained, "its container instance drains")
	d.stop(misplaced, "its container instance does not satisfy the constraints")
}

// runsReplicas reports whether tasks of REPLICA services are on a container
// instance, by its ARN.
func runsReplicas(v *state.View, instance string) bool {
	for t := range v.TasksOn(instance) {
		if s, ok := v.Services.Get(t.Service); ok && s.Scheduling == types.SchedulingStrategyReplica {
			return true
		}
	}
	return false
}

// replaceAged stops tasks that are to make way for one of the deployment: those
// that are not healthy at once, healthy ones as far as the floor allows.
func (d *daemons) replaceAged() {
	if d.deployment.State == types.DeploymentRolloutStateFailed {
		return
	}
	var healthy, others []state.Task
	for _, t := range d.aged {
		if t.Phase() == state.Healthy {
			healthy = append(healthy, t)
		} else {
			others = append(others, t)
		}
	}
	why := "replaced by deployment " + d.deployment.ID
	d.stop(others, why)
	d.spareSome(healthy, why)
}
