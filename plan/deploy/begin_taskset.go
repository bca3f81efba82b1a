package deploy

import (
	"math"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// BeginTaskSet writes a new task set of a service, with its id, and returns it.
func BeginTaskSet(tx *state.Tx, s state.Service, set state.TaskSet) state.TaskSet {
	id := "ecs-svc/" + newNumber(tx)
	set.ID, set.ARN, set.Service = id, TaskSetARN(s, id), s.ARN
	set.Status, set.Stability = "ACTIVE", types.StabilityStatusStabilizing
	set.CreatedAt, set.UpdatedAt, set.StableAt = tx.Now(), tx.Now(), tx.Now()
	tx.TaskSets.Put(tx, set)
	return set
}

// TaskSetARN is the ARN of a service's task set, by its id.
func TaskSetARN(s state.Service, id string) string {
	return resource(s, "task-set", id)
}

// ComputedDesired is how many tasks a task set should run: its share of the
// service's, rounded up.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html
func ComputedDesired(s state.Service, set state.TaskSet) int {
	if set.Status == "DRAINING" {
		return 0
	}
	return int(math.Ceil(float64(s.Desired) * set.Scale.Value / 100))
}
