package taskdef

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// The smallest definition is described as the documentation of
// register-task-definition shows it, and nothing else is added.
func TestDefaults(t *testing.T) {
	d, err := Complete(input(t, ``, ``))
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.EncodeJSON(d)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, `{"family":"web","revision":0,"volumes":[],"placementConstraints":[],"compatibilities":["EXTERNAL","EC2"],
		"containerDefinitions":[{"name":"web","image":"nginx","cpu":0,"memory":128,"essential":true,
			"portMappings":[],"environment":[],"mountPoints":[],"volumesFrom":[],"systemControls":[]}]}`)
}

func equal(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Each case is what a user writes in one member, and what comes back.
func TestFillsIn(t *testing.T) {
	for _, tc := range []struct{ name, task, container, want string }{
		{"port of no known protocol", ``, `"portMappings":[{"containerPort":80,"protocol":"http"},{"containerPort":53,"protocol":"UDP"}]`,
			`"portMappings":[{"containerPort":80,"hostPort":0,"protocol":"tcp"},{"containerPort":53,"hostPort":0,"protocol":"udp"}]`},
		{"port on a bridge", ``, `"portMappings":[{"containerPort":80}]`, `"portMappings":[{"containerPort":80,"hostPort":0,"protocol":"tcp"}]`},
		{"port with awsvpc", `"networkMode":"awsvpc"`, `"portMappings":[{"containerPort":80,"hostPort":0}]`,
			`"portMappings":[{"containerPort":80,"hostPort":80,"protocol":"tcp"}]`},
		{"port of the host", `"networkMode":"host"`, `"portMappings":[{"containerPort":80,"protocol":"udp"}]`, `"portMappings":[{"containerPort":80,"protocol":"udp"}]`},
		{"port range", ``, `"portMappings":[{"containerPortRange":"80-90"}]`, `"portMappings":[{"containerPortRange":"80-90","protocol":"tcp"}]`},
		{"health check", ``, `"healthCheck":{"command":["CMD","true"]}`, `"healthCheck":{"command":["CMD","true"],"interval":30,"retries":3,"timeout":5}`},
		{"own health check", ``, `"healthCheck":{"command":["CMD","true"],"interval":5,"retries":1,"timeout":2,"startPeriod":9}`,
			`"healthCheck":{"command":["CMD","true"],"interval":5,"retries":1,"startPeriod":9,"timeout":2}`},
		{"not essential", containers(`"name":"a","essential":false`, `"name":"b"`), ``, `"essential":false`},
		{"empty command", ``, `"command":[]`, `"command":[]`},
		{"order of the environment", ``, `"environment":[{"name":"B"},{"name":"A"}]`, `"environment":[{"name":"B"},{"name":"A"}]`},
		{"bare volume", `"volumes":[{"name":"v"}]`, ``, `"volumes":[{"host":{},"name":"v"}]`},
		{"volume at launch", `"volumes":[{"name":"v","configuredAtLaunch":true}]`, `"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}]`,
			`"volumes":[{"configuredAtLaunch":true,"name":"v"}]`},
		{"EFS volume", `"volumes":[{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1"}}]`, ``,
			`"volumes":[{"efsVolumeConfiguration":{"fileSystemId":"fs-1","rootDirectory":"/"},"name":"v"}]`},
		{"CPU of the task", `"cpu":".5 vCPU"`, ``, `"cpu":"512"`},
		{"memory of the task", `"memory":"2 GB"`, ``, `"memory":"2048"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Complete(input(t, tc.task, tc.container))
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec.EncodeJSON(d)
			if err != nil {
				t.Fatal(err)
			}
			want := canonical(t, []byte("{"+tc.want+"}"))
			want = want[1 : len(want)-1]
			if !strings.Contains(canonical(t, got), want) {
				t.Errorf("got %s\nwithout %s", got, want)
			}
		})
	}
}

// canonical is JSON with the members of each object in order.
func canonical(t *testing.T, b []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
