package state

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Service keeps a number of tasks running, or one on each container instance.
// It stays for a while, INACTIVE, after it is deleted.
//
// What of a service its tasks are made from is in its service revisions, or its
// task sets; what follows from its tasks is counted when it is asked for.
type Service struct {
	ARN        string
	Name       string
	Cluster    string // ARN
	Status     string // ACTIVE, DRAINING, INACTIVE
	Scheduling types.SchedulingStrategy
	Controller types.DeploymentControllerType
	Desired    int                            // tasks; where Scheduling is DAEMON, as its events told last
	Rollout    *types.DeploymentConfiguration // how to deploy, all defaults filled in

	Constraints []types.PlacementConstraint
	Strategy    []types.PlacementStrategy
	GracePeriod *int32 // seconds in which a task that started may be unhealthy
	Rebalancing types.AvailabilityZoneRebalancing
	ManagedTags bool
	Propagate   types.PropagateTags
	Execute     bool   // enableExecuteCommand
	Role        string // ARN
	Namespace   string // ARN of its Service Connect namespace
	Tags        []types.Tag

	// Deployments are those that have tasks or should: the first is PRIMARY, the
	// others are ACTIVE, newest first. None where the controller is EXTERNAL. Of an
	// INACTIVE service it is the last one, which tells what the service was.
	Deployments []Deployment

	// PrimaryTaskSet is the ARN of the primary of its task sets, if the
	// controller is EXTERNAL.
	PrimaryTaskSet string

	CreatedAt time.Time
	CreatedBy string // ARN
	DeletedAt time.Time

	// Token is the client token of the call that made it, and Request the hash
	// of what that call asked for.
	Token, Request string
}

// Deployment is one of a service's, as DescribeServices shows them: the tasks
// that are made from a service revision since a moment. A rollback makes an old
// one primary again, or a new one of its revision if no task of it is left.
type Deployment struct {
	ID                string // ecs-svc/…: startedBy of its tasks
	Revision          string // ARN of the service revision
	Definition        string // ARN of the revision's task definition
	ServiceDeployment string // ARN of the service deployment that it is part of
	State             types.DeploymentRolloutState
	Reason            string // of the state
	CreatedAt         time.Time
	UpdatedAt         time.Time

	// Failed is how many of its tasks failed since one became healthy (or since
	// it began, as its circuit breaker is configured), Streak how many since one
	// became healthy, and FailedAt when the last did.
	Failed, Streak int
	FailedAt       time.Time
}

// Primary is the deployment that s moves to; nil where it has none.
func (s *Service) Primary() *Deployment {
	if len(s.Deployments) == 0 {
		return nil
	}
	return &s.Deployments[0]
}

// Workload is what tasks of a service are made from, as the user gave it.
type Workload struct {
	Definition        string // ARN
	LaunchType        string // empty where there is a capacity provider strategy
	CapacityProviders []types.CapacityProviderStrategyItem
	PlatformVersion   string
	Network           *types.NetworkConfiguration
	LoadBalancers     []types.LoadBalancer
	Registries        []types.ServiceRegistry
}

// Runs is the launch type that tasks of w have: by its capacity providers where
// it names none.
func (w *Workload) Runs() string {
	if w.LaunchType != "" {
		return w.LaunchType
	}
	for _, item := range w.CapacityProviders {
		if strings.HasPrefix(*item.CapacityProvider, "FARGATE") {
			return "FARGATE"
		}
	}
	return "EC2"
}

// ServiceRevision is one version of what a service runs. It never changes, but
// for the digests of its images.
type ServiceRevision struct {
	ARN     string
	Service string // ARN
	Workload

	Connect    *types.ServiceConnectConfiguration
	Volumes    []types.ServiceVolumeConfiguration
	Monitoring *types.MonitoringConfiguration
	Images     []types.ContainerImage // of each container; the digest is that which its first task pulled
	CreatedAt  time.Time
}

