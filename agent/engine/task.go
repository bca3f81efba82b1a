// Package engine moves the tasks of one container instance forward, each from
// its payload to its end, and keeps a file for each, so that whatever is killed
// in whatever state, the next start continues.
//
// [Next] decides and [Task.record] takes in what came of it: both are pure.
// [Engine] lets a [Host] do the steps, one goroutine to a task while there is
// something to do. What a step is made of (images, networks, logs, the shim) is
// not known here; who asks for tasks and hears of them is package link.
package engine

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/api/acs/message"
)

// Status is how far a container has come. It only moves forward; a restart by
// its restart policy leaves it Running.
type Status int

// The statuses of a container, in order.
const (
	None    Status = iota // nothing is there yet
	Pulled                // its image is there
	Created               // all of it is there, up to its first instruction
	Running
	Stopped
)

func (s Status) String() string {
	return [...]string{"NONE", "PULLED", "CREATED", "RUNNING", "STOPPED"}[s]
}

// MarshalText writes its name, for people who read the files.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads its name.
func (s *Status) UnmarshalText(text []byte) error {
	for *s = None; *s <= Stopped; *s++ {
		if s.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("no such status: %q", text)
}

// Task is all that the engine knows of one task, and what its file holds.
type Task struct {
	Payload    message.Task // without the credentials' keys
	Containers []Container  // in the order of the payload

	Reason     string    // why it cannot run; empty where a container says it
	AcceptedAt time.Time // when the payload came
	RunningAt  time.Time // when every container had started

	PullStartedAt, PullStoppedAt time.Time
	ExecutionStoppedAt           time.Time // when the first essential container ended

	Released      bool   // containers and network are gone: all can be used by others
	ReleaseFailed string // why the last attempt did not end so; attempts go on
	Cleaned       bool   // so are logs, file systems and volumes
	StoppedAt     time.Time

	Sent Sent // what the control plane has been told

	// What follows is lost with the process, and comes again.

	// What the steps of these names do was done by this process.
	Prepared, Fetched bool `json:"-"`

	// Role and Execution are the credentials of its roles.
	Role, Execution *message.RoleCredentials `json:"-"`
}

// Container is what was observed of one container of a task.
type Container struct {
	Name      string
	Status    Status
	RuntimeID string
	// EndpointID is in the addresses of its metadata; nobody else can guess it.
	EndpointID string
	Image      Image
	Bindings   []Binding // host ports, in the network mode bridge
	Address    string    // in the network mode bridge
	Volumes    []Volume  `json:",omitempty"`

	ExitCode *int // nil: it has not ended, or never ran
	Reason   string

	CreatedAt, StartedAt, FinishedAt time.Time

	Check  *Check // its health check, if it has one
	Health Health

	Restarting  bool // it has ended, and its restart policy starts it again
	Restarts    int
	RestartedAt time.Time

	TermAt, KillAt time.Time // when it was told to stop, and made to
}

// Image is the image that a container was or will be created from.
type Image struct {
	Ref        string // as the payload names it
	Digest     string // of its manifest; empty where no registry gave it
	ID         string // of its configuration
	StopSignal string
	Check      *Check `json:",omitempty"` // its own health check
}

// Binding is a port, or a range of them, of a container that the host has.
type Binding struct {
	IP                string
	ContainerPort     int32  `json:",omitempty"`
	HostPort          int32  `json:",omitempty"`
	ContainerPortSpan string `json:",omitempty"` // 9000-9002
	HostPortSpan      string `json:",omitempty"`
	Protocol          string
}

// NewTask is what is known of a task whose payload has just come. A payload
// that cannot run gives a task that has stopped and says why.
func NewTask(p message.Task, now time.Time) Task {
	t := Task{Payload: p, AcceptedAt: now, Role: p.RoleCredentials, Execution: p.ExecutionRoleCredentials}
	t.Payload.RoleCredentials = withoutKeys(p.RoleCredentials)
	t.Payload.ExecutionRoleCredentials = withoutKeys(p.ExecutionRoleCredentials)
	problem := check(p)
	for _, c := range p.Containers {
		made := Container{Name: c.Name, RuntimeID: runtimeID(p, c.Name), EndpointID: strings.ToLower(rand.Text())}
		config, err := dockerConfig(c)
		if err != nil && problem == "" {
			problem = unreadable(fmt.Errorf("container %s: %w", c.Name, err))
		}
		made.Check = config.Healthcheck.orNone()
		t.Containers = append(t.Containers, made)
	}
	t.Reason = problem
	for i := range t.Containers {
		if problem != "" { // nothing of it is touched
			t.Containers[i].Status = Stopped
		}
	}
	return t
}

// ID is the last part of the task's ARN, which names it on this machine.
func (t *Task) ID() string { return ID(t.Payload.ARN) }

// ID is the last part of a task's ARN.
func ID(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// Desired is what the control plane wants of the task: RUNNING or STOPPED.
func (t *Task) Desired() string { return t.Payload.DesiredStatus }

// Last is the task's status as the control plane is told it: PENDING, RUNNING, STOPPED.
func (t *Task) Last() string {
	switch {
	case t.ended() && (t.Released || t.ReleaseFailed != ""):
		return "STOPPED"
	case !t.RunningAt.IsZero():
		return "RUNNING"
	}
	return "PENDING"
}

// Container finds a container by name.
func (t *Task) Container(name string) *Container {
	i := slices.IndexFunc(t.Containers, func(c Container) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Containers[i]
}

// Definition finds what the payload says of a container.
func (t *Task) Definition(name string) *message.Container {
	i := slices.IndexFunc(t.Payload.Containers, func(c message.Container) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Payload.Containers[i]
}

// stopping: nothing more is to be started.
func (t *Task) stopping() bool {
	if t.Desired() == "STOPPED" || t.Reason != "" || t.ended() {
		return true
	}
	for i := range t.Containers {
		if t.Containers[i].Status == Stopped && t.Payload.Containers[i].Essential {
			return true
		}
	}
	return false
}

// unmade: there is a container to create.
func (t *Task) unmade() bool {
	return slices.ContainsFunc(t.Containers, func(c Container) bool { return c.Status < Created || c.Restarting })
}

// ended: every container has stopped.
func (t *Task) ended() bool {
	return !slices.ContainsFunc(t.Containers, func(c Container) bool { return c.Status != Stopped })
}

// needsExecutionRole: something must be fetched with it before containers are created.
func (t *Task) needsExecutionRole() bool {
	return t.Payload.ExecutionRoleCredentials != nil && slices.ContainsFunc(t.Payload.Containers, func(c message.Container) bool {
		return len(c.Secrets) > 0 || len(c.EnvironmentFiles) > 0 || c.RegistryAuthentication != nil || c.LogsAuthStrategy != ""
	})
}

// shrink drops what nobody needs to know of a task that is gone, and that the
// control plane knows is: there may be thousands.
func (t *Task) shrink() {
	if !t.Cleaned || t.Sent.Status != "STOPPED" {
		return
	}
	p := t.Payload
	t.Payload = message.Task{ARN: p.ARN, DesiredStatus: p.DesiredStatus, Cluster: p.Cluster, Family: p.Family, Version: p.Version}
	t.Containers, t.Sent.Containers, t.Role, t.Execution = nil, nil, nil, nil
}

// clone is a copy that shares nothing that changes.
func (t *Task) clone() Task {
	c := *t
	c.Containers = slices.Clone(t.Containers)
	c.Sent.Containers = maps.Clone(t.Sent.Containers)
	return c
}

// check finds what makes a payload impossible to run, in the words of Amazon's agent.
func check(p message.Task) string {
	if p.DesiredStatus == "STOPPED" {
		return "TaskStateError: Agent could not progress task's state to stopped" // it is not known here
	}
	if len(p.Containers) == 0 {
		return unreadable(fmt.Errorf("it has no containers"))
	}
	names := map[string]bool{}
	for _, c := range p.Containers {
		if c.Name == "" || names[c.Name] {
			return unreadable(fmt.Errorf("the name %q of a container is empty or taken", c.Name))
		}
		names[c.Name] = true
	}
	if !orderable(p.Containers) {
		return "Task dependencies cannot be resolved, taskArn: " + p.ARN
	}
	return ""
}

func unreadable(err error) string { return "UnrecogniedTaskError: Error loading task - " + err.Error() }

// docker is the part of Docker's container configuration that the engine reads itself.
type docker struct {
	Healthcheck *Check
	StopSignal  string
}

func dockerConfig(c message.Container) (d docker, err error) {
	if c.DockerConfig.Config == "" {
		return d, nil
	}
	return d, json.Unmarshal([]byte(c.DockerConfig.Config), &d)
}

// withoutKeys keeps what names credentials: keys are never written down.
func withoutKeys(c *message.RoleCredentials) *message.RoleCredentials {
	if c == nil {
		return nil
	}
	return &message.RoleCredentials{CredentialsID: c.CredentialsID, RoleARN: c.RoleARN}
}

// runtimeID names a container as Docker's ids do or, on Fargate, as ECS does there.
func runtimeID(p message.Task, name string) string {
	sum := sha256.Sum256([]byte(p.ARN + "/" + name))
	if p.LaunchType == "FARGATE" {
		return fmt.Sprintf("%s-%010d", ID(p.ARN), binary.BigEndian.Uint32(sum[:]))
	}
	return hex.EncodeToString(sum[:])
}
