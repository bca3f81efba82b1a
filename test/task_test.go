package test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestTaskEnds looks at what tasks that end say of why.
func TestTaskEnds(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	for _, tc := range []struct {
		name, definition string
		stop             bool // once it runs
		code             types.TaskStopCode
		exit             string // exit code of the container main
		reason           string // of the task; a regular expression
		container        string // the container's reason; a regular expression
	}{
		{name: "it exits", definition: `"command": ["sh", "-c", "exit 42"]`,
			code: "EssentialContainerExited", exit: "42", reason: "Essential container in task exited"},
		{name: "out of memory", definition: `"memory": 8, "command": ["sh", "-c", "tail /dev/zero"]`,
			code: "EssentialContainerExited", exit: "137", reason: "Essential container in task exited|OutOfMemoryError.*", container: "OutOfMemoryError: Container killed due to memory usage"},
		{name: "no such command", definition: `"command": ["nothing"]`,
			code: "TaskFailedToStart", reason: ".*", container: `CannotStartContainerError: .*exec: "nothing": executable file not found in \$PATH.*`},
		{name: "no such image", definition: `"image": "HOST/nothing:v9"`,
			code: "TaskFailedToStart", reason: ".*", container: `CannotPullContainerError: .*nothing.*`},
		{name: "no such log group", definition: `"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/none", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "t"}}`,
			code: "TaskFailedToStart", reason: ".*ResourceInitializationError.*log group does not exist.*", container: ".*"},
		{name: "it stops when told to", stop: true, definition: `"command": ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"]`,
			code: "UserInitiated", exit: "3", reason: "enough"},
		{name: "it is made to stop", stop: true, definition: `"stopTimeout": 1, "command": ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]`,
			code: "UserInitiated", exit: "137", reason: "enough"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			container := `"name": "main", ` + strings.ReplaceAll(tc.definition, "HOST", m.image[:strings.Index(m.image, "/")])
			for member, value := range map[string]string{"image": `"IMAGE"`, "memory": "16"} {
				if !strings.Contains(container, `"`+member+`"`) {
					container += fmt.Sprintf(`, %q: %s`, member, value)
				}
			}
			definition := m.define(t, `{"containerDefinitions": [{`+container+`}]}`)
			arn := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition})
			if tc.stop {
				m.awaitTask(t, arn, "RUNNING")
				if _, err := m.client().StopTask(t.Context(), &ecs.StopTaskInput{Task: &arn, Reason: aws.String("enough")}); err != nil {
					t.Fatal(err)
				}
			}
			task := m.awaitTask(t, arn, "STOPPED")
			c := task.Containers[0]
			exit := ""
			if c.ExitCode != nil {
				exit = fmt.Sprint(*c.ExitCode)
			}
			if task.StopCode != tc.code || exit != tc.exit || !matches(tc.reason, task.StoppedReason) || !matches(tc.container, c.Reason) {
				t.Errorf("stopCode %s, stoppedReason %q; container: exit code %q, reason %q",
					task.StopCode, aws.ToString(task.StoppedReason), exit, aws.ToString(c.Reason))
			}
			if task.StoppedAt == nil || task.StoppingAt == nil || task.CreatedAt == nil || task.ExecutionStoppedAt == nil && tc.exit != "" {
				t.Errorf("times are missing in %+v", task)
			}
		})
	}
}

func matches(pattern string, text *string) bool {
	return regexp.MustCompile(`^(?s:` + pattern + `)$`).MatchString(aws.ToString(text))
}

// TestNetworks reaches tasks by each of the ways that their network modes give.
func TestNetworks(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	serve := `"image": "IMAGE", "memory": 16, "stopTimeout": 2, "command": ["sh", "-c", "mkdir /www && echo $WHO > /www/index.html && exec httpd -f -p 8080 -h /www"]`
	container := func(name, more string) string {
		return fmt.Sprintf(`{"name": %q, "environment": [{"name": "WHO", "value": %q}], %s%s}`, name, name, serve, more)
	}

	t.Run("bridge", func(t *testing.T) {
		t.Parallel()
		definition := m.define(t, `{"networkMode": "bridge", "containerDefinitions": [`+container("one", `, "portMappings": [{"containerPort": 8080}]`)+`]}`)
		task := m.awaitTask(t, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}), "RUNNING")
		bindings := task.Containers[0].NetworkBindings
		if len(bindings) != 1 || aws.ToInt32(bindings[0].HostPort) < 32768 {
			t.Fatalf("bindings: %+v", bindings)
		}
		m.fetch(t, fmt.Sprintf("http://127.0.0.1:%d", *bindings[0].HostPort), "one\n")
	})

	t.Run("awsvpc", func(t *testing.T) {
		t.Parallel()
		ask := `{"name": "ask", "image": "IMAGE", "memory": 16, "essential": false, ` + logTo + `, "dependsOn": [{"containerName": "two", "condition": "HEALTHY"}],
			"command": ["sh", "-c", "wget -qO- http://127.0.0.1:8080"]}`
		health := `, "healthCheck": {"command": ["CMD-SHELL", "wget -qO- http://127.0.0.1:8080"], "interval": 5, "timeout": 2, "retries": 3}`
		definition := m.define(t, `{"networkMode": "awsvpc", "requiresCompatibilities": ["EC2"], "containerDefinitions": [`+container("two", health)+`,`+ask+`]}`)
		arn := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition, NetworkConfiguration: m.network(t)})
		m.fetch(t, "http://"+m.address(t, m.awaitTask(t, arn, "RUNNING"))+":8080", "two\n")
		eventually(t, "the task is healthy", func() bool { return m.task(t, arn).HealthStatus == types.HealthStatusHealthy })
		m.stopTask(t, arn)
		if got := m.said(t, m.awaitTask(t, arn, "STOPPED"), "ask"); got != "two\n" {
			t.Errorf("a container asks another of its task: %q", got)
		}
	})

	t.Run("Fargate", func(t *testing.T) {
		t.Parallel()
		definition := m.define(t, `{"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "containerDefinitions": [`+container("three", "")+`]}`)
		arn := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition, LaunchType: types.LaunchTypeFargate, NetworkConfiguration: m.network(t)})
		task := m.awaitTask(t, arn, "RUNNING")
		m.fetch(t, "http://"+m.address(t, task)+":8080", "three\n")
		if task.ContainerInstanceArn != nil {
			t.Errorf("it shows its container instance %s", *task.ContainerInstanceArn)
		}
		m.stopTask(t, arn)
		m.awaitTask(t, arn, "STOPPED")
	})

	t.Run("links", func(t *testing.T) {
		t.Parallel()
		ask := `{"name": "ask", "image": "IMAGE", "memory": 16, ` + logTo + `, "links": ["web:www"], "command": ["sh", "-c", "sleep 0.5; wget -qO- http://www:8080"]}`
		definition := m.define(t, `{"networkMode": "bridge", "containerDefinitions": [`+container("web", "")+`,`+ask+`]}`)
		stopped := m.awaitTask(t, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}), "STOPPED")
		if got := m.said(t, stopped, "ask"); got != "web\n" {
			t.Errorf("asked over a link: %q", got)
		}
	})
}

