package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestKilledParts kills the process of a container and the shim of a task, while
// berth runs and while it does not.
func TestKilledParts(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	container := func(seconds int) string {
		return fmt.Sprintf("sleep\x00%d\x00", 1_000_000+os.Getpid()%1000*100+seconds)
	}
	tests := []struct {
		name  string
		shim  bool // not the container's process
		down  bool // berth does not run then
		early bool // the task is PENDING: one of its containers waits for the other
		arn   string
	}{
		{name: "container"},
		{name: "container of a task that starts", early: true},
		{name: "container while berth is down", down: true},
		{name: "shim", shim: true},
		{name: "shim of a task that starts", shim: true, early: true},
		{name: "shim while berth is down", shim: true, down: true},
		{name: "shim of a task that starts, while berth is down", shim: true, early: true, down: true},
	}
	kill := func(down bool) {
		for i, tc := range tests {
			text := container(i)
			if tc.shim {
				text = "run\x00" + filepath.Join(m.dir, "agent/ec2/shims", tc.arn[strings.LastIndexByte(tc.arn, '/')+1:])
			}
			if tc.down == down {
				m.killProcess(t, text)
			}
		}
	}
	for i := range tests {
		command := strings.Split(strings.TrimSuffix(container(i), "\x00"), "\x00")
		second := ""
		if tests[i].early {
			second = `, {"name": "second", "image": "IMAGE", "memory": 16, "dependsOn": [{"containerName": "main", "condition": "HEALTHY"}]}`
		}
		definition := m.define(t, fmt.Sprintf(`{"containerDefinitions": [{"name": "main", "image": "IMAGE", "memory": 16, "command": [%q, %q],
			"healthCheck": {"command": ["CMD", "false"], "startPeriod": 300}}%s]}`, command[0], command[1], second))
		tests[i].arn = m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition})
	}
	for i, tc := range tests {
		eventually(t, tc.name+" runs", func() bool { return alive(t, container(i)) })
		if !tc.early {
			m.awaitTask(t, tc.arn, "RUNNING")
		}
	}
	kill(false)
	m.kill()
	kill(true)
	m.start(t)

	for i, tc := range tests {
		task := m.awaitTask(t, tc.arn, "STOPPED")
		main := task.Containers[slices.IndexFunc(task.Containers, func(c types.Container) bool { return aws.ToString(c.Name) == "main" })]
		switch {
		case !tc.shim && aws.ToInt32(main.ExitCode) != 137:
			t.Errorf("%s: %s", tc.name, containerReasons(task))
		case tc.shim && !strings.Contains(containerReasons(task), "shim"):
			t.Errorf("%s: nothing tells of the shim: %s", tc.name, containerReasons(task))
		}
		if alive(t, container(i)) {
			t.Errorf("%s: its process runs on", tc.name)
		}
	}
}

// TestKilledOften kills berth at many moments in the lives of short tasks: each
// of them runs once, and its exit code is known.
func TestKilledOften(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	out := t.TempDir()
	definition := m.define(t, fmt.Sprintf(`{"volumes": [{"name": "out", "host": {"sourcePath": %q}}], "containerDefinitions": [{
		"name": "main", "image": "IMAGE", "memory": 16, "mountPoints": [{"sourceVolume": "out", "containerPath": "/out"}],
		"command": ["sh", "-c", "echo begins >> /out/$N; sleep 0.3; exit $N"]}]}`, out))
	there := func(pattern string) bool {
		found, err := filepath.Glob(pattern)
		return err == nil && len(found) > 0
	}
	moments := []struct {
		name string
		is   func(id string, n int) bool
	}{
		{"RunTask has answered", func(string, int) bool { return true }},
		{"the agent has it", func(id string, _ int) bool { return there(m.dir + "/agent/ec2/tasks/" + id + ".json") }},
		{"its shim starts", func(id string, _ int) bool { return there(m.dir + "/agent/ec2/shims/" + id) }},
		{"its container is made", func(id string, _ int) bool { return there("/sys/fs/cgroup/memory/berth/*-ec2/" + id + "/*") }},
		{"its process runs", func(_ string, n int) bool { return there(filepath.Join(out, strconv.Itoa(n))) }},
		{"it has stopped", func(id string, _ int) bool { return aws.ToString(m.task(t, id).LastStatus) == "STOPPED" }},
	}
	arns := map[int]string{}
	run := func(n int) string {
		arns[n] = m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition, Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
			Name: aws.String("main"), Environment: []types.KeyValuePair{{Name: aws.String("N"), Value: aws.String(strconv.Itoa(n))}},
		}}}})
		return arns[n][strings.LastIndexByte(arns[n], '/')+1:]
	}
	for i, moment := range moments {
		n := 10 * (i + 1)
		for more := range 3 {
			run(n + 1 + more)
		}
		id := run(n)
		eventually(t, moment.name, func() bool { return moment.is(id, n) })
		m.kill()
		m.start(t)
	}
	for n, arn := range arns {
		task := m.awaitTask(t, arn, "STOPPED")
		if task.Containers[0].ExitCode == nil || int(*task.Containers[0].ExitCode) != n {
			t.Errorf("task %d: %s %s", n, aws.ToString(task.StoppedReason), containerReasons(task))
		}
		if text, err := os.ReadFile(filepath.Join(out, strconv.Itoa(n))); string(text) != "begins\n" {
			t.Errorf("task %d ran otherwise than once: %q %v", n, text, err)
		}
	}
}

