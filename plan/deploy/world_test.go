package deploy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const (
	clusterARN = "arn:aws:ecs:r:1:cluster/c"
	serviceARN = "arn:aws:ecs:r:1:service/c/web"
)

// world is a region with one service, agents that do what they are told, and a
// clock that jumps.
type world struct {
	t     *testing.T
	store *state.Store
	now   time.Time
	cfg   Config
	trace []string // what plans did
	watch func()   // called after each plan
}

// newWorld makes a service with deployments v1, v2, …, of which the last one that
// tasks name is primary and in progress. A task is its deployment and a sign: "."
// pending, "-" running, "+" healthy, "!" unhealthy, "~" leaving, "/" stopping. One
// with "p" is protected for an hour, and "@i1" puts it on an instance: "v1+p@i1".
// There are four instances, i0 to i3.
func newWorld(t *testing.T, desired, lowest, most int, tasks string) *world {
	t.Helper()
	w := &world{t: t, now: noon, cfg: Config{HealthyAfter: 40 * time.Second}}
	w.store = state.NewReplayable(func() time.Time { return w.now }, rand.NewChaCha8([32]byte{}))
	w.update(func(tx *state.Tx) {
		tx.Clusters.Put(tx, state.Cluster{ARN: clusterARN, Name: "c", Status: "ACTIVE"})
		for n := range 4 {
			addInstance(tx, fmt.Sprint("i", n), string(rune('a'+n%3)))
		}
		s := state.Service{
			ARN: serviceARN, Name: "web", Cluster: clusterARN, Status: "ACTIVE", Desired: desired,
			Scheduling: types.SchedulingStrategyReplica, Controller: types.DeploymentControllerTypeEcs,
			Rollout: Defaults(&types.DeploymentConfiguration{
				MinimumHealthyPercent: aws.Int32(int32(lowest)), MaximumPercent: aws.Int32(int32(most)),
			}, types.SchedulingStrategyReplica),
		}
		for _, text := range append(strings.Fields(tasks), "") {
			addTask(tx, &s, text)
		}
		if len(s.Deployments) == 0 {
			addDeployment(tx, &s, "v1")
		}
		tx.Services.Put(tx, s)
	})
	return w
}

// addInstance makes a container instance with room for 100 tasks.
func addInstance(tx *state.Tx, name, zone string) {
	tx.ContainerInstances.Put(tx, state.ContainerInstance{
		ARN: "arn:aws:ecs:r:1:container-instance/c/" + name, Cluster: clusterARN, Status: "ACTIVE", AgentConnected: true,
		Resources: []types.Resource{
			{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 10_000},
			{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: 10_000},
		},
		Attributes: []types.Attribute{{Name: aws.String("ecs.availability-zone"), Value: &zone}},
	})
}

// addDeployment puts a deployment before those there are: the older ones, and
// the service deployments that made them, are completed.
func addDeployment(tx *state.Tx, s *state.Service, name string) {
	definition := "arn:aws:ecs:r:1:task-definition/" + name + ":1"
	tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{
		TaskDefinitionArn: &definition,
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("c"), Cpu: 100, Memory: aws.Int32(100), Essential: aws.Bool(true),
		}},
	}})
	for i, d := range s.Deployments {
		if d.State == types.DeploymentRolloutStateInProgress {
			s.Deployments[i].State = types.DeploymentRolloutStateCompleted
			sd, _ := tx.ServiceDeployments.Get(d.ServiceDeployment)
			sd.Status, sd.FinishedAt = types.ServiceDeploymentStatusSuccessful, noon.Add(time.Duration(i-len(s.Deployments))*time.Hour)
			tx.ServiceDeployments.Put(tx, sd)
		}
	}
	r := state.ServiceRevision{ARN: "revision/" + name, Service: s.ARN, Workload: state.Workload{Definition: definition, LaunchType: "EC2"}}
	tx.ServiceRevisions.Put(tx, r)
	sd := state.ServiceDeployment{
		ARN: "sd/" + name, Service: s.ARN, Target: r.ARN, Status: types.ServiceDeploymentStatusInProgress,
		Stage: types.ServiceDeploymentLifecycleStageScaleUp, Rollout: s.Rollout, CreatedAt: noon,
	}
	tx.ServiceDeployments.Put(tx, sd)
	s.Deployments = append([]state.Deployment{{
		ID: name, Revision: r.ARN, Definition: definition, ServiceDeployment: sd.ARN,
		State: types.DeploymentRolloutStateInProgress, CreatedAt: noon,
	}}, s.Deployments...)
}

