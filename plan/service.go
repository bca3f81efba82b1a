package plan

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// PutService writes a service as a plan leaves it. It comes before actions that
// write to the same record.
type PutService struct {
	Service state.Service
	Why     string // what changes, in words
}

// Apply writes the record.
func (a PutService) Apply(tx *state.Tx) { tx.Services.Put(tx, a.Service) }

func (a PutService) String() string { return a.Why }

// PutServiceDeployment writes a service deployment as a plan leaves it.
type PutServiceDeployment struct {
	Deployment state.ServiceDeployment
	Why        string // what changes, in words
}

// Apply writes the record, with the time of the change.
func (a PutServiceDeployment) Apply(tx *state.Tx) {
	a.Deployment.UpdatedAt = tx.Now()
	tx.ServiceDeployments.Put(tx, a.Deployment)
}

func (a PutServiceDeployment) String() string { return a.Why }

// PutTaskSet writes a task set as a plan leaves it.
type PutTaskSet struct {
	TaskSet state.TaskSet
	Why     string // what changes, in words
}

// Apply writes the record.
func (a PutTaskSet) Apply(tx *state.Tx) { tx.TaskSets.Put(tx, a.TaskSet) }

func (a PutTaskSet) String() string { return a.Why }

// RemoveTaskSet forgets a deleted task set.
type RemoveTaskSet struct{ ARN string }

// Apply deletes the record.
func (a RemoveTaskSet) Apply(tx *state.Tx) { tx.TaskSets.Delete(tx, a.ARN) }

func (a RemoveTaskSet) String() string { return "remove " + a.ARN }

// RemoveService forgets a service and all that belongs to it.
type RemoveService struct{ ARN string }

// mostForgotten is how many records a RemoveService deletes at a time: a
// transaction has a limit.
const mostForgotten = 100

// Apply deletes the records, the service's own as the last. If there are too many
// of them the service is still there, to be removed again.
func (a RemoveService) Apply(tx *state.Tx) {
	var rest []func()
	for r := range tx.RevisionsOf(a.ARN) {
		rest = append(rest, func() { tx.ServiceRevisions.Delete(tx, r.ARN) })
	}
	for d := range tx.DeploymentsOf(a.ARN) {
		rest = append(rest, func() { tx.ServiceDeployments.Delete(tx, d.ARN) })
	}
	for set := range tx.TaskSetsOf(a.ARN) {
		rest = append(rest, func() { tx.TaskSets.Delete(tx, set.ARN) })
	}
	for e := range tx.EventsOf(a.ARN) {
		rest = append(rest, func() { tx.ServiceEvents.Delete(tx, state.ServiceEventKey(e.Service, e.Number)) })
	}
	rest = append(rest, func() { tx.Services.Delete(tx, a.ARN) })
	for _, forget := range rest[:min(len(rest), mostForgotten)] {
		forget()
	}
}

func (a RemoveService) String() string { return "remove " + a.ARN }

// RemoveServiceDeployment forgets a service deployment.
type RemoveServiceDeployment struct{ ARN string }

// Apply deletes the record.
func (a RemoveServiceDeployment) Apply(tx *state.Tx) { tx.ServiceDeployments.Delete(tx, a.ARN) }

func (a RemoveServiceDeployment) String() string { return "remove " + a.ARN }

// RemoveServiceRevision forgets a service revision.
type RemoveServiceRevision struct{ ARN string }

// Apply deletes the record.
func (a RemoveServiceRevision) Apply(tx *state.Tx) { tx.ServiceRevisions.Delete(tx, a.ARN) }

func (a RemoveServiceRevision) String() string { return "remove " + a.ARN }

// CountHealthy notes that tasks count as healthy from now on.
type CountHealthy struct{ Tasks []string } // ARNs

