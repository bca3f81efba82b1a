// Package daemon decides how a managed daemon comes to run exactly one task on
// each container instance of its capacity providers.
//
// [Config.Plan] is pure: it reads a view and the time it is given, and returns
// what to do next. A machine is not replaced here, as ECS does, but its daemon
// is: the instance is drained, a batch of them at a time, the task replaced, and
// the instance made ACTIVE again when the new one is healthy.
//
// Used by control, and by api/ecs to begin deployments.
package daemon

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// Config is what all daemons are planned by.
type Config struct {
	// HealthyAfter is how long a task without health checks has to run before it
	// counts as healthy.
	HealthyAfter time.Duration
}

const (
	// mostAtOnce is how many tasks a plan starts or stops at most. What is left
	// follows at once; a transaction has a limit.
	mostAtOnce = 100

	// patience is how long a container instance is drained at most before its
	// daemon is replaced under the tasks that have nowhere to go.
	patience = 5 * time.Minute

	// longestPause is the longest between two starts while tasks fail.
	longestPause = 30 * time.Second
)

// Plan moves d one step towards what its user wants. To apply the plan and plan
// again, until it is empty, converges.
func (c Config) Plan(v *state.View, d state.Daemon, now time.Time) plan.Plan {
	r := &rollout{Config: c, v: v, now: now, daemon: d}
	r.deployment, _ = v.DaemonDeployments.Get(d.Deployment)
	r.revision, _ = v.DaemonRevisions.Get(d.Revision)
	r.look()
	if d.Status == types.DaemonStatusDeleteInProgress {
		r.remove()
		return r.plan
	}
	r.progress()
	for _, s := range r.sites {
		r.tend(s)
	}
	r.record()
	return r.plan
}

// rollout is one plan while it is made.
type rollout struct {
	Config
	v          *state.View
	now        time.Time
	daemon     state.Daemon
	deployment state.DaemonDeployment
	revision   state.DaemonRevision
	sites      []site
	inWork     int    // instances that are drained for the daemon, or run no healthy task of the revision
	why        string // how the deployment changes, in words; empty: it does not
	movedTo    string // how the daemon changes, in words
	plan       plan.Plan
}

// change notes that the deployment is to be written.
func (r *rollout) change(why string) { r.why = cmp.Or(r.why, r.daemon.Name+": "+why) }

// record puts the changes of records before all else.
func (r *rollout) record() {
	var first []plan.Action
	if r.movedTo != "" {
		first = append(first, plan.PutDaemon{Daemon: r.daemon, Why: r.movedTo})
	}
	if r.why != "" {
		first = append(first, plan.PutDaemonDeployment{Deployment: r.deployment, Why: r.why})
	}
	if digests := r.digests(); digests != nil {
		first = append(first, *digests)
	}
	r.plan.Actions = append(first, r.plan.Actions...)
}

// full reports whether the plan has enough for one transaction.
func (r *rollout) full() bool { return len(r.plan.Actions) >= mostAtOnce }

// remove stops all tasks of a deleted daemon, which is gone when there are none.
func (r *rollout) remove() {
	left := false
	for _, s := range r.sites {
		r.stop(slices.Concat(s.fresh, s.old), "Daemon deleted")
		r.reactivate(s.instance)
		left = left || s.tasks() > 0
	}
	if !left {
		r.plan.Do(plan.RemoveDaemon{ARN: r.daemon.ARN})
	}
}

// progress moves the deployment on.
func (r *rollout) progress() {
	d := &r.deployment
	healthy := func(t state.Task) bool {
		return t.StartedBy == d.ID && t.HealthyAt.After(d.FailedAt)
	}
	if d.Failed > 0 && slices.ContainsFunc(r.sites, func(s site) bool { return slices.ContainsFunc(s.fresh, healthy) }) {
		d.Failed = 0
		r.change("a task is healthy again")
	}
	if d.Status == types.DaemonDeploymentStatusPending {
		d.Status, d.StartedAt, d.Reason = types.DaemonDeploymentStatusInProgress, r.now, "Deployment in progress."
		r.change("deployment in progress")
	}
	switch {
	case d.Over():
	case d.Failed >= Threshold(r.wanted()):
		d.Tripped = true
		r.rollBack("The daemon deployment circuit breaker was triggered: tasks failed to start.")
	case len(d.Triggered) > 0 && d.Rollback == nil:
		r.rollBack("An alarm was triggered: " + strings.Join(d.Triggered, ", ") + ".")
	case r.settled():
		r.succeed()
	}
}

// Threshold is how many failures in a row end a deployment to a number of
// container instances: half of them, and as many as in ECS's example at least.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeDaemonDeployments.html
func Threshold(instances int) int { return min(max((instances+1)/2, 10), 200) }

