package host

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"berth/agent/engine"
	"berth/agent/image"
	"berth/agent/network"
	"berth/agent/network/networktest"
	"berth/agent/oci"
	"berth/agent/runtime"
	"berth/agent/shim"
	"berth/agent/shim/shimtest"
	"berth/agent/spool"
	"berth/agent/volume"
	"berth/api/acs/message"
)

// TestMain runs the tests on a machine of their own, as far as networks and mounts go.
func TestMain(m *testing.M) { os.Exit(networktest.Main(m)) }

// rig is a host with an engine on top, over directories that outlive both.
type rig struct {
	t      *testing.T
	dir    string
	shim   string
	cgroup string

	host   *Host
	shims  *shim.Shims
	images *image.Store
	net    *network.Network
	engine *engine.Engine
	stop   func()

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
}

func newRig(t *testing.T) *rig {
	name := make([]byte, 3)
	sum := sha256.Sum256([]byte(t.TempDir()))
	copy(name, sum[:])
	r := &rig{t: t, dir: t.TempDir(), shim: shimtest.Build(t), cgroup: "/berth/test-" + hex.EncodeToString(name), changed: make(chan struct{})}
	r.open(nil)
	t.Cleanup(func() {
		r.crash()
		if s, err := shim.Open(context.Background(), shim.Config{Dir: r.dir + "/shims", Cgroup: r.cgroup, Binary: r.shim}); err != nil {
			t.Error(err)
		} else if err := s.Down(context.Background()); err != nil {
			t.Error(err)
		}
		if err := network.Down(context.Background(), network.Config{Name: "t", Dir: r.dir + "/network"}); err != nil {
			t.Error(err)
		}
	})
	return r
}

// open starts an agent's life; wrap may put a host of its own before the real one.
func (r *rig) open(wrap func(*Host) engine.Host) {
	r.t.Helper()
	ctx := context.Background()
	var err error
	must := func(e error) {
		r.t.Helper()
		if e != nil {
			r.t.Fatal(e)
		}
	}
	r.images, err = image.Open(ctx, image.Config{Dir: r.dir + "/images", Attempts: 2, Backoff: time.Millisecond})
	must(err)
	_, err = r.images.Import(ctx, archive())
	must(err)
	r.net, err = network.Open(ctx, network.Config{Name: "t", Dir: r.dir + "/network"})
	must(err)
	r.shims, err = shim.Open(ctx, shim.Config{Dir: r.dir + "/shims", Cgroup: r.cgroup, Binary: r.shim})
	must(err)
	features, err := r.shims.Features(ctx)
	must(err)
	machine, err := oci.This()
	must(err)
	machine.Seccomp, machine.CgroupV2 = features.Seccomp, features.CgroupV2
	volumes, err := volume.Open(volume.Config{Dir: r.dir + "/volumes"})
	must(err)
	r.host, err = New(Config{
		Dir: r.dir + "/run", Owner: "test", Runtime: r.shims, Images: r.images, Network: r.net, Volumes: volumes,
		Machine: machine, Init: r.shim, Endpoint: "http://127.0.0.1:1", Region: "us-east-1", Cluster: "default",
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		Execution:   func(string) *message.RoleCredentials { return nil },
	})
	must(err)
	var h engine.Host = r.host
	if wrap != nil {
		h = wrap(r.host)
	}
	r.engine, err = engine.New(engine.Config{Dir: r.dir + "/tasks", Host: h, StopTimeout: 2 * time.Second, Changed: r.note})
	must(err)
	running, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	e := r.engine
	go func() { defer close(ended); e.Run(running) }()
	r.stop = func() { cancel(); <-ended }
}

// crash ends the agent's life, as far as tasks can tell.
func (r *rig) crash() {
	r.stop()
	r.host.Close()
	r.shims.Close()
	r.net.Close()
	r.images.Close()
}

func (r *rig) note(string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits until a task is as want says.
func (r *rig) await(arn, what string, want func(engine.Task) bool) engine.Task {
	r.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		t, _ := r.engine.Task(engine.ID(arn))
		if want(t) {
			return t
		}
		select {
		case <-changed:
		case <-limit:
			text, _ := json.MarshalIndent(t, "", " ")
			r.t.Fatalf("the task is never %s: %s", what, text)
		}
	}
}

