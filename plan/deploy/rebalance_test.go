package deploy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// newBalanced is newWorld with a service whose deployment is complete, and that
// is rebalanced. The zones of i0 to i3 are a, b, c and a.
func newBalanced(t *testing.T, desired, lowest, most int, tasks string) *world {
	w := newWorld(t, desired, lowest, most, tasks)
	w.change(func(tx *state.Tx, s *state.Service) {
		s.Rebalancing = types.AvailabilityZoneRebalancingEnabled
		s.Deployments[0].State = types.DeploymentRolloutStateCompleted
		sd, _ := tx.ServiceDeployments.Get(s.Deployments[0].ServiceDeployment)
		sd.Status = types.ServiceDeploymentStatusSuccessful
		tx.ServiceDeployments.Put(tx, sd)
	})
	return w
}

func TestRebalance(t *testing.T) {
	const (
		lopsided = "v1+@i0 v1+@i0 v1+@i3 v1+@i1"
		says     = "event: (service web) is not AZ balanced with 3 tasks in a, 1 tasks in b, 0 tasks in c. AZ Rebalancing in progress."
		one      = "start 1 tasks of v1:1 for v1 in c"
	)
	for _, tc := range []struct {
		name                  string
		desired, lowest, most int
		tasks                 string
		drain                 string
		want                  []string
	}{
		{"starts one in the emptiest zone", 4, 100, 200, lopsided, "", []string{says, one}},
		{"as many as the ceiling allows", 4, 100, 150, "v1+@i0 v1+@i0 v1+@i3 v1+@i3", "", []string{
			"event: (service web) is not AZ balanced with 4 tasks in a, 0 tasks in b, 0 tasks in c. AZ Rebalancing in progress.",
			"start 1 tasks of v1:1 for v1 in b"}},
		{"not beyond the ceiling", 1, 100, 150, "v1+@i0", "", nil},
		{"waits until the new one is healthy", 4, 0, 200, lopsided + " v1-@i2", "", nil},
		{"then stops one in the fullest zone", 4, 100, 200, lopsided + " v1+@i2", "", []string{"stop v1.0: 1 more than the 4 desired"}},
		{"stays balanced", 3, 100, 200, "v1+@i0 v1+@i1 v1+@i2", "", nil},
		{"one more in a zone is balanced", 4, 100, 200, "v1+@i0 v1+@i1 v1+@i2 v1+@i3", "", nil},
		{"knows no zone whose instances drain", 4, 100, 200, lopsided, "i2", []string{
			"event: (service web) is not AZ balanced with 3 tasks in a, 1 tasks in b. AZ Rebalancing in progress.",
			"start 1 tasks of v1:1 for v1 in b"}},
		{"moves no protected tasks", 4, 100, 200, "v1+p@i0 v1+p@i0 v1+p@i3 v1+@i1", "", nil},
		{"leaves unhealthy ones to be replaced", 4, 100, 200, "v1+@i0 v1+@i0 v1!@i3 v1+@i1", "", []string{"start 1 tasks of v1:1 for v1"}},
		{"a scale-in leaves one in each zone, once it is healthy", 2, 100, 200, "v1+@i0 v1+@i0 v1+@i3 v1.@i1", "", []string{"stop v1.0: 2 more than the 2 desired"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newBalanced(t, tc.desired, tc.lowest, tc.most, tc.tasks)
			if tc.drain != "" {
				w.instance(tc.drain, drains)
			}
			got := w.plan().Strings()
			got = slices.DeleteFunc(got, func(text string) bool { return strings.HasSuffix(text, steady) })
			if !slices.Equal(got, tc.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tc.want, "\n\t"))
			}
		})
	}
}

// From any distribution, zones end up even, with no more starts than it takes,
// and never fewer healthy tasks than there were to be.
func TestRebalanceConverges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 30 {
		desired := 1 + random.IntN(9)
		var tasks []string
		for range desired {
			tasks = append(tasks, fmt.Sprintf("v1+@i%d", random.IntN(4)))
		}
		most := []int{110, 134, 200}[random.IntN(3)]
		t.Run(fmt.Sprint(n, desired, most), func(t *testing.T) {
			w := newBalanced(t, desired, 100, most, strings.Join(tasks, " "))
			before := zonesOf(w)
			w.watch = func() {
				c := count(w.store.View(), w.service(), "v1")
				if c.healthy < desired || c.live() > max(desired, desired*most/100) {
					t.Fatalf("%+v of %d desired", c, desired)
				}
			}
			w.settle()
			after := zonesOf(w)
			started := strings.Count(strings.Join(w.trace, "\n"), "start ")
			if slices.Max(after)-slices.Min(after) > 1 && desired*most/100 > desired {
				t.Errorf("%v became %v:\n%s", before, after, strings.Join(w.trace, "\n"))
			}
			if slices.Max(before)-slices.Min(before) <= 1 && started > 0 {
				t.Errorf("moves tasks that were balanced: %v", before)
			}
			if text := strings.Join(w.events(), "\n"); started > 0 && (!strings.Contains(text, "AZ Rebalancing in progress.") || !strings.Contains(text, " is AZ balanced with ")) {
				t.Errorf("events do not tell it:\n%s", text)
			}
		})
	}
}

