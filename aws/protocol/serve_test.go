package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/prometheus/client_golang/prometheus"

	"berth/iam"
)

func TestPanicCostsOneCall(t *testing.T) {
	api := &clusters{create: func(context.Context, *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) { panic("bug") }}
	var log bytes.Buffer
	cfg := testConfig(api)
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	server := serve(t, cfg)
	url := server.URL
	const create = "X-Amz-Target: AmazonEC2ContainerServiceV20141113.CreateCluster"

	response := send(t, url, "ecs", "POST", "/", create, "{}")
	if body := text(t, response); response.StatusCode != 500 || body != `{"__type":"ServerException","message":"internal error"}` {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	api.create = nil
	if response := send(t, url, "ecs", "POST", "/", create, "{}"); response.StatusCode != 200 {
		t.Errorf("the next call: got %d", response.StatusCode)
	}
	server.Close() // waits until all is logged
	if !strings.Contains(log.String(), "serve_test.go") {
		t.Errorf("the log has no stack: %s", log.String())
	}
}

// One line tells all about a request, and no secret.
func TestLogLine(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig(&clusters{})
	cfg.Log = slog.New(slog.NewJSONHandler(&log, nil))
	const body = `{"clusterName":"web"}`
	server := serve(t, cfg)
	response := send(t, server.URL, "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113.CreateCluster", body)
	server.Close() // waits until all is logged

	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	for name, want := range map[string]any{
		"msg": "request", "level": "INFO", "service": "ecs", "operation": "CreateCluster", "status": 200.0, "code": nil, "err": nil,
		"bytes_in": float64(len(body)), "principal": "arn:aws:iam::123456789012:root", "access_key_id": testKey,
		"request_id": response.Header.Get("X-Amzn-Requestid"),
	} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
	for _, secret := range []string{testSecret, "Signature"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// What programs do all the time is logged only where it fails.
func TestBusyProgramsAreNotLogged(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*Config)
		body string
		want string
	}{
		{"an agent", func(c *Config) { as(c, iam.Agent("123456789012", "a")) }, `{"clusterName":"web"}`, "DEBUG"},
		{"an agent that fails", func(c *Config) { as(c, iam.Agent("123456789012", "a")) }, `{"clusterName":7}`, "INFO"},
		{"busy", func(c *Config) { c.Services[0].Busy = []string{"CreateCluster"} }, `{"clusterName":"web"}`, "DEBUG"},
		{"other", func(c *Config) { c.Services[0].Busy = []string{"DeleteCluster"} }, `{"clusterName":"web"}`, "INFO"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log bytes.Buffer
			cfg := testConfig(&clusters{})
			cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			cfg.Authorize = func(iam.Principal, string, []string, iam.Keys) error { return nil }
			tc.set(&cfg)
			server := serve(t, cfg)
			send(t, server.URL, "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113.CreateCluster", tc.body)
			server.Close()
			if !strings.Contains(log.String(), "level="+tc.want+" msg=request") {
				t.Errorf("want %s: %s", tc.want, &log)
			}
		})
	}
}

// as lets the test's key be another principal's.
func as(c *Config, p iam.Principal) {
	c.Credentials = func(context.Context, string, string) (Credential, error) {
		return Credential{Secret: testSecret, Principal: p}, nil
	}
}

// Nobody writes long lines into our log.
func TestLogLineIsShort(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig(&clusters{})
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	server := serve(t, cfg)
	long := strings.Repeat("x", 30_000)
	send(t, server.URL, "", "POST", "/", formType+"\nAuthorization: AWS4-HMAC-SHA256 Credential="+long+"/20150830/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0\n"+
		"X-Amz-Date: 20150830T123600Z\nBerth-Passed-From: "+long, "Action="+long+"&Version=2011-06-15")
	server.Close() // waits until all is logged
	if n := log.Len(); n == 0 || n > 5*maxLogged {
		t.Errorf("%d bytes", n)
	}
}

// A client that leaves is no failure of ours, and its call is told to stop.
func TestClientLeaves(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	api := &clusters{create: func(ctx context.Context, _ *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
		leave()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	var log bytes.Buffer
	cfg := testConfig(api)
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	server := serve(t, cfg)
	if _, err := ecsClient(server.URL, testSecret).CreateCluster(ctx, &ecs.CreateClusterInput{}); err == nil {
		t.Error("a call that was given up succeeded")
	}
	server.Close() // waits until all is logged
	if !strings.Contains(log.String(), "level=INFO") || !strings.Contains(log.String(), "status=499 code=RequestCanceled") {
		t.Errorf("got %s", log.String())
	}
}

// A client that closes its sending side counts as gone. If it still reads, it
// must not take the end of an answer that nobody wrote for a success.
func TestClientHalfCloses(t *testing.T) {
	api := &clusters{create: func(ctx context.Context, _ *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	address := serve(t, testConfig(api)).Listener.Addr().(*net.TCPAddr)
	conn, err := net.DialTCP("tcp", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := signed(t, "http://"+address.String(), "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113.CreateCluster", "{}")
	if err := errors.Join(r.Write(conn), conn.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		t.Errorf("read %q, %v", answer, err)
	}
}

// A failure of ours is logged whole and answered without its details.
func TestLogError(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig(follower(""))
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	server := serve(t, cfg)
	send(t, server.URL, "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113.CreateCluster", "{}")
	server.Close() // waits until all is logged
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "No server leads") {
		t.Errorf("got %s", log.String())
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := testConfig(&clusters{})
	cfg.Metrics = NewMetrics(reg)
	server := serve(t, cfg)
	for _, operation := range []string{"CreateCluster", "CreateCluster", "RunTask", "Nonsense", "MoreNonsense"} {
		send(t, server.URL, "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113."+operation, "{}")
	}
	send(t, server.URL, "", "GET", "/nowhere", "", "")
	server.Close() // waits until all is counted

	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			line := family.GetName()
			for _, label := range m.GetLabel() {
				line += " " + label.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				got = append(got, fmt.Sprint(line, " = ", m.GetCounter().GetValue()))
			case m.GetGauge() != nil:
				got = append(got, fmt.Sprint(line, " = ", m.GetGauge().GetValue()))
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"berth_api_requests_in_flight = 0",
		"berth_api_requests_total OK CreateCluster ecs = 2",
		"berth_api_requests_total UnknownOperationException unknown ecs = 2",
		"berth_api_requests_total UnknownOperationException unknown unknown = 1",
		"berth_api_requests_total UnsupportedOperationException RunTask ecs = 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestNew(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no region", func(c *Config) { c.Region = "" }, "required"},
		{"unknown service", func(c *Config) { c.Services[0].Name = "ecsx" }, `the catalog has no service "ecsx"`},
		{"an operation that AWS lacks", func(c *Config) { c.Services[0].API = echo{} }, "ecs has no operation Echo at AWS"},
		{"no operations", func(c *Config) { c.Services[0].API = 1 }, "int has no operations"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig(&clusters{})
			tc.change(&cfg)
			if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
