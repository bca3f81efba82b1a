package deploy

import (
	"fmt"
	"time"

	"berth/state"
)

// source is what tasks are made from: a deployment of a service revision, or a
// task set.
type source struct {
	revision string // ARN of the service revision or task set
	id       string // startedBy of the tasks
	title    string // of events about it: (service web)
	state.Workload

	// Of its tasks, how many have failed since one became healthy, and when the last did.
	streak   int
	failedAt time.Time
}

// deployment is d as a source of tasks.
func (l *look) deployment(d state.Deployment) source {
	r, _ := l.v.ServiceRevisions.Get(d.Revision)
	return source{revision: d.Revision, id: d.ID, title: l.title(), Workload: r.Workload, streak: d.Streak, failedAt: d.FailedAt}
}

// taskSet is a task set as a source of tasks.
func (l *look) taskSet(t state.TaskSet) source {
	title := fmt.Sprintf("(service %s, taskSet %s)", l.s.Name, t.ID)
	return source{revision: t.ARN, id: t.ID, title: title, Workload: t.Workload, streak: t.Streak, failedAt: t.FailedAt}
}

// title is how events name the service.
func (l *look) title() string { return fmt.Sprintf("(service %s)", l.s.Name) }
