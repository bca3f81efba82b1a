package daemon

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Begin makes a new deployment of d, to a revision and the container instances
// of some capacity providers, and ends the one before if it is not over. It
// changes d, which the caller writes. A revision like d's is none of its own.
func Begin(tx *state.Tx, d *state.Daemon, r state.DaemonRevision, providers []string, config types.DaemonDeploymentConfiguration) {
	end(tx, d.Deployment)
	deployment := pending(tx, d, config)
	deployment.Target, deployment.Providers = put(tx, d, r), providers
	tx.DaemonDeployments.Put(tx, deployment)
	d.Deployment, d.Revision, d.Providers, d.UpdatedAt = deployment.ARN, deployment.Target, providers, tx.Now()
}

// BeginDeletion makes the deployment that takes d off its container instances.
// It changes d, which the caller writes.
func BeginDeletion(tx *state.Tx, d *state.Daemon) {
	end(tx, d.Deployment)
	deployment := pending(tx, d, Defaults(nil))
	deployment.Status, deployment.StartedAt, deployment.Reason = types.DaemonDeploymentStatusInProgress, tx.Now(), "The daemon is being deleted."
	tx.DaemonDeployments.Put(tx, deployment)
	d.Status, d.Deployment, d.UpdatedAt = types.DaemonStatusDeleteInProgress, deployment.ARN, tx.Now()
}

// Defaults fills in what a deployment configuration leaves out.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-deployments.html
func Defaults(c *types.DaemonDeploymentConfiguration) (out types.DaemonDeploymentConfiguration) {
	if c != nil {
		out = *c
	}
	if out.DrainPercent == nil {
		out.DrainPercent = aws.Float64(25)
	}
	if out.Alarms == nil {
		out.Alarms = &types.DaemonAlarmConfiguration{AlarmNames: []string{}}
	}
	return out
}

// end stops a deployment that a new one replaces.
func end(tx *state.Tx, arn string) {
	if before, ok := tx.DaemonDeployments.Get(arn); ok && !before.Over() {
		before.Status, before.StoppedAt = types.DaemonDeploymentStatusStopped, tx.Now()
		before.Reason = "Deployment stopped: it was replaced by a new deployment."
		tx.DaemonDeployments.Put(tx, before)
	}
}

// pending is a new deployment.
func pending(tx *state.Tx, d *state.Daemon, config types.DaemonDeploymentConfiguration) state.DaemonDeployment {
	id, created := tx.NewID()[:21], tx.Now()
	if before, ok := tx.DaemonDeployments.Get(d.Deployment); ok && !created.After(before.CreatedAt) {
		created = before.CreatedAt.Add(time.Millisecond) // their order is that of their times
	}
	return state.DaemonDeployment{
		ARN: part(*d, "daemon-deployment", id), ID: "ecs-daemon/" + id, Daemon: d.ARN, Status: types.DaemonDeploymentStatusPending,
		Reason: "Deployment created.", Sources: running(tx.View, *d), Config: config, CreatedAt: created,
	}
}

// running are the revisions that tasks of d are made from.
func running(v *state.View, d state.Daemon) (revisions []string) {
	for i := range v.InstancesOf(d.Cluster) {
		for t := range v.DaemonTasks(d.ARN, i.ARN) {
			if !slices.Contains(revisions, t.Revision) {
				revisions = append(revisions, t.Revision)
			}
		}
	}
	return revisions
}

// put writes r, unless it is what d runs already, and returns its ARN.
func put(tx *state.Tx, d *state.Daemon, r state.DaemonRevision) string {
	if now, ok := tx.DaemonRevisions.Get(d.Revision); ok && now.Definition == r.Definition && now.Critical == r.Critical &&
		now.ManagedTags == r.ManagedTags && now.Execute == r.Execute && now.Propagate == r.Propagate {
		return now.ARN
	}
	n, _ := strconv.ParseUint(tx.NewID()[:15], 16, 64)
	r.ARN, r.Daemon, r.CreatedAt = part(*d, "daemon-revision", strconv.FormatUint(1e18+n, 10)), d.ARN, tx.Now()
	definition, _ := tx.DaemonDefinitions.Get(r.Definition)
	for _, c := range definition.Runs.ContainerDefinitions {
		r.Images = append(r.Images, types.DaemonContainerImage{ContainerName: c.Name, Image: c.Image})
	}
	tx.DaemonRevisions.Put(tx, r)
	return r.ARN
}

// part is the ARN of something that belongs to a daemon.
func part(d state.Daemon, kind, id string) string {
	return strings.Replace(d.ARN, ":daemon/", ":"+kind+"/", 1) + "/" + id
}
