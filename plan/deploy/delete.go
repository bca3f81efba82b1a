package deploy

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

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
	l.stopDeployment()
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

// stopDeployment ends the service deployment of a deleted service.
func (l *look) stopDeployment() {
	if len(l.s.Deployments) == 0 {
		return
	}
	sd, ok := l.v.ServiceDeployments.Get(l.s.Deployments[0].ServiceDeployment)
	if !ok || sd.Over() {
		return
	}
	sd.Status, sd.Reason, sd.Hooks = types.ServiceDeploymentStatusStopped, "Service deployment stopped because the service was deleted.", nil
	sd.StoppedAt, sd.FinishedAt = l.now, l.now
	l.p.Do(plan.PutServiceDeployment{Deployment: sd, Why: fmt.Sprintf("service deployment %s is %s", idOf(sd.ARN), sd.Status)})
}

// forget removes a service some time after it was deleted, with all that belongs to it.
func (l *look) forget() {
	if until := l.s.DeletedAt.Add(describable); l.now.Before(until) {
		l.p.WakeAt(until)
		l.p.Note("is removed at %s", clock(until))
		return
	}
	l.p.Do(plan.RemoveService{ARN: l.s.ARN})
	l.p.WakeAt(l.now) // for what is left
}
