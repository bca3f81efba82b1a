package logdriver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"berth/agent/spool"
	"berth/api/logs"
	"berth/aws/protocol"
	"berth/iam"
	"berth/logstore"
	"berth/state"
)

// region is CloudWatch Logs behind a real socket.
type region struct {
	url    string
	client *cloudwatchlogs.Client
	away   atomic.Bool // it answers 503
	calls  atomic.Int32
}

var key = credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")

func newRegion(t *testing.T) *region {
	t.Helper()
	history, err := logstore.Open(logstore.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { history.Close() })
	api := logs.New(logs.Config{Store: state.NewMemory(), Logs: history, Region: "us-east-1", Account: "123456789012"})
	server, err := protocol.New(protocol.Config{
		Region: "us-east-1",
		Services: []protocol.Service{{Name: "logs", API: api,
			Resources: api.Resources}},
		Credentials: func(context.Context, string, string) (protocol.Credential, error) {
			return protocol.Credential{Secret: "secret", Principal: iam.Root("123456789012")}, nil
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &region{}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.calls.Add(1)
		if r.away.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		server.ServeHTTP(w, request)
	}))
	t.Cleanup(listening.Close)
	r.url = listening.URL
	r.client = cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: &r.url, Credentials: key})
	return r
}

func (r *region) createGroup(t *testing.T, name string) {
	t.Helper()
	if _, err := r.client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name}); err != nil {
		t.Fatal(err)
	}
}

// messages are those of group g's stream s, from the first on.
func (r *region) messages(t *testing.T) (all []string) {
	t.Helper()
	var token *string
	for {
		out, err := r.client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"),
			LogStreamName: aws.String("s"), StartFromHead: aws.Bool(true), NextToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			all = append(all, *e.Message)
		}
		if token != nil && *token == *out.NextForwardToken {
			return all
		}
		token = out.NextForwardToken
	}
}

func (r *region) shipper(t *testing.T, dir, options string) *Shipper {
	t.Helper()
	d, err := parse("awslogs awslogs-group=g; awslogs-region=us-east-1; awslogs-stream=s" + options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewShipper(Config{Dir: dir, AWSLogs: d.AWSLogs, Endpoint: r.url, Credentials: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs s until the test ends, or stop is called.
func run(t *testing.T, s *Shipper) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = func() {
		cancel()
		if err, ok := <-done; ok && err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		close(done)
	}
	return stop
}

// drain finishes s and waits until all is sent.
func drain(t *testing.T, s *Shipper) {
	t.Helper()
	s.Finish()
	select {
	case <-s.Drained():
	case <-time.After(30 * time.Second):
		t.Fatal("the log is not drained")
	}
}

func writer(t *testing.T, dir string) *spool.Writer {
	t.Helper()
	w, err := spool.Create(spool.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func write(t *testing.T, w *spool.Writer, text string) {
	t.Helper()
	if err := w.Copy("stdout", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func numbers(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, from+i)
	}
	return b.String()
}

func checkNumbers(t *testing.T, got []string, n int) {
	t.Helper()
	if text := strings.Join(got, "\n") + "\n"; text != numbers(0, n) {
		t.Errorf("%d events, want the numbers up to %d: %.100q", len(got), n, text)
	}
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestShip(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	r.createGroup(t, "g")
	s := r.shipper(t, dir, "")
	for range 2 { // a restart prepares again
		if err := s.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w := writer(t, dir)
	stop := run(t, s)
	defer stop()
	write(t, w, "0\n\n1\n") // an empty line is no event
	eventually(t, "what is written arrives while the container runs", func() bool { return len(r.messages(t)) == 2 })
	write(t, w, numbers(2, 25_000)) // more than two batches
	write(t, w, "25002")            // the end ends a line
	w.Close()
	drain(t, s)
	checkNumbers(t, r.messages(t), 25_003)
}

func TestPrepareWithoutGroup(t *testing.T) {
	r := newRegion(t)
	err := r.shipper(t, t.TempDir(), "").Prepare(t.Context())
	const want = "failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := r.shipper(t, t.TempDir(), "; awslogs-create-group=true").Prepare(t.Context()); err != nil {
		t.Errorf("with awslogs-create-group: %v", err)
	}
	r.messages(t)
}

func TestPrepareTriesAgain(t *testing.T) {
	r := newRegion(t)
	r.away.Store(true)
	err := r.shipper(t, t.TempDir(), "").Prepare(t.Context())
	if err == nil || !strings.Contains(err.Error(), "create stream has been retried 3 times") || r.calls.Load() != 3 {
		t.Errorf("%d calls, %v", r.calls.Load(), err)
	}
}

// A shipper that is killed loses nothing: the next one goes on. What the API
// took and the first had no time to acknowledge comes again.
func TestShipAfterRestart(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	r.createGroup(t, "g")
	w := writer(t, dir)
	first := r.shipper(t, dir, "")
	if err := first.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := run(t, first)
	write(t, w, numbers(0, 100))
	eventually(t, "the first shipper ships", func() bool { return len(r.messages(t)) == 100 })
	stop()
	write(t, w, numbers(100, 100))
	w.Close()
	second := r.shipper(t, dir, "")
	defer run(t, second)()
	drain(t, second)
	seen := map[string]bool{}
	checkNumbers(t, slices.DeleteFunc(r.messages(t), func(m string) bool {
		again := seen[m]
		seen[m] = true
		return again
	}), 200)
}

// A container that is started again goes on in the same stream.
func TestShipAcrossContainerRestarts(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	r.createGroup(t, "g")
	s := r.shipper(t, dir, "")
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer run(t, s)()
	for i := range 3 {
		w := writer(t, dir)
		write(t, w, numbers(10*i, 10))
		w.Close()
	}
	drain(t, s)
	checkNumbers(t, r.messages(t), 30)
}

func TestShipWhileAway(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	r.createGroup(t, "g")
	s := r.shipper(t, dir, "")
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.away.Store(true)
	before := r.calls.Load()
	w := writer(t, dir)
	defer run(t, s)()
	write(t, w, numbers(0, 50))
	w.Close()
	eventually(t, "it tries more than once", func() bool { return r.calls.Load() > before+1 })
	r.away.Store(false)
	drain(t, s)
	checkNumbers(t, r.messages(t), 50)
}

func TestShipRecreatesTheStream(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	r.createGroup(t, "g")
	s := r.shipper(t, dir, "") // not prepared: as if somebody had deleted it since
	w := writer(t, dir)
	defer run(t, s)()
	write(t, w, numbers(0, 5))
	w.Close()
	drain(t, s)
	checkNumbers(t, r.messages(t), 5)
}

// Without its group the events have nowhere to go: they must not hold up the end.
func TestShipDropsWithoutGroup(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	s := r.shipper(t, dir, "")
	w := writer(t, dir)
	defer run(t, s)()
	write(t, w, numbers(0, 5))
	w.Close()
	drain(t, s)
}

func TestShipMultiline(t *testing.T) {
	r, dir := newRegion(t), t.TempDir()
	r.createGroup(t, "g")
	s := r.shipper(t, dir, "; awslogs-datetime-format=%Y-%m-%d")
	w := writer(t, dir)
	defer run(t, s)()
	write(t, w, "before\n2026-01-02 panic:\n\tat a\n\tat b\n2026-01-03 fine\n")
	w.Close()
	drain(t, s)
	want := []string{"before\n", "2026-01-02 panic:\n\tat a\n\tat b\n", "2026-01-03 fine\n"}
	if got := r.messages(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
