package engine

import (
	"maps"
	"time"
)

// Sent is what the control plane has accepted of a task's status.
type Sent struct {
	Status     string            // PENDING, RUNNING, STOPPED; empty: nothing
	Containers map[string]Status `json:",omitempty"`
	Attached   bool              // that its network interfaces are attached
}

// Change is what to tell the control plane of a task next.
type Change struct {
	Task       string // ARN
	Status     string // PENDING, RUNNING, STOPPED
	Reason     string
	Containers []Container // those that have changed
	Attached   []string    // ARNs of network interfaces that are attached now

	PullStartedAt, PullStoppedAt, ExecutionStoppedAt time.Time
}

// Change says what the control plane has yet to be told of a task. A task that
// ran is told to have run before it is told to have stopped.
func (t *Task) Change() (Change, bool) {
	status := t.Last()
	if status == "STOPPED" && !t.RunningAt.IsZero() && t.Sent.Status != "RUNNING" && t.Sent.Status != "STOPPED" {
		status = "RUNNING"
	}
	c := Change{
		Task: t.Payload.ARN, Status: status,
		PullStartedAt: t.PullStartedAt, PullStoppedAt: t.PullStoppedAt, ExecutionStoppedAt: t.ExecutionStoppedAt,
	}
	for _, container := range t.Containers {
		if container.Status >= Running && t.Sent.Containers[container.Name] < container.Status {
			c.Containers = append(c.Containers, container)
		}
	}
	if t.Prepared && !t.Sent.Attached {
		for _, eni := range t.Payload.ENIs {
			c.Attached = append(c.Attached, eni.AttachmentARN)
		}
	}
	if status == "STOPPED" {
		c.Reason = t.Reason
	}
	fresh := status != "PENDING" && status != t.Sent.Status && t.Sent.Status != "STOPPED"
	return c, fresh || len(c.Containers) > 0 && t.Sent.Status != "STOPPED"
}

// sent takes in that the control plane has accepted a change.
func (t *Task) sent(c Change) {
	t.Sent.Status = c.Status
	t.Sent.Containers = maps.Clone(t.Sent.Containers)
	if t.Sent.Containers == nil {
		t.Sent.Containers = map[string]Status{}
	}
	for _, container := range c.Containers {
		t.Sent.Containers[container.Name] = container.Status
	}
	t.Sent.Attached = t.Sent.Attached || len(c.Attached) > 0
}
