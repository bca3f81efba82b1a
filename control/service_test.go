package control

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// A task that stops concerns its own service, and all that miss tasks: they may
// have waited for its room.
func TestConcernedServices(t *testing.T) {
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		for _, name := range []string{"short", "full"} {
			s := state.Service{
				ARN: name, Status: "ACTIVE", Desired: 1, Scheduling: types.SchedulingStrategyReplica,
				Deployments: []state.Deployment{{ID: name}},
			}
			tx.Services.Put(tx, s)
		}
		tx.Tasks.Put(tx, state.Task{ARN: "runs", Service: "full", StartedBy: "full", Last: "RUNNING", Desired: "RUNNING"})
		tx.Tasks.Put(tx, state.Task{ARN: "stopped", Last: "STOPPED", Desired: "STOPPED"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		task string
		want []string
	}{{"runs", []string{"full"}}, {"stopped", []string{"short"}}} {
		if got := concernedServices(store.View(), []state.Key{{Table: "tasks", Key: tc.task}}); !slices.Equal(got, tc.want) {
			t.Errorf("%s concerns %v, want %v", tc.task, got, tc.want)
		}
	}
}
