package deploy

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// failedChecks is the reason that tasks show which are stopped because their
// containers are unhealthy.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
const failedChecks = "Task failed container health checks"

// assess looks at the tasks of a source that run and do not count as healthy.
// Those without health checks count as healthy when they have run long enough.
// It returns those that failed their checks, after the time in which they may.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func (l *look) assess(from source) (unhealthy []state.Task) {
	definition, _ := l.v.TaskDefinitions.Get(from.Definition)
	checks := plan.HasHealthCheck(&definition.TaskDefinition)
	grace := time.Duration(aws.ToInt32(l.s.GracePeriod)) * time.Second
	var healthy []string
	waiting := 0
	var next time.Time // when the first of those that wait counts as healthy
	for t := range l.v.TasksOfDeployment(l.s.ARN, from.id, state.Running) {
		at := t.StartedAt.Add(l.HealthyAfter)
		switch end := t.StartedAt.Add(grace); {
		case slices.ContainsFunc(t.Containers, failing) && plan.Health(l.v, t) == types.HealthStatusUnhealthy:
			if l.now.Before(end) {
				l.p.WakeAt(end)
			} else {
				unhealthy = append(unhealthy, t)
			}
		case checks:
			waiting++
		case l.now.Before(at):
			waiting++
			if next.IsZero() || at.Before(next) {
				next = at
			}
		case len(healthy) < mostAtOnce:
			healthy = append(healthy, t.ARN)
		}
	}
	if len(healthy) > 0 {
		l.p.Do(plan.CountHealthy{Tasks: healthy})
	}
	switch {
	case !next.IsZero():
		l.p.WakeAt(next)
		l.p.Note("waits until %s for the first of %d tasks to count as healthy", clock(next), waiting)
	case waiting > 0:
		l.p.Note("waits for the health checks of %d tasks", waiting)
	}
	return unhealthy
}

func failing(c types.Container) bool { return c.HealthStatus == types.HealthStatusUnhealthy }

// fell is a task that failed its health checks, as an event.
func (l *look) fell(title string, t state.Task) plan.RecordEvent {
	return plan.RecordEvent{Service: l.s.ARN, Message: title + " (task " + idOf(t.ARN) + ") failed container health checks."}
}