func (m *machine) stopTask(t *testing.T, arn string) {
	t.Helper()
	if _, err := m.client().StopTask(t.Context(), &ecs.StopTaskInput{Task: &arn}); err != nil {
		t.Fatal(err)
	}
}

// fetch waits until a URL gives a body.
func (m *machine) fetch(t *testing.T, url, want string) {
	t.Helper()
	eventually(t, url+" answers "+want, func() bool {
		answer, err := http.Get(url)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return err == nil && string(body) == want
	})
}

// address is that of a task's network interface.
func (m *machine) address(t *testing.T, task types.Task) string {
	t.Helper()
	for _, a := range task.Attachments {
		for _, d := range a.Details {
			if aws.ToString(d.Name) == "privateIPv4Address" {
				return aws.ToString(d.Value)
			}
		}
	}
	t.Fatalf("it has no address: %+v", task.Attachments)
	return ""
}

// network is a subnet of the default VPC.
func (m *machine) network(t *testing.T) *types.NetworkConfiguration {
	t.Helper()
	out, err := m.command(t, "sh", "-c", "aws ec2 describe-subnets --query 'Subnets[0].SubnetId' --output text").Output()
	if err != nil {
		t.Fatalf("describe-subnets: %v", err)
	}
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{strings.TrimSpace(string(out))}}}
}

// TestTasksOutlive kills berth while tasks are in each of their states, and looks
// at what the next one makes of them: what ran runs on, what ended has its exit
// code, what was on its way arrives.
func TestTasksOutlive(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	runs := m.define(t, `{"containerDefinitions": [{"name": "main", "image": "IMAGE", "memory": 16, `+logTo+`,
		"command": ["sh", "-c", "i=0; trap 'exit 7' TERM; while :; do echo $i; i=$((i+1)); sleep 0.05; done"]}]}`)
	ends := m.define(t, `{"containerDefinitions": [{"name": "main", "image": "IMAGE", "memory": 16, "command": ["sh", "-c", "sleep 1; exit 9"]}]}`)
	old := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &runs})
	was := m.awaitTask(t, old, "RUNNING")
	ending := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &ends})
	m.awaitTask(t, ending, "RUNNING")
	fresh := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &runs}) // somewhere on its way
	m.kill()
	eventually(t, "the container has ended", func() bool { return !alive(t, "exit 9") })
	m.start(t)

	if task := m.awaitTask(t, ending, "STOPPED"); aws.ToInt32(task.Containers[0].ExitCode) != 9 {
		t.Errorf("the exit code of what ended meanwhile is %v", containerReasons(task))
	}
	if task := m.awaitTask(t, old, "RUNNING"); aws.ToString(task.Containers[0].RuntimeId) != aws.ToString(was.Containers[0].RuntimeId) || !task.StartedAt.Equal(*was.StartedAt) {
		t.Errorf("what ran is another container: %+v", task)
	}
	m.awaitTask(t, fresh, "RUNNING")
	for _, arn := range []string{old, fresh} {
		m.stopTask(t, arn)
		task := m.awaitTask(t, arn, "STOPPED")
		if aws.ToInt32(task.Containers[0].ExitCode) != 7 {
			t.Errorf("stopped: %s", containerReasons(task))
		}
		lines := strings.Fields(m.said(t, task, "main"))
		for i, line := range lines {
			if line != fmt.Sprint(i) {
				t.Errorf("line %d of its log is %s", i, line)
				break
			}
		}
		t.Logf("%d lines", len(lines))
	}
	if err := m.process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("berth itself: %v", err)
	}
}

// alive reports whether a process has text in its command line.
func alive(t *testing.T, text string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), text) && !strings.Contains(file, fmt.Sprint(os.Getpid())) {
			return true
		}
	}
	return false
}
