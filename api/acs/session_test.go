package acs

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/acstest"
	"berth/api/acs/message"
	"berth/aws/sigv4"
	"berth/iam"
	"berth/plan/access"
	"berth/state"
)

const (
	region   = "us-east-1"
	account  = "123456789012"
	ecs      = "arn:aws:ecs:us-east-1:123456789012:"
	cluster  = ecs + "cluster/stub"
	instance = ecs + "container-instance/stub/0123456789abcdef0123456789abcdef"
	web      = ecs + "task-definition/web:3"
	secret   = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
)

// world is an API over an empty store, behind a real HTTP server.
type world struct {
	*API
	url  string
	stop func()
}

// newWorld serves the sockets of a store with the cluster stub, one instance
// and the task definition web:3.
func newWorld(t *testing.T, store *state.Store) *world {
	t.Helper()
	w := &world{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.ServeHTTP(rw, r) }))
	w.url = server.URL
	w.API = New(Config{
		Store: store, Region: region, Account: account, Endpoint: server.URL,
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(nil),
		Authenticate: func(r *http.Request) (iam.Principal, error) {
			signature, err := sigv4.Parse(r)
			if err != nil {
				return iam.Principal{}, err
			}
			return iam.Root(account), signature.Verify(r, nil, sigv4.Expect{Secret: secret, Service: "ecs", Regions: []string{region}, Now: time.Now()})
		},
		Authorize: func(_ *http.Request, p iam.Principal, action, resource string) error {
			if strings.HasSuffix(resource, "/forbidden") {
				return &iam.Denied{Principal: p, Action: action, Resource: resource}
			}
			return nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	t.Cleanup(server.Close)
	t.Cleanup(w.stop)
	return w
}

func newStore(t *testing.T) *state.Store {
	store := state.NewMemory()
	write(t, store, func(tx *state.Tx) {
		tx.Clusters.Put(tx, state.Cluster{ARN: cluster, Name: "stub", Status: "ACTIVE"})
		tx.SigningKeys.Put(tx, state.SigningKey{ID: access.SessionsKey, Key: make([]byte, iam.IssuerKeySize)})
		for name, service := range map[string]string{"app": access.Tasks, "untrusted": "ec2.amazonaws.com"} {
			tx.Roles.Put(tx, state.Role{Name: name, ARN: "arn:aws:iam::123456789012:role/" + name, ID: "AROA" + name,
				Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`})
		}
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: instance, Cluster: cluster, Status: "ACTIVE"})
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{
			TaskDefinitionArn: aws.String(web), Family: aws.String("web"), Revision: 3,
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("web:latest")}},
		}})
	})
	return store
}

func write(t *testing.T, store *state.Store, fn func(*state.Tx)) {
	t.Helper()
	if err := store.Update(t.Context(), func(tx *state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// put writes a task of that id with statuses "LAST>DESIRED".
func put(t *testing.T, store *state.Store, id, statuses string, change ...func(*state.Task)) {
	t.Helper()
	last, desired, _ := strings.Cut(statuses, ">")
	write(t, store, func(tx *state.Tx) {
		task := state.Task{
			ARN: ecs + "task/stub/" + id, Cluster: cluster, Instance: instance, Definition: web, Last: last, Desired: desired,
			Containers: []types.Container{{Name: aws.String("web"), HealthStatus: types.HealthStatusUnknown}},
		}
		for _, c := range change {
			c(&task)
		}
		tx.Tasks.Put(tx, task)
	})
}

func (w *world) agent() acstest.Agent {
	return acstest.Agent{Endpoint: w.url, Cluster: "stub", Instance: instance, Region: region,
		Key: aws.Credentials{AccessKeyID: "AKIDSTUB", SecretAccessKey: secret}}
}

// await waits until the state is as it should be.
func await(t *testing.T, store *state.Store, what string, condition func(*state.View) bool) {
	t.Helper()
	sub := store.Subscribe(store.View().Tasks.Name(), store.View().ContainerInstances.Name())
	defer sub.Close()
	deadline := time.After(10 * time.Second)
	for !condition(store.View()) {
		select {
		case <-sub.Changed():
			sub.Take()
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

func connected(v *state.View) bool {
	i, _ := v.ContainerInstances.Get(instance)
	return i.AgentConnected
}

func disconnected(v *state.View) bool { return !connected(v) }

func TestSocketBringsTasks(t *testing.T) {
	store := newStore(t)
	put(t, store, "waiting", "PENDING>RUNNING")
	put(t, store, "early", "PROVISIONING>RUNNING")
	put(t, store, "leaving", "RUNNING>STOPPED")
	put(t, store, "running", "RUNNING>RUNNING")
	put(t, store, "over", "STOPPED>STOPPED")
	w := newWorld(t, store)
	s := w.agent().ACS(t)

	m := acstest.Next[*message.Manifest](s)
	var listed []string
	for _, ref := range m.Tasks {
		listed = append(listed, ref.Task[strings.LastIndexByte(ref.Task, '/')+1:])
	}
	if got := strings.Join(listed, " "); got != "early running waiting" {
		t.Errorf("the manifest lists %q", got)
	}
	s.Send(&message.Ack{MessageID: m.MessageID})

	stop, start := acstest.Next[*message.Payload](s), acstest.Next[*message.Payload](s)
	if got := stop.Tasks[0]; got.ARN != ecs+"task/stub/leaving" || got.DesiredStatus != "STOPPED" {
		t.Errorf("first payload: %+v", got)
	}
	if got := start.Tasks[0]; got.ARN != ecs+"task/stub/waiting" || got.DesiredStatus != "RUNNING" || len(got.Containers) != 1 {
		t.Errorf("second payload: %+v", got)
	}
	if !(m.Timeline < stop.SeqNum && stop.SeqNum < start.SeqNum) {
		t.Errorf("numbers do not grow: %d, %d, %d", m.Timeline, stop.SeqNum, start.SeqNum)
	}
	if start.Cluster != cluster || start.ContainerInstance != instance || start.MessageID == "" {
		t.Errorf("payload is for %q %q, id %q", start.Cluster, start.ContainerInstance, start.MessageID)
	}
	s.Ack(stop)
	s.Ack(start)
	await(t, store, "the task is stopping", func(v *state.View) bool {
		leaving, _ := v.Tasks.Get(ecs + "task/stub/leaving")
		return leaving.Last == "STOPPING"
	})

	put(t, store, "new", "PENDING>RUNNING")
	if got := acstest.Next[*message.Payload](s); got.Tasks[0].ARN != ecs+"task/stub/new" {
		t.Errorf("got %s, want the new task", got.Tasks[0].ARN)
	}
	put(t, store, "new", "PENDING>STOPPED")
	if got := acstest.Next[*message.Payload](s); got.Tasks[0].ARN != ecs+"task/stub/new" || got.Tasks[0].DesiredStatus != "STOPPED" {
		t.Errorf("got %+v, want the stop of the new task", got.Tasks[0])
	}
	i, _ := store.View().ContainerInstances.Get(instance)
	if !i.AgentConnected || *i.Software.AgentVersion != "1.105.1" || *i.Software.DockerVersion != "DockerVersion: 20.10.24+dfsg1" {
		t.Errorf("the instance's record: %+v", i)
	}
}

func TestNewestSessionWins(t *testing.T) {
	store := newStore(t)
	w := newWorld(t, store)
	first := w.agent().ACS(t)
	before := acstest.Next[*message.Manifest](first)
	second := w.agent().ACS(t)
	after := acstest.Next[*message.Manifest](second)
	if after.Timeline <= before.Timeline {
		t.Errorf("the second session's timeline is %d, after %d", after.Timeline, before.Timeline)
	}
	if code, text := first.Closed(); code != 1008 || text != "the agent has a newer connection" {
		t.Errorf("the first session is closed with %d %q", code, text)
	}
	if !connected(store.View()) {
		t.Error("the end of the first session disconnects the instance")
	}
	second.Close()
	await(t, store, "disconnected", disconnected)
}

// On another server over the same state.
func TestNewestServerWins(t *testing.T) {
	store := newStore(t)
	one, two := newWorld(t, store), newWorld(t, store)
	first := one.agent().ACS(t)
	acstest.Next[*message.Manifest](first)
	acstest.Next[*message.Manifest](two.agent().ACS(t))
	if code, _ := first.Closed(); code != 1008 {
		t.Errorf("the first session is closed with %d", code)
	}
	if !connected(store.View()) {
		t.Error("the end of the first session disconnects the instance")
	}
}

func TestConnectivity(t *testing.T) {
	store := newStore(t)
	put(t, store, "a", "RUNNING>RUNNING", func(t *state.Task) { t.Connectivity = "CONNECTED" })
	put(t, store, "unreported", "PENDING>RUNNING")
	w := newWorld(t, store)
	s := w.agent().ACS(t)
	await(t, store, "connected", connected)
	s.Close()
	await(t, store, "disconnected", disconnected)
	v := store.View()
	a, _ := v.Tasks.Get(ecs + "task/stub/a")
	unreported, _ := v.Tasks.Get(ecs + "task/stub/unreported")
	i, _ := v.ContainerInstances.Get(instance)
	if a.Connectivity != "DISCONNECTED" || unreported.Connectivity != "" || i.DisconnectedAt.IsZero() {
		t.Errorf("tasks are %q and %q, the instance is away since %v", a.Connectivity, unreported.Connectivity, i.DisconnectedAt)
	}
	w.agent().ACS(t)
	await(t, store, "connected again", connected)
	a, _ = store.View().Tasks.Get(ecs + "task/stub/a")
	if a.Connectivity != "CONNECTED" || a.ConnectivityAt.IsZero() {
		t.Errorf("the task is %q since %v", a.Connectivity, a.ConnectivityAt)
	}
}

// An agent that renews its connection stays connected, and so does one whose
// server stops.
func TestNoFlap(t *testing.T) {
	store := newStore(t)
	w := newWorld(t, store)
	s := w.agent().ACS(t)
	acstest.Next[*message.Manifest](s)
	s.Goodbye()
	acstest.Next[*message.Manifest](w.agent().ACS(t))
	i, _ := store.View().ContainerInstances.Get(instance)
	version := i.Version
	w.stop()
	if i, _ = store.View().ContainerInstances.Get(instance); !i.AgentConnected || i.Version != version || version != 2 {
		t.Errorf("connected %v, version %d, want true and 2, one for each session", i.AgentConnected, i.Version)
	}
}

func TestStopVerification(t *testing.T) {
	store := newStore(t)
	put(t, store, "runs", "RUNNING>RUNNING")
	put(t, store, "over", "STOPPED>STOPPED")
	put(t, store, "elsewhere", "RUNNING>RUNNING", func(t *state.Task) { t.Instance = "other" })
	w := newWorld(t, store)
	s := w.agent().ACS(t)
	m := acstest.Next[*message.Manifest](s)
	q := &message.StopVerification{MessageID: m.MessageID}
	for _, id := range []string{"runs", "over", "elsewhere", "unknown"} {
		q.StopCandidates = append(q.StopCandidates, message.TaskRef{Task: ecs + "task/stub/" + id, DesiredStatus: "STOPPED"})
	}
	s.Send(q)
	a := acstest.Next[*message.StopVerificationAck](s)
	var stops []string
	for _, ref := range a.StopTasks {
		stops = append(stops, ref.Task[strings.LastIndexByte(ref.Task, '/')+1:])
	}
	if got := strings.Join(stops, " "); got != "over elsewhere unknown" || a.MessageID != m.MessageID {
		t.Errorf("must stop %q, for %s", got, a.MessageID)
	}
}

func TestRefusals(t *testing.T) {
	store := newStore(t)
	gone := ecs + "container-instance/stub/gone"
	write(t, store, func(tx *state.Tx) {
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: gone, Cluster: cluster, Status: "INACTIVE"})
	})
	w := newWorld(t, store)
	for _, tc := range []struct {
		name   string
		change func(*acstest.Agent)
		want   string
	}{
		{"deregistered", func(a *acstest.Agent) { a.Instance = gone }, `400 {"InactiveInstanceException":"`},
		{"unknown", func(a *acstest.Agent) { a.Instance = ecs + "container-instance/stub/x" }, `400 {"InvalidInstanceException":"`},
		{"no cluster", func(a *acstest.Agent) { a.Cluster = "x" }, `400 {"InvalidClusterException":"`},
		{"wrong key", func(a *acstest.Agent) { a.Key.SecretAccessKey = "x" }, `403 {"InvalidSignatureException":"The request signature we calculated`},
		{"forbidden", func(a *acstest.Agent) { a.Instance = "x/forbidden" }, `403 {"AccessDeniedException":"User: `},
	} {
		a := w.agent()
		tc.change(&a)
		if got := a.Refused(t); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestDeregisteredInstanceIsClosed(t *testing.T) {
	store := newStore(t)
	w := newWorld(t, store)
	s := w.agent().ACS(t)
	await(t, store, "connected", connected)
	write(t, store, func(tx *state.Tx) {
		i, _ := tx.ContainerInstances.Get(instance)
		i.Status = "INACTIVE"
		tx.ContainerInstances.Put(tx, i)
	})
	if code, text := s.Closed(); code != 1008 || !strings.Contains(text, "not registered any more") {
		t.Errorf("closed with %d %q", code, text)
	}
	if got := w.agent().Refused(t); !strings.Contains(got, "InactiveInstanceException") {
		t.Errorf("then refused with %s", got)
	}
}

func TestCredentials(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/app"
	with := func(task, execution string) func(*state.Task) {
		return func(t *state.Task) {
			t.TaskRole, t.ExecutionRole, t.TaskCredentials, t.ExecutionCredentials = task, execution, "id-task", "id-execution"
		}
	}
	store := newStore(t)
	put(t, store, "new", "PENDING>RUNNING", with(role, role))
	w := newWorld(t, store)
	s := w.agent().ACS(t)
	p := acstest.Next[*message.Payload](s)
	c, e := p.Tasks[0].RoleCredentials, p.Tasks[0].ExecutionRoleCredentials
	if c == nil || e == nil || c.CredentialsID != "id-task" || e.CredentialsID != "id-execution" || !strings.HasPrefix(c.AccessKeyID, "ASIA") || c.RoleARN != role {
		t.Fatalf("credentials: %+v %+v", c, e)
	}
	s.Ack(p)
	s.Close()

	// An agent that restarts has lost what it had.
	put(t, store, "new", "RUNNING>RUNNING", with(role, ""))
	s = w.agent().ACS(t)
	m := acstest.Next[*message.Credentials](s)
	if m.RoleType != "TaskApplication" || m.Task != ecs+"task/stub/new" || m.RoleCredentials.CredentialsID != "id-task" {
		t.Errorf("credentials after a restart: %+v", m)
	}
	s.Send(&message.CredentialsAck{MessageID: m.MessageID, CredentialsID: "id-task"})

	put(t, store, "bad", "PENDING>RUNNING", with("arn:aws:iam::123456789012:role/untrusted", ""))
	await(t, store, "the task is stopped", func(v *state.View) bool {
		bad, _ := v.Tasks.Get(ecs + "task/stub/bad")
		return bad.Last == "STOPPED" && bad.StopCode == "TaskFailedToStart" &&
			strings.HasPrefix(bad.StoppedReason, "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/untrusted'")
	})
}
