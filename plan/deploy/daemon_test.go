package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// newDaemons is newWorld with a DAEMON service.
func newDaemons(t *testing.T, lowest int, tasks string) *world {
	w := newWorld(t, 0, lowest, 100, tasks)
	w.change(func(_ *state.Tx, s *state.Service) { s.Scheduling = types.SchedulingStrategyDaemon })
	return w
}

func (w *world) instance(name string, how func(i *state.ContainerInstance)) {
	w.t.Helper()
	w.update(func(tx *state.Tx) {
		i, _ := tx.ContainerInstances.Get("arn:aws:ecs:r:1:container-instance/c/" + name)
		how(&i)
		tx.ContainerInstances.Put(tx, i)
	})
}

func drains(i *state.ContainerInstance) { i.Status = "DRAINING" }

func TestDaemon(t *testing.T) {
	onlyA := func(_ *state.Tx, s *state.Service) {
		s.Constraints = []types.PlacementConstraint{{Type: types.PlacementConstraintTypeMemberOf, Expression: aws.String("attribute:ecs.availability-zone == a")}}
	}
	newest := func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") }
	const all = "v1+@i0 v1+@i1 v1+@i2 v1+@i3"
	for _, tc := range []struct {
		name   string
		lowest int
		tasks  string
		change func(*state.Tx, *state.Service)
		away   string // an instance whose agent is away
		drain  string // an instance that drains
		want   []string
	}{
		{"starts one on each instance", 0, "", nil, "", "", []string{"start 4 tasks of v1:1 for v1"}},
		{"starts what is missing", 0, "v1+@i0 v1+@i2 v1+@i3", nil, "", "", []string{"start 1 tasks of v1:1 for v1"}},
		{"waits until the old one has stopped", 0, "v1+@i0 v1+@i1 v1+@i2 v1/@i3", nil, "", "", nil},
		{"starts none where the agent is away", 0, "v1+@i0", nil, "i1", "", []string{"start 2 tasks of v1:1 for v1"}},
		{"leaves the one whose agent is away", 0, "v1+@i0 v1+@i1 v1-@i2 v1-@i3", nil, "i1", "", nil},
		{"starts none where it drains", 0, "v1+@i0", nil, "", "i1", []string{"start 2 tasks of v1:1 for v1"}},
		{"stops where it drains", 0, all, nil, "", "i1", []string{"stop v1.1: its container instance drains"}},
		{"stops one of two on an instance", 0, all + " v1.@i2", nil, "", "", []string{"stop v1.4: replaced by deployment v1"}},
		{"starts one that satisfies the constraints", 0, "v1+@i0", onlyA, "", "", []string{"start 1 tasks of v1:1 for v1"}},
		{"stops those that do not", 0, all, onlyA, "", "", []string{
			"event: (service web) (task v1.1) no longer meets the placement constraints of the service on (container-instance i1).",
			"event: (service web) (task v1.2) no longer meets the placement constraints of the service on (container-instance i2).",
			"stop v1.1 v1.2: its container instance does not satisfy the constraints"}},
		{"replaces all at once", 0, all, newest, "", "", []string{"stop v1.0 v1.1 v1.2 v1.3: replaced by deployment v2"}},
		{"replaces half at once", 50, all, newest, "", "", []string{"stop v1.0 v1.1: replaced by deployment v2"}},
		{"rounds the floor up", 51, all, newest, "", "", []string{"stop v1.0: replaced by deployment v2"}},
		{"starts the new one where the old one was", 50, "v1+@i0 v1+@i1 v1/@i3", newest, "", "", []string{"start 1 tasks of v2:1 for v2"}},
		{"replaces unhealthy ones", 0, "v1+@i0 v1+@i1 v1+@i2 v1!@i3", nil, "", "", []string{
			"event: (service web) (task v1.3) failed container health checks.",
			"count 1 failed tasks of v1", "stop v1.3: failed its health checks"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newDaemons(t, tc.lowest, tc.tasks)
			if tc.away != "" {
				w.instance(tc.away, func(i *state.ContainerInstance) { i.AgentConnected = false })
			}
			if tc.drain != "" {
				w.instance(tc.drain, drains)
			}
			w.change(func(tx *state.Tx, s *state.Service) {
				if tc.change != nil {
					tc.change(tx, s)
				}
				s.Desired = DesiredDaemons(tx.View, *s)
			})
			w.check(tc.want...)
		})
	}
}

