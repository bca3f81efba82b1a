package sim

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// createExternal makes a service whose tasks are in task sets.
func (w *World) createExternal(name string) {
	in := &ecs.CreateServiceInput{
		ServiceName: &name, DesiredCount: aws.Int32(w.rand.Int32N(7)),
		DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeExternal},
	}
	w.tell("user creates %s: desired %d, with task sets", name, *in.DesiredCount)
	_, err := w.api.CreateService(w.as(), in)
	w.answer(err)
}

// changeTaskSets makes, scales, promotes or deletes a task set of s.
func (w *World) changeTaskSets(s state.Service) {
	var sets []state.TaskSet
	for set := range w.store.View().TaskSetsOf(s.ARN) {
		sets = append(sets, set)
	}
	scale := &types.Scale{Unit: types.ScaleUnitPercent, Value: pick(w, []float64{0, 33.3, 50, 100})}
	var err error
	switch n := w.rand.IntN(5); {
	case n == 0 || len(sets) == 0:
		definition := w.definition(pick(w, []string{"small", "checked"}), pick(w, []image{good, good, broken, crashes}))
		w.tell("user makes a task set of %s: %s at %v%%", s.Name, definition, scale.Value)
		_, err = w.api.CreateTaskSet(w.as(), &ecs.CreateTaskSetInput{Cluster: &s.Cluster, Service: &s.ARN,
			TaskDefinition: &definition, LaunchType: types.LaunchTypeEc2, Scale: scale})
	case n == 1:
		set := pick(w, sets)
		w.tell("user makes task set %s of %s primary", set.ID, s.Name)
		_, err = w.api.UpdateServicePrimaryTaskSet(w.as(), &ecs.UpdateServicePrimaryTaskSetInput{Cluster: &s.Cluster, Service: &s.ARN, PrimaryTaskSet: &set.ARN})
	case n == 2:
		set, force := pick(w, sets), w.chance(2)
		w.tell("user deletes task set %s of %s, force=%v", set.ID, s.Name, force)
		_, err = w.api.DeleteTaskSet(w.as(), &ecs.DeleteTaskSetInput{Cluster: &s.Cluster, Service: &s.ARN, TaskSet: &set.ARN, Force: &force})
	default:
		set := pick(w, sets)
		w.tell("user scales task set %s of %s to %v%%", set.ID, s.Name, scale.Value)
		_, err = w.api.UpdateTaskSet(w.as(), &ecs.UpdateTaskSetInput{Cluster: &s.Cluster, Service: &s.ARN, TaskSet: &set.ARN, Scale: scale})
	}
	w.answer(err)
}

// stopDeployment stops a service deployment, or asks for its rollback.
func (w *World) stopDeployment() {
	for d := range w.store.View().ServiceDeployments.All() {
		if d.Over() || w.chance(2) {
			continue
		}
		kind := pick(w, types.StopServiceDeploymentStopType("").Values())
		w.tell("user stops %s: %s", d.ARN, kind)
		_, err := w.api.StopServiceDeployment(w.as(), &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: &d.ARN, StopType: kind})
		w.answer(err)
		return
	}
}

// setsSettled returns what is left to do for the task sets of s, if anything is:
// each has its share of the desired tasks, rounded up.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html
func (w *World) setsSettled(v *state.View, s state.Service) error {
	for set := range v.TaskSetsOf(s.ARN) {
		if set.Status == "DRAINING" {
			return fmt.Errorf("still has task set %s, which is DRAINING", set.ID)
		}
		if _, behaviour := familyOf(set.Definition); !w.mended && behaviour != good && behaviour != crashes {
			continue
		}
		want, live, healthy := 0, 0, 0
		for want*100 < int(float64(s.Desired)*set.Scale.Value) {
			want++
		}
		for t := range v.Tasks.All() {
			if t.StartedBy == set.ID && t.Desired == "RUNNING" {
				live++
				if phaseOf(t) == state.Healthy {
					healthy++
				}
			}
		}
		family, _ := familyOf(set.Definition)
		if live < want && w.roomIn(v, s, s.Cluster, families[family]) || live > want || healthy < live {
			return fmt.Errorf("wants %d tasks of %s and has %d, %d of them healthy", want, set.ID, live, healthy)
		}
	}
	return nil
}
