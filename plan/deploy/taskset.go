package deploy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// external keeps the tasks of each task set. Which sets there are, how large
// they are and which is primary is up to the external controller.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
func (l *look) external() {
	// Only where container instances drain are there limits, and always these.
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
	l.s.Rollout = Defaults(nil, types.SchedulingStrategyReplica)
	sets := slices.SortedFunc(l.v.TaskSetsOf(l.s.ARN), func(a, b state.TaskSet) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	steady := true
	for _, set := range sets {
		if set.Status == "DRAINING" {
			steady = l.dissolve(set) && steady
		} else {
			steady = l.keep(set) == types.StabilityStatusSteadyState && steady
		}
	}
	if steady {
		l.saySteady()
	}
}

// dissolve stops the tasks of a deleted task set, protected or not. It is
// forgotten when there are none, which dissolve reports.
func (l *look) dissolve(set state.TaskSet) bool {
	if n := count(l.v, l.s, set.ID).all(); n > 0 {
		l.halt(l.taskSet(set).title, l.inAll(set.ID), scaling(set.ID), "the task set is deleted")
		l.p.Note("waits for %d tasks of task set %s to stop", n, set.ID)
		return false
	}
	l.p.Do(plan.RemoveTaskSet{ARN: set.ARN})
	return true
}

// keep notes what changed about a task set, keeps its tasks, and returns whether
// it is stable.
func (l *look) keep(set state.TaskSet) types.StabilityStatus {
	r := rolling{look: l, deployment: state.Deployment{ID: set.ID}, source: l.taskSet(set), desired: ComputedDesired(l.s, set)}
	r.count(nil)
	stability := types.StabilityStatusStabilizing
	if r.fresh.healthy == r.desired && r.fresh.live() == r.desired && len(r.leaving) == 0 {
		stability = types.StabilityStatusSteadyState
	}
	l.tell(set, r.desired, stability)
	r.start()
	r.replaceDraining()
	r.replaceUnhealthy()
	r.scaleIn(nil)
	if len(l.p.Actions) == 0 {
		r.explain()
	}
	return stability
}

// tell records what is new about a task set, with the events that say so.
func (l *look) tell(set state.TaskSet, desired int, stability types.StabilityStatus) {
	var events []string
	if desired != set.Computed {
		events = append(events, fmt.Sprintf("%s updated computedDesiredCount for taskSet %s to %d.", l.title(), set.ID, desired))
	}
	if stability != set.Stability && stability == types.StabilityStatusSteadyState {
		events = append(events, fmt.Sprintf("%s updated state to %s.", l.taskSet(set).title, stability))
	}
	if desired == set.Computed && stability == set.Stability {
		return
	}
	if stability != set.Stability {
		set.Stability, set.StableAt = stability, l.now
	}
	set.Computed = desired
	l.p.Do(plan.PutTaskSet{TaskSet: set, Why: fmt.Sprintf("task set %s is to run %d tasks and is %s", set.ID, desired, stability)})
	for _, message := range events {
		l.p.Do(plan.RecordEvent{Service: l.s.ARN, Message: message})
	}
}
