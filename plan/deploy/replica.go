package deploy

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// replica keeps the desired count of tasks of one deployment, and replaces those
// of all others, within the limits.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
func (l *look) replica() {
	kept, others := l.kept()
	r := rolling{look: l, deployment: kept, source: l.deployment(kept), desired: l.s.Desired}
	r.count(others)
	r.start()
	r.replaceOthers(others)
	r.replaceDraining()
	r.replaceUnhealthy()
	r.scaleIn(others)
	if len(l.p.Actions) == 0 {
		r.rebalance()
	}
	if len(l.p.Actions) == 0 {
		r.explain()
	}
}

// kept is the deployment that is to have all tasks, and the others: the primary
// one, but while a hook holds it back before its first task, the last that completed.
func (l *look) kept() (kept state.Deployment, others []state.Deployment) {
	all := l.s.Deployments
	if l.heldBack() {
		for i, d := range all {
			if d.State == types.DeploymentRolloutStateCompleted {
				return d, slices.Concat(all[:i], all[i+1:])
			}
		}
	}
	return all[0], all[1:]
}

// rolling is one look at a deployment that takes tasks over from others.
type rolling struct {
	*look
	deployment state.Deployment
	source     source
	desired    int

	fresh, old     counts       // of the deployment's tasks, and of the others'
	unhealthy      []state.Task // of the deployment's, those that failed their checks
	leaving        []state.Task // of the deployment's, those on instances that drain
	floor, ceiling int
	want           int // how many more tasks are to start
	room           int // how many more may be live
	spare          int // how many healthy tasks may go
}

func (r *rolling) count(others []state.Deployment) {
	r.fresh = count(r.v, r.s, r.deployment.ID)
	for _, d := range others {
		r.old = r.old.plus(count(r.v, r.s, d.ID))
		r.assess(r.look.deployment(d))
	}
	drain := r.draining()
	r.leaving = drain[r.deployment.ID]
	if r.deployment.State == types.DeploymentRolloutStateFailed {
		for _, d := range others { // which nothing else replaces
			r.leaving = append(r.leaving, drain[d.ID]...)
		}
	}
	r.unhealthy = slices.DeleteFunc(r.assess(r.source), func(t state.Task) bool {
		return slices.ContainsFunc(r.leaving, func(l state.Task) bool { return l.ARN == t.ARN })
	})
	r.floor, r.ceiling = limits(r.desired, r.s.Rollout)
	r.want = r.desired - r.good()
	r.room = r.ceiling - r.fresh.live() - r.old.live()
	r.spare = r.fresh.healthy + r.old.healthy - r.floor
}

// good is how many tasks of the deployment are there to stay.
func (r *rolling) good() int { return r.fresh.staying() - len(r.unhealthy) - len(r.leaving) }

// start starts what is missing, as far as the ceiling allows. A deployment that
// failed starts nothing.
func (r *rolling) start() {
	switch {
	case r.want <= 0:
	case r.deployment.State == types.DeploymentRolloutStateFailed:
		r.p.Note("starts none of %d missing tasks: deployment %s failed", r.want, r.deployment.ID)
	case r.heldBack() && r.deployment.ID == r.s.Deployments[0].ID:
		r.p.Note("starts none of %d missing tasks: deployment %s is paused", r.want, r.deployment.ID)
	default:
		r.look.start(r.source, r.desired, min(r.want, r.room))
	}
}

// replaceOthers stops the tasks of the other deployments: those that are not
// healthy at once, healthy ones as far as the floor allows. What an unsuccessful
// deployment has left of them stays.
func (r *rolling) replaceOthers(others []state.Deployment) {
	if r.deployment.State == types.DeploymentRolloutStateFailed {
		return
	}
	why := "replaced by deployment " + r.deployment.ID
	for _, d := range others {
		r.stop(slices.Concat(r.in(d.ID, state.Pending), r.in(d.ID, state.Running)), why)
		if r.spare > 0 {
			r.spareSome(leaveFirst(r.v, r.s, r.sample(d.ID)), why)
		}
	}
}

// sample are healthy tasks of a source of which all will leave: enough to choose
// a plan's from. Their ids, by which they come, are random, so that they are of all
// zones and container instances as the whole is, and n tasks are not ordered n times.
func (r *rolling) sample(id string) (tasks []state.Task) {
	free := 0
	for t := range r.v.TasksOfDeployment(r.s.ARN, id, state.Healthy) {
		tasks = append(tasks, t)
		if !t.ProtectedUntil.After(r.now) {
			free++
		}
		if free == 10*mostAtOnce {
			break
		}
	}
	return tasks
}

// replaceDraining stops tasks on container instances that drain: those that are
// not healthy at once, healthy ones as far as the floor allows.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html
func (r *rolling) replaceDraining() {
	var healthy, others []state.Task
	for _, t := range r.leaving {
		if t.Phase() == state.Healthy {
			healthy = append(healthy, t)
		} else {
			others = append(others, t)
		}
	}
	const why = "its container instance drains"
	r.stop(others, why)
	r.spareSome(healthy, why)
}