func stopped(t engine.Task) bool { return t.Last() == "STOPPED" }
func cleaned(t engine.Task) bool { return t.Cleaned }
func running(t engine.Task) bool { return t.Last() == "RUNNING" }

// run accepts a task of containers that see this machine's /usr.
func (r *rig) run(mode string, containers ...message.Container) string {
	r.t.Helper()
	task := message.Task{
		ARN:           fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/default/%s", strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(r.t.Name()))),
		DesiredStatus: "RUNNING", NetworkMode: mode, Family: "f", Version: "1",
		Volumes: []message.Volume{{Name: "usr", Type: "host", Host: &message.HostVolume{SourcePath: "/usr"}}},
	}
	for _, c := range containers {
		c.Image = "test:latest"
		c.MountPoints = append(c.MountPoints, message.MountPoint{SourceVolume: "usr", ContainerPath: "/usr", ReadOnly: true})
		task.Containers = append(task.Containers, c)
	}
	if err := r.engine.Accept(task); err != nil {
		r.t.Fatal(err)
	}
	return task.ARN
}

func (r *rig) tell(arn string) {
	r.t.Helper()
	if err := r.engine.Accept(message.Task{ARN: arn, DesiredStatus: "STOPPED"}); err != nil {
		r.t.Fatal(err)
	}
}

func sh(name, script string) message.Container {
	return message.Container{Name: name, Essential: true, Command: []string{"/bin/sh", "-c", script}}
}

// archive is an image with nothing but what makes /usr usable, as docker saves it.
func archive() io.Reader {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, dir := range []string{"usr", "tmp", "etc"} {
		w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755})
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: "usr/" + name})
	}
	w.Close()
	sum := sha256.Sum256(layer.Bytes())
	config := fmt.Sprintf(`{"architecture":%q,"os":"linux","config":{"Env":["PATH=/usr/bin:/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%x"]}}`,
		image.Architecture(""), sum)
	var out bytes.Buffer
	w = tar.NewWriter(&out)
	for _, f := range []struct{ name, text string }{
		{"config.json", config}, {"layer.tar", layer.String()},
		{"manifest.json", `[{"Config":"config.json","RepoTags":["test:latest"],"Layers":["layer.tar"]}]`},
	} {
		w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.text)), Mode: 0o644})
		io.WriteString(w, f.text)
	}
	w.Close()
	return &out
}

// output is what a container has written so far.
func (r *rig) output(arn, container string) string {
	r.t.Helper()
	reader, err := spool.Tail(r.host.logDir(engine.ID(arn), container), -1)
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	var b strings.Builder
	for {
		record, err := reader.TryNext()
		if errors.Is(err, io.EOF) || errors.Is(err, spool.ErrNone) {
			return b.String()
		}
		if err != nil {
			r.t.Fatal(err)
		}
		b.WriteString(record.Log)
	}
}

// leavesNothing demands that of a task which was cleaned up nothing is there.
func (r *rig) leavesNothing(arn string) {
	r.t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, engine.ID(arn)) {
			r.t.Errorf("leaves the mount %s", line)
		}
	}
	keys, err := r.images.Snapshots()
	sandboxes, err2 := r.shims.Sandboxes(context.Background())
	entries, err3 := os.ReadDir(r.dir + "/run")
	if n := len(r.net.Attachments()); len(keys)+len(sandboxes)+n+len(entries) > 0 || errors.Join(err, err2, err3) != nil {
		r.t.Errorf("leaves snapshots %v, sandboxes %v, %d attachments, %v, %v", keys, sandboxes, n, entries, errors.Join(err, err2, err3))
	}
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*" + r.cgroup + "/" + engine.ID(arn))
	if len(cgroups) > 0 {
		r.t.Errorf("leaves %v", cgroups)
	}
}

