package link

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gorilla/websocket"

	"berth/agent/engine"
	"berth/agent/runtime"
	"berth/api/acs/message"
)

const (
	instanceARN = "arn:aws:ecs:us-east-1:123456789012:container-instance/default/11111111111111111111111111111111"
	taskARN     = "arn:aws:ecs:us-east-1:123456789012:task/default/22222222222222222222222222222222"
)

// plane is a control plane of a few lines: it answers calls by refuse or with
// little, and gives the test its ACS socket.
type plane struct {
	*httptest.Server
	sockets chan *websocket.Conn // ACS
	calls   chan call

	mu     sync.Mutex
	refuse map[string][]string // by operation: error codes of the next answers
	query  []string            // of the ACS upgrades
}

type call struct {
	op   string
	body map[string]any
}

func newPlane(t *testing.T) *plane {
	p := &plane{sockets: make(chan *websocket.Conn, 10), calls: make(chan call, 100), refuse: map[string][]string{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/ws") {
		up := websocket.Upgrader{}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		if strings.HasPrefix(r.URL.Path, "/acs") {
			p.mu.Lock()
			p.query = append(p.query, r.URL.RawQuery)
			p.mu.Unlock()
			p.sockets <- conn
			return
		}
		for { // TCS: nobody listens
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var body map[string]any
	text, _ := io.ReadAll(r.Body)
	json.Unmarshal(text, &body)
	p.mu.Lock()
	code := ""
	if codes := p.refuse[op]; len(codes) > 0 {
		code, p.refuse[op] = codes[0], codes[1:]
	}
	p.mu.Unlock()
	p.calls <- call{op, body}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch {
	case code != "":
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "told to"})
	case op == "RegisterContainerInstance":
		json.NewEncoder(w).Encode(map[string]any{"containerInstance": map[string]any{"containerInstanceArn": instanceARN}})
	case op == "DiscoverPollEndpoint":
		json.NewEncoder(w).Encode(map[string]string{"endpoint": p.URL + "/acs", "telemetryEndpoint": p.URL + "/tcs"})
	default:
		io.WriteString(w, "{}")
	}
}

// next waits for a call of an operation, and skips others.
func (p *plane) next(t *testing.T, op string) map[string]any {
	t.Helper()
	for {
		select {
		case c := <-p.calls:
			if c.op == op {
				return c.body
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no %s", op)
		}
	}
}

func (p *plane) socket(t *testing.T) *websocket.Conn {
	t.Helper()
	select {
	case conn := <-p.sockets:
		return conn
	case <-time.After(20 * time.Second):
		t.Fatal("no ACS socket")
		return nil
	}
}

// still is a host on which everything works at once, and containers run until
// they are signalled.
type still struct {
	mu   sync.Mutex
	ends map[string]chan struct{}
}

func (h *still) end(task string) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ends == nil {
		h.ends = map[string]chan struct{}{}
	}
	if h.ends[task] == nil {
		h.ends[task] = make(chan struct{})
	}
	return h.ends[task]
}

func (h *still) Prepare(context.Context, *engine.Task) error { return nil }
func (h *still) Fetch(context.Context, *engine.Task) error   { return nil }
func (h *still) Pull(context.Context, *engine.Task, string) (engine.Image, error) {
	return engine.Image{}, nil
}
func (h *still) Create(context.Context, *engine.Task, string) (engine.Made, error) {
	return engine.Made{}, nil
}
func (h *still) Start(context.Context, *engine.Task, string) error { return nil }
func (h *still) Wait(ctx context.Context, t *engine.Task, _ string) (runtime.Exit, error) {
	select {
	case <-h.end(t.ID()):
		return runtime.Exit{Code: 143}, nil
	case <-ctx.Done():
		return runtime.Exit{}, ctx.Err()
	}
}
func (h *still) Probe(context.Context, *engine.Task, string) (bool, string, error) {
	return true, "", nil
}
func (h *still) Signal(_ context.Context, t *engine.Task, _ string, _ syscall.Signal) error {
	end := h.end(t.ID())
	select {
	case <-end:
	default:
		close(end)
	}
	return nil
}
func (h *still) Discard(context.Context, *engine.Task, string) error { return nil }
func (h *still) Release(context.Context, *engine.Task) error         { return nil }
func (h *still) Clean(context.Context, *engine.Task) error           { return nil }
func (h *still) Retain(context.Context, []string) error              { return nil }

// connect runs a link and an engine over dir until the test, or stop, ends them.
func connect(t *testing.T, p *plane, dir string) (stop func()) {
	t.Helper()
	l, err := New(Config{
		Endpoint: p.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAAGENT", "secret", ""),
		File: filepath.Join(dir, "registration.json"), Version: "1",
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Dir: filepath.Join(dir, "tasks"), Host: &still{}, Changed: l.Changed})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() { e.Run(ctx) })
	both.Go(func() { l.Run(ctx, e) })
	stop = func() { cancel(); both.Wait() }
	t.Cleanup(stop)
	return stop
}

