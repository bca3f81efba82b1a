package test

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestManyTasksLeaveNothing starts 160 short tasks at once, half of them with
// interfaces of their own, and looks at what is left of them.
func TestManyTasksLeaveNothing(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	body := `"containerDefinitions": [{"name": "main", "image": "IMAGE", "memory": 16, "command": ["sh", "-c", "echo x > /x; exit 4"]}]`
	bridge := m.define(t, `{"networkMode": "bridge", `+body+`}`)
	vpc := m.define(t, `{"networkMode": "awsvpc", "requiresCompatibilities": ["EC2"], `+body+`}`)
	network := m.network(t)
	before, now := m.made(t), []string{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("before:\n%s\nat last:\n%s", strings.Join(before, "\n"), strings.Join(now, "\n"))
		}
	})
	clean := func() bool {
		now = m.made(t)
		return slices.Equal(now, before)
	}
	m.runMany(t, 1, &ecs.RunTaskInput{TaskDefinition: &bridge}) // it brings the image, which stays
	eventually(t, "the first task has left nothing", clean)
	free, files, layers := m.remaining(t), m.openFiles(t), m.layers(t)

	arns := m.runMany(t, 80, &ecs.RunTaskInput{TaskDefinition: &bridge})
	arns = append(arns, m.runMany(t, 80, &ecs.RunTaskInput{TaskDefinition: &vpc, NetworkConfiguration: network})...)
	if len(arns) != 160 {
		t.Errorf("%d tasks ran", len(arns))
	}
	eventually(t, "the tasks have left nothing", clean)
	eventually(t, "only the image's layers are left", func() bool { return m.layers(t) == layers })
	if now := m.remaining(t); now != free {
		t.Errorf("resources left of the instance:\n%s\nbefore:\n%s", now, free)
	}
	// Connections that idle come and go; a leak shows a file for each task.
	if now := m.openFiles(t); now > files+60 {
		t.Errorf("berth has %d files open, and had %d", now, files)
	}
	m.kill()
	m.says(t, "down", "--data-dir", m.dir, "--keep-data")
	if left := m.made(t); len(left) > 0 {
		t.Errorf("berth down leaves %q", left)
	}
}

// runMany runs tasks, ten by a call, until all have stopped with exit code 4.
func (m *machine) runMany(t *testing.T, count int, in *ecs.RunTaskInput) (arns []string) {
	t.Helper()
	client := m.client()
	for left := count; left > 0; left -= 10 {
		in.Count = aws.Int32(int32(min(left, 10)))
		eventually(t, "there is room", func() bool {
			out, err := client.RunTask(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range out.Tasks {
				arns = append(arns, aws.ToString(task.TaskArn))
			}
			for _, f := range out.Failures {
				if !strings.HasPrefix(aws.ToString(f.Reason), "RESOURCE") {
					t.Fatalf("not placed: %s %s", aws.ToString(f.Reason), aws.ToString(f.Detail))
				}
			}
			in.Count = aws.Int32(*in.Count - int32(len(out.Tasks)))
			return *in.Count == 0
		})
	}
	eventually(t, "no task runs", func() bool {
		out, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{})
		return err == nil && len(out.TaskArns) == 0
	})
	for _, arn := range arns {
		if task := m.awaitTask(t, arn, "STOPPED"); aws.ToInt32(task.Containers[0].ExitCode) != 4 {
			t.Errorf("%s: %s %s", arn, aws.ToString(task.StoppedReason), containerReasons(task))
		}
	}
	return arns
}

// made lists what m has made on this machine and tasks shall take away with
// them: links, mounts, cgroups, processes, and files of the agents.
func (m *machine) made(t *testing.T) (all []string) {
	t.Helper()
	sum := sha256.Sum256([]byte(m.dir))
	id := hex.EncodeToString(sum[:3])
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if strings.Contains(link.Name, id) {
			all = append(all, "link "+link.Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, m.dir+"/") {
			all = append(all, "mount "+line)
		}
	}
	for _, pattern := range []string{
		"/sys/fs/cgroup/memory/berth/" + id + "*/*/", "/sys/fs/cgroup/cpu/berth/" + id + "*/*/", "/sys/fs/cgroup/berth/" + id + "*/*/",
		m.dir + "/agent/*/shims/*", m.dir + "/agent/*/run/*", m.dir + "/agent/network/namespaces/*",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if m.process != nil || !strings.HasPrefix(pattern, m.dir) { // berth down --keep-data keeps files
			all = append(all, found...)
		}
	}
	for _, pid := range processes(t, m.dir+"/agent/") {
		all = append(all, "process "+strconv.Itoa(pid))
	}
	return all
}

// layers is how many layers of images and containers are unpacked.
func (m *machine) layers(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob(m.dir + "/agent/images/overlayfs/snapshots/*")
	if err != nil || len(found) == 0 {
		t.Fatalf("no layers: %v", err)
	}
	return len(found)
}

// openFiles is how many file descriptors berth has.
func (m *machine) openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(m.process.Pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// remaining is what the instance has left, as text.
func (m *machine) remaining(t *testing.T) (text string) {
	t.Helper()
	list, err := m.client().ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.client().DescribeContainerInstances(t.Context(), &ecs.DescribeContainerInstancesInput{ContainerInstances: list.ContainerInstanceArns})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.ContainerInstances[0].RemainingResources {
		text += describe(r)
	}
	return text
}

func describe(r types.Resource) string {
	return aws.ToString(r.Name) + " " + strconv.Itoa(int(r.IntegerValue)) + " " + strings.Join(r.StringSetValue, ",") + "\n"
}
