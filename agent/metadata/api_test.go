package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"berth/agent/network"
	"berth/agent/runtime"
)

// Task protection is asked for at the control plane, as the task's role, and
// each of its answers comes through.
func TestProtection(t *testing.T) {
	var asked, answer string
	status := http.StatusOK
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		asked = fmt.Sprint(target, " ", string(body))
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKweb/") || r.Header.Get("X-Amz-Security-Token") != "token" {
			t.Errorf("not signed by the task's role: %v", r.Header)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	defer api.Close()
	none := task("none", "awsvpc", "10.210.0.6")
	none.Role = nil
	s := serve(t, &agent{tasks: []Task{task("web", "awsvpc", "10.210.0.5"), none}}, api.URL)

	const path, protected = "/api/web-0/task-protection/v1/state", `{"protectedTasks":[{"taskArn":"arn:task/web","protectionEnabled":true,"expirationDate":1795347302}],"failures":[]}`
	for _, tc := range []struct {
		name, method, path, body string
		apiStatus                int
		apiAnswer, asked         string
		status                   int
		want                     string
	}{
		{"get", "GET", path, "", 200, protected, `GetTaskProtection {"cluster":"demo","tasks":["arn:task/web"]}`,
			200, `{"protection":{"ProtectionEnabled":true,"TaskArn":"arn:task/web","ExpirationDate":"2026-11-22T11:35:02Z"}}`},
		{"update", "PUT", path, `{"ProtectionEnabled":true,"ExpiresInMinutes":60}`, 200, protected,
			`UpdateTaskProtection {"cluster":"demo","expiresInMinutes":60,"protectionEnabled":true,"tasks":["arn:task/web"]}`, 200, `"ProtectionEnabled":true`},
		{"failure", "PUT", path, `{"ProtectionEnabled":false}`, 200, `{"protectedTasks":[],"failures":[{"arn":"arn:task/web","reason":"TASK_NOT_VALID"}]}`, "",
			200, `{"failure":{"Arn":"arn:task/web","Detail":null,"Reason":"TASK_NOT_VALID"}}`},
		{"API error", "GET", path, "", 400, `{"__type":"ClientException","message":"no such thing"}`, "",
			400, `"error":{"Arn":"arn:task/web","Code":"ClientException","Message":"no such thing"}}`},
		{"bad body", "PUT", path, `{"ProtectionEnabled":true,"Extra":1}`, 0, "", "",
			400, `{"error":{"Code":"InvalidParameterException","Message":"UpdateTaskProtection: failed to decode request"}}`},
		{"member missing", "PUT", path, `{}`, 0, "", "",
			400, `{"error":{"Arn":"arn:task/web","Code":"InvalidParameterException","Message":"Invalid request: does not contain 'ProtectionEnabled' field"}}`},
		{"another task", "GET", "/api/none-0/task-protection/v1/state", "", 0, "", "",
			404, `{"error":{"Code":"ResourceNotFoundException","Message":"Failed to find a task for the request"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked, answer, status = "", tc.apiAnswer, tc.apiStatus
			got, body := ask(s, "10.210.0.5", tc.method, tc.path, tc.body)
			if got != tc.status || !sameOrPart(body, tc.want) || tc.asked != "" && asked != tc.asked {
				t.Errorf("%d %s, asked %q\nwant %d %s", got, body, asked, tc.status, tc.want)
			}
		})
	}
	if got, body := ask(s, "10.210.0.6", "GET", "/api/none-0/task-protection/v1/state", ""); got != 403 || !strings.Contains(body, "no task IAM role credentials available for task") {
		t.Errorf("without a role: %d %s", got, body)
	}
}

// sameOrPart compares JSON regardless of order, or else text.
func sameOrPart(got, want string) bool {
	var a, b any
	if json.Unmarshal([]byte(got), &a) == nil && json.Unmarshal([]byte(want), &b) == nil {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return string(x) == string(y)
	}
	return strings.Contains(got, want)
}

// A second answer shows the first one's counts, and rates since then.
func TestStats(t *testing.T) {
	at := time.Unix(1000, 0)
	var failure error
	a := &agent{tasks: []Task{task("web", "bridge", "10.211.0.2")}}
	used := uint64(0)
	a.sample = func() (Sample, error) {
		at, used = at.Add(2*time.Second), used+1000
		return Sample{
			Stats: runtime.Stats{At: at, CPU: time.Duration(used), Memory: used, MemoryStat: map[string]uint64{"cache": 7}, Pids: 3,
				BlockIO: []runtime.BlockIO{{Major: 8, Op: "Read", Bytes: 9}}},
			Network: &network.Counters{RxBytes: used, TxBytes: 2 * used},
		}, failure
	}
	s := serve(t, a, "http://127.0.0.1:1")
	read := func(path string) (u usage) {
		t.Helper()
		status, body := ask(s, "10.211.0.2", "GET", path, "")
		if err := json.Unmarshal([]byte(body), &u); status != 200 || err != nil {
			t.Fatalf("%d %s", status, body)
		}
		return u
	}
	first, second := read("/v4/web-0/stats"), read("/v4/web-0/stats")
	if first.PreCPU.Usage.Total != 0 || second.PreCPU.Usage.Total != first.CPU.Usage.Total || second.CPU.Usage.Total != 2000 {
		t.Errorf("CPU %+v, then %+v before %+v", first.CPU, second.CPU, second.PreCPU)
	}
	if second.NetworkRates.Rx != 500 || second.NetworkRates.Tx != 1000 || second.Networks["eth0"].RxBytes != 2000 {
		t.Errorf("network %+v %+v", second.Networks, second.NetworkRates)
	}
	if second.Memory.Usage != 2000 || second.Memory.Limit == 0 || second.Memory.Stats["cache"] != 7 || second.Pids.Current != 3 || second.BlockIO.Bytes[0].Value != 9 {
		t.Errorf("memory %+v, pids %+v, block I/O %+v", second.Memory, second.Pids, second.BlockIO)
	}
	if second.CPU.System == 0 || second.CPU.Online == 0 {
		t.Errorf("machine's CPU %+v", second.CPU)
	}
	if u := read("/v3/web-0/stats"); u.NetworkRates != nil {
		t.Error("version 3 shows network rates")
	}
	failure = errors.New("it has ended")
	if status, body := ask(s, "10.211.0.2", "GET", "/v4/web-0/stats", ""); status != 500 || body != `"Unable to get container stats for: id-web0"` {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask(s, "10.211.0.2", "GET", "/v4/web-0/task/stats", ""); status != 200 || body != `{"id-web0":{}}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestIntrospection(t *testing.T) {
	h := Introspection(&agent{tasks: []Task{task("web", "bridge", "10.211.0.2"), task("db", "bridge", "10.211.0.3")}})
	for _, tc := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/metadata", 200, `{"Cluster":"demo","ContainerInstanceArn":"arn:instance","Version":"Berth - test"}`},
		{"/v1/tasks?taskarn=arn:task/db", 200, `{"Arn":"arn:task/db","DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Family":"db","Version":"3","Containers":[{"DockerId":"id-db0"`},
		{"/v1/tasks?dockerid=id-web0", 200, `"Arn":"arn:task/web"`},
		{"/v1/tasks", 200, `{"Tasks":[{"Arn":"arn:task/web"`},
		{"/v1/tasks?dockerid=id-", 400, `"Arn":""`}, // that of two
		{"/v1/tasks?dockerid=x", 404, `"Arn":""`},
		{"/v1/tasks?dockerid=x&taskarn=y", 400, `"Arn":""`},
	} {
		if status, body := ask(h, "127.0.0.1", "GET", tc.path, ""); status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s, want %d %s", tc.path, status, body, tc.status, tc.want)
		}
	}
}