// rollBack ends what the deployment was for: to the revision of the last one that
// succeeded, if it does not do so already.
func (r *rollout) rollBack(reason string) {
	d := &r.deployment
	last, ok := lastSuccess(r.v, r.daemon)
	switch {
	case d.Rollback != nil:
		d.Status, d.StoppedAt, d.Reason = types.DaemonDeploymentStatusRollbackFailed, r.now, "The rollback failed: "+reason
		r.change("rollback failed")
		return
	case !ok:
		d.Status, d.StoppedAt, d.Reason = types.DaemonDeploymentStatusStopped, r.now, reason+" There is no earlier revision to roll back to."
		r.daemon.Revision = ""
		r.change("deployment stopped")
	default:
		d.Status, d.Reason, d.Failed, d.BakingAt = types.DaemonDeploymentStatusRollbackInProgress, reason, 0, time.Time{}
		d.Rollback = &types.DaemonRollback{Reason: &reason, StartedAt: &r.now, RollbackTargetDaemonRevisionArn: &last.Target}
		for _, name := range last.Providers {
			d.Rollback.RollbackCapacityProviders = append(d.Rollback.RollbackCapacityProviders, providerARN(r.daemon, name))
		}
		r.daemon.Revision, r.daemon.Providers = last.Target, last.Providers
		r.change("roll back to revision " + id(last.Target))
	}
	r.daemon.UpdatedAt = r.now
	r.movedTo = r.daemon.Name + " moves to revision " + cmp.Or(id(r.daemon.Revision), "none")
	r.revision, _ = r.v.DaemonRevisions.Get(r.daemon.Revision)
	r.look()
}

// lastSuccess is the newest deployment of d that succeeded, if tasks can still
// be made from its target.
func lastSuccess(v *state.View, d state.Daemon) (last state.DaemonDeployment, ok bool) {
	for other := range v.DaemonDeploymentsOf(d.ARN) {
		if other.Status == types.DaemonDeploymentStatusSuccessful && other.CreatedAt.After(last.CreatedAt) {
			last = other
		}
	}
	revision, _ := v.DaemonRevisions.Get(last.Target)
	return last, v.DaemonDefinitions.Has(revision.Definition)
}

// succeed ends a deployment all of whose container instances run its target, when
// it has been so for the bake time.
func (r *rollout) succeed() {
	d := &r.deployment
	if d.Rollback != nil {
		d.Status, d.FinishedAt, d.Reason = types.DaemonDeploymentStatusRollbackSuccessful, r.now, "Rollback completed successfully."
		r.change("rollback completed")
		return
	}
	if bake := time.Duration(d.Config.BakeTimeInMinutes) * time.Minute; bake > 0 {
		if d.BakingAt.IsZero() {
			d.BakingAt = r.now
			r.change("bake for " + bake.String())
		}
		if end := d.BakingAt.Add(bake); r.now.Before(end) {
			r.plan.WakeAt(end)
			return
		}
	}
	d.Status, d.FinishedAt, d.Reason = types.DaemonDeploymentStatusSuccessful, r.now, "Deployment completed successfully."
	r.why = r.daemon.Name + ": deployment completed"
}

// digests notes which images the first healthy task of the revision runs.
func (r *rollout) digests() *plan.PutDaemonRevision {
	if len(r.revision.Images) == 0 || r.revision.Images[0].ImageDigest != nil {
		return nil
	}
	for _, s := range r.sites {
		for _, t := range s.fresh {
			if images, ok := pulled(r.revision.Images, t.Containers); ok && t.Phase() == state.Healthy {
				r.revision.Images = images
				return &plan.PutDaemonRevision{Revision: r.revision, Why: r.daemon.Name + ": note the digests of revision " + id(r.revision.ARN)}
			}
		}
	}
	return nil
}

// pulled is images with the digests that containers have; false if one has none.
func pulled(images []types.DaemonContainerImage, containers []types.Container) ([]types.DaemonContainerImage, bool) {
	images = slices.Clone(images)
	for n := range images {
		i := slices.IndexFunc(containers, func(c types.Container) bool { return *c.Name == *images[n].ContainerName })
		if i < 0 || containers[i].ImageDigest == nil {
			return nil, false
		}
		images[n].ImageDigest = containers[i].ImageDigest
	}
	return images, true
}

// providerARN is the ARN of a capacity provider in the account of d.
func providerARN(d state.Daemon, name string) string {
	account, _, _ := strings.Cut(d.ARN, ":daemon/")
	return account + ":capacity-provider/" + name
}

// id is the last part of an ARN.
func id(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