func TestDaemonLeavesLast(t *testing.T) {
	w := newDaemons(t, 0, "")
	w.settle()
	w.update(func(tx *state.Tx) {
		tx.Services.Put(tx, state.Service{ARN: "other", Cluster: clusterARN, Scheduling: types.SchedulingStrategyReplica})
		tx.Tasks.Put(tx, state.Task{ARN: "o", Service: "other", Instance: "arn:aws:ecs:r:1:container-instance/c/i1", Last: "RUNNING", Desired: "RUNNING"})
	})
	w.instance("i1", drains)
	w.step()                      // the desired count is 3 now
	if w.step(); w.tasks() != 4 { // but for the event that it is steady, there is nothing to do
		t.Errorf("%d tasks are left: the daemon did not wait for the other task", w.tasks())
	}
	w.update(func(tx *state.Tx) { tx.Tasks.Delete(tx, "o") })
	w.settle()
	if w.tasks() != 3 {
		t.Errorf("%d tasks are left", w.tasks())
	}
}

// tasks is how many tasks of the service nobody has asked to stop.
func (w *world) tasks() int { return len(staying(w.store.View(), w.service(), nil)) }

// Whatever happens to the instances, each has never more than one task, and in
// the end the matching ones have one.
func TestDaemonsConverge(t *testing.T) {
	for _, lowest := range []int{0, 50, 75} {
		t.Run(fmt.Sprint(lowest), func(t *testing.T) {
			w := newDaemons(t, lowest, "")
			w.watch = func() {
				for i := range w.store.View().ContainerInstances.All() {
					if n := w.store.View().InGroup(i.ARN, "service:web"); n > 1 {
						t.Fatalf("%d tasks on %s", n, i.ARN)
					}
				}
			}
			expect := func(n int) {
				t.Helper()
				w.settle()
				s := w.service()
				c := count(w.store.View(), s, s.Deployments[0].ID)
				if len(s.Deployments) != 1 || s.Deployments[0].State != types.DeploymentRolloutStateCompleted || c.healthy != n || c.all() != n || s.Desired != n {
					t.Fatalf("want %d tasks, got %+v of %d in %d deployments, %s", n, c, s.Desired, len(s.Deployments), s.Deployments[0].State)
				}
			}
			expect(4)
			w.update(func(tx *state.Tx) { addInstance(tx, "i4", "b") })
			expect(5)
			w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v2") })
			w.instance("i2", drains)
			expect(4)
			w.instance("i2", func(i *state.ContainerInstance) { i.Status = "ACTIVE" })
			expect(5)
			w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v3") })
			w.step()
			w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, "v4") })
			expect(5)
			for _, name := range []string{"i0", "i1", "i2", "i3", "i4"} {
				w.instance(name, drains)
			}
			expect(0)
		})
	}
}

// A service that cannot leave an instance that drains says so, and then rests.
func TestStuckOnADrainingInstance(t *testing.T) {
	for _, most := range []int{100, 200} { // no way to move, and no room to
		w := newWorld(t, 1, 100, most, "v1+@i0")
		w.settle()
		for _, name := range []string{"i0", "i1", "i2", "i3"} {
			w.instance(name, drains)
		}
		w.settle()
		if text := strings.Join(w.events(), "\n"); strings.Count(text, "was unable to") != 1 {
			t.Error(text)
		}
	}
}
