package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/agent/runtime"
	"berth/api/acs/message"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// define reads containers, one to a word or more: "web! db dep=init:SUCCESS" are
// the essential web, and db, which waits for init.
func define(text string) []message.Container {
	var all []message.Container
	for word := range strings.FieldsSeq(text) {
		key, value, option := strings.Cut(word, "=")
		if !option {
			name, essential := strings.CutSuffix(word, "!")
			all = append(all, message.Container{Name: name, Image: "img", Essential: essential})
			continue
		}
		c := &all[len(all)-1]
		name, condition, _ := strings.Cut(value, ":")
		switch key {
		case "dep":
			c.DependsOn = append(c.DependsOn, message.Dependency{ContainerName: name, Condition: condition})
		case "link":
			c.Links = append(c.Links, value)
		case "from":
			c.VolumesFrom = append(c.VolumesFrom, message.VolumeFrom{SourceContainer: value})
		case "startTimeout":
			fmt.Sscan(value, &c.StartTimeout)
		case "stopTimeout":
			fmt.Sscan(value, &c.StopTimeout)
		case "restart": // period in seconds
			c.RestartPolicy = &message.RestartPolicy{Enabled: true, IgnoredExitCodes: []int32{7}}
			fmt.Sscan(value, &c.RestartPolicy.RestartAttemptPeriod)
		case "check": // interval in seconds
			c.DockerConfig.Config = `{"Healthcheck":{"Test":["CMD","ok"],"Interval":` + value + `000000000,"Retries":2}}`
		}
	}
	return all
}

// become brings the containers of a fresh task where a text says: "web RUNNING,
// init STOPPED 0". A container that it does not name stays as it was.
func become(t *testing.T, task *Task, text string) {
	t.Helper()
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		c := task.Container(words[0])
		if err := c.Status.UnmarshalText([]byte(words[1])); err != nil {
			t.Fatal(err)
		}
		if c.Status >= Running {
			c.StartedAt = noon.Add(-10 * time.Second)
		}
		switch {
		case c.Status == Stopped && len(words) > 2:
			var code int
			fmt.Sscan(words[2], &code)
			c.ExitCode = &code
		case c.Status == Stopped:
			c.StartedAt = time.Time{}
		case len(words) > 2:
			c.Health.Status = words[2]
		}
	}
}

func task(containers string) Task {
	return NewTask(message.Task{
		ARN:           "arn:aws:ecs:us-east-1:123456789012:task/default/0123456789abcdef",
		DesiredStatus: "RUNNING", Containers: define(containers),
	}, noon)
}

// plan is Next as text: steps, and seconds until it wakes.
func (p Plan) text() string {
	var words []string
	for _, s := range p.Steps {
		words = append(words, s.String())
	}
	if !p.Wake.IsZero() {
		words = append(words, fmt.Sprintf("wake %v", p.Wake.Sub(noon)))
	}
	return strings.Join(words, ", ")
}