func TestRunsAndEnds(t *testing.T) {
	r := newRig(t)
	first := sh("first", "echo one; exit 0")
	first.Essential = false
	second := sh("second", "echo two $HOSTNAME; sed -n 1p /etc/hosts; exit 3")
	second.DependsOn = []message.Dependency{{ContainerName: "first", Condition: "SUCCESS"}}
	arn := r.run("none", second, first)
	task := r.await(arn, "STOPPED", stopped)
	if c := task.Container("second"); c.ExitCode == nil || *c.ExitCode != 3 || c.Reason != "" {
		t.Errorf("second: %+v", c)
	}
	r.await(arn, "cleaned up", cleaned)
	r.leavesNothing(arn)
}

func TestStops(t *testing.T) {
	r := newRig(t)
	polite := sh("polite", `trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done`)
	stubborn := sh("stubborn", `trap '' TERM; echo ready; while :; do sleep 0.05; done`)
	stubborn.StopTimeout = 1
	arn := r.run("none", polite, stubborn)
	r.await(arn, "RUNNING", running)
	for _, c := range []string{"polite", "stubborn"} {
		for deadline := time.Now().Add(10 * time.Second); r.output(arn, c) == ""; {
			if time.Now().After(deadline) {
				t.Fatalf("%s says nothing", c)
			}
		}
	}
	r.tell(arn)
	task := r.await(arn, "STOPPED", stopped)
	for name, want := range map[string]int{"polite": 7, "stubborn": 137} {
		if c := task.Container(name); c.ExitCode == nil || *c.ExitCode != want {
			t.Errorf("%s: %+v, want exit code %d", name, c, want)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*message.Task)
		want   string // of the container's reason, or of the task's
	}{
		{"no such command", func(t *message.Task) { t.Containers[0].Command = []string{"/none"} }, "CannotStartContainerError: "},
		{"no such image", func(t *message.Task) { t.Containers[0].Image = "127.0.0.1:1/none:1" }, "CannotPullContainerError: "},
		{"unknown option", func(t *message.Task) { t.Containers[0].DockerConfig.HostConfig = `{"Nonsense":true}` }, "CannotCreateContainerError: dockerConfig.hostConfig.Nonsense"},
		{"no such volume", func(t *message.Task) { t.Volumes[0].Host.SourcePath = "relative" }, "ResourceInitializationError: volume usr: "},
		{"secret without a role", func(t *message.Task) {
			t.Containers[0].Secrets = []message.Secret{{Name: "S", ValueFrom: "p", Provider: "ssm"}}
		},
			"ResourceInitializationError: unable to pull secrets or registry auth: "},
		{"out of memory", func(t *message.Task) {
			t.Containers[0].Memory = 16
			t.Containers[0].Command = []string{"/bin/sh", "-c", "exec tail /dev/zero"}
		}, "OutOfMemoryError: Container killed due to memory usage"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			task := message.Task{
				ARN: "arn:aws:ecs:us-east-1:123456789012:task/default/failing", DesiredStatus: "RUNNING", NetworkMode: "none",
				Volumes:    []message.Volume{{Name: "usr", Type: "host", Host: &message.HostVolume{SourcePath: "/usr"}}},
				Containers: []message.Container{sh("a", "true")},
			}
			task.Containers[0].Image = "test:latest"
			task.Containers[0].MountPoints = []message.MountPoint{{SourceVolume: "usr", ContainerPath: "/usr"}}
			tc.change(&task)
			if err := r.engine.Accept(task); err != nil {
				t.Fatal(err)
			}
			ended := r.await(task.ARN, "STOPPED", stopped)
			if got := ended.Reason + ended.Containers[0].Reason; !strings.HasPrefix(got, tc.want) {
				t.Errorf("reason %q, want %q", got, tc.want)
			}
			r.await(task.ARN, "cleaned up", cleaned)
			r.leavesNothing(task.ARN)
		})
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t)
	db := sh("db", "sleep 1; touch /tmp/up; exec sleep 60")
	db.DockerConfig.Config = `{"Healthcheck":{"Test":["CMD-SHELL","echo looking; test -e /tmp/up"],"Interval":300000000,"Retries":99}}`
	web := sh("web", "exec sleep 60")
	web.DependsOn = []message.Dependency{{ContainerName: "db", Condition: "HEALTHY"}}
	arn := r.run("none", web, db)
	task := r.await(arn, "RUNNING", running)
	if c := task.Container("db"); c.Health.Status != engine.Healthy || c.Health.Output != "looking\n" {
		t.Errorf("health %+v", c.Health)
	}
}

