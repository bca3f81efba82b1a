package daemon

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// site is a container instance as its daemon sees it.
type site struct {
	instance state.ContainerInstance
	wanted   bool         // one task of the daemon should run here
	fresh    []state.Task // of the revision, not asked to stop
	old      []state.Task // of others, not asked to stop
	ending   int          // asked to stop, and not stopped yet
}

func (s site) tasks() int { return len(s.fresh) + len(s.old) + s.ending }

// settled reports whether the one task that should run here does, and is healthy.
func (s site) settled() bool {
	return len(s.fresh) == 1 && s.fresh[0].Phase() == state.Healthy && s.tasks() == 1 && s.instance.DrainedBy == ""
}

// waits reports whether a healthy task of an earlier revision does its work there.
func (s site) waits() bool {
	return s.instance.Status == "ACTIVE" && slices.ContainsFunc(s.old, func(t state.Task) bool { return t.Phase() == state.Healthy })
}

// look finds the container instances that the daemon has to do with.
func (r *rollout) look() {
	r.sites, r.inWork = nil, 0
	for i := range r.v.InstancesOf(r.daemon.Cluster) {
		s := site{instance: i, wanted: r.wants(i)}
		for t := range r.v.DaemonTasks(r.daemon.ARN, i.ARN) {
			switch {
			case t.Desired == "STOPPED" || t.Phase() == state.Stopping:
				s.ending++
			case t.Revision == r.daemon.Revision:
				s.fresh = append(s.fresh, t)
			default:
				s.old = append(s.old, t)
			}
		}
		if !s.wanted && s.tasks() == 0 && i.DrainedBy != r.daemon.ARN {
			continue
		}
		r.sites = append(r.sites, s)
		if s.wanted && !s.settled() && !s.waits() {
			r.inWork++
		}
	}
}

// wants reports whether the daemon should run on i now. Where a user or another
// daemon drains i, or its agent is away, nothing changes until that ends.
func (r *rollout) wants(i state.ContainerInstance) bool {
	mine := i.Status == "ACTIVE" || i.Status == "DRAINING" && i.DrainedBy == r.daemon.ARN
	return mine && i.AgentConnected && r.belongs(i) && r.daemon.Status == types.DaemonStatusActive
}

// belongs reports whether i is of the daemon's capacity providers.
func (r *rollout) belongs(i state.ContainerInstance) bool {
	return r.daemon.Revision != "" && slices.Contains(r.daemon.Providers, i.CapacityProvider)
}

// wanted is how many container instances the daemon should run on.
func (r *rollout) wanted() (n int) {
	for _, s := range r.sites {
		if s.wanted {
			n++
		}
	}
	return n
}

// settled reports whether all of them run what they should, and no others.
func (r *rollout) settled() bool {
	for _, s := range r.sites {
		if s.wanted && !s.settled() || !r.belongs(s.instance) && s.tasks() > 0 {
			return false
		}
	}
	return true
}

// batch is how many instances may be in work at once.
func (r *rollout) batch() int {
	return max(1, int(float64(r.wanted())*aws.ToFloat64(r.deployment.Config.DrainPercent)/100))
}

// tend brings one container instance a step closer to what it should run.
func (r *rollout) tend(s site) {
	i := s.instance
	switch {
	case r.full():
	case !r.belongs(i):
		r.stop(slices.Concat(s.fresh, s.old), "The daemon does not run on this container instance any more")
		r.reactivate(i)
	case !s.wanted:
		if i.Status == "DRAINING" && i.DrainedBy == "" && !r.busy(i, whatever) {
			r.stop(slices.Concat(s.fresh, s.old), "Container instance drained") // last
		}
	case len(s.fresh) > 0:
		r.tendFresh(s)
	case len(s.old) > 0:
		r.replace(s)
	case s.ending == 0:
		r.repair(s)
		r.start(s)
	default:
		r.repair(s)
	}
}

// tendFresh looks after the task of the revision, which there is.
func (r *rollout) tendFresh(s site) {
	t := s.fresh[0]
	r.stop(slices.Concat(s.fresh[1:], s.old), "Another task of the daemon runs on this container instance")
	definition, _ := r.v.DefinitionOf(t)
	switch phase := t.Phase(); {
	case phase == state.Healthy:
		if s.tasks() == 1 {
			r.reactivate(s.instance)
		}
	case phase == state.Running && plan.Health(r.v, t) == types.HealthStatusUnhealthy:
		r.fail("task " + id(t.ARN) + " is unhealthy")
		r.stop(s.fresh[:1], "Task failed container health checks")
		r.repair(s)
	case phase == state.Running && !plan.HasHealthCheck(&definition):
		if at := t.StartedAt.Add(r.HealthyAfter); r.now.Before(at) {
			r.plan.WakeAt(at)
		} else {
			r.plan.Do(plan.CountHealthy{Tasks: []string{t.ARN}})
		}
	}
}

// replace stops the task of an earlier revision, where the batch has room; before
// that, tasks of services move to other instances, if there are any.
func (r *rollout) replace(s site) {
	i := s.instance
	why := "Replaced by daemon deployment " + r.deployment.ID
	switch {
	case i.Status == "ACTIVE" && !s.waits():
		r.stop(s.old, why)
	case i.Status == "ACTIVE" && r.inWork >= r.batch():
	case i.Status == "ACTIVE" && r.busy(i, ofService) && r.elsewhere(i):
		r.inWork++
		r.drain(i, "deployment of the daemon "+r.daemon.Name)
	case i.Status == "ACTIVE":
		r.inWork++
		r.stop(s.old, why)
	case r.drained(i):
		r.stop(s.old, why)
	}
}