func send(t *testing.T, conn *websocket.Conn, m message.Message) {
	t.Helper()
	text, err := message.Encode(m)
	if err == nil {
		err = conn.WriteMessage(websocket.TextMessage, text)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expect reads until a message of m's type comes, into m.
func expect[M message.Message](t *testing.T, conn *websocket.Conn) (m M) {
	t.Helper()
	for {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, text, err := conn.ReadMessage()
		if err != nil {
			t.Fatalf("waiting for %T: %v", m, err)
		}
		got, err := message.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := got.(M); ok {
			return m
		}
	}
}

func payload(id string, tasks ...message.Task) *message.Payload {
	return &message.Payload{MessageID: id, Cluster: "arn:cluster", ContainerInstance: instanceARN, SeqNum: 1, Tasks: tasks}
}

func runTask() message.Task {
	return message.Task{ARN: taskARN, DesiredStatus: "RUNNING", Containers: []message.Container{{Name: "a", Image: "i", Essential: true}}}
}

func TestTaskFromPayloadToStopped(t *testing.T) {
	p := newPlane(t)
	connect(t, p, t.TempDir())
	register := p.next(t, "RegisterContainerInstance")
	if register["clientToken"] == nil || register["cluster"] != "default" {
		t.Errorf("registers with %v", register)
	}
	acs := p.socket(t)
	send(t, acs, &message.Heartbeat{MessageID: "beat"})
	if ack := expect[*message.HeartbeatAck](t, acs); ack.MessageID != "beat" {
		t.Errorf("acknowledges heartbeat %q", ack.MessageID)
	}
	send(t, acs, payload("run", runTask()))
	if ack := expect[*message.Ack](t, acs); ack.MessageID != "run" || ack.ContainerInstance != instanceARN || ack.Cluster != "arn:cluster" {
		t.Errorf("acknowledges %+v", ack)
	}
	if change := p.next(t, "SubmitTaskStateChange"); change["status"] != "RUNNING" || change["task"] != taskARN {
		t.Errorf("submits %v, want RUNNING", change)
	}
	send(t, acs, payload("stop", message.Task{ARN: taskARN, DesiredStatus: "STOPPED"}))
	for {
		change := p.next(t, "SubmitTaskStateChange")
		if change["status"] == "STOPPED" {
			break
		}
	}
}

// A control plane that refuses for now gets the same again; one that refuses
// for good is not asked any more, also not by the agent's next life.
func TestSubmission(t *testing.T) {
	p := newPlane(t)
	p.refuse["SubmitTaskStateChange"] = []string{"ServerException", "ClientException"}
	dir := t.TempDir()
	stop := connect(t, p, dir)
	acs := p.socket(t)
	send(t, acs, payload("run", runTask()))
	for range 3 {
		if change := p.next(t, "SubmitTaskStateChange"); change["status"] != "RUNNING" {
			t.Errorf("submits %v, want RUNNING", change)
		}
	}
	stop()
	connect(t, p, dir)
	if again := p.next(t, "RegisterContainerInstance"); again["containerInstanceArn"] != instanceARN {
		t.Errorf("registers as %v, want the ARN that it had", again["containerInstanceArn"])
	}
	acs = p.socket(t)
	p.mu.Lock()
	p.refuse["SubmitTaskStateChange"] = []string{"InvalidParameterException", "InvalidParameterException", "InvalidParameterException"}
	p.mu.Unlock()
	send(t, acs, payload("stop", message.Task{ARN: taskARN, DesiredStatus: "STOPPED"}))
	for {
		change := p.next(t, "SubmitTaskStateChange")
		if change["status"] == "STOPPED" {
			break
		}
		if len(change["containers"].([]any)) == 0 {
			t.Fatalf("after a restart submits %v again", change)
		}
	}
}

// A task that a manifest does not list is asked about, and stopped if the
// control plane says so.
func TestManifest(t *testing.T) {
	p := newPlane(t)
	connect(t, p, t.TempDir())
	acs := p.socket(t)
	send(t, acs, payload("run", runTask()))
	expect[*message.Ack](t, acs)
	send(t, acs, &message.Manifest{MessageID: "old", Timeline: 1})
	send(t, acs, &message.Manifest{MessageID: "new", Timeline: 2, Cluster: "arn:cluster", ContainerInstance: instanceARN})
	if ack := expect[*message.Ack](t, acs); ack.MessageID != "new" {
		t.Errorf("acknowledges %q, of which the number is not new", ack.MessageID)
	}
	ask := expect[*message.StopVerification](t, acs)
	if ask.MessageID != "new" || len(ask.StopCandidates) != 1 || ask.StopCandidates[0].Task != taskARN {
		t.Fatalf("asks %+v", ask)
	}
	send(t, acs, &message.StopVerificationAck{MessageID: "new", StopTasks: ask.StopCandidates})
	for p.next(t, "SubmitTaskStateChange")["status"] != "STOPPED" {
	}
}

// A task that the control plane takes for running, and that is not known, has
// stopped; one that has yet to come has not.
func TestLostTask(t *testing.T) {
	p := newPlane(t)
	connect(t, p, t.TempDir())
	acs := p.socket(t)
	lost := taskARN[:len(taskARN)-1] + "0"
	send(t, acs, &message.Manifest{MessageID: "m", Timeline: 1, Tasks: []message.TaskRef{
		{Task: taskARN, DesiredStatus: "RUNNING", LastStatus: "PENDING"}, {Task: lost, DesiredStatus: "RUNNING", LastStatus: "RUNNING"},
	}})
	if change := p.next(t, "SubmitTaskStateChange"); change["task"] != lost || change["status"] != "STOPPED" {
		t.Errorf("submits %v, want %s STOPPED", change, lost)
	}
}

// A socket that is cut is made again, and does not ask for all credentials again.
func TestReconnects(t *testing.T) {
	p := newPlane(t)
	connect(t, p, t.TempDir())
	p.socket(t).Close()
	acs := p.socket(t)
	send(t, acs, &message.Heartbeat{MessageID: "beat"})
	expect[*message.HeartbeatAck](t, acs)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.Contains(p.query[0], "sendCredentials=true") || !strings.Contains(p.query[1], "sendCredentials=false") {
		t.Errorf("upgrades with %q", p.query)
	}
}

func TestRegisterGivesUp(t *testing.T) {
	for _, tc := range []struct {
		code string
		want answer
	}{
		{"InvalidParameterException", refused}, {"ClientException", forgotten}, {"ServerException", later}, {"AccessDeniedException", later},
	} {
		p := newPlane(t)
		p.refuse["RegisterContainerInstance"] = []string{tc.code}
		l, err := New(Config{
			Endpoint: p.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAAGENT", "secret", ""),
			File: filepath.Join(t.TempDir(), "registration.json"),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.api.RegisterContainerInstance(t.Context(), l.registerInput(""))
		if got := verdict(err); got != tc.want {
			t.Errorf("%s means %v, want %v", tc.code, got, tc.want)
		}
	}
	if verdict(errors.New("connection refused")) != later {
		t.Error("a control plane that is away is not tried again")
	}
}
