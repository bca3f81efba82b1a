package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/agent/network"
	"berth/agent/network/networktest"
	"berth/agent/runtime"
	"berth/api/acs/message"

	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

func TestMain(m *testing.M) { os.Exit(networktest.Main(m)) }

// agent is an Agent whose tasks are given.
type agent struct {
	tasks  []Task
	sample func() (Sample, error)
	tags   func(arn string) (map[string]string, error)
}

func (a *agent) find(match func(Task) bool) (Task, bool) {
	if i := slices.IndexFunc(a.tasks, match); i >= 0 {
		return a.tasks[i], true
	}
	return Task{}, false
}

func (a *agent) TaskOf(id string) (Task, bool) {
	return a.find(func(t Task) bool {
		return slices.ContainsFunc(t.Containers, func(c Container) bool { return c.EndpointID == id })
	})
}

func (a *agent) TaskWith(id string) (Task, bool) {
	return a.find(func(t Task) bool {
		return t.Role != nil && t.Role.CredentialsID == id || t.ExecutionRole != nil && t.ExecutionRole.CredentialsID == id
	})
}

func (a *agent) TaskAt(address netip.Addr) (Task, bool) {
	return a.find(func(t Task) bool {
		return t.KnownStatus != "STOPPED" && t.NetworkMode == "awsvpc" && t.Containers[0].Address == address
	})
}

func (a *agent) Tasks() (Instance, []Task) {
	return Instance{Cluster: "demo", ARN: "arn:instance", Version: "Berth - test"}, a.tasks
}

func (a *agent) Sample(context.Context, string, string) (Sample, error) { return a.sample() }

func (a *agent) Tags(_ context.Context, arn string) (map[string]string, error) { return a.tags(arn) }

// task is one whose names all follow from name. Its containers, which name their
// addresses, have endpoint ids such as web-0.
func task(name, mode string, addresses ...string) Task {
	cpu, memory := 0.5, int64(512)
	t := Task{
		Cluster: "demo", TaskARN: "arn:task/" + name, Family: name, Revision: "3", KnownStatus: "RUNNING", DesiredStatus: "RUNNING",
		Limits: &Limits{CPU: &cpu, Memory: &memory}, LaunchType: "EC2", ServiceName: name + "svc",
		NetworkMode: mode, ContainerInstance: "arn:instance",
		Role: &message.RoleCredentials{CredentialsID: name + "-role", RoleARN: "arn:role/" + name, AccessKeyID: "AK" + name,
			SecretAccessKey: "secret", SessionToken: "token", Expiration: "2030-01-01T00:00:00Z"},
		ExecutionRole: &message.RoleCredentials{CredentialsID: name + "-execution", RoleARN: "arn:role/exec"},
	}
	for i, address := range addresses {
		shares, limit := 128.0, int64(64)
		c := Container{
			DockerID: fmt.Sprint("id-", name, i), Name: fmt.Sprint(name, i), DockerName: "ecs-" + name, Image: "nginx:1", ImageID: "sha256:1",
			KnownStatus: "RUNNING", DesiredStatus: "RUNNING", Type: "NORMAL", Limits: Limits{CPU: &shares, Memory: &limit}, LogDriver: "awslogs",
			Ports:      []Port{{ContainerPort: 80, Protocol: "tcp", HostPort: 32768, HostIP: "0.0.0.0"}},
			Networks:   []Network{{NetworkMode: mode, IPv4Addresses: []string{address}, MACAddress: "02:00:00:00:00:01"}},
			EndpointID: fmt.Sprint(name, "-", i),
		}
		if mode != "host" {
			c.Address = netip.MustParseAddr(address)
		}
		t.Containers = append(t.Containers, c)
	}
	return t
}

func stopped(t Task) Task {
	t.KnownStatus = "STOPPED"
	return t
}

