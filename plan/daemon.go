package plan

import (
	"berth/state"
)

// PutDaemon writes a daemon as a plan leaves it.
type PutDaemon struct {
	Daemon state.Daemon
	Why    string // what changes, in words
}

// Apply writes the record.
func (a PutDaemon) Apply(tx *state.Tx) { tx.Daemons.Put(tx, a.Daemon) }

func (a PutDaemon) String() string { return a.Why }

// PutDaemonDeployment writes a daemon deployment as a plan leaves it. It comes
// before actions that write to the same record.
type PutDaemonDeployment struct {
	Deployment state.DaemonDeployment
	Why        string // what changes, in words
}

// Apply writes the record.
func (a PutDaemonDeployment) Apply(tx *state.Tx) { tx.DaemonDeployments.Put(tx, a.Deployment) }

func (a PutDaemonDeployment) String() string { return a.Why }

// PutDaemonRevision writes a daemon revision as a plan leaves it.
type PutDaemonRevision struct {
	Revision state.DaemonRevision
	Why      string // what changes, in words
}

// Apply writes the record.
func (a PutDaemonRevision) Apply(tx *state.Tx) { tx.DaemonRevisions.Put(tx, a.Revision) }

func (a PutDaemonRevision) String() string { return a.Why }

// DrainForDaemon makes a container instance DRAINING for the sake of a daemon,
// which makes it ACTIVE again.
type DrainForDaemon struct {
	Instance string // ARN
	Daemon   string // ARN
	Why      string
}

// Apply changes the status, unless somebody did.
func (a DrainForDaemon) Apply(tx *state.Tx) {
	i, ok := tx.ContainerInstances.Get(a.Instance)
	if !ok || i.Status != "ACTIVE" {
		return
	}
	i.Status, i.StatusReason, i.DrainedBy, i.DrainedAt = "DRAINING", a.Why, a.Daemon, tx.Now()
	i.Version++
	tx.ContainerInstances.Put(tx, i)
}

func (a DrainForDaemon) String() string { return "drain " + a.Instance + ": " + a.Why }

// ReactivateForDaemon makes a container instance ACTIVE that was drained for the
// sake of a daemon.
type ReactivateForDaemon struct {
	Instance string // ARN
	Daemon   string // ARN
}

// Apply changes the status, unless somebody else drains the instance by now.
func (a ReactivateForDaemon) Apply(tx *state.Tx) {
	i, ok := tx.ContainerInstances.Get(a.Instance)
	if !ok || i.Status != "DRAINING" || i.DrainedBy != a.Daemon {
		return
	}
	i.SetStatus("ACTIVE")
	tx.ContainerInstances.Put(tx, i)
}

func (a ReactivateForDaemon) String() string { return "activate " + a.Instance }

// RemoveDaemon forgets a deleted daemon, with its revisions and deployments.
type RemoveDaemon struct{ ARN string }

// Apply deletes the records.
func (a RemoveDaemon) Apply(tx *state.Tx) {
	var revisions, deployments []string
	for r := range tx.DaemonRevisionsOf(a.ARN) {
		revisions = append(revisions, r.ARN)
	}
	for d := range tx.DaemonDeploymentsOf(a.ARN) {
		deployments = append(deployments, d.ARN)
	}
	for _, arn := range revisions {
		tx.DaemonRevisions.Delete(tx, arn)
	}
	for _, arn := range deployments {
		tx.DaemonDeployments.Delete(tx, arn)
	}
	tx.Daemons.Delete(tx, a.ARN)
}

func (a RemoveDaemon) String() string { return "remove " + a.ARN }

// RemoveDaemonTaskDefinition forgets a revision. Its family still knows that the
// number was given.
type RemoveDaemonTaskDefinition struct{ ARN string }

// Apply deletes the record.
func (a RemoveDaemonTaskDefinition) Apply(tx *state.Tx) { tx.DaemonDefinitions.Delete(tx, a.ARN) }

func (a RemoveDaemonTaskDefinition) String() string { return "remove " + a.ARN }

// countDaemonFailure notes the failure of t with the deployment of its daemon.
func countDaemonFailure(tx *state.Tx, t state.Task) {
	d, _ := tx.Daemons.Get(t.Service)
	if deployment, ok := tx.DaemonDeployments.Get(d.Deployment); ok && deployment.ID == t.StartedBy {
		deployment.Failed, deployment.FailedAt = deployment.Failed+1, tx.Now()
		tx.DaemonDeployments.Put(tx, deployment)
	}
}
