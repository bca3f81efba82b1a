package control

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// A task that stops concerns its own service, and all that miss tasks: they may
// have waited for its room. So may the daemon of an instance that drains.
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
		tx.Services.Put(tx, state.Service{ARN: "daemon", Status: "ACTIVE", Cluster: "d", Scheduling: types.SchedulingStrategyDaemon})
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: "drains", Cluster: "d", Status: "DRAINING"})
		tx.Tasks.Put(tx, state.Task{ARN: "runs", Service: "full", StartedBy: "full", Last: "RUNNING", Desired: "RUNNING"})
		tx.Tasks.Put(tx, state.Task{ARN: "stopped", Last: "STOPPED", Desired: "STOPPED"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		table, key string
		want       []string
	}{
		{"tasks", "runs", []string{"full"}},
		{"tasks", "stopped", []string{"daemon", "short"}},
		{"container-instances", "drains", []string{"daemon"}},
		{"attributes", state.AttributeKey("drains", "rack"), []string{"daemon"}},
	} {
		if got := concernedServices(store.View(), []state.Key{{Table: tc.table, Key: tc.key}}); !slices.Equal(got, tc.want) {
			t.Errorf("%s %s concerns %v, want %v", tc.table, tc.key, got, tc.want)
		}
	}
}