// Apply writes the time.
func (a CountHealthy) Apply(tx *state.Tx) {
	for _, arn := range a.Tasks {
		if t, ok := tx.Tasks.Get(arn); ok && t.HealthyAt.IsZero() && !t.Stopped() {
			t.HealthyAt = tx.Now()
			tx.Tasks.Put(tx, t)
			countSuccess(tx, t)
		}
	}
}

func (a CountHealthy) String() string { return fmt.Sprintf("count %d tasks as healthy", len(a.Tasks)) }

// CountFailures notes that tasks of a deployment or task set failed before they
// counted as healthy.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
type CountFailures struct {
	Service string // ARN
	Of      string // id of the deployment
	TaskSet string // ARN, if it is one
	Tasks   int
}

// Apply writes the numbers, by which the circuit breaker and the pauses between
// starts go.
func (a CountFailures) Apply(tx *state.Tx) {
	if set, ok := tx.TaskSets.Get(a.TaskSet); ok {
		set.Streak, set.FailedAt = set.Streak+a.Tasks, tx.Now()
		tx.TaskSets.Put(tx, set)
		return
	}
	change(tx, a.Service, a.Of, func(d *state.Deployment) {
		d.Failed, d.Streak, d.FailedAt = d.Failed+a.Tasks, d.Streak+a.Tasks, tx.Now()
	})
}

func (a CountFailures) String() string {
	return fmt.Sprintf("count %d failed tasks of %s", a.Tasks, a.Of)
}

// countSuccess forgets the failures of a deployment or task set: t, one of its
// tasks, became healthy. A circuit breaker may be configured not to.
func countSuccess(tx *state.Tx, t state.Task) {
	if set, ok := tx.TaskSets.Get(t.Revision); ok && set.Streak > 0 {
		set.Streak = 0
		tx.TaskSets.Put(tx, set)
	}
	s, _ := tx.Services.Get(t.Service)
	for _, d := range s.Deployments {
		keeps := d.State == types.DeploymentRolloutStateInProgress && keepsFailures(s)
		if d.ID == t.StartedBy && (d.Streak > 0 || d.Failed > 0 && !keeps) {
			change(tx, t.Service, d.ID, func(d *state.Deployment) {
				d.Streak = 0
				if !keeps {
					d.Failed = 0
				}
			})
		}
	}
}

func keepsFailures(s state.Service) bool {
	b := s.Rollout.DeploymentCircuitBreaker
	return b != nil && b.Enable && b.ResetOnHealthyTask != nil && !*b.ResetOnHealthyTask
}

// change writes a deployment of a service, by its ARN and the deployment's id.
func change(tx *state.Tx, service, id string, how func(*state.Deployment)) {
	s, _ := tx.Services.Get(service)
	i := slices.IndexFunc(s.Deployments, func(d state.Deployment) bool { return d.ID == id })
	if i < 0 {
		return // it was replaced since
	}
	s.Deployments = slices.Clone(s.Deployments)
	how(&s.Deployments[i])
	tx.Services.Put(tx, s)
}

// MostEvents is how many events of a service are kept.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html
const MostEvents = 100

// RecordEvent adds a line to the events of a service.
type RecordEvent struct {
	Service string // ARN
	Message string
}

// Apply writes the event, and drops the oldest if there are too many.
func (a RecordEvent) Apply(tx *state.Tx) {
	id := tx.NewID()
	e := state.ServiceEvent{
		Service: a.Service, Number: tx.Now().UnixMilli() * 1000, At: tx.Now(), Message: a.Message,
		ID: id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:],
	}
	for latest := range tx.LatestEventsOf(a.Service) {
		e.Number = max(e.Number, latest.Number+1) // also if the clock went back
		break
	}
	tx.ServiceEvents.Put(tx, e)
	excess := tx.CountEventsOf(a.Service) - MostEvents
	for old := range tx.EventsOf(a.Service) {
		if excess--; excess < 0 {
			break
		}
		tx.ServiceEvents.Delete(tx, state.ServiceEventKey(a.Service, old.Number))
	}
}

func (a RecordEvent) String() string { return "event: " + a.Message }