// serve gives a server for tasks; taken addresses are those of their containers.
func serve(t *testing.T, a *agent, endpoint string) *Server {
	t.Helper()
	s, err := New(Config{Agents: []Agent{a}, Endpoint: endpoint, Region: "us-east-1", Taken: func(address netip.Addr) bool {
		_, ok := a.find(func(t Task) bool {
			return slices.ContainsFunc(t.Containers, func(c Container) bool { return c.Address == address })
		})
		return ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request from an address, without a network.
func ask(s http.Handler, from, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = from + ":1234"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// Each path with the answers of the real agent: to the task itself, and to others.
func TestAnswers(t *testing.T) {
	running := func() (Sample, error) { return Sample{Stats: runtime.Stats{At: time.Unix(1, 0)}}, nil }
	a := &agent{sample: running, tags: func(arn string) (map[string]string, error) { return map[string]string{"arn": arn}, nil },
		tasks: []Task{stopped(task("past", "awsvpc", "10.210.0.5")), task("web", "awsvpc", "10.210.0.5", "10.210.0.5"), task("db", "awsvpc", "10.210.0.6"),
			task("old", "bridge", "10.211.0.2", "10.211.0.3"), task("agent", "host", "")}}
	s := serve(t, a, "http://127.0.0.1:1")
	const web, db, old, old2, machine = "10.210.0.5", "10.210.0.6", "10.211.0.2", "10.211.0.3", "10.211.0.1"
	for _, tc := range []struct {
		from, path string
		status     int
		want       string // part of the body; all of it if it begins with =
	}{
		{web, "/v4/web-0", 200, `"DockerId":"id-web0","Name":"web0","DockerName":"ecs-web","Image":"nginx:1","ImageID":"sha256:1","Ports":[{"ContainerPort":80,"Protocol":"tcp","HostPort":32768,"HostIp":"0.0.0.0"}]`},
		{web, "/v4/web-1", 200, `"Name":"web1"`},
		{web, "/v4/web-0", 200, `"LogDriver":"awslogs"`},
		{web, "/v4/web-0", 200, `"MACAddress":"02:00:00:00:00:01"`},
		{web, "/v4/web-0/task", 200, `"Cluster":"demo","TaskARN":"arn:task/web","Family":"web","Revision":"3","DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Limits":{"CPU":0.5,"Memory":512},"LaunchType":"EC2"`},
		{web, "/v4/web-0/task", 200, `"ServiceName":"websvc","FaultInjectionEnabled":false`},
		{web, "/v4/web-0/taskWithTags", 200, `"TaskTags":{"arn":"arn:task/web"},"ContainerInstanceTags":{"arn":"arn:instance"}`},
		{web, "/v4/web-0/stats", 200, `"cpu_stats"`},
		{web, "/v4/web-0/task/stats", 200, `"id-web1":{"read"`},
		{web, "/v4/web-0/associations/gpu", 200, `={"Associations":null}`},
		{web, "/v4/web-0/associations/gpu/x", 400, `="V4 container associations handler: unable to get association from association type gpu and association name x"`},
		{web, "/v3/web-0", 200, `"Type":"NORMAL","Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.210.0.5"]}]}`},
		{web, "/v3/web-0/task", 200, `"KnownStatus":"RUNNING","Limits":{"CPU":0.5,"Memory":512},"Containers"`},
		{web, "/v3/web-0/taskWithTags", 200, `"TaskTags"`},
		{web, "/v3/web-0/stats", 200, `"memory_stats"`},
		{web, "/v2/metadata", 200, `"TaskARN":"arn:task/web"`},
		{web, "/v2/metadata/", 200, `"TaskARN":"arn:task/web"`},
		{web, "/v2/metadataWithTags", 200, `"TaskTags"`},
		{web, "/v2/metadata/id-web1", 200, `"Name":"web1"`},
		{web, "/v2/metadata/id-db0", 400, `="Unable to generate metadata for container 'id-db0'"`},
		{web, "/v2/stats", 200, `"id-web0":{"read"`},
		{web, "/v2/stats/id-web0", 200, `"id":"id-web0"`},
		{web, "/v2/stats/x", 400, `="Unable to get container stats for: x"`},
		{old, "/v2/metadata", 400, `="Unable to get task arn from request: unable to associate '10.211.0.2' with task"`},
		{old, "/v4/old-1", 200, `"Name":"old1"`}, // a container of the same task
		{machine, "/v4/agent-0", 200, `"Name":"agent0"`},

		{db, "/v4/web-0", 404, `="V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: web-0"`},
		{db, "/v4/web-0/task", 404, `="V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: web-0"`},
		{db, "/v4/web-0/taskWithTags", 404, `V4 task metadata handler`},
		{db, "/v4/web-0/stats", 404, `="V4 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: web-0"`},
		{db, "/v4/web-0/task/stats", 404, `V4 task stats handler`},
		{db, "/v4/web-0/associations/gpu", 404, `="V4 container associations handler: unable to get container id from request: unable to get docker ID from v3 endpoint ID: web-0"`},
		{db, "/v3/web-0", 404, `V3 container metadata handler`},
		{db, "/v3/web-0/task", 404, `V3 task metadata handler`},
		{db, "/v4/none", 404, `V4 container metadata handler`},
		{web, "/v4/past-0", 404, `V4 container metadata handler`},
		{web, "/v2/credentials/past-role", 400, `InvalidIdInRequest`},
		{machine, "/v4/web-0", 404, `V4 container metadata handler`}, // nobody on the machine is the task
		{web, "/v4/agent-0", 404, `V4 container metadata handler`},
		{db, "/v5/web-0", 404, `404 page not found`},

		{web, "/v2/credentials/web-role", 200, `={"RoleArn":"arn:role/web","AccessKeyId":"AKweb","SecretAccessKey":"secret","Token":"token","Expiration":"2030-01-01T00:00:00Z"}`},
		{web, "/v1/credentials?id=web-role", 200, `"AccessKeyId":"AKweb"`},
		{old2, "/v2/credentials/old-role", 200, `"AccessKeyId":"AKold"`},
		{machine, "/v2/credentials/agent-role", 200, `"AccessKeyId":"AKagent"`},
		{web, "/v2/credentials/web-execution", 503, `={"HTTPErrorCode":503,"code":"CredentialsUninitialized","message":"CredentialsV2Request: Credentials uninitialized for ID"}`},
		{db, "/v2/credentials/web-role", 400, `={"HTTPErrorCode":400,"code":"InvalidIdInRequest","message":"CredentialsV2Request: Credentials not found"}`},
		{machine, "/v2/credentials/web-role", 400, `InvalidIdInRequest`},
		{web, "/v2/credentials/agent-role", 400, `InvalidIdInRequest`},
		{web, "/v1/credentials?id=x", 400, `CredentialsV1Request: Credentials not found`},
		{web, "/v2/credentials/", 400, `={"HTTPErrorCode":400,"code":"NoIdInRequest","message":"CredentialsV2Request: No Credential ID in the request"}`},
		{web, "/v1/credentials", 400, `NoIdInRequest`},
	} {
		s.limits = limits{}
		status, body := ask(s, tc.from, "GET", tc.path, "")
		part, whole := strings.CutPrefix(tc.want, "=")
		if status != tc.status || !strings.Contains(body, part) || whole && strings.HasPrefix(tc.want, "={") && body != part {
			t.Errorf("%s GET %s: %d %s\nwant %d %s", tc.from, tc.path, status, body, tc.status, tc.want)
		}
	}
	if status, body := ask(s, web, "POST", "/api/web-0/fault/v1/network-latency/start", "{}"); status != 400 || body != `{"Error":"enableFaultInjection is not enabled for task: arn:task/web"}` {
		t.Errorf("fault: %d %s", status, body)
	}
}

// Version 3 has none of what version 4 added.
func TestOlderVersionsShowLess(t *testing.T) {
	restarts := 1
	full := task("web", "awsvpc", "10.210.0.5")
	full.VPCID, full.EphemeralStorageMetrics = "vpc-1", &EphemeralStorage{1, 2}
	full.Containers[0].ContainerARN, full.Containers[0].RestartCount, full.Containers[0].LogOptions = "arn:c", &restarts, map[string]string{"a": "b"}
	s := serve(t, &agent{tasks: []Task{full}}, "http://127.0.0.1:1")
	_, body := ask(s, "10.210.0.5", "GET", "/v3/web-0/task", "")
	for _, newer := range []string{"LaunchType", "ServiceName", "LogDriver", "LogOptions", "ContainerARN", "HostIp", "VPCID", "RestartCount",
		"MACAddress", "FaultInjectionEnabled", "EphemeralStorageMetrics"} {
		if strings.Contains(body, newer) {
			t.Errorf("version 3 shows %s: %s", newer, body)
		}
		if _, body := ask(s, "10.210.0.5", "GET", "/v4/web-0/task", ""); !strings.Contains(body, newer) {
			t.Errorf("version 4 does not show %s: %s", newer, body)
		}
	}
}

// Tags that cannot be had do not spoil the rest.
func TestTagErrors(t *testing.T) {
	a := &agent{tasks: []Task{task("web", "awsvpc", "10.210.0.5")}, tags: func(arn string) (map[string]string, error) {
		if arn == "arn:instance" {
			return nil, errors.New("no")
		}
		return map[string]string{"a": "b"}, nil
	}}
	status, body := ask(serve(t, a, "http://127.0.0.1:1"), "10.210.0.5", "GET", "/v4/web-0/taskWithTags", "")
	const want = `"TaskTags":{"a":"b"},"Errors":[{"ErrorField":"ContainerInstanceTags","ErrorMessage":"no","ResourceARN":"arn:instance"}]`
	if status != 200 || !strings.Contains(body, want) {
		t.Errorf("%d %s", status, body)
	}
}

// One caller's haste is not another's.
func TestRateLimit(t *testing.T) {
	s := serve(t, &agent{tasks: []Task{task("web", "awsvpc", "10.210.0.5"), task("db", "awsvpc", "10.210.0.6")}}, "http://127.0.0.1:1")
	refused := 0
	for range 10 * burst {
		if status, _ := ask(s, "10.210.0.5", "GET", "/v4/web-0", ""); status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nobody was refused")
	}
	if status, _ := ask(s, "10.210.0.6", "GET", "/v4/db-0", ""); status != 200 {
		t.Errorf("another task: %d", status)
	}
}

// In real namespaces, by the address that every container knows: the SDK gets
// its task's credentials, and nobody gets another's.
func TestInNamespaces(t *testing.T) {
	cfg := network.Config{Name: "m", Dir: t.TempDir()}
	n, err := network.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		if err := network.Down(context.Background(), cfg); err != nil {
			t.Error(err)
		}
	})
	a := &agent{tasks: []Task{task("web", "awsvpc", "10.210.0.5"), task("db", "bridge", "10.211.0.2")}}
	s, err := New(Config{Agents: []Agent{a}, Endpoint: "http://127.0.0.1:1", Region: "us-east-1",
		Taken: func(address netip.Addr) bool { _, ok := n.Owner(address); return ok }})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := n.ListenMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })

	web, err := n.Attach(t.Context(), "web", network.Spec{Mode: network.VPC, Interface: network.Interface{MAC: "02:00:00:00:00:05",
		Address: netip.MustParsePrefix("10.210.0.5/20"), Gateway: netip.MustParseAddr("10.210.0.1")}})
	db, err2 := n.Attach(t.Context(), "db", network.Spec{Mode: network.Bridge})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	clients := map[string]*http.Client{"web": client(web.Path), "db": client(db.Path)}
	for asker, c := range clients {
		for _, owner := range []string{"web", "db"} {
			provider := endpointcreds.New(address+"/v2/credentials/"+owner+"-role", func(o *endpointcreds.Options) { o.HTTPClient = c })
			got, err := provider.Retrieve(t.Context())
			if own := asker == owner; own && (err != nil || got.AccessKeyID != "AK"+owner) || !own && err == nil {
				t.Errorf("%s asks for the credentials of %s: %+v, error %v", asker, owner, got.AccessKeyID, err)
			}
			response, err := c.Get(Environment(owner+"-0", "us-east-1", nil)["ECS_CONTAINER_METADATA_URI_V4"])
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if want := map[bool]int{true: 200, false: 404}[asker == owner]; response.StatusCode != want {
				t.Errorf("%s asks for the metadata of %s: %d %s, want %d", asker, owner, response.StatusCode, body, want)
			}
		}
	}
}

// client makes its connections in a namespace.
func client(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = networktest.Within(path, func() error {
				conn, err = new(net.Dialer).DialContext(ctx, network, address)
				return err
			})
			return conn, err
		}}}
}

func TestEnvironment(t *testing.T) {
	env := Environment("e", "eu-west-1", &message.RoleCredentials{CredentialsID: "c"})
	want := map[string]string{
		"ECS_CONTAINER_METADATA_URI":             "http://169.254.170.2/v3/e",
		"ECS_CONTAINER_METADATA_URI_V4":          "http://169.254.170.2/v4/e",
		"ECS_AGENT_URI":                          "http://169.254.170.2/api/e",
		"AWS_REGION":                             "eu-west-1",
		"AWS_DEFAULT_REGION":                     "eu-west-1",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/c",
	}
	got, _ := json.Marshal(env)
	if expected, _ := json.Marshal(want); string(got) != string(expected) {
		t.Errorf("got %s, want %s", got, expected)
	}
}