// replaceUnhealthy stops tasks that failed their health checks when others have
// taken their places. If there is no room to start those, it stops one after the
// other to make some.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
func (r *rolling) replaceUnhealthy() {
	tasks := r.unprotected(r.unhealthy)
	n := min(len(tasks), r.fresh.healthy-r.drainingHealthy()+len(r.unhealthy)-r.desired)
	if n <= 0 && r.cramped() {
		n = min(1, len(tasks))
	}
	if n <= 0 {
		return
	}
	for _, t := range tasks[:n] {
		r.p.Do(r.fell(r.source.title, t))
	}
	if r.deployment.State == types.DeploymentRolloutStateInProgress {
		r.p.Do(plan.CountFailures{Service: r.s.ARN, Of: r.deployment.ID, Tasks: n})
	}
	r.halt(r.source.title, tasks[:n], failedChecks, "failed its health checks")
}

// cramped reports whether a replacement can only start when another task has
// stopped: because of the ceiling, or because it has no place. What was stopped
// for that before has been replaced.
func (r *rolling) cramped() bool {
	if r.want <= 0 || r.fresh.leaving+r.fresh.stopping+r.fresh.pending > 0 {
		return false
	}
	return r.room <= 0 || r.unplaced > 0 && r.fresh.staying() >= r.desired
}

func (r *rolling) drainingHealthy() (n int) {
	for _, t := range r.leaving {
		if t.Phase() == state.Healthy {
			n++
		}
	}
	return n
}

// scaleIn stops what is more than desired: first what is not healthy yet. Where a
// deployment failed, the tasks of all deployments are the service's.
func (r *rolling) scaleIn(others []state.Deployment) {
	excess, ids := r.good()-r.desired, []string{r.deployment.ID}
	if r.deployment.State == types.DeploymentRolloutStateFailed {
		excess += r.old.staying()
		for _, d := range others {
			ids = append(ids, d.ID)
		}
	}
	if excess <= 0 {
		return
	}
	why := fmt.Sprintf("%d more than the %d desired", excess, r.desired)
	if r.rebalances() {
		r.scaleInZones(excess, why)
		return
	}
	var tasks []state.Task
	for _, id := range ids {
		for _, phase := range []state.Phase{state.Pending, state.Running, state.Healthy} {
			tasks = append(tasks, slices.DeleteFunc(r.in(id, phase), r.bad)...)
		}
	}
	tasks = leaveFirst(r.v, r.s, r.unprotected(tasks))
	tasks = tasks[:min(len(tasks), excess)]
	healthy := slices.IndexFunc(tasks, func(t state.Task) bool { return t.Phase() == state.Healthy })
	if healthy < 0 {
		healthy = len(tasks)
	}
	r.halt(r.source.title, tasks[:healthy], scaling(r.deployment.ID), why)
	r.spareSome(tasks[healthy:], why)
}

// bad reports whether t is replaced anyway.
func (r *rolling) bad(t state.Task) bool {
	same := func(u state.Task) bool { return u.ARN == t.ARN }
	return slices.ContainsFunc(r.leaving, same) || slices.ContainsFunc(r.unhealthy, same)
}

// stop stops tasks that do not count as healthy.
func (r *rolling) stop(tasks []state.Task, why string) {
	r.halt(r.source.title, r.unprotected(tasks), scaling(r.deployment.ID), why)
}

// spareSome stops as many of the healthy tasks as the floor allows.
func (r *rolling) spareSome(tasks []state.Task, why string) {
	tasks = r.unprotected(tasks)
	n := min(len(tasks), r.spare, mostAtOnce)
	if n <= 0 {
		return
	}
	r.spare -= n
	r.halt(r.source.title, tasks[:n], scaling(r.deployment.ID), why)
}

// explain says why nothing is to do though not all is as desired.
func (r *rolling) explain() {
	if r.want <= 0 && r.old.staying() == 0 {
		return
	}
	live := r.fresh.live() + r.old.live()
	if r.want > 0 && r.room <= 0 {
		r.p.Note("starts none of %d missing tasks: %d are live, and the ceiling is %d", r.want, live, r.ceiling)
	}
	if r.spare <= 0 && r.old.healthy > 0 {
		r.p.Note("stops none of %d old tasks: %d are healthy, and the floor is %d", r.old.healthy, r.fresh.healthy+r.old.healthy, r.floor)
	}
	if r.want > 0 && r.room <= 0 && r.spare <= 0 && r.fresh.healthy+r.old.healthy == live {
		r.warn(r.source.title+" was unable to stop or start tasks during a deployment because of the service deployment configuration. "+
			"Update the minimumHealthyPercent or maximumPercent value and try again.", started, steady)
	}
}
