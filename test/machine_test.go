package test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// machine is a `berth up` that runs tasks, with address ranges of its own and
// with the image busybox:latest in its registry.
type machine struct {
	*berth
	image string // busybox, as definitions name it
}

// upMachine starts a machine and takes away all that it made when the test ends.
func upMachine(t *testing.T, args ...string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("running containers takes root")
	}
	archive := busyboxArchive(t)
	vpc, bridge := freeRange(t), freeRange(t)
	dir := t.TempDir()
	t.Cleanup(func() {
		if out, err := exec.Command(binary, "down", "--data-dir", dir).CombinedOutput(); err != nil {
			t.Errorf("berth down: %v\n%s", err, out)
		}
	})
	m := &machine{berth: run(t, dir, append([]string{"up", "--pools", "ec2,fargate", "--vpc-cidr", vpc, "--bridge-cidr", bridge}, args...)...)}
	out, err := m.command(t, binary, "image", "--data-dir", dir, "load", archive).CombinedOutput()
	if err != nil {
		t.Fatalf("load busybox: %v\n%s", err, out)
	}
	m.image = strings.TrimSpace(string(out))
	_, err = m.logs().CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(logGroup)})
	if err != nil {
		t.Fatal(err)
	}
	m.awaitInstance(t)
	return m
}

// logGroup is where the containers of these tests write.
const logGroup = "/test"

// awaitInstance waits until the machine's agent is connected.
func (m *machine) awaitInstance(t *testing.T) {
	t.Helper()
	eventually(t, "a container instance is connected", func() bool {
		out, err := m.client().ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Filter: aws.String("agentConnected==true")})
		return err == nil && len(out.ContainerInstanceArns) == 1
	})
}

func (m *machine) logs() *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: &m.url, Credentials: m.key})
}

// freeRange returns a /16 that no interface of this machine has an address in,
// and no other test of this process was given.
func freeRange(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for n := os.Getpid(); ; n++ {
		second := 20 + n%180
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), 0, 0}), 16)
		taken := os.Mkdir(filepath.Join(filepath.Dir(binary), fmt.Sprint("range-", second)), 0o700) != nil
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			taken = taken || err == nil && p.Overlaps(prefix)
		}
		if !taken {
			return prefix.String()
		}
	}
}

// busyboxArchive returns a docker archive of an image with nothing but busybox.
func busyboxArchive(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("busybox is not installed: apt-get install busybox-static")
	}
	file, err := writeBusybox(program, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func writeBusybox(program, dir string) (string, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	applets, err := exec.Command(program, "--list").Output()
	if err != nil {
		return "", err
	}
	var layer bytes.Buffer
	files := tar.NewWriter(&layer)
	add := func(h tar.Header, body string) {
		h.Size = int64(len(body))
		err = joinFirst(err, files.WriteHeader(&h))
		_, failed := io.WriteString(files, body)
		err = joinFirst(err, failed)
	}
	for _, d := range []string{"bin", "etc", "srv", "srv/app", "tmp", "var"} {
		add(tar.Header{Name: d, Typeflag: tar.TypeDir, Mode: 0o755}, "")
	}
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, string(content))
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			add(tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, "")
		}
	}
	add(tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/srv/app:/bin/sh\n")
	add(tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, "root:x:0:\napp:x:1001:\nstaff:x:1002:app\n")
	if err = joinFirst(err, files.Close()); err != nil {
		return "", err
	}
	base, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, base)
	if err != nil {
		return "", err
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: "amd64", OS: "linux",
		Config: v1.Config{Env: []string{"PATH=/bin", "FROM=image"}, Cmd: []string{"sh"}, Labels: map[string]string{"made": "here"},
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD-SHELL", "test -e /tmp/healthy"}, Interval: time.Second}}, // which ECS does not run
		RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs(base)},
	})
	if err != nil {
		return "", err
	}
	tag, err := name.NewTag("busybox:latest")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "busybox.tar")
	return file, tarball.WriteToFile(file, tag, image)
}

func diffIDs(layer v1.Layer) []v1.Hash {
	id, err := layer.DiffID()
	if err != nil {
		return nil
	}
	return []v1.Hash{id}
}

func joinFirst(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// define registers a task definition, which is JSON in the API's own form
// without its family, and returns its ARN. IMAGE is busybox.
func (m *machine) define(t *testing.T, text string) string {
	t.Helper()
	var in ecs.RegisterTaskDefinitionInput
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "IMAGE", m.image)), &in); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	in.Family = aws.String(strings.Map(func(r rune) rune {
		if strings.ContainsRune("/ #:.,()+", r) {
			return '-'
		}
		return r
	}, t.Name()))
	out, err := m.client().RegisterTaskDefinition(t.Context(), &in)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return aws.ToString(out.TaskDefinition.TaskDefinitionArn)
}

// runTask starts a task and returns its ARN.
func (m *machine) runTask(t *testing.T, in *ecs.RunTaskInput) string {
	t.Helper()
	out, err := m.client().RunTask(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Failures) > 0 || len(out.Tasks) != 1 {
		t.Fatalf("not placed: %s %s", aws.ToString(out.Failures[0].Reason), aws.ToString(out.Failures[0].Detail))
	}
	return aws.ToString(out.Tasks[0].TaskArn)
}

// task describes a task.
func (m *machine) task(t *testing.T, arn string) types.Task {
	t.Helper()
	out, err := m.client().DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Tasks: []string{arn}})
	if err != nil || len(out.Tasks) != 1 {
		t.Fatalf("describe %s: %v %+v", arn, err, out)
	}
	return out.Tasks[0]
}

// await waits until a task has a last status.
func (m *machine) awaitTask(t *testing.T, arn, status string) (task types.Task) {
	t.Helper()
	what := fmt.Sprintf("%s is %s", arn, status)
	defer func() {
		if t.Failed() {
			text, _ := json.MarshalIndent(task, "", " ")
			t.Logf("it is %s", text)
		}
	}()
	eventually(t, what, func() bool {
		task = m.task(t, arn)
		if aws.ToString(task.LastStatus) == "STOPPED" && status == "RUNNING" {
			t.Fatalf("it stopped: %s %s", aws.ToString(task.StoppedReason), containerReasons(task))
		}
		return aws.ToString(task.LastStatus) == status
	})
	return task
}

func containerReasons(task types.Task) (text string) {
	for _, c := range task.Containers {
		text += fmt.Sprintf("%s: exit code %d %s; ", aws.ToString(c.Name), aws.ToInt32(c.ExitCode), aws.ToString(c.Reason))
	}
	return text
}

// said returns what a container of a task wrote. A task's logs are shipped
// before it counts as stopped.
func (m *machine) said(t *testing.T, task types.Task, container string) string {
	t.Helper()
	arn := aws.ToString(task.TaskArn)
	stream := "t/" + container + "/" + arn[strings.LastIndexByte(arn, '/')+1:]
	var text strings.Builder
	eventually(t, "the log of "+stream, func() bool {
		text.Reset()
		out, err := m.logs().GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(logGroup), LogStreamName: &stream, StartFromHead: aws.Bool(true),
		})
		if err != nil {
			return false
		}
		for _, e := range out.Events {
			text.WriteString(aws.ToString(e.Message) + "\n")
		}
		return text.Len() > 0
	})
	return text.String()
}

// logTo is a container definition's logConfiguration.
const logTo = `"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "` + logGroup + `", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "t"}}`