func addTask(tx *state.Tx, s *state.Service, text string) {
	if text == "" {
		return
	}
	text, instance, _ := strings.Cut(text, "@")
	text, protected := strings.CutSuffix(text, "p")
	name, sign := text[:len(text)-1], text[len(text)-1]
	if !slices.ContainsFunc(s.Deployments, func(d state.Deployment) bool { return d.ID == name }) {
		addDeployment(tx, s, name)
	}
	if instance == "" {
		instance = "i0"
	}
	n := count(tx.View, *s, name).all()
	revision, _ := tx.ServiceRevisions.Get("revision/" + name)
	at, _ := tx.ContainerInstances.Get("arn:aws:ecs:r:1:container-instance/c/" + instance)
	task := state.Task{
		Zone: place.Zone(at),
		ARN:  fmt.Sprintf("arn:aws:ecs:r:1:task/c/%s.%d", name, n), Cluster: clusterARN, Service: s.ARN, StartedBy: name,
		Instance: at.ARN, Group: "service:web", LaunchType: "EC2",
		Definition: revision.Definition, Revision: revision.ARN, Last: "RUNNING", Desired: "RUNNING",
		CreatedAt: noon, StartedAt: noon, Takes: state.Resources{CPU: 100, Memory: 100},
		Containers: []types.Container{{Name: aws.String("c"), HealthStatus: types.HealthStatusUnknown}},
	}
	if protected {
		task.ProtectedUntil = noon.Add(time.Hour)
	}
	switch sign {
	case '.':
		task.Last, task.StartedAt = "PENDING", time.Time{}
	case '+':
		task.HealthyAt = noon
	case '!':
		task.Containers[0].HealthStatus = types.HealthStatusUnhealthy
	case '~':
		task.Desired = "STOPPED"
	case '/':
		task.Desired, task.Last = "STOPPED", "STOPPING"
	}
	tx.Tasks.Put(tx, task)
}

func (w *world) update(fn func(*state.Tx)) {
	w.t.Helper()
	if err := w.store.Update(w.t.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) service() state.Service {
	s, _ := w.store.View().Services.Get(serviceARN)
	return s
}

// change changes the service.
func (w *world) change(how func(tx *state.Tx, s *state.Service)) {
	w.t.Helper()
	w.update(func(tx *state.Tx) {
		s, _ := tx.Services.Get(serviceARN)
		how(tx, &s)
		tx.Services.Put(tx, s)
	})
}

func (w *world) plan() plan.Plan { return w.cfg.Plan(w.store.View(), w.service(), w.now) }

// step applies a plan and reports whether there was anything to do.
func (w *world) step() bool {
	w.t.Helper()
	p := w.plan()
	w.trace = append(w.trace, p.Strings()...)
	w.update(func(tx *state.Tx) { p.Apply(tx) })
	if w.watch != nil {
		w.watch()
	}
	return len(p.Actions) > 0
}

// obey lets the agents do one step of all that they are told.
func (w *world) obey() (any bool) {
	w.update(func(tx *state.Tx) {
		for t := range tx.Tasks.All() {
			switch {
			case t.Stopped():
				tx.Tasks.Delete(tx, t.ARN)
				continue
			case t.Desired == "STOPPED" && t.Phase() == state.Leaving:
				t.Last = "STOPPING"
				tx.Tasks.Put(tx, t)
			case t.Desired == "STOPPED":
				plan.End(tx, t, types.TaskStopCodeServiceSchedulerInitiated, "")
			case t.Pending():
				t.Last, t.StartedAt = "RUNNING", tx.Now()
				tx.Tasks.Put(tx, t)
			default:
				continue
			}
			any = true
		}
	})
	return any
}

// settle lets plans and agents work until nothing is left to do for an hour.
func (w *world) settle() {
	w.t.Helper()
	end := w.now.Add(time.Hour)
	for range 10_000 {
		planned := w.step()
		worked := w.obey()
		if planned || worked {
			continue
		}
		wake := w.plan().Wake
		if wake.IsZero() || wake.After(end) {
			return
		}
		w.now = wake
	}
	w.t.Fatalf("never settles:\n%s", strings.Join(w.trace[max(0, len(w.trace)-40):], "\n"))
}

// events are the messages of the service's events, oldest first.
func (w *world) events() (all []string) {
	for e := range w.store.View().EventsOf(serviceARN) {
		all = append(all, e.Message)
	}
	return all
}

// check compares what a plan does, but for ids, with what it should.
func (w *world) check(want ...string) {
	w.t.Helper()
	p := w.plan()
	if got := p.Strings(); !slices.Equal(got, want) {
		w.t.Errorf("got\n\t%s\nwant\n\t%s\nnotes %q", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), p.Notes)
	}
}
