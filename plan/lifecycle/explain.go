package lifecycle

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/state"
)

// Explain says in words how a task is, why, and what happens to it next and when.
func (l Limits) Explain(v *state.View, t state.Task, now time.Time) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	say("%s is %s and should be %s", last(t.ARN), t.Last, t.Desired)
	if t.StopCode != "" {
		say("it stops by %s: %s", t.StopCode, cmp.Or(t.StoppedReason, "no reason was given"))
	}
	for _, c := range t.Containers {
		text := fmt.Sprintf("container %s is %s", aws.ToString(c.Name), aws.ToString(c.LastStatus))
		if c.ExitCode != nil {
			text += fmt.Sprintf(", exit code %d", *c.ExitCode)
		}
		if c.HealthStatus != "" && c.HealthStatus != "UNKNOWN" {
			text += ", " + string(c.HealthStatus)
		}
		say("%s", strings.TrimSuffix(text+": "+aws.ToString(c.Reason), ": "))
	}
	l.explainInstance(say, v, t)
	if s, ok := v.Services.Get(t.Service); ok {
		say("service %s runs it in %s; `berth explain service %s` tells more", s.Name, t.StartedBy, s.Name)
		if now.Before(t.ProtectedUntil) {
			say("it is protected until %s", clock(t.ProtectedUntil))
		}
		if !t.HealthyAt.IsZero() && !t.Stopped() {
			say("it counts as healthy since %s", clock(t.HealthyAt))
		}
	}
	p := l.Task(v, t, now)
	for _, action := range p.Strings() {
		say("next: %s", action)
	}
	if t.Stopped() && !p.Wake.IsZero() {
		say("it can be described until %s", clock(p.Wake))
	}
	return lines
}

// explainInstance says what the agent of the task's instance does, as far as the task waits for it.
func (l Limits) explainInstance(say func(string, ...any), v *state.View, t state.Task) {
	i, ok := v.ContainerInstances.Get(t.Instance)
	if !ok || t.Stopped() {
		return
	}
	where := "the container instance " + last(i.ARN)
	if t.LaunchType == "FARGATE" {
		where = "a machine of the Fargate pool"
	}
	switch lost := l.ContainerInstance(v, i, i.DisconnectedAt).Wake; {
	case !i.AgentConnected && lost.IsZero():
		say("it is on %s, whose agent is away since %s: nothing happens until it is back", where, clock(i.DisconnectedAt))
	case !i.AgentConnected:
		say("it is on %s, whose agent is away since %s; the task is given up at %s", where, clock(i.DisconnectedAt), clock(lost))
	case t.Desired == "STOPPED":
		say("it is on %s, whose agent is connected and stops it", where)
	case t.Last == "RUNNING":
		say("it is on %s, whose agent is connected; it runs since %s", where, clock(t.StartedAt))
	case t.PullStartedAt.IsZero():
		say("it is on %s, whose agent is connected and has not begun to pull its images", where)
	case t.PullStoppedAt.IsZero():
		say("it is on %s, whose agent pulls its images since %s", where, clock(t.PullStartedAt))
	default:
		say("it is on %s, whose agent is connected and starts its containers; images were there at %s", where, clock(t.PullStoppedAt))
	}
}

func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func clock(t time.Time) string { return t.Format(time.TimeOnly) + " UTC" }
