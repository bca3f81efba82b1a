package sim

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// history is what happened, to be read: one line a step.
type history struct {
	lines []string
	names map[string]string // what ids are called
	count map[string]int
}

func newHistory() *history { return &history{names: map[string]string{}, count: map[string]int{}} }

// tell adds a line.
func (w *World) tell(format string, args ...any) {
	if w.log == nil {
		return
	}
	line := fmt.Sprintf(format, args...)
	if !strings.HasPrefix(line, "  ") {
		line = fmt.Sprintf("%4d %s  %s", w.steps, w.now.Format(time.TimeOnly+".000"), line)
	}
	w.log.lines = append(w.log.lines, w.log.shorten(line))
}

// name says what something is to be called.
func (w *World) name(id, name string) {
	if w.log != nil {
		w.log.names[id[strings.LastIndexByte(id, '/')+1:]] = name
	}
}

var (
	longARN = regexp.MustCompile(`arn:aws:ecs:[a-z0-9-]+:\d+:([a-z-]+)(/[\w.-]+)*/([\w.-]+(?::\d+)?)`)
	longID  = regexp.MustCompile(`\b[0-9a-f]{32}\b|ecs-svc/\d{19}`)
)

// shorten gives ids short names, in the order in which they are met: task-7.
func (h *history) shorten(line string) string {
	line = longARN.ReplaceAllStringFunc(line, func(arn string) string {
		parts := longARN.FindStringSubmatch(arn)
		switch kind, id := parts[1], parts[3]; kind {
		case "task", "service-deployment", "service-revision", "container-instance":
			return h.short(kind, id)
		default:
			return id
		}
	})
	return longID.ReplaceAllStringFunc(line, func(id string) string {
		if number, ok := strings.CutPrefix(id, "ecs-svc/"); ok {
			return h.short("deployment", number)
		}
		return h.short("task", id)
	})
}

func (h *history) short(kind, id string) string {
	if kind == "service-revision" { // has the number of its deployment
		return "revision of " + h.short("deployment", id)
	}
	if h.names[id] == "" {
		h.count[kind]++
		h.names[id] = fmt.Sprintf("%s-%d", kind, h.count[kind])
	}
	return h.names[id]
}

// History is all that happened, and how things are.
func (w *World) History() string {
	if w.log == nil {
		return ""
	}
	w.describe()
	return strings.Join(w.log.lines, "\n")
}

// describe adds how services, their tasks and the instances are to the history.
func (w *World) describe() {
	v := w.store.View()
	w.tell("now:")
	for s := range v.Services.All() {
		w.tell("  service %s: %s %s desired %d, %d..%d%%", s.Name, s.Status, s.Scheduling, s.Desired,
			*s.Rollout.MinimumHealthyPercent, *s.Rollout.MaximumPercent)
		for _, d := range s.Deployments {
			w.tell("    %s: %s of %s, %d failures, %s", d.ID, d.State, d.Definition, d.Failed, d.Reason)
		}
		for d := range v.DeploymentsOf(s.ARN) {
			w.tell("    %s: %s %s to %s", d.ARN, d.Status, d.Stage, d.Target)
		}
	}
	for s := range v.Services.All() {
		for e := range v.EventsOf(s.ARN) {
			w.tell("  event %s %s", e.At.Format(time.TimeOnly), e.Message)
		}
	}
	for _, a := range w.agents {
		i, ok := v.ContainerInstances.Get(a.instance)
		if !ok {
			continue
		}
		w.tell("  %s: %s, connected %v, up %v, uses %+v", a.name, i.Status, i.AgentConnected, a.up, v.Usage(i.ARN))
		for t := range v.TasksOn(i.ARN) {
			w.tell("    %s: %s, last %s, desired %s, healthy %v, protected %v, started by %s %s", t.ARN, t.Group, t.Last, t.Desired,
				!t.HealthyAt.IsZero(), t.ProtectedUntil.After(w.now), t.StartedBy, t.StoppedReason)
		}
	}
}