func TestNextStarts(t *testing.T) {
	for _, tc := range []struct{ name, containers, are, want string }{
		{"pulls everything at once", "a! b", "", "pull a, pull b"},
		{"creates what is pulled", "a! b", "a PULLED", "create a, pull b"},
		{"starts what is created", "a!", "a CREATED", "start a"},
		{"watches what runs", "a!", "a RUNNING", "watch a"},
		{"waits for START", "a! dep=b:START b", "a PULLED, b PULLED", "create b"},
		{"START is met", "a! dep=b:START b", "a PULLED, b RUNNING", "create a, watch b"},
		{"START is met by what ran", "a! dep=b:START b", "a PULLED, b STOPPED 1", "create a"},
		{"waits for SUCCESS", "a! dep=b:SUCCESS b", "a PULLED, b RUNNING", "watch b"},
		{"SUCCESS is met", "a! dep=b:SUCCESS b", "a PULLED, b STOPPED 0", "create a"},
		{"SUCCESS is missed", "a! dep=b:SUCCESS b", "a PULLED, b STOPPED 1", "fail a"},
		{"COMPLETE is met by failure", "a! dep=b:COMPLETE b", "a PULLED, b STOPPED 1", "create a"},
		{"COMPLETE is missed by what never ran", "a! dep=b:COMPLETE b", "a PULLED, b STOPPED", "fail a"},
		{"waits for HEALTHY", "a! dep=b:HEALTHY b check=30", "a PULLED, b RUNNING", "watch b, wake 20s"},
		{"HEALTHY is met", "a! dep=b:HEALTHY b check=30", "a PULLED, b RUNNING HEALTHY", "create a, watch b, wake 20s"},
		{"HEALTHY is never met without a check", "a! dep=b:HEALTHY b", "a PULLED, b RUNNING", "fail a, watch b"},
		{"waits no longer than startTimeout", "a! dep=b:SUCCESS b startTimeout=15", "a PULLED, b RUNNING", "watch b, wake 5s"},
		{"gives up after startTimeout", "a! dep=b:SUCCESS b startTimeout=10", "a PULLED, b RUNNING", "fail a, watch b"},
		{"a link is a dependency", "a! link=b:db b", "a PULLED, b CREATED", "start b"},
		{"volumesFrom is one", "a! from=b b", "a PULLED, b PULLED", "create b"},
		{"volumesFrom wants it created", "a! from=b b", "a PULLED, b CREATED", "create a, start b"},
		{"checks health when it is due", "a! check=10", "a RUNNING", "watch a, probe a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := task(tc.containers)
			task.Prepared, task.Fetched = true, true
			become(t, &task, tc.are)
			p := Next(&task, noon, 30*time.Second)
			if got := p.text(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNextStops(t *testing.T) {
	for _, tc := range []struct{ name, containers, are, want string }{
		{"what is not there is skipped", "a! b", "b PULLED", "skip a, skip b"},
		{"what does not run is discarded", "a!", "a CREATED", "discard a"},
		{"what runs is told", "a!", "a RUNNING", "watch a, term a"},
		{"dependents first", "a! dep=b:START b", "a RUNNING, b RUNNING", "watch a, term a, watch b"},
		{"then the rest", "a! dep=b:START b", "a STOPPED 0, b RUNNING", "watch b, term b"},
		{"all have stopped", "a!", "a STOPPED 0", "release"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := task(tc.containers)
			task.Payload.DesiredStatus = "STOPPED"
			become(t, &task, tc.are)
			p := Next(&task, noon, 30*time.Second)
			if got := p.text(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestKillsAfterGrace(t *testing.T) {
	task := task("a! stopTimeout=5 b!")
	become(t, &task, "a RUNNING, b RUNNING")
	task.Payload.DesiredStatus = "STOPPED"
	for i := range task.Containers {
		task.Containers[i].TermAt = noon
	}
	for _, tc := range []struct {
		after time.Duration
		want  string
	}{
		{0, "watch a, watch b, wake 5s"},
		{5 * time.Second, "watch a, kill a, watch b, wake 30s"},
		{30 * time.Second, "watch a, kill a, watch b, kill b"},
	} {
		if p := Next(&task, noon.Add(tc.after), 30*time.Second); p.text() != tc.want {
			t.Errorf("after %v: got %q, want %q", tc.after, p.text(), tc.want)
		}
	}
	task.Containers[0].KillAt = noon.Add(5 * time.Second)
	if p := Next(&task, noon.Add(5*time.Second), 30*time.Second); p.text() != "watch a, watch b, wake 15s" {
		t.Errorf("after the kill: %q", p.text())
	}
}

// A health check of the definition replaces the image's, also if it is none.
func TestImageHealthCheck(t *testing.T) {
	ofImage := &Check{Test: []string{"CMD", "image"}}
	for _, tc := range []struct{ definition, want string }{
		{``, "image"},
		{`{"Healthcheck": {"Test": ["CMD", "own"]}}`, "own"},
		{`{"Healthcheck": {"Test": ["NONE"]}}`, ""},
	} {
		containers := define("a!")
		containers[0].DockerConfig.Config = tc.definition
		task := NewTask(message.Task{ARN: "task/t", DesiredStatus: "RUNNING", Containers: containers}, noon)
		task.record(Step{Verb: Pull, Container: "a"}, outcome{image: Image{Check: ofImage}}, noon)
		got := ""
		if c := task.Containers[0].Check; c != nil {
			got = c.Args()[0]
		}
		if got != tc.want {
			t.Errorf("%q: runs %q, want %q", tc.definition, got, tc.want)
		}
	}
}

func TestRestartPolicy(t *testing.T) {
	for _, tc := range []struct {
		name    string
		ran     time.Duration
		code    int
		desired string
		want    bool
	}{
		{"long enough", time.Minute, 1, "RUNNING", true},
		{"success too", time.Minute, 0, "RUNNING", true},
		{"too short", 59 * time.Second, 1, "RUNNING", false},
		{"an ignored code", time.Minute, 7, "RUNNING", false},
		{"told to stop", time.Minute, 1, "STOPPED", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := task("a! restart=60")
			become(t, &task, "a RUNNING")
			task.Payload.DesiredStatus = tc.desired
			end := task.Containers[0].StartedAt.Add(tc.ran)
			task.record(Step{Verb: Watch, Container: "a"}, outcome{exit: runtime.Exit{Code: tc.code, At: end}}, end)
			if got := task.Containers[0]; got.Restarting != tc.want || (got.Status == Running) != tc.want {
				t.Errorf("restarting %v, status %v", got.Restarting, got.Status)
			}
		})
	}
}

func TestBadPayloadsStop(t *testing.T) {
	for _, tc := range []struct{ name, containers, desired, want string }{
		{"nothing to run", "", "RUNNING", "UnrecogniedTaskError: Error loading task - "},
		{"cycle", "a dep=b:START b dep=a:START", "RUNNING", "Task dependencies cannot be resolved, taskArn: arn:"},
		{"no such container", "a dep=b:START", "RUNNING", "Task dependencies cannot be resolved, taskArn: arn:"},
		{"names twice", "a a", "RUNNING", "UnrecogniedTaskError: Error loading task - "},
		{"stop of what is not known", "", "STOPPED", "TaskStateError: Agent could not progress task's state to stopped"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := NewTask(message.Task{ARN: "arn:x/y", DesiredStatus: tc.desired, Containers: define(tc.containers)}, noon)
			if !strings.HasPrefix(task.Reason, tc.want) {
				t.Errorf("reason %q, want %q", task.Reason, tc.want)
			}
			verbs := []Verb{Skip, Release}
			if p := Next(&task, noon, 0); len(p.Steps) == 0 || !slices.Contains(verbs, p.Steps[0].Verb) {
				t.Errorf("does %q", p.text())
			}
		})
	}
}
