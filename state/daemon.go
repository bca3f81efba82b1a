package state

import (
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// DaemonTaskDefinition is one revision of a family of daemon task definitions.
type DaemonTaskDefinition struct {
	types.DaemonTaskDefinition
	Tags []types.Tag

	// Runs is the same in the words of a task definition, completed: what a task
	// of it is made from.
	Runs types.TaskDefinition
}

// DaemonBridge is the network mode of daemons, which share one network
// namespace on each container instance. No user can ask for it.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-task-definitions.html
const DaemonBridge types.NetworkMode = "daemon-bridge"

// Daemon keeps one task running on each container instance of some managed
// instances capacity providers of a cluster.
type Daemon struct {
	ARN        string
	Name       string
	Cluster    string // ARN
	Status     types.DaemonStatus
	Deployment string // ARN of the newest daemon deployment

	// Revision is the ARN of the daemon revision that its container instances
	// run, or come to run; empty where its first deployment failed. Providers
	// are the names of the capacity providers whose instances these are.
	Revision  string
	Providers []string

	Tags      []types.Tag
	CreatedAt time.Time
	UpdatedAt time.Time

	// Token is the client token of the call that made it, and Request the hash
	// of what that call asked for.
	Token, Request string
}

// DaemonRevision is what the tasks of a daemon are made from. It never changes,
// but for the digests of its images.
type DaemonRevision struct {
	ARN         string
	Daemon      string // ARN
	Definition  string // ARN of a daemon task definition
	Critical    bool   // no other tasks start where its task does not run
	ManagedTags bool
	Execute     bool // enableExecuteCommand
	Propagate   types.DaemonPropagateTags
	Images      []types.DaemonContainerImage
	CreatedAt   time.Time
}

// DaemonDeployment is one change of what a daemon runs and where, from its
// beginning to its end, rollback included.
type DaemonDeployment struct {
	ARN       string
	ID        string // startedBy of its tasks
	Daemon    string // ARN
	Status    types.DaemonDeploymentStatus
	Reason    string                              // of the status
	Sources   []string                            // ARNs of the daemon revisions that ran when it began
	Target    string                              // ARN of the daemon revision
	Providers []string                            // names, of the target
	Config    types.DaemonDeploymentConfiguration // all defaults filled in
	Rollback  *types.DaemonRollback
	Tripped   bool     // its circuit breaker is triggered
	Triggered []string // names of its alarms that are

	// Failed is how many of its tasks failed in a row, or could not be placed,
	// and FailedAt when the last did.
	Failed   int
	FailedAt time.Time

	BakingAt                                    time.Time // since when all container instances run the target
	CreatedAt, StartedAt, FinishedAt, StoppedAt time.Time
}

// Over reports whether nothing more comes of d.
func (d *DaemonDeployment) Over() bool {
	switch d.Status {
	case types.DaemonDeploymentStatusPending, types.DaemonDeploymentStatusInProgress, types.DaemonDeploymentStatusRollbackInProgress:
		return false
	}
	return true
}

const (
	daemonDefinitionsByFamily = iota
	daemonDefinitionsInDeletion
)

var daemonDefinitions = kind[DaemonTaskDefinition]{
	name: "daemon-task-definitions",
	key:  func(d *DaemonTaskDefinition) string { return *d.DaemonTaskDefinitionArn },
	indexes: []func(*DaemonTaskDefinition) string{
		daemonDefinitionsByFamily: func(d *DaemonTaskDefinition) string { return aws.ToString(d.Family) },
		daemonDefinitionsInDeletion: func(d *DaemonTaskDefinition) string {
			if d.Status != types.DaemonTaskDefinitionStatusDeleteInProgress {
				return ""
			}
			return string(d.Status)
		},
	},
}

var daemonFamilies = kind[Family]{name: "daemon-families", key: func(f *Family) string { return f.Name }}

const (
	daemonsByCluster  = iota
	daemonsByProvider // the first of the lists
)

var daemons = kind[Daemon]{
	name:    "daemons",
	key:     func(d *Daemon) string { return d.ARN },
	indexes: []func(*Daemon) string{daemonsByCluster: func(d *Daemon) string { return d.Cluster }},
	lists:   []func(*Daemon) []string{(*Daemon).homes},

	instance: func(d *Daemon) string { return d.ARN }, // all: see Mark
}

func (d *Daemon) homes() (keys []string) {
	for _, provider := range d.Providers {
		keys = append(keys, d.Cluster+" "+provider)
	}
	return keys
}

var daemonRevisions = kind[DaemonRevision]{
	name: "daemon-revisions",
	key:  func(r *DaemonRevision) string { return r.ARN },
	indexes: []func(*DaemonRevision) string{
		func(r *DaemonRevision) string { return r.Daemon },
		func(r *DaemonRevision) string { return r.Definition },
	},
}

var daemonDeployments = kind[DaemonDeployment]{
	name:    "daemon-deployments",
	key:     func(d *DaemonDeployment) string { return d.ARN },
	indexes: []func(*DaemonDeployment) string{func(d *DaemonDeployment) string { return d.Daemon }},
}

// DaemonDefinitionsOf yields the revisions of a family, in the order of their ARNs.
func (v *View) DaemonDefinitionsOf(family string) iter.Seq[DaemonTaskDefinition] {
	return v.DaemonDefinitions.by(daemonDefinitionsByFamily, family)
}

// DaemonDefinitionsInDeletion yields the revisions that go once no daemon has them.
func (v *View) DaemonDefinitionsInDeletion() iter.Seq[DaemonTaskDefinition] {
	return v.DaemonDefinitions.by(daemonDefinitionsInDeletion, string(types.DaemonTaskDefinitionStatusDeleteInProgress))
}

// DaemonsOf yields the daemons of a cluster, by the cluster's ARN.
func (v *View) DaemonsOf(cluster string) iter.Seq[Daemon] {
	return v.Daemons.by(daemonsByCluster, cluster)
}

// DaemonsOn yields the daemons that have a task on container instances like i.
func (v *View) DaemonsOn(i ContainerInstance) iter.Seq[Daemon] {
	return v.Daemons.by(daemonsByProvider, i.Cluster+" "+i.CapacityProvider)
}

// DaemonRevisionsOf yields the revisions of a daemon, by its ARN.
func (v *View) DaemonRevisionsOf(daemon string) iter.Seq[DaemonRevision] {
	return v.DaemonRevisions.by(0, daemon)
}

// DaemonRevisionsFrom yields the daemon revisions of a daemon task definition, by its ARN.
func (v *View) DaemonRevisionsFrom(definition string) iter.Seq[DaemonRevision] {
	return v.DaemonRevisions.by(1, definition)
}

// DaemonDeploymentsOf yields the deployments of a daemon, by its ARN, in no
// order that means anything.
func (v *View) DaemonDeploymentsOf(daemon string) iter.Seq[DaemonDeployment] {
	return v.DaemonDeployments.by(0, daemon)
}

// DaemonTasks yields the tasks of a daemon on a container instance that have not
// stopped, by both ARNs.
func (v *View) DaemonTasks(daemon, instance string) iter.Seq[Task] {
	return v.Tasks.by(tasksByDaemon, daemon+" "+instance)
}

// DefinitionOf is what a task is made from, be it a service's, its own, or a daemon's.
func (v *View) DefinitionOf(t Task) (types.TaskDefinition, bool) {
	if d, ok := v.TaskDefinitions.Get(t.Definition); ok {
		return d.TaskDefinition, true
	}
	d, ok := v.DaemonDefinitions.Get(t.Definition)
	return d.Runs, ok
}
