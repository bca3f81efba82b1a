package test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// wire carries connections to a control plane, unless it is cut.
type wire struct {
	address, to string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newWire listens at address for what is to reach to.
func newWire(t *testing.T, address, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: address, to: to, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		w.set(true)
	})
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(from)
		}
	}()
	return w
}

// set cuts or mends the wire. A cut ends all connections, and refuses new ones.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for c := range w.conns {
		if cut {
			c.Close()
		}
	}
}

// keep notes c, to be closed with the wire; false says that it is cut.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) carry(from net.Conn) {
	if !w.keep(from) {
		return
	}
	to, err := net.Dial("tcp", w.to)
	if err != nil || !w.keep(to) {
		from.Close()
		return
	}
	for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			io.Copy(pair[0], pair[1])
			from.Close()
			to.Close()
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.conns, pair[0])
		}()
	}
}

// agentProcess is a `berth agent`.
type agentProcess struct {
	cmd   *exec.Cmd
	ended chan error
	log   string // file
}

// startAgent runs an agent on dir until the test ends or it is killed.
func startAgent(t *testing.T, dir string, args ...string) *agentProcess {
	t.Helper()
	a := &agentProcess{log: filepath.Join(t.TempDir(), "log"), ended: make(chan error, 1)}
	log, err := os.Create(a.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	a.cmd = exec.Command(binary, append([]string{"agent", "--data-dir", dir}, args...)...)
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { a.ended <- a.cmd.Wait() }()
	t.Cleanup(func() {
		a.kill()
		if t.Failed() {
			t.Logf("log of the agent:\n%s", tail(a.said(t), 60))
		}
	})
	return a
}

func (a *agentProcess) kill() {
	if a.ended != nil {
		a.cmd.Process.Kill()
		<-a.ended
		a.ended = nil
	}
}

// said is all that the agent has written so far.
func (a *agentProcess) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(a.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refused waits until the agent has ended, and returns what it said.
func (a *agentProcess) refused(t *testing.T) string {
	t.Helper()
	select {
	case err := <-a.ended:
		a.ended = nil
		if err == nil {
			t.Error("it ended as if all were well")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it runs on")
	}
	return a.said(t)
}

// TestAgentElsewhere runs an agent at the end of a wire that is cut for a while:
// it joins with a token, its tasks run on meanwhile, and what happened to them is
// told afterwards.
func TestAgentElsewhere(t *testing.T) {
	t.Parallel()
	m, cable := upServer(t)
	direct := &machine{berth: &berth{url: "http://" + cable.to, key: m.key}, image: m.image}
	dir := agentDir(t)
	token := m.says(t, "token", "create", "--data-dir", m.dir)
	join := []string{"--endpoint", m.url, "--token", token, "--name", "far", "--bridge-cidr", freeRange(t)}
	startAgent(t, dir, join...)
	m.awaitInstance(t)

	if said := startAgent(t, dir, join...).refused(t); !strings.Contains(said, "another agent runs in "+dir) {
		t.Errorf("a second agent in its directory says: %s", said)
	}
	definition := m.define(t, `{"containerDefinitions": [{"name": "main", "image": "IMAGE", "memory": 16, "stopTimeout": 2, `+logTo+`,
		"command": ["sh", "-c", "i=0; while [ ! -e /end ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 5"]}]}`)
	var arns []string
	for range 3 {
		arns = append(arns, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}))
	}
	was := m.awaitTask(t, arns[0], "RUNNING")
	m.awaitTask(t, arns[1], "RUNNING")
	m.awaitTask(t, arns[2], "RUNNING")

	cable.set(true)
	eventually(t, "the agent counts as away", func() bool { return direct.connected(t) == 0 })
	direct.stopTask(t, arns[1])
	root := filepath.Join(dir, "agent/ec2/shims", arns[2][strings.LastIndexByte(arns[2], '/')+1:], "rootfs/main")
	if err := os.WriteFile(root+"/end", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the container has ended", func() bool { return len(processes(t, arns[2])) == 0 })
	if task := direct.task(t, arns[2]); aws.ToString(task.LastStatus) != "RUNNING" {
		t.Errorf("who told that it is %s?", aws.ToString(task.LastStatus))
	}
	cable.set(false)

	if task := m.awaitTask(t, arns[1], "STOPPED"); task.StopCode != "UserInitiated" {
		t.Errorf("what was stopped meanwhile: %s %s", task.StopCode, containerReasons(task))
	}
	ended := m.awaitTask(t, arns[2], "STOPPED")
	if aws.ToInt32(ended.Containers[0].ExitCode) != 5 {
		t.Errorf("what ended meanwhile: %s", containerReasons(ended))
	}
	for i, line := range strings.Fields(m.said(t, ended, "main")) {
		if line != fmt.Sprint(i) {
			t.Errorf("line %d of its log is %s", i, line)
			break
		}
	}
	if task := m.awaitTask(t, arns[0], "RUNNING"); aws.ToString(task.Containers[0].RuntimeId) != aws.ToString(was.Containers[0].RuntimeId) {
		t.Errorf("what ran is another container")
	}
}

// connected is how many agents are.
func (m *machine) connected(t *testing.T) int {
	t.Helper()
	out, err := m.client().ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{Filter: aws.String("agentConnected==true")})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.ContainerInstanceArns)
}

