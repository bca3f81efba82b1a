package state

import (
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Task is one running copy of a task definition.
type Task struct {
	ARN              string
	Cluster          string // ARN
	Instance         string // ARN of the container instance; on Fargate that of the pool's, which users never see
	Definition       string // ARN
	Group            string // family:web, service:web, or the user's
	LaunchType       string // EC2, FARGATE, EXTERNAL
	CapacityProvider string // name; empty where a launch type was asked for
	StartedBy        string // of a service's task: the id of its deployment or task set
	Service          string // ARN, of a service or a daemon; empty for a task of its own
	Revision         string // ARN of the service or daemon revision, or of the task set, that a service's task is made from
	Last             string // last status; only moves forward
	Desired          string // RUNNING or STOPPED
	Version          int64  // grows with each change of the task

	Takes            Resources // of its instance, as it was placed
	CPU, Memory      string    // of the task as a whole, overrides applied: units and MiB; empty where only containers say
	Zone             string    // availability zone
	PlatformVersion  string    // Fargate
	PlatformFamily   string
	EphemeralStorage *types.EphemeralStorage
	ExecuteCommand   bool
	Overrides        *types.TaskOverride
	TaskRole         string // ARN, override applied; empty for none
	ExecutionRole    string // ARN, override applied; empty for none

	// The ids under which containers find the roles' credentials. They are
	// secrets: who knows one may ask for the credentials.
	TaskCredentials, ExecutionCredentials string

	// Token is the client token of the call that started the task, and Request
	// the hash of what that call asked for.
	Token, Request string

	ProtectedUntil time.Time // from being stopped by its service

	Containers  []types.Container
	Attachments []types.Attachment
	Tags        []types.Tag

	CreatedAt          time.Time
	PullStartedAt      time.Time
	PullStoppedAt      time.Time
	StartedAt          time.Time
	HealthyAt          time.Time // since when a service counts it as healthy; zero while it does not
	StoppingAt         time.Time
	ExecutionStoppedAt time.Time
	StoppedAt          time.Time
	Connectivity       string // CONNECTED or DISCONNECTED; empty before it was ever connected
	ConnectivityAt     time.Time
	StopCode           string
	StoppedReason      string
}

// Stopped reports whether nothing of t is left on its instance.
func (t *Task) Stopped() bool { return t.Last == "STOPPED" }

// Pending reports whether t is on its way to RUNNING.
func (t *Task) Pending() bool {
	return t.Last == "PROVISIONING" || t.Last == "PENDING" || t.Last == "ACTIVATING"
}

const (
	tasksByCluster = iota // and desired status
	tasksByInstance
	tasksByDefinition
	tasksByToken
	tasksByDeployment
	tasksByDaemon
	tasksByClaim // the first of the lists
)

var tasks = kind[Task]{
	name: "tasks",
	key:  func(t *Task) string { return t.ARN },
	indexes: []func(*Task) string{
		tasksByCluster:    func(t *Task) string { return tasksOf(t.Cluster, t.Desired) },
		tasksByInstance:   func(t *Task) string { return t.unlessStopped(t.Instance) },
		tasksByDefinition: func(t *Task) string { return t.unlessStopped(t.Definition) },
		tasksByToken: func(t *Task) string {
			if t.Token == "" {
				return ""
			}
			return taskToken(t.Cluster, t.Token)
		},
		tasksByDeployment: (*Task).ofDeployment,
		tasksByDaemon:     (*Task).ofDaemon,
	},
	lists: []func(*Task) []string{(*Task).claims},
	tallies: []func(*Task) string{
		func(t *Task) string { return strings.Join([]string{t.Cluster, t.LaunchType, t.Last}, separator) },
		func(t *Task) string {
			if t.Instance == "" {
				return ""
			}
			return t.unlessStopped(t.Instance + separator + t.Group)
		},
		(*Task).ofDeployment,
		func(t *Task) string {
			if t.Service == "" {
				return ""
			}
			return t.unlessStopped(inZone(t.Service, t.Zone))
		},
	},
	sum:      (*Task).usage,
	instance: func(t *Task) string { return t.Instance },
}

// unlessStopped is an index key of the tasks that have not stopped.
func (t *Task) unlessStopped(key string) string {
	if t.Stopped() {
		return ""
	}
	return key
}

// OfDaemon reports whether t is the task of a daemon.
func (t *Task) OfDaemon() bool { return strings.Contains(t.Service, ":daemon/") }

// ofDaemon files the tasks of daemons by their container instances.
func (t *Task) ofDaemon() string {
	if !t.OfDaemon() {
		return ""
	}
	return t.unlessStopped(t.Service + " " + t.Instance)
}

func tasksOf(cluster, desired string) string { return cluster + " " + desired }

func taskToken(cluster, token string) string { return cluster + " " + token }

// TaskCount is how many tasks of a cluster agree in launch type and last status.
type TaskCount struct {
	LaunchType, Last string
	Tasks            int
}

// CountTasks yields what the tasks of a cluster are, by the cluster's ARN,
// without looking at each.
func (v *View) CountTasks(cluster string) iter.Seq[TaskCount] {
	return func(yield func(TaskCount) bool) {
		v.Tasks.steady().tally.Ascend(cluster+separator, func(key string, n int) bool {
			rest, ok := strings.CutPrefix(key, cluster+separator)
			launchType, last, _ := strings.Cut(rest, separator)
			return ok && yield(TaskCount{launchType, last, n})
		})
	}
}
