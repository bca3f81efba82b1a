package plan

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// ConnectAgent notes that the agent of a container instance has a socket. The
// newest session is the one that counts.
type ConnectAgent struct {
	Instance string // ARN
	Session  string
	Server   string             // that has the socket
	Software *types.VersionInfo // of the agent, as it says
}

// Apply starts the session, under an epoch that no earlier one had: it grows
// even if the clock went back, or the state was restored from an old snapshot.
func (a ConnectAgent) Apply(tx *state.Tx) {
	i, ok := tx.ContainerInstances.Get(a.Instance)
	if !ok || i.Status == "INACTIVE" || i.Session.ID == a.Session {
		return
	}
	i.Session = state.AgentSession{
		ID: a.Session, Server: a.Server, Since: tx.Now(),
		Epoch: max(i.Session.Epoch+1, tx.Now().Unix()),
	}
	if a.Software != nil {
		i.Software = a.Software
	}
	setConnected(tx, i, true)
}

func (a ConnectAgent) String() string { return "connect " + a.Instance }

// DisconnectAgent notes that a session of an agent has ended. It is nothing if
// there is a newer one.
type DisconnectAgent struct{ Instance, Session string }

// Apply ends the session.
func (a DisconnectAgent) Apply(tx *state.Tx) {
	i, ok := tx.ContainerInstances.Get(a.Instance)
	if ok && i.AgentConnected && i.Session.ID == a.Session {
		setConnected(tx, i, false)
	}
}

func (a DisconnectAgent) String() string { return "disconnect " + a.Instance }

// setConnected writes i, and the connectivity of its tasks where that changes.
// A task that no agent has reported on yet has none.
func setConnected(tx *state.Tx, i state.ContainerInstance, connected bool) {
	connectivity := string(types.ConnectivityConnected)
	i.AgentConnected, i.DisconnectedAt = connected, time.Time{}
	if !connected {
		connectivity, i.DisconnectedAt = string(types.ConnectivityDisconnected), tx.Now()
	}
	i.Version++
	tx.ContainerInstances.Put(tx, i)
	for t := range tx.TasksOn(i.ARN) {
		if t.Last == "STOPPED" || t.Connectivity == "" || t.Connectivity == connectivity {
			continue
		}
		t.Connectivity = connectivity
		if connected { // the API gives the time of the last connection
			t.ConnectivityAt = tx.Now()
		}
		t.Version++
		tx.Tasks.Put(tx, t)
	}
}

// SeeServer notes that a server of the control plane is alive.
type SeeServer struct{ ID, URL string }

// Apply writes the server's record.
func (a SeeServer) Apply(tx *state.Tx) {
	s, ok := tx.Servers.Get(a.ID)
	if !ok {
		s = state.Server{ID: a.ID, StartedAt: tx.Now()}
	}
	s.URL, s.SeenAt = a.URL, tx.Now()
	tx.Servers.Put(tx, s)
}

func (a SeeServer) String() string { return "see server " + a.ID }

// RemoveServer forgets a server.
type RemoveServer struct{ ID string }

// Apply deletes the record.
func (a RemoveServer) Apply(tx *state.Tx) { tx.Servers.Delete(tx, a.ID) }

func (a RemoveServer) String() string { return "remove server " + a.ID }

// SetHealth notes the health of containers of a task.
type SetHealth struct {
	Task       string                        // ARN
	Containers map[string]types.HealthStatus // by name
}

// Apply writes what changes.
func (a SetHealth) Apply(tx *state.Tx) {
	t, ok := tx.Tasks.Get(a.Task)
	if !ok || t.Last == "STOPPED" || !a.Changes(t) {
		return
	}
	t.Containers = append([]types.Container{}, t.Containers...)
	for i := range t.Containers {
		if health, ok := a.Containers[*t.Containers[i].Name]; ok {
			t.Containers[i].HealthStatus = health
		}
	}
	switch Health(tx.View, t) { // of those without checks, a service decides
	case types.HealthStatusHealthy:
		if t.HealthyAt.IsZero() {
			t.HealthyAt = tx.Now()
			countSuccess(tx, t)
		}
	case types.HealthStatusUnhealthy:
		t.HealthyAt = time.Time{}
	}
	t.Version++
	tx.Tasks.Put(tx, t)
}

// Changes reports whether t has another health.
func (a SetHealth) Changes(t state.Task) bool {
	for _, c := range t.Containers {
		if health, ok := a.Containers[*c.Name]; ok && health != c.HealthStatus {
			return true
		}
	}
	return false
}

func (a SetHealth) String() string { return "set the health of " + a.Task }

// SetInstanceHealth notes how the parts of a container instance are.
type SetInstanceHealth struct {
	Instance string // ARN
	Parts    []types.InstanceHealthCheckResult
}

// Apply writes what the agent reported.
func (a SetInstanceHealth) Apply(tx *state.Tx) {
	if i, ok := tx.ContainerInstances.Get(a.Instance); ok {
		i.Health = a.Parts
		tx.ContainerInstances.Put(tx, i)
	}
}

func (a SetInstanceHealth) String() string { return "set the health of " + a.Instance }

// StoppingTask notes that an agent has taken in that a task must stop.
type StoppingTask struct{ ARN string }

// Apply moves a task that runs on.
func (a StoppingTask) Apply(tx *state.Tx) {
	t, ok := tx.Tasks.Get(a.ARN)
	if ok && t.Last == "RUNNING" && t.Desired == "STOPPED" {
		t.Last = "STOPPING"
		t.Version++
		tx.Tasks.Put(tx, t)
	}
}

func (a StoppingTask) String() string { return "stopping " + a.ARN }

// FailTask ends a task that no agent can be asked to run.
type FailTask struct {
	ARN    string
	Code   types.TaskStopCode
	Reason string
}

// Apply ends the task, unless an agent has started it.
func (a FailTask) Apply(tx *state.Tx) {
	t, ok := tx.Tasks.Get(a.ARN)
	if !ok || t.Last == "STOPPED" || !t.StartedAt.IsZero() {
		return
	}
	End(tx, t, a.Code, a.Reason)
}

func (a FailTask) String() string {
	return strings.Join([]string{"stop", a.ARN, string(a.Code), a.Reason}, " ")
}
