package deploy

import (
	"fmt"
	"time"

	"berth/plan"
)

// describable is how long a deleted service can still be described, as INACTIVE.
// ECS promises no time; an hour is what it shows stopped tasks for.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
const describable = time.Hour

// drain stops all tasks of a deleted service, protected or not. It is INACTIVE
// when there are none.
func (l *look) drain() {
	left := 0
	for _, id := range sourcesOf(l.v, l.s) {
		left += count(l.v, l.s, id).all()
		l.halt(l.title(), l.inAll(id), scaling(id), "the service is deleted")
	}
	if left > 0 {
		l.p.Note("waits for %d tasks to stop", left)
		return
	}
	for set := range l.v.TaskSetsOf(l.s.ARN) {
		l.p.Do(plan.RemoveTaskSet{ARN: set.ARN})
	}
	s := l.s
	s.Status, s.Deployments, s.PrimaryTaskSet, s.DeletedAt = "INACTIVE", s.Deployments[:min(1, len(s.Deployments))], "", l.now
	l.p.Do(plan.PutService{Service: s, Why: fmt.Sprintf("%s is INACTIVE: its last task has stopped", s.Name)})
}

// forget removes a service some time after it was deleted, with all that belongs to it.
func (l *look) forget() {
	if until := l.s.DeletedAt.Add(describable); l.now.Before(until) {
		l.p.WakeAt(until)
		l.p.Note("is removed at %s", clock(until))
		return
	}
	l.p.Do(plan.RemoveService{ARN: l.s.ARN})
}