func TestPortMapping(t *testing.T) {
	r := newRig(t)
	web := sh("web", "exec sleep 60")
	web.PortMappings = []message.PortMapping{{ContainerPort: 80, Protocol: "tcp"}, {ContainerPortRange: "90-92", Protocol: "tcp"}}
	arn := r.run("bridge", web)
	task := r.await(arn, "RUNNING", running)
	b := task.Containers[0].Bindings
	if len(b) != 2 || b[0].HostPort == 0 || b[0].ContainerPort != 80 || b[1].ContainerPortSpan != "90-92" || b[1].HostPortSpan == "" {
		t.Fatalf("bindings %+v", b)
	}
	// Nobody listens there: the container's refusal comes back through the mapping.
	_, err := net.Dial("tcp", net.JoinHostPort(task.Containers[0].Address, "80"))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial the container: %v, want a refusal", err)
	}
}

// crasher ends the agent's life right after a step was done, before it is noted.
type crasher struct {
	engine.Host
	verb string
	done chan struct{}
	once sync.Once
}

func (c *crasher) after(verb string, ctx context.Context) {
	if verb == c.verb {
		c.once.Do(func() { close(c.done) })
		<-ctx.Done()
	}
}

func (c *crasher) Prepare(ctx context.Context, t *engine.Task) error {
	err := c.Host.Prepare(ctx, t)
	c.after("prepare", ctx)
	return err
}

func (c *crasher) Pull(ctx context.Context, t *engine.Task, name string) (engine.Image, error) {
	img, err := c.Host.Pull(ctx, t, name)
	c.after("pull", ctx)
	return img, err
}

func (c *crasher) Create(ctx context.Context, t *engine.Task, name string) (engine.Made, error) {
	made, err := c.Host.Create(ctx, t, name)
	c.after("create", ctx)
	return made, err
}

func (c *crasher) Start(ctx context.Context, t *engine.Task, name string) error {
	err := c.Host.Start(ctx, t, name)
	c.after("start", ctx)
	return err
}

func (c *crasher) Wait(ctx context.Context, t *engine.Task, name string) (runtime.Exit, error) {
	exit, err := c.Host.Wait(ctx, t, name)
	c.after("wait", ctx)
	return exit, err
}

func (c *crasher) Release(ctx context.Context, t *engine.Task) error {
	err := c.Host.Release(ctx, t)
	c.after("release", ctx)
	return err
}

// Whatever step the agent ends in, the next one brings the task to the same
// end, with the exit code of a container that ended in between.
func TestAgentDiesInEveryState(t *testing.T) {
	for _, verb := range []string{"prepare", "pull", "create", "start", "wait", "release"} {
		t.Run(verb, func(t *testing.T) {
			r := newRig(t)
			r.crash()
			c := &crasher{verb: verb, done: make(chan struct{})}
			r.open(func(h *Host) engine.Host { c.Host = h; return c })
			arn := r.run("bridge", sh("a", "echo hello; sleep 0.2; exit 5"))
			select {
			case <-c.done:
			case <-time.After(30 * time.Second):
				t.Fatalf("never gets to %s", verb)
			}
			r.crash()
			r.open(nil)
			task := r.await(arn, "STOPPED", stopped)
			if code := task.Containers[0].ExitCode; code == nil || *code != 5 {
				t.Errorf("container %+v, want exit code 5", task.Containers[0])
			}
			r.await(arn, "cleaned up", cleaned)
			r.leavesNothing(arn)
		})
	}
}

// What no task's file names is removed when an agent starts.
func TestOrphans(t *testing.T) {
	r := newRig(t)
	arn := r.run("bridge", sh("a", "exec sleep 60"))
	r.await(arn, "RUNNING", running)
	r.crash()
	if err := os.RemoveAll(r.dir + "/tasks"); err != nil {
		t.Fatal(err)
	}
	r.open(nil)
	for deadline := time.Now().Add(20 * time.Second); len(r.net.Attachments()) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the orphan stays")
		}
	}
	r.stop()
	r.leavesNothing(arn)
	r.stop = func() {}
}
