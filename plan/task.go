package plan

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// End writes t as STOPPED, for good, with all that ends with it: its network
// interface goes. A stop code and reason that t has already stay: the first
// cause counts.
func End(tx *state.Tx, t state.Task, code types.TaskStopCode, reason string) {
	if t.StopCode == "" {
		t.StopCode, t.StoppedReason = string(code), reason
	}
	t.Last, t.Desired = "STOPPED", "STOPPED"
	t.StoppedAt = tx.Now()
	t.StoppingAt = earliest(t.StoppingAt, t.StoppedAt)
	t.Containers = append([]types.Container{}, t.Containers...)
	for i := range t.Containers {
		t.Containers[i].LastStatus = aws.String("STOPPED")
	}
	t.Attachments = append([]types.Attachment{}, t.Attachments...)
	for i := range t.Attachments {
		t.Attachments[i].Status = aws.String("DELETED")
	}
	if n, ok := tx.InterfaceOf(t.ARN); ok {
		tx.NetworkInterfaces.Delete(tx, state.InterfaceKey(n.Subnet, netip.MustParseAddr(n.Address)))
	}
	switch {
	case failed(t) && t.OfDaemon():
		countDaemonFailure(tx, t)
	case failed(t):
		CountFailures{Service: t.Service, Of: t.StartedBy, TaskSet: t.Revision, Tasks: 1}.Apply(tx)
	}
	t.Version++
	tx.Tasks.Put(tx, t)
}

// failed reports whether t, a service's, ended by itself before it counted as healthy.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
func failed(t state.Task) bool {
	byItself := t.StopCode == string(types.TaskStopCodeTaskFailedToStart) || t.StopCode == string(types.TaskStopCodeEssentialContainerExited)
	return t.Service != "" && byItself && t.HealthyAt.IsZero()
}

// earliest is the moment that is known, or otherwise.
func earliest(known, otherwise time.Time) time.Time {
	if known.IsZero() {
		return otherwise
	}
	return known
}

// StopTask asks for a task to be stopped.
type StopTask struct {
	ARN    string
	Code   types.TaskStopCode
	Reason string
}

// Apply changes the desired status; the first cause counts.
func (a StopTask) Apply(tx *state.Tx) {
	t, ok := tx.Tasks.Get(a.ARN)
	if !ok || t.Desired == "STOPPED" {
		return
	}
	if t.Instance == "" { // no agent will
		End(tx, t, a.Code, a.Reason)
		return
	}
	t.Desired, t.StopCode, t.StoppedReason = "STOPPED", cmp.Or(t.StopCode, string(a.Code)), cmp.Or(t.StoppedReason, a.Reason)
	t.StoppingAt = earliest(t.StoppingAt, tx.Now())
	t.Version++
	tx.Tasks.Put(tx, t)
}

func (a StopTask) String() string { return "stop " + a.ARN + ": " + a.Reason }

// EndTask gives a task up that no agent will stop.
type EndTask struct {
	ARN    string
	Code   types.TaskStopCode
	Reason string
}

// Apply makes the task STOPPED, unless it is.
func (a EndTask) Apply(tx *state.Tx) {
	if t, ok := tx.Tasks.Get(a.ARN); ok && !t.Stopped() {
		End(tx, t, a.Code, a.Reason)
	}
}

func (a EndTask) String() string { return "end " + a.ARN + ": " + a.Reason }

// RemoveTask forgets a task that has stopped.
type RemoveTask struct{ ARN string }

// Apply deletes the record.
func (a RemoveTask) Apply(tx *state.Tx) { tx.Tasks.Delete(tx, a.ARN) }

func (a RemoveTask) String() string { return "remove " + a.ARN }