// repair drains an instance that lost its critical daemon, until it is back.
// While a deployment goes on, that is how the daemon comes to be there at all.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-auto-repair.html
func (r *rollout) repair(s site) {
	if r.revision.Critical && r.deployment.Over() && s.instance.Status == "ACTIVE" && r.busy(s.instance, whatever) {
		r.drain(s.instance, "the critical daemon "+r.daemon.Name+" does not run")
	}
}

// start starts a task of the revision, unless the last failure was just now. An
// instance without room is drained for it.
func (r *rollout) start(s site) {
	if next := r.deployment.FailedAt.Add(pause(r.deployment.Failed)); r.now.Before(next) {
		r.plan.WakeAt(next)
		return
	}
	i := s.instance
	request, start := r.request(i)
	places, refused := place.Tasks(r.v, request)
	switch {
	case len(places) > 0:
		start.Place = places[0]
		r.plan.Do(start)
	case i.Status == "ACTIVE" && r.busy(i, ofService) && r.elsewhere(i):
		r.drain(i, "there is no room for the daemon "+r.daemon.Name)
	case i.Status == "DRAINING" && !r.drained(i):
	case len(refused) > 0:
		why := fmt.Sprintf("Unable to place a daemon task on container instance %s: %s: %s.", id(i.ARN), refused[0].Reason, refused[0].Detail)
		r.fail(why)
		if !r.deployment.Over() {
			r.deployment.Reason = why
		}
		r.plan.WakeAt(r.now.Add(pause(r.deployment.Failed)))
	}
}

// pause is how long to wait after a number of failures in a row.
func pause(failed int) time.Duration {
	if failed == 0 {
		return 0
	}
	return min(time.Second<<min(failed-1, 10), longestPause)
}

// fail counts a failure that no task reports.
func (r *rollout) fail(why string) {
	r.deployment.Failed, r.deployment.FailedAt = r.deployment.Failed+1, r.now
	r.change(why)
}

// request asks for the place of the task on i, and says how it starts.
func (r *rollout) request(i state.ContainerInstance) (place.Request, place.Start) {
	d, _ := r.v.DaemonDefinitions.Get(r.revision.Definition)
	takes, gpus := place.Needs(&d.Runs, nil)
	start := place.Start{Task: place.Template(r.daemon.Cluster, &d.Runs, nil), Definition: &d.Runs}
	t := &start.Task
	t.Group, t.StartedBy, t.Service, t.Revision = "daemon:"+r.daemon.Name, r.deployment.ID, r.daemon.ARN, r.daemon.Revision
	t.LaunchType, t.CapacityProvider, t.ExecuteCommand = string(types.LaunchTypeManagedInstances), i.CapacityProvider, r.revision.Execute
	t.Tags = []types.Tag{}
	if r.revision.Propagate == types.DaemonPropagateTagsDaemon {
		t.Tags = append(t.Tags, r.daemon.Tags...)
	}
	if r.revision.ManagedTags {
		t.Tags = append(t.Tags, types.Tag{Key: aws.String("aws:ecs:clusterName"), Value: aws.String(id(r.daemon.Cluster))})
	}
	return place.Request{
		Cluster: r.daemon.Cluster, LaunchType: t.LaunchType, CapacityProvider: i.CapacityProvider, Only: i.ARN, Daemon: true,
		Definition: &d.Runs, Takes: takes, GPUs: gpus, Group: t.Group, Count: 1, Seed: r.deployment.ID,
	}, start
}

func (r *rollout) stop(tasks []state.Task, why string) {
	for _, t := range tasks {
		r.plan.Do(plan.StopTask{ARN: t.ARN, Code: types.TaskStopCodeServiceSchedulerInitiated, Reason: why})
	}
}

func (r *rollout) drain(i state.ContainerInstance, why string) {
	r.plan.Do(plan.DrainForDaemon{Instance: i.ARN, Daemon: r.daemon.ARN, Why: "Drained: " + why})
}

func (r *rollout) reactivate(i state.ContainerInstance) {
	if i.Status == "DRAINING" && i.DrainedBy == r.daemon.ARN {
		r.plan.Do(plan.ReactivateForDaemon{Instance: i.ARN, Daemon: r.daemon.ARN})
	}
}

// drained reports whether an instance that is drained for the daemon has been so
// for long enough. Tasks of no service stay, as whenever an instance is drained.
func (r *rollout) drained(i state.ContainerInstance) bool {
	end := i.DrainedAt.Add(patience)
	if r.now.Before(end) && r.busy(i, ofService) {
		r.plan.WakeAt(end)
		return false
	}
	return true
}

func whatever(state.Task) bool    { return true }
func ofService(t state.Task) bool { return t.Service != "" }

// busy reports whether tasks of no daemon run on i, of those that count.
func (r *rollout) busy(i state.ContainerInstance, counts func(state.Task) bool) bool {
	for t := range r.v.TasksOn(i.ARN) {
		if !t.OfDaemon() && counts(t) {
			return true
		}
	}
	return false
}

// elsewhere reports whether there is another instance that tasks could go to.
func (r *rollout) elsewhere(i state.ContainerInstance) bool {
	for other := range r.v.InstancesOf(i.Cluster) {
		if other.ARN != i.ARN && other.CapacityProvider == i.CapacityProvider && other.Status == "ACTIVE" && other.AgentConnected {
			return true
		}
	}
	return false
}
