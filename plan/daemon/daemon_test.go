package daemon

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
	"berth/state"
)

const (
	account = "arn:aws:ecs:us-east-1:123456789012:"
	logger  = account + "daemon/main/logger"
)

var (
	noon   = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	config = Config{HealthyAfter: 40 * time.Second}
)

// world writes container instances and the daemon logger, which comes from
// revision v1 to v2. An instance is its words: v1 is a healthy task of that
// revision, v1. one that is pending, v1~ one that runs since a second, v1! an unhealthy one, v1-
// one that was asked to stop; web is a service's task, job one of its own; the
// status is DRAINING by a user's wish, drained by the daemon's, taken by
// another daemon's; away: its agent; other: of another capacity provider.
func world(t *testing.T, sites []string, change func(*state.Daemon, *state.DaemonDeployment, *state.DaemonRevision)) *state.Store {
	t.Helper()
	d := state.Daemon{ARN: logger, Name: "logger", Cluster: account + "cluster/main", Status: types.DaemonStatusActive,
		Deployment: "d2", Revision: "v2", Providers: []string{"machines"}}
	deployment := state.DaemonDeployment{ARN: "d2", ID: "d2", Daemon: logger, Target: "v2", Providers: d.Providers,
		Status: types.DaemonDeploymentStatusInProgress, Config: Defaults(nil)}
	revision := state.DaemonRevision{ARN: "v2", Daemon: logger, Definition: "logger:1", Critical: true}
	if change != nil {
		change(&d, &deployment, &revision)
	}
	store := state.NewReplayable(func() time.Time { return noon }, rand.NewChaCha8([32]byte{}))
	update(t, store, func(tx *state.Tx) {
		tx.DaemonDefinitions.Put(tx, definition("logger:1", false))
		tx.DaemonDefinitions.Put(tx, definition("checked:1", true))
		tx.Daemons.Put(tx, d)
		tx.DaemonRevisions.Put(tx, revision)
		tx.DaemonRevisions.Put(tx, state.DaemonRevision{ARN: "v1", Daemon: logger, Definition: "logger:1", Critical: true})
		tx.DaemonDeployments.Put(tx, deployment)
		for n, words := range sites {
			writeSite(tx, fmt.Sprintf("i%d", n), strings.Fields(words), revision.Definition)
		}
	})
	return store
}

func definition(arn string, checked bool) state.DaemonTaskDefinition {
	d := state.DaemonTaskDefinition{Runs: types.TaskDefinition{TaskDefinitionArn: &arn, Memory: aws.String("64")}}
	d.DaemonTaskDefinitionArn = &arn
	c := types.ContainerDefinition{Name: aws.String("log"), Image: aws.String("log")}
	if checked {
		c.HealthCheck = &types.HealthCheck{Command: []string{"CMD", "true"}}
	}
	d.Runs.ContainerDefinitions = []types.ContainerDefinition{c}
	return d
}

func writeSite(tx *state.Tx, name string, words []string, definition string) {
	i := state.ContainerInstance{ARN: name, Cluster: account + "cluster/main", Status: "ACTIVE", AgentConnected: true, CapacityProvider: "machines",
		Resources: []types.Resource{{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 1024}, {Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: 100}}}
	for _, word := range words {
		switch word {
		case "DRAINING":
			i.Status = word
		case "drained":
			i.Status, i.DrainedBy, i.DrainedAt = "DRAINING", logger, noon
		case "taken":
			i.Status, i.DrainedBy, i.DrainedAt = "DRAINING", account+"daemon/main/guard", noon
		case "away":
			i.AgentConnected = false
		case "other":
			i.CapacityProvider = word
		case "full":
			i.Resources[1].IntegerValue = 10
		default:
			tx.Tasks.Put(tx, taskOf(name, word, definition))
		}
	}
	tx.ContainerInstances.Put(tx, i)
}

func taskOf(instance, word, definition string) state.Task {
	t := state.Task{ARN: instance + "." + word, Cluster: account + "cluster/main", Instance: instance, Last: "RUNNING", Desired: "RUNNING"}
	if word == "web" {
		t.Service = account + "service/main/web"
	}
	if !strings.HasPrefix(word, "v") {
		return t
	}
	t.Service, t.StartedBy, t.Definition, t.Revision = logger, "d"+word[1:2], definition, word[:2]
	t.StartedAt, t.HealthyAt = noon.Add(-time.Hour), noon.Add(-time.Hour)
	t.Containers = []types.Container{{Name: aws.String("log"), HealthStatus: types.HealthStatusUnknown}}
	switch word[2:] {
	case ".":
		t.Last, t.StartedAt, t.HealthyAt = "PENDING", time.Time{}, time.Time{}
	case "~":
		t.StartedAt, t.HealthyAt = noon.Add(-time.Second), time.Time{}
	case "!":
		t.HealthyAt = time.Time{}
		t.Containers[0].HealthStatus = types.HealthStatusUnhealthy
	case "-":
		t.Desired = "STOPPED"
	}
	return t
}

