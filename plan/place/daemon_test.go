package place

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// A critical daemon runs before other tasks; an order that is kept notices when
// it does, and when there is one.
func TestDaemonsFirst(t *testing.T) {
	const daemon = "arn:aws:ecs:us-east-1:123456789012:daemon/c/d"
	s := instances(t, "i a 1000 500 0")
	update := func(change func(*state.Tx)) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx *state.Tx) error { change(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	put := func(last string, health types.HealthStatus, healthy time.Time) func(*state.Tx) {
		return func(tx *state.Tx) {
			tx.Tasks.Put(tx, state.Task{ARN: "task", Service: daemon, Definition: "def", Instance: "i", Last: last, Desired: "RUNNING", HealthyAt: healthy,
				Containers: []types.Container{{Name: aws.String("c"), HealthStatus: health}}})
		}
	}
	define := func(check *types.HealthCheck) func(*state.Tx) {
		return func(tx *state.Tx) {
			d := state.DaemonTaskDefinition{Runs: types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("c"), HealthCheck: check}}}}
			d.DaemonTaskDefinitionArn = aws.String("def")
			tx.DaemonDefinitions.Put(tx, d)
		}
	}
	deploy := func(critical bool) func(*state.Tx) {
		return func(tx *state.Tx) {
			tx.DaemonRevisions.Put(tx, state.DaemonRevision{ARN: "r", Daemon: daemon, Critical: critical})
			tx.Daemons.Put(tx, state.Daemon{ARN: daemon, Name: "d", Cluster: "c", Status: types.DaemonStatusActive, Revision: "r", Providers: []string{"p"}})
		}
	}
	update(func(tx *state.Tx) {
		i, _ := tx.ContainerInstances.Get("i")
		i.CapacityProvider = "p"
		tx.ContainerInstances.Put(tx, i)
	})
	for _, step := range []struct {
		what   string
		change func(*state.Tx)
		runs   bool
	}{
		{"no daemon", define(nil), true},
		{"one that does not run", deploy(true), false},
		{"is on its way", put("PENDING", "", time.Time{}), false},
		{"runs", put("RUNNING", "", time.Time{}), true},
		{"ends", put("STOPPED", "", time.Time{}), false},
		{"is not critical any more", deploy(false), true},
		{"is critical again", deploy(true), false},
		{"runs again", put("RUNNING", types.HealthStatusUnknown, time.Time{}), true},
		{"is healthy", put("RUNNING", types.HealthStatusHealthy, time.Unix(1, 0)), true},
	} {
		update(step.change)
		places, refused := Tasks(s.View(), request(1))
		if runs := len(places) == 1; runs != step.runs || !runs && (refused[0].Reason != "DAEMON" || refused[0].Detail != "its critical daemon d does not run") {
			t.Errorf("%s: placed %t, %+v", step.what, runs, refused)
		}
	}
	update(define(&types.HealthCheck{}))
	update(put("RUNNING", types.HealthStatusUnknown, time.Time{}))
	if places, _ := Tasks(s.View(), request(1)); len(places) > 0 {
		t.Error("placed while the health of the daemon is not known")
	}
	own := request(1)
	own.Only, own.Daemon = "i", true
	if places, refused := Tasks(s.View(), own); len(places) != 1 {
		t.Errorf("the daemon itself: %+v", refused)
	}
}