// zonesOf is how many tasks are in each of the zones a, b and c.
func zonesOf(w *world) []int {
	n := map[string]int{}
	for _, t := range staying(w.store.View(), w.service(), nil) {
		n[t.Zone]++
	}
	return []int{n["a"], n["b"], n["c"]}
}

// A zone without room is said once, and the other zones are balanced.
func TestRebalanceWithoutRoom(t *testing.T) {
	w := newBalanced(t, 5, 100, 200, "v1+@i0 v1+@i0 v1+@i0 v1+@i3 v1+@i3")
	w.instance("i2", func(i *state.ContainerInstance) { i.Resources[0].IntegerValue = 0 })
	w.settle()
	if got := zonesOf(w); !slices.Equal(got, []int{3, 2, 0}) {
		t.Errorf("got %v", got)
	}
	const unable = "(service web) is unable to place a task in c because no container instance met all of its requirements."
	if n := strings.Count(strings.Join(w.events(), "\n"), unable); n != 1 {
		t.Errorf("%d events say that there is no room in c: %q", n, w.events())
	}
}

// A deployment ends the rebalancing that is under way, and the zones are balanced
// in the end.
func TestRebalanceStops(t *testing.T) {
	w := newBalanced(t, 4, 100, 200, "v1+@i0 v1+@i0 v1+@i3 v1+@i0")
	w.step()
	w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
	w.settle()
	if got := zonesOf(w); slices.Max(got)-slices.Min(got) > 1 {
		t.Errorf("got %v", got)
	}
	if text := strings.Join(w.events(), "\n"); !strings.Contains(text, stopped) || strings.Count(text, unbalanced) != strings.Count(text, stopped)+strings.Count(text, balanced) {
		t.Error(text)
	}
}

func TestUnbalanceable(t *testing.T) {
	spread := types.PlacementStrategy{Type: types.PlacementStrategyTypeSpread, Field: aws.String("attribute:ecs.availability-zone")}
	pack := types.PlacementStrategy{Type: types.PlacementStrategyTypeBinpack, Field: aws.String("memory")}
	for _, tc := range []struct {
		name   string
		change func(*state.Service, *state.Workload)
		can    bool
	}{
		{"by default", func(*state.Service, *state.Workload) {}, true},
		{"spread over zones first", func(s *state.Service, _ *state.Workload) { s.Strategy = []types.PlacementStrategy{spread, pack} }, true},
		{"binpack first", func(s *state.Service, _ *state.Workload) { s.Strategy = []types.PlacementStrategy{pack, spread} }, false},
		{"DAEMON", func(s *state.Service, _ *state.Workload) { s.Scheduling = types.SchedulingStrategyDaemon }, false},
		{"EXTERNAL", func(_ *state.Service, w *state.Workload) { w.LaunchType = "EXTERNAL" }, false},
		{"no more than desired", func(s *state.Service, _ *state.Workload) { s.Rollout.MaximumPercent = aws.Int32(100) }, false},
		{"a Classic Load Balancer", func(_ *state.Service, w *state.Workload) {
			w.LoadBalancers = []types.LoadBalancer{{LoadBalancerName: aws.String("old")}}
		}, false},
		{"a zone by constraint", func(s *state.Service, _ *state.Workload) {
			s.Constraints = []types.PlacementConstraint{{Expression: aws.String("attribute:ecs.availability-zone == a")}}
		}, false},
	} {
		s, w := state.Service{Controller: types.DeploymentControllerTypeEcs, Rollout: Defaults(nil, types.SchedulingStrategyReplica)}, state.Workload{}
		tc.change(&s, &w)
		if why := Unbalanceable(s, w); (why == "") != tc.can {
			t.Errorf("%s: %q", tc.name, why)
		}
	}
}
