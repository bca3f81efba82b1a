package plan

import (
	"fmt"

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

// CountHealthy notes that tasks count as healthy from now on.
type CountHealthy struct{ Tasks []string } // ARNs

// Apply writes the time.
func (a CountHealthy) Apply(tx *state.Tx) {
	for _, arn := range a.Tasks {
		if t, ok := tx.Tasks.Get(arn); ok && t.HealthyAt.IsZero() && !t.Stopped() {
			t.HealthyAt = tx.Now()
			tx.Tasks.Put(tx, t)
		}
	}
}

func (a CountHealthy) String() string { return fmt.Sprintf("count %d tasks as healthy", len(a.Tasks)) }

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
	for tx.ServiceEvents.Has(state.ServiceEventKey(a.Service, e.Number)) {
		e.Number++
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
