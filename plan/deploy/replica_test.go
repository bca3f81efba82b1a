package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

func TestReplica(t *testing.T) {
	const replaced = ": replaced by deployment v2"
	for _, tc := range []struct {
		name                  string
		desired, lowest, most int
		tasks                 string
		want                  []string
	}{
		{"starts what is missing", 2, 100, 200, "", []string{"start 2 tasks of v1:1 for v1"}},
		{"starts first when the ceiling allows", 2, 100, 200, "v1+ v1+ v2.", []string{"start 1 tasks of v2:1 for v2"}},
		{"stops first when the floor allows", 2, 50, 100, "v1+ v1+ v2/", []string{"stop v1.0" + replaced}},
		{"does both", 4, 50, 150, "v1+ v1+ v1+ v1+ v2.", []string{"start 1 tasks of v2:1 for v2", "stop v1.0 v1.1" + replaced}},
		{"waits for the healthy", 2, 100, 150, "v1+ v1+ v2-", nil},
		{"stops old ones once new ones are healthy", 2, 100, 150, "v1+ v1+ v2+", []string{"stop v1.0" + replaced}},
		{"rounds the ceiling down", 3, 100, 150, "v1+ v1+ v1+ v2.", nil},
		{"rounds the floor up", 3, 50, 100, "v1+ v1+ v1+ v2/", []string{"stop v1.0" + replaced}},
		{"stops old ones that are not healthy at once", 2, 100, 200, "v1. v1- v2. v2.", []string{"stop v1.0 v1.1" + replaced}},
		{"counts those that leave as live", 2, 100, 150, "v1+ v1+ v1~ v2/", nil},
		{"does not count those that stop", 2, 100, 150, "v1+ v1+ v1/ v2/", []string{"start 1 tasks of v2:1 for v2"}},
		{"leaves protected ones", 2, 50, 100, "v1+p v1+ v2/", []string{"stop v1.1" + replaced}},
		{"replaces three generations", 2, 50, 200, "v1+ v1+ v2. v3.", []string{
			"stop v2.0: replaced by deployment v3", "stop v1.0: replaced by deployment v3",
		}},
		{"desires none", 0, 100, 200, "v1+ v1+ v2.", []string{"stop v1.0 v1.1" + replaced, "stop v2.0: 1 more than the 0 desired"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newWorld(t, tc.desired, tc.lowest, tc.most, tc.tasks).check(tc.want...)
		})
	}
}

// A rollout ends, whatever the numbers are that let it move.
func TestConverges(t *testing.T) {
	for _, desired := range []int{0, 1, 2, 3, 7, 150} {
		for _, limits := range [][2]int{{100, 200}, {0, 100}, {50, 100}, {50, 150}, {100, 134}, {99, 200}, {34, 110}} {
			t.Run(fmt.Sprint(desired, limits), func(t *testing.T) {
				w := newWorld(t, desired, limits[0], limits[1], "")
				w.settle()
				w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
				w.settle()
				s := w.service()
				if desired > 0 && (desired*limits[0]+99)/100 >= desired*limits[1]/100 {
					if len(s.Deployments) != 2 || !strings.Contains(w.events()[len(w.events())-1], "was unable to stop or start tasks") {
						t.Errorf("moves though it cannot: %q", w.events())
					}
					return
				}
				if n := count(w.store.View(), s, "v2"); len(s.Deployments) != 1 || s.Deployments[0].State != types.DeploymentRolloutStateCompleted || n.healthy != desired || n.all() != desired {
					t.Errorf("ends with %d deployments, the first %s with %+v\n%q", len(s.Deployments), s.Deployments[0].State, n, w.plan().Notes)
				}
			})
		}
	}
}