// TestRevokedToken shuts machines out: with a token that is revoked none can
// join, and one that has joined can be shut out with it.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	m, _ := upServer(t)
	token := m.says(t, "token", "create", "--data-dir", m.dir)
	id, _, _ := strings.Cut(token, ".")
	dir, join := agentDir(t), []string{"--endpoint", m.url, "--token", token, "--name", "far", "--bridge-cidr", freeRange(t)}
	first := startAgent(t, dir, join...)
	m.awaitInstance(t)

	m.says(t, "token", "revoke", id, "--data-dir", m.dir)
	if said := startAgent(t, agentDir(t), join...).refused(t); !strings.Contains(said, "token") {
		t.Errorf("one that comes too late says: %s", said)
	}
	m.says(t, "token", "revoke", id, "--agents", "--data-dir", m.dir)
	first.kill()
	again := startAgent(t, dir, join...)
	eventually(t, "one that is shut out says so", func() bool { return strings.Contains(again.said(t), "UnrecognizedClientException") })
}

// upServer starts a control plane that is reached over a wire, with busybox in
// its registry and no agent of its own.
func upServer(t *testing.T, args ...string) (*machine, *wire) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("running containers takes root")
	}
	archive := busyboxArchive(t)
	listen, dir := freeAddress(t), t.TempDir()
	cable := newWire(t, freeAddress(t), listen)
	b := &berth{url: "http://" + cable.address, dir: dir, args: append([]string{"server", "--listen", listen, "--advertise-url", "http://" + cable.address,
		"--data-dir", dir, "--log-format", "json", "--vpc-cidr", freeRange(t)}, args...)}
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("log of %s, without requests:\n%s", b.url, tail(withoutRequests(b.log.String()), 60))
		}
	})
	b.start(t)
	b.environ = b.clientEnviron(t)
	m := &machine{berth: b}
	m.image = m.says(t, "image", "load", archive, "--data-dir", dir)
	if _, err := m.logs().CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(logGroup)}); err != nil {
		t.Fatal(err)
	}
	return m, cable
}

// agentDir is a data directory for an agent, of which `berth down` leaves nothing.
func agentDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		if out, err := exec.Command(binary, "down", "--data-dir", dir).CombinedOutput(); err != nil {
			t.Errorf("berth down: %v\n%s", err, out)
		}
	})
	return dir
}

// says runs a command of berth, and returns what it says.
func (b *berth) says(t *testing.T, args ...string) string {
	t.Helper()
	out, err := b.command(t, binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("berth %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
