package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// checked gives the tasks of v1 a health check.
func (w *world) checked() {
	w.update(func(tx *state.Tx) {
		d, _ := tx.TaskDefinitions.Get("arn:aws:ecs:r:1:task-definition/v1:1")
		d.ContainerDefinitions = slices.Clone(d.ContainerDefinitions)
		d.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD", "true"}}
		tx.TaskDefinitions.Put(tx, d)
	})
}

func (w *world) completed() {
	w.change(func(tx *state.Tx, s *state.Service) { s.Deployments[0].State = types.DeploymentRolloutStateCompleted })
}

func TestUnhealthy(t *testing.T) {
	const fell, stopped = "event: (service web) (task v1.0) failed container health checks.", "stop v1.0: failed its health checks"
	for _, tc := range []struct {
		name                  string
		desired, lowest, most int
		tasks                 string
		want                  []string
	}{
		{"starts another first", 2, 50, 200, "v1! v1+", []string{"start 1 tasks of v1:1 for v1"}},
		{"waits for that", 2, 50, 200, "v1! v1+ v1-", nil},
		{"stops it then", 2, 50, 200, "v1! v1+ v1+", []string{fell, stopped}},
		{"stops one of two that are too many", 2, 50, 200, "v1! v1! v1+", []string{"start 1 tasks of v1:1 for v1", fell, stopped}},
		{"stops one by one without room", 3, 50, 100, "v1! v1! v1+", []string{fell, stopped}},
		{"the next when the last has been replaced", 3, 50, 100, "v1! v1. v1+", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.desired, tc.lowest, tc.most, tc.tasks)
			w.checked()
			w.completed()
			w.check(tc.want...)
		})
	}
}

// Where its replacement finds no place, it makes some.
func TestUnhealthyWithoutPlace(t *testing.T) {
	w := newWorld(t, 2, 50, 200, "v1! v1+")
	w.checked()
	w.completed()
	w.update(func(tx *state.Tx) {
		for i := range tx.ContainerInstances.All() {
			i.Resources = []types.Resource{{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 200}}
			tx.ContainerInstances.Put(tx, i)
		}
	})
	got := w.plan().Strings()
	if !slices.Contains(got, "stop v1.0: failed its health checks") {
		t.Errorf("got %q", got)
	}
}

// In a deployment that has not completed, it is a failure.
func TestUnhealthyIsFailure(t *testing.T) {
	w := newWorld(t, 1, 50, 200, "v1!")
	w.checked()
	w.step()
	w.obey()
	w.update(func(tx *state.Tx) {
		for task := range tx.TasksOfDeployment(serviceARN, "v1", state.Running) {
			task.Containers = []types.Container{{Name: aws.String("c"), HealthStatus: types.HealthStatusUnhealthy}}
			tx.Tasks.Put(tx, task)
		}
	})
	w.step()
	if d := w.service().Deployments[0]; d.Failed != 1 {
		t.Errorf("counts %d failures", d.Failed)
	}
}

func TestGracePeriod(t *testing.T) {
	w := newWorld(t, 1, 0, 100, "v1!")
	w.checked()
	w.completed()
	w.change(func(_ *state.Tx, s *state.Service) { s.GracePeriod = aws.Int32(300) })
	w.check()
	if wake := w.plan().Wake; !wake.Equal(noon.Add(5 * time.Minute)) {
		t.Errorf("wakes at %v", wake)
	}
	w.now = noon.Add(5 * time.Minute)
	w.check("event: (service web) (task v1.0) failed container health checks.", "stop v1.0: failed its health checks")
}

func TestDraining(t *testing.T) {
	const moved = ": its container instance drains"
	for _, tc := range []struct {
		name                  string
		desired, lowest, most int
		tasks                 string
		want                  []string
	}{
		{"starts another first", 2, 100, 200, "v1+@i1 v1+", []string{"start 1 tasks of v1:1 for v1"}},
		{"waits until that is healthy", 2, 100, 200, "v1+@i1 v1+ v1.", nil},
		{"stops it then", 2, 100, 200, "v1+@i1 v1+ v1+", []string{"stop v1.0" + moved}},
		{"stops first when the floor allows", 2, 50, 100, "v1+@i1 v1+", []string{"stop v1.0" + moved}},
		{"stops pending ones at once", 2, 100, 200, "v1.@i1 v1+", []string{"start 1 tasks of v1:1 for v1", "stop v1.0" + moved}},
		{"leaves protected ones", 2, 0, 100, "v1+p@i1 v1+@i1", []string{"stop v1.1" + moved}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.desired, tc.lowest, tc.most, tc.tasks)
			w.completed()
			w.drain("i1")
			w.check(tc.want...)
		})
	}
}

func (w *world) drain(instance string) {
	w.update(func(tx *state.Tx) {
		i, _ := tx.ContainerInstances.Get("arn:aws:ecs:r:1:container-instance/c/" + instance)
		i.Status = "DRAINING"
		tx.ContainerInstances.Put(tx, i)
	})
}

// All tasks leave instances that drain, whatever the numbers are.
func TestDrainingConverges(t *testing.T) {
	for _, limits := range [][2]int{{100, 200}, {0, 100}, {50, 100}, {75, 125}} {
		w := newWorld(t, 6, limits[0], limits[1], "")
		w.settle()
		w.drain("i1")
		w.drain("i2")
		w.settle()
		n := count(w.store.View(), w.service(), "v1")
		if left := len((&look{v: w.store.View(), s: w.service()}).draining()); left != 0 || n.healthy != 6 || n.all() != 6 {
			t.Errorf("%v: %+v, and tasks on draining instances: %v", limits, n, left)
		}
	}
}

// Tasks that cannot leave a draining instance are healthy, and as many as
// desired. But the service is not steady, and says once what it waits for.
func TestDrainingBlocked(t *testing.T) {
	for _, limits := range [][2]int{{100, 100}, {100, 200}} {
		w := newWorld(t, 2, limits[0], limits[1], "v1+ v1+")
		w.completed()
		for n := range 4 {
			w.drain(fmt.Sprint("i", n))
		}
		w.settle()
		said := strings.Join(w.events(), "\n")
		if n := strings.Count(said, "unable to"); n != 1 || strings.Contains(said, steady) {
			t.Errorf("%v: says %s", limits, said)
		}
	}
}
