package deploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// Halt stops tasks of a service, which is one event.
type Halt struct {
	Service string   // ARN
	Title   string   // of the event: (service web)
	Tasks   []string // ARNs
	Reason  string   // that the tasks show
	Why     string   // in words, for the operator
	Zone    string   // of the tasks, if they are stopped to balance the zones
}

// Apply asks for the tasks to be stopped.
func (a Halt) Apply(tx *state.Tx) {
	for _, arn := range a.Tasks {
		plan.StopTask{ARN: arn, Code: types.TaskStopCodeServiceSchedulerInitiated, Reason: a.Reason}.Apply(tx)
	}
	in := ""
	if a.Zone != "" {
		in = " in " + a.Zone + " due to AZ rebalancing"
	}
	message := fmt.Sprintf("%s has stopped %d running tasks%s: %s.", a.Title, len(a.Tasks), in, mention(a.Tasks))
	plan.RecordEvent{Service: a.Service, Message: message}.Apply(tx)
}

func (a Halt) String() string {
	var ids []string
	for _, arn := range a.Tasks[:min(len(a.Tasks), 10)] {
		ids = append(ids, idOf(arn))
	}
	if more := len(a.Tasks) - len(ids); more > 0 {
		ids = append(ids, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("stop %s: %s", strings.Join(ids, " "), a.Why)
}

// halt stops tasks, up to what one plan may.
func (l *look) halt(title string, tasks []state.Task, reason, why string) {
	if len(tasks) > 0 {
		l.p.Do(l.halting(title, tasks, reason, why))
	}
}

func (l *look) halting(title string, tasks []state.Task, reason, why string) Halt {
	var arns []string
	for _, t := range tasks[:min(len(tasks), mostAtOnce)] {
		arns = append(arns, t.ARN)
	}
	return Halt{Service: l.s.ARN, Title: title, Tasks: arns, Reason: reason, Why: why}
}

// unprotected are those of tasks that may be stopped now. It wakes the plan when
// the first protection ends.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html
func (l *look) unprotected(tasks []state.Task) []state.Task {
	var first time.Time
	protected := func(t state.Task) bool {
		yes := t.ProtectedUntil.After(l.now)
		if yes && (first.IsZero() || t.ProtectedUntil.Before(first)) {
			first = t.ProtectedUntil
		}
		return yes
	}
	if !slices.ContainsFunc(tasks, protected) {
		return tasks
	}
	free := slices.DeleteFunc(slices.Clone(tasks), protected)
	l.p.WakeAt(first)
	l.p.Note("leaves %d protected tasks alone, the first until %s", len(tasks)-len(free), clock(first))
	return free
}

// in are the tasks of a source that are in a phase.
func (l *look) in(id string, phase state.Phase) []state.Task {
	return slices.AppendSeq(make([]state.Task, 0, l.v.CountTasksOf(l.s.ARN, id, phase)), l.v.TasksOfDeployment(l.s.ARN, id, phase))
}

// inAll are the tasks of a source that nobody has asked to stop.
func (l *look) inAll(id string) []state.Task {
	return slices.Concat(l.in(id, state.Pending), l.in(id, state.Running), l.in(id, state.Healthy))
}

// scaling is the reason that tasks show which are stopped for a deployment, or
// because fewer are desired.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
func scaling(id string) string {
	return fmt.Sprintf("Scaling activity initiated by (deployment %s)", id)
}
