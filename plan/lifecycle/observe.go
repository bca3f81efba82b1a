package lifecycle

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Observation is what an agent reports of a task. What is empty it says nothing of.
type Observation struct {
	Status        string // PENDING, which stands for all before RUNNING; RUNNING; STOPPED
	Reason        string
	Containers    []types.ContainerStateChange // several of one container in order
	ManagedAgents []types.ManagedAgentStateChange
	Attachments   []types.AttachmentStateChange

	PullStartedAt, PullStoppedAt, ExecutionStoppedAt *time.Time
}

// Observe returns t as it is by what its agent reports. Reports may come twice,
// and late: nothing goes back. A task that is STOPPED by a report is left for
// plan.End to end, with [StopCause].
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
func Observe(t state.Task, o Observation, now time.Time) state.Task {
	if t.Last == "STOPPED" {
		return t // final: an agent that asks gets its yes
	}
	was := t
	t.Containers = slices.Clone(t.Containers)
	t.Attachments = slices.Clone(t.Attachments)
	for _, change := range o.Containers {
		observeContainer(t.Containers, change)
	}
	for _, change := range o.ManagedAgents {
		observeManagedAgent(t.Containers, change, now)
	}
	for _, change := range o.Attachments {
		observeAttachment(t.Attachments, change)
	}
	observeTime(&t.PullStartedAt, o.PullStartedAt)
	observeTime(&t.PullStoppedAt, o.PullStoppedAt)
	observeTime(&t.ExecutionStoppedAt, o.ExecutionStoppedAt)
	observeStatus(&t, o, now)
	if o.Status != "" && t.Connectivity == "" {
		t.Connectivity, t.ConnectivityAt = string(types.ConnectivityConnected), now
	}
	if !reflect.DeepEqual(t, was) {
		t.Version++
	}
	return t
}

// order has the last statuses of tasks and containers in the order in which
// they come; each may be left out.
var order = []string{"NONE", "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"}

// after reports whether status b comes after a.
func after(a, b string) bool { return slices.Index(order, b) > slices.Index(order, a) }

// observeStatus moves t on. A task that an agent works on is ACTIVATING; one
// whose first essential container has ended is STOPPING, whatever else runs.
func observeStatus(t *state.Task, o Observation, now time.Time) {
	next := o.Status
	switch {
	case o.Status != "" && o.Status != "STOPPED" && o.ExecutionStoppedAt != nil:
		next = "STOPPING"
	case o.Status == "PENDING":
		next = "ACTIVATING"
	}
	if o.Status == "RUNNING" && t.StartedAt.IsZero() {
		t.StartedAt = now
		for i := range t.Attachments { // or the containers would not run
			observeAttachment(t.Attachments, types.AttachmentStateChange{AttachmentArn: t.Attachments[i].Id, Status: aws.String("ATTACHED")})
		}
	}
	if next != "" && after(t.Last, next) {
		t.Last = next
	}
	if t.Last == "STOPPING" || t.Last == "STOPPED" {
		t.Desired = "STOPPED"
		if t.StoppingAt.IsZero() {
			t.StoppingAt = now
		}
	}
}

func observeTime(known *time.Time, reported *time.Time) {
	if known.IsZero() && reported != nil {
		*known = reported.UTC()
	}
}

func observeContainer(all []types.Container, change types.ContainerStateChange) {
	i := slices.IndexFunc(all, func(c types.Container) bool { return aws.ToString(c.Name) == aws.ToString(change.ContainerName) })
	if i < 0 {
		return // agents have containers of their own
	}
	c := &all[i]
	status := aws.ToString(change.Status)
	if after(status, aws.ToString(c.LastStatus)) {
		return // it is late, and all it says was said
	}
	if after(aws.ToString(c.LastStatus), status) {
		c.LastStatus = &status
	}
	take(&c.RuntimeId, change.RuntimeId)
	take(&c.ImageDigest, change.ImageDigest)
	take(&c.Reason, change.Reason)
	if change.ExitCode != nil && status == "STOPPED" {
		c.ExitCode = change.ExitCode
	}
	if len(change.NetworkBindings) > 0 {
		c.NetworkBindings = change.NetworkBindings
	}
}

func take(known **string, reported *string) {
	if aws.ToString(reported) != "" {
		*known = reported
	}
}

func observeManagedAgent(all []types.Container, change types.ManagedAgentStateChange, now time.Time) {
	i := slices.IndexFunc(all, func(c types.Container) bool { return aws.ToString(c.Name) == aws.ToString(change.ContainerName) })
	if i < 0 {
		return
	}
	agents := slices.Clone(all[i].ManagedAgents)
	j := slices.IndexFunc(agents, func(m types.ManagedAgent) bool { return m.Name == change.ManagedAgentName })
	if j < 0 {
		agents = append(agents, types.ManagedAgent{Name: change.ManagedAgentName})
		j = len(agents) - 1
	}
	agents[j].LastStatus = change.Status
	take(&agents[j].Reason, change.Reason)
	if aws.ToString(change.Status) == "RUNNING" && agents[j].LastStartedAt == nil {
		agents[j].LastStartedAt = &now
	}
	all[i].ManagedAgents = agents
}

var attachmentOrder = []string{"PRECREATED", "CREATED", "ATTACHING", "ATTACHED", "DETACHING", "DETACHED", "DELETED"}

// observeAttachment takes an ARN or an id for the attachment's name.
func observeAttachment(all []types.Attachment, change types.AttachmentStateChange) {
	name := aws.ToString(change.AttachmentArn)
	for i, a := range all {
		known, reported := aws.ToString(a.Status), aws.ToString(change.Status)
		if id := aws.ToString(a.Id); name != id && !strings.HasSuffix(name, "/"+id) {
			continue
		}
		if slices.Index(attachmentOrder, reported) > slices.Index(attachmentOrder, known) {
			all[i].Status = &reported
		}
	}
}

// StopCause is why a task has stopped, by what its agent reports, in ECS's words.
// A cause that the task has already counts more.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
func StopCause(t state.Task, d types.TaskDefinition, reason string) (types.TaskStopCode, string) {
	if essentialExited(t, d) {
		return types.TaskStopCodeEssentialContainerExited, "Essential container in task exited"
	}
	if reason == "" && t.LaunchType == string(types.LaunchTypeFargate) {
		reason = firstReason(t) // on EC2 only the container says it
	}
	switch {
	case t.StartedAt.IsZero() && reason == "":
		return types.TaskStopCodeTaskFailedToStart, "Task failed to start"
	case t.StartedAt.IsZero():
		return types.TaskStopCodeTaskFailedToStart, reason
	case reason == "":
		reason = "Essential container in task exited"
	}
	return types.TaskStopCodeEssentialContainerExited, reason
}

// essentialExited reports whether an essential container ran and ended.
func essentialExited(t state.Task, d types.TaskDefinition) bool {
	for _, c := range t.Containers {
		started := c.ExitCode != nil && !strings.HasPrefix(aws.ToString(c.Reason), "Cannot")
		if started && essential(d, aws.ToString(c.Name)) {
			return true
		}
	}
	return false
}

func essential(d types.TaskDefinition, container string) bool {
	for _, c := range d.ContainerDefinitions {
		if aws.ToString(c.Name) == container {
			return c.Essential == nil || *c.Essential
		}
	}
	return true
}

func firstReason(t state.Task) string {
	for _, c := range t.Containers {
		if aws.ToString(c.Reason) != "" {
			return *c.Reason
		}
	}
	return ""
}