// ServiceDeployment is one change of what a service runs, from its beginning to
// its end, rollback included.
type ServiceDeployment struct {
	ARN       string
	Service   string // ARN
	Status    types.ServiceDeploymentStatus
	Reason    string   // of the status
	Sources   []string // ARNs of the service revisions that ran when it began
	Target    string   // ARN of the service revision
	Stage     types.ServiceDeploymentLifecycleStage
	StageAt   time.Time                      // when it entered the stage
	Rollout   *types.DeploymentConfiguration // as it was when it began
	Rollback  *types.Rollback
	Tripped   bool                                  // its circuit breaker is triggered
	Triggered []string                              // names of its alarms that are
	Hooks     []types.DeploymentLifecycleHookDetail // of the stage

	CreatedAt, StartedAt, FinishedAt, StoppedAt, UpdatedAt time.Time
}

// Over reports whether nothing more comes of d.
func (d *ServiceDeployment) Over() bool {
	switch d.Status {
	case types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopped,
		types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}

// TaskSet is what an external deployment controller runs of a service.
type TaskSet struct {
	ARN     string
	ID      string // ecs-svc/…: startedBy of its tasks
	Service string // ARN
	Status  string // PRIMARY, ACTIVE, DRAINING
	Workload

	ExternalID     string
	Scale          types.Scale
	Computed       int // desired count, as its events told last
	Stability      types.StabilityStatus
	StableAt       time.Time // when Stability changed last
	Tags           []types.Tag
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Streak         int // as a deployment's
	FailedAt       time.Time
	Token, Request string
}

// ServiceEvent is one line of what happened to a service.
type ServiceEvent struct {
	Service string // ARN
	Number  int64  // in the order of the service's events
	ID      string
	At      time.Time
	Message string
}

const (
	servicesByCluster = iota
	servicesByNamespace
	servicesByDefinition // the first of the lists
)

var services = kind[Service]{
	name: "services",
	key:  func(s *Service) string { return s.ARN },
	indexes: []func(*Service) string{
		servicesByCluster:   func(s *Service) string { return s.Cluster },
		servicesByNamespace: func(s *Service) string { return s.Namespace },
	},
	lists: []func(*Service) []string{(*Service).definitions},
}

func (s *Service) definitions() (arns []string) {
	if s.Status == "INACTIVE" {
		return nil
	}
	for _, d := range s.Deployments {
		arns = append(arns, d.Definition)
	}
	return arns
}

var serviceRevisions = kind[ServiceRevision]{
	name:    "service-revisions",
	key:     func(r *ServiceRevision) string { return r.ARN },
	indexes: []func(*ServiceRevision) string{func(r *ServiceRevision) string { return r.Service }},
}

var serviceDeployments = kind[ServiceDeployment]{
	name:    "service-deployments",
	key:     func(d *ServiceDeployment) string { return d.ARN },
	indexes: []func(*ServiceDeployment) string{func(d *ServiceDeployment) string { return d.Service }},
}

var taskSets = kind[TaskSet]{
	name: "task-sets",
	key:  func(s *TaskSet) string { return s.ARN },
	indexes: []func(*TaskSet) string{
		taskSetsByService:    func(s *TaskSet) string { return s.Service },
		taskSetsByDefinition: func(s *TaskSet) string { return s.Definition },
	},
}

const (
	taskSetsByService = iota
	taskSetsByDefinition
)

var serviceEvents = kind[ServiceEvent]{
	name:    "service-events",
	key:     func(e *ServiceEvent) string { return ServiceEventKey(e.Service, e.Number) },
	tallies: []func(*ServiceEvent) string{func(e *ServiceEvent) string { return e.Service }},
}

// ServiceEventKey is the key of an event of a service.
func ServiceEventKey(service string, number int64) string {
	return fmt.Sprintf("%s|%019d", service, number)
}

// ServicesOf yields the services of a cluster, by the cluster's ARN.
func (v *View) ServicesOf(cluster string) iter.Seq[Service] {
	return v.Services.by(servicesByCluster, cluster)
}

// ServicesIn yields the services of a Cloud Map namespace, by its ARN.
func (v *View) ServicesIn(namespace string) iter.Seq[Service] {
	return v.Services.by(servicesByNamespace, namespace)
}

// ServicesFrom yields the services that have a deployment of a task definition,
// by its ARN, and are not deleted.
func (v *View) ServicesFrom(definition string) iter.Seq[Service] {
	return v.Services.by(servicesByDefinition, definition)
}

// RevisionsOf yields the revisions of a service, by its ARN, in the order of
// their numbers.
func (v *View) RevisionsOf(service string) iter.Seq[ServiceRevision] {
	return v.ServiceRevisions.by(0, service)
}

// DeploymentsOf yields the service deployments of a service, by its ARN, in no
// order that means anything.
func (v *View) DeploymentsOf(service string) iter.Seq[ServiceDeployment] {
	return v.ServiceDeployments.by(0, service)
}

// TaskSetsOf yields the task sets of a service, by its ARN.
func (v *View) TaskSetsOf(service string) iter.Seq[TaskSet] {
	return v.TaskSets.by(taskSetsByService, service)
}

// TaskSetsFrom yields the task sets of a task definition, by its ARN.
func (v *View) TaskSetsFrom(definition string) iter.Seq[TaskSet] {
	return v.TaskSets.by(taskSetsByDefinition, definition)
}

// EventsOf yields the events of a service, by its ARN, oldest first.
func (v *View) EventsOf(service string) iter.Seq[ServiceEvent] {
	return v.ServiceEvents.Prefix(service + "|")
}

// LatestEventsOf yields the events of a service, by its ARN, newest first.
func (v *View) LatestEventsOf(service string) iter.Seq[ServiceEvent] {
	return v.ServiceEvents.backward(service + "|")
}

// CountEventsOf returns how many events of a service are kept, by its ARN.
func (v *View) CountEventsOf(service string) int {
	n, _ := v.ServiceEvents.tally.Get(service)
	return n
}

// Phase is how a task counts among those of its service.
type Phase string

// The phases of a task. It may leave any of them for the last two.
const (
	Pending  Phase = "pending"  // on its way to RUNNING
	Running  Phase = "running"  // but not healthy yet, or not any more
	Healthy  Phase = "healthy"  // counts as such: see Task.HealthyAt
	Leaving  Phase = "leaving"  // asked to stop, and its agent does not know yet
	Stopping Phase = "stopping" // by its agent
)

// Phase returns the phase of t, which has not stopped.
func (t *Task) Phase() Phase {
	before := t.Pending() || t.Last == "RUNNING"
	switch {
	case before && t.Desired == "STOPPED":
		return Leaving
	case t.Pending():
		return Pending
	case t.Last == "RUNNING" && t.HealthyAt.IsZero():
		return Running
	case t.Last == "RUNNING":
		return Healthy
	}
	return Stopping
}

// ofDeployment is what a task is filed and counted under among those of its service.
func (t *Task) ofDeployment() string {
	if t.Service == "" {
		return ""
	}
	return t.unlessStopped(inPhase(t.Service, t.StartedBy, t.Phase()))
}

func inPhase(service, id string, p Phase) string { return service + " " + id + " " + string(p) }

// TasksOfDeployment yields the tasks of a deployment or task set that are in a
// phase, by the ARN of the service and the id.
func (v *View) TasksOfDeployment(service, id string, p Phase) iter.Seq[Task] {
	return v.Tasks.by(tasksByDeployment, inPhase(service, id, p))
}

// CountTasksOf returns how many tasks of a deployment or task set are in a phase,
// by the ARN of the service and the id, without looking at each.
func (v *View) CountTasksOf(service, id string, p Phase) int {
	n, _ := v.Tasks.tally.Get(inPhase(service, id, p))
	return n
}

func inZone(service, zone string) string { return service + " zone " + zone }

// CountTasksInZone returns how many tasks of a service, by its ARN, are in a zone
// and have not stopped, without looking at each.
func (v *View) CountTasksInZone(service, zone string) int {
	n, _ := v.Tasks.tally.Get(inZone(service, zone))
	return n
}

// LaunchTypeOf is the launch type that tasks of a service have: that of its
// primary revision or task set.
func (v *View) LaunchTypeOf(s Service) string {
	if d := s.Primary(); d != nil {
		r, _ := v.ServiceRevisions.Get(d.Revision)
		return r.Runs()
	}
	set, _ := v.TaskSets.Get(s.PrimaryTaskSet)
	return set.Runs()
}