func check(t *testing.T, s *state.Store, wake time.Duration, want ...string) {
	t.Helper()
	d, _ := s.View().Daemons.Get(logger)
	p := config.Plan(s.View(), d, noon)
	if got := p.Strings(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if p.Wake.IsZero() != (wake == 0) || wake != 0 && !p.Wake.Equal(noon.Add(wake)) {
		t.Errorf("wakes at %s, want %s after %s", p.Wake, wake, noon)
	}
}

func over(_ *state.Daemon, d *state.DaemonDeployment, _ *state.DaemonRevision) {
	d.Status = types.DaemonDeploymentStatusSuccessful
}

func TestPlan(t *testing.T) {
	const (
		drainForDeployment = "drain i0: Drained: deployment of the daemon logger"
		replaced           = ": Replaced by daemon deployment d2"
		completed          = "logger: deployment completed"
	)
	for _, tc := range []struct {
		name   string
		sites  []string
		change func(*state.Daemon, *state.DaemonDeployment, *state.DaemonRevision)
		wake   time.Duration
		want   []string
	}{
		{"no instances: done at once", nil, nil, 0, []string{completed}},
		{"starts one on each instance", []string{"", "web", "other", "DRAINING", "taken", "away"}, nil, 0,
			[]string{"start logger:1 on i0", "start logger:1 on i1"}},
		{"waits for those that start", []string{"v2.", "v2"}, nil, 0, nil},
		{"counts one that runs as healthy after a while", []string{"v2~"}, nil, 39 * time.Second, nil},
		{"is still when all run", []string{"v2 web", "v2"}, over, 0, nil},
		{"replaces on an idle instance without draining it", []string{"v1"}, nil, 0, []string{"stop i0.v1" + replaced}},
		{"drains a busy one first", []string{"v1 web", "v2"}, nil, 0, []string{drainForDeployment}},
		{"drains none for tasks of no service", []string{"v1 job", "v2"}, nil, 0, []string{"stop i0.v1" + replaced}},
		{"drains none whose tasks have nowhere to go", []string{"v1 web", "v2 away", "v2 other"}, nil, 0,
			[]string{"stop i0.v1" + replaced, "stop i2.v2: The daemon does not run on this container instance any more"}},
		{"replaces when it is drained", []string{"v1 drained job", "v2"}, nil, 0, []string{"stop i0.v1" + replaced}},
		{"waits until it is, for a while", []string{"v1 drained web", "v2"}, nil, patience, nil},
		{"starts when the old one has stopped", []string{"drained", "v2"}, nil, 0, []string{"start logger:1 on i0"}},
		{"and not before", []string{"drained v1-", "v2"}, nil, 0, nil},
		{"activates when the new one is healthy", []string{"drained v2", "v2"}, nil, 0, []string{"activate i0"}},
		{"works on a quarter at a time", []string{"v1", "v1", "v1", "v1", "v1", "v1", "v1", "v1", "v1"}, nil, 0,
			[]string{"stop i0.v1" + replaced, "stop i1.v1" + replaced}},
		{"and on no more", []string{"v2~", "v1 drained web", "v1", "v1", "v1", "v1", "v1", "v1", "v1"}, nil, 39 * time.Second, nil},
		{"replaces one that comes back with an old revision", []string{"v1", "v2"}, over, 0, []string{"stop i0.v1" + replaced}},
		{"leaves alone what a user drains", []string{"v1 DRAINING web"}, over, 0, nil},
		{"and goes last", []string{"v1 DRAINING"}, over, 0, []string{"stop i0.v1: Container instance drained"}},
		{"stops a second one", []string{"v2 v1"}, over, 0, []string{"stop i0.v1: Another task of the daemon runs on this container instance"}},
		{"repair: drains and restarts", []string{"web", "v2"}, over, 0,
			[]string{"drain i0: Drained: the critical daemon logger does not run", "start logger:1 on i0"}},
		{"repair: an idle instance needs no draining", []string{"", "v2"}, over, 0, []string{"start logger:1 on i0"}},
		{"repair: one that is not critical is only restarted", []string{"web", "v2"},
			func(_ *state.Daemon, d *state.DaemonDeployment, r *state.DaemonRevision) {
				d.Status, r.Critical = types.DaemonDeploymentStatusSuccessful, false
			}, 0, []string{"start logger:1 on i0"}},
		{"repair: an unhealthy one is stopped", []string{"v2! web"}, func(_ *state.Daemon, d *state.DaemonDeployment, r *state.DaemonRevision) {
			d.Status, r.Definition = types.DaemonDeploymentStatusSuccessful, "checked:1"
		}, 0, []string{"logger: task i0.v2! is unhealthy", "stop i0.v2!: Task failed container health checks",
			"drain i0: Drained: the critical daemon logger does not run"}},
		{"pauses after failures", []string{""}, func(_ *state.Daemon, d *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Failed, d.FailedAt = 3, noon.Add(-time.Second)
		}, 3 * time.Second, nil},
		{"starts over when one is healthy", []string{"v2"}, func(_ *state.Daemon, d *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Status, d.Failed, d.FailedAt = types.DaemonDeploymentStatusSuccessful, 3, noon.Add(-2*time.Hour)
		}, 0, []string{"logger: a task is healthy again"}},
		{"no room: a failure", []string{"full", "v2"}, nil, time.Second,
			[]string{"logger: Unable to place a daemon task on container instance i0: RESOURCE:MEMORY: needs 64 MiB of memory, has 10 of 10 left."}},
		{"no room: drains first", []string{"full web", "v2"}, nil, 0, []string{"drain i0: Drained: there is no room for the daemon logger"}},
		{"bakes", []string{"v2"}, func(_ *state.Daemon, d *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Config.BakeTimeInMinutes = 3
		}, 3 * time.Minute, []string{"logger: bake for 3m0s"}},
		{"is done after it baked", []string{"v2"}, func(_ *state.Daemon, d *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Config.BakeTimeInMinutes, d.BakingAt = 3, noon.Add(-3*time.Minute)
		}, 0, []string{completed}},
		{"deleted: stops all", []string{"v1 drained", "v2 DRAINING", "v2."}, func(d *state.Daemon, _ *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Status = types.DaemonStatusDeleteInProgress
		}, 0, []string{"stop i0.v1: Daemon deleted", "activate i0", "stop i1.v2: Daemon deleted", "stop i2.v2.: Daemon deleted"}},
		{"deleted: gone when none is left", []string{"web"}, func(d *state.Daemon, _ *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Status = types.DaemonStatusDeleteInProgress
		}, 0, []string{"remove " + logger}},
	} {
		t.Run(tc.name, func(t *testing.T) { check(t, world(t, tc.sites, tc.change), tc.wake, tc.want...) })
	}
}

// A daemon that fails again and again goes back to the revision that worked.
func TestRollback(t *testing.T) {
	failing := func(_ *state.Daemon, d *state.DaemonDeployment, _ *state.DaemonRevision) {
		d.Failed, d.FailedAt = Threshold(1), noon.Add(-time.Minute)
	}
	t.Run("to nothing", func(t *testing.T) {
		check(t, world(t, []string{"v2.", ""}, failing), 0, "logger moves to revision none", "logger: deployment stopped",
			"stop i0.v2.: The daemon does not run on this container instance any more")
	})
	t.Run("to the last that succeeded", func(t *testing.T) {
		s := world(t, []string{"v2.", "v1", "drained"}, failing)
		update(t, s, func(tx *state.Tx) {
			tx.DaemonDeployments.Put(tx, state.DaemonDeployment{ARN: "d1", ID: "d1", Daemon: logger, Target: "v1", Providers: []string{"machines"},
				Status: types.DaemonDeploymentStatusSuccessful, CreatedAt: noon.Add(-time.Hour), Config: Defaults(nil)})
		})
		check(t, s, 0, "logger moves to revision v1", "logger: roll back to revision v1",
			"stop i0.v2.: Replaced by daemon deployment d2", "start logger:1 on i2")
		update(t, s, func(tx *state.Tx) {
			d, _ := tx.Daemons.Get(logger)
			config.Plan(tx.View, d, noon).Apply(tx)
		})
		d, _ := s.View().Daemons.Get(logger)
		deployment, _ := s.View().DaemonDeployments.Get("d2")
		if d.Revision != "v1" || deployment.Status != types.DaemonDeploymentStatusRollbackInProgress || !deployment.Tripped || deployment.Failed != 0 ||
			*deployment.Rollback.RollbackTargetDaemonRevisionArn != "v1" ||
			deployment.Rollback.RollbackCapacityProviders[0] != account+"capacity-provider/machines" {
			t.Errorf("daemon %+v\ndeployment %+v", d, deployment)
		}
	})
	t.Run("which ends", func(t *testing.T) {
		back := func(d *state.Daemon, deployment *state.DaemonDeployment, _ *state.DaemonRevision) {
			d.Revision, deployment.Status, deployment.Rollback = "v1", types.DaemonDeploymentStatusRollbackInProgress, &types.DaemonRollback{}
		}
		check(t, world(t, []string{"v1", "v1"}, back), 0, "logger: rollback completed")
		check(t, world(t, []string{"v1", ""}, func(d *state.Daemon, deployment *state.DaemonDeployment, r *state.DaemonRevision) {
			back(d, deployment, r)
			failing(d, deployment, r)
		}), 0, "logger: rollback failed", "start logger:1 on i1")
	})
}

// A task that ends by itself before it was healthy counts, others do not.
func TestFailures(t *testing.T) {
	for word, want := range map[string]int{"v2.": 1, "v2~": 1, "v2": 0, "v1~": 0} {
		s := world(t, []string{word}, nil)
		update(t, s, func(tx *state.Tx) {
			task, _ := tx.Tasks.Get("i0." + word)
			plan.End(tx, task, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited")
		})
		if d, _ := s.View().DaemonDeployments.Get("d2"); d.Failed != want {
			t.Errorf("%s: %d failures, want %d", word, d.Failed, want)
		}
	}
}

func update(t *testing.T, s *state.Store, change func(*state.Tx)) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *state.Tx) error {
		change(tx)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