// killProcess kills the process that has text in its command line, and waits
// until it is gone.
func (m *machine) killProcess(t *testing.T, text string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q is killed", text), func() bool {
		pids := processes(t, text)
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(pids) == 0
	})
}

// processes are the ids of those that have text in their command line, but not
// of this process and of what has ended.
func processes(t *testing.T, text string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), text) && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// badRegistry is a registry on this machine that can fail.
type badRegistry struct {
	host string
	fail atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool] // reports whether it has answered
	held atomic.Int32                                                      // requests that hang
}

// newBadRegistry starts a registry with the image app:v1; it works, so far.
func newBadRegistry(t *testing.T) *badRegistry {
	t.Helper()
	b := &badRegistry{}
	b.set(func(http.ResponseWriter, *http.Request) bool { return false })
	good := registry.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(*b.fail.Load())(w, r) {
			good.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	b.host = strings.TrimPrefix(server.URL, "http://")
	image, err := random.Image(1<<16, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(b.host + "/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *badRegistry) set(fail func(w http.ResponseWriter, r *http.Request) bool) {
	b.fail.Store(&fail)
}

// hang answers nothing for as long as somebody waits.
func (b *badRegistry) hang(_ http.ResponseWriter, r *http.Request) bool {
	b.held.Add(1)
	defer b.held.Add(-1)
	<-r.Context().Done()
	return true
}

// TestBadRegistries pulls from registries that fail, each in its own way.
func TestBadRegistries(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	start := func(t *testing.T, b *badRegistry) string {
		definition := m.define(t, `{"containerDefinitions": [{"name": "main", "image": "`+b.host+`/app:v1", "memory": 16}]}`)
		return m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition})
	}
	pulled := func(t *testing.T, arn, want string) {
		t.Helper()
		if task := m.awaitTask(t, arn, "STOPPED"); !matches(want, task.Containers[0].Reason) {
			t.Errorf("the reason is %q, want %s", aws.ToString(task.Containers[0].Reason), want)
		}
	}
	// The image has layers of noise and no command: it has come if that is what is wrong.
	const arrived = "Cannot(Create|Start)ContainerError: .*"

	t.Run("error 500", func(t *testing.T) {
		t.Parallel()
		b := newBadRegistry(t)
		b.set(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no disk", http.StatusInternalServerError)
			return true
		})
		pulled(t, start(t, b), "CannotPullContainerError: .*500 Internal Server Error.*")
	})
	t.Run("wrong content", func(t *testing.T) {
		t.Parallel()
		b := newBadRegistry(t)
		b.set(func(w http.ResponseWriter, r *http.Request) bool {
			wrong := strings.Contains(r.URL.Path, "/blobs/") && r.Method == http.MethodGet
			if wrong {
				io.Copy(w, bytes.NewReader(make([]byte, 1<<16)))
			}
			return wrong
		})
		pulled(t, start(t, b), "CannotPullContainerError: .*(unexpected|digest|size).*")
	})
	t.Run("error once", func(t *testing.T) {
		t.Parallel()
		b := newBadRegistry(t)
		var once atomic.Bool
		b.set(func(w http.ResponseWriter, _ *http.Request) bool {
			first := once.CompareAndSwap(false, true)
			if first {
				http.Error(w, "again please", http.StatusServiceUnavailable)
			}
			return first
		})
		pulled(t, start(t, b), arrived)
	})
	t.Run("hangs until the task is stopped", func(t *testing.T) {
		t.Parallel()
		b := newBadRegistry(t)
		b.set(b.hang)
		arn := start(t, b)
		eventually(t, "the pull hangs", func() bool { return b.held.Load() > 0 })
		m.stopTask(t, arn)
		if task := m.awaitTask(t, arn, "STOPPED"); task.StopCode != "UserInitiated" {
			t.Errorf("stopped by %s: %s", task.StopCode, containerReasons(task))
		}
		eventually(t, "nothing waits for the registry", func() bool { return b.held.Load() == 0 })
	})
}

// TestKilledWhilePulling kills berth while a pull hangs; the next one pulls anew.
func TestKilledWhilePulling(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	b := newBadRegistry(t)
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/blobs/") && b.hang(w, r)
	})
	definition := m.define(t, `{"containerDefinitions": [{"name": "main", "image": "`+b.host+`/app:v1", "memory": 16}]}`)
	arn := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition})
	eventually(t, "the pull hangs", func() bool { return b.held.Load() > 0 })
	m.kill()
	b.set(func(http.ResponseWriter, *http.Request) bool { return false })
	m.start(t)
	task := m.awaitTask(t, arn, "STOPPED")
	if reason := aws.ToString(task.Containers[0].Reason); strings.Contains(reason, "Pull") || task.PullStoppedAt == nil {
		t.Errorf("the image has not come: %s", containerReasons(task))
	}
}
