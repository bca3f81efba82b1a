package test

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/state/journal/journaltest"
)

// logs is a client of b's CloudWatch Logs, with group g and stream s.
func (b *berth) logs(t *testing.T) *cloudwatchlogs.Client {
	t.Helper()
	client := cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: &b.url, Credentials: b.key})
	if _, err := client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{
		LogGroupName: aws.String("g"), LogStreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	return client
}

func putLog(t *testing.T, client *cloudwatchlogs.Client, message string) error {
	t.Helper()
	_, err := client.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"),
		LogEvents: []types.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: &message}}})
	return err
}

// aws logs tail --follow prints what comes while it runs, each event once.
func TestLogsTail(t *testing.T) {
	t.Parallel()
	cli := findCLI(t)
	if exec.Command("aws", "logs", "tail", "help").Run() != nil {
		t.Skip("this AWS CLI has no logs tail: version 2 has")
	}
	b := up(t)
	client := b.logs(t)
	tail := b.command(t, "sh", "-c", cli.setup+"aws logs tail g --follow --format short")
	tail.Cancel = nil
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		tail.Process.Kill()
		tail.Wait()
	})
	for i := range 3 {
		want := fmt.Sprint("event ", i)
		if err := putLog(t, client, want); err != nil {
			t.Fatal(err)
		}
		select {
		case line, ok := <-lines:
			if !ok || !strings.HasSuffix(line, want) {
				t.Fatalf("printed %q, want %q", line, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("tail does not print %q", want)
		}
	}
}

// What PutLogEvents has answered outlives a kill of the control plane.
func TestLogsSurviveKill(t *testing.T) {
	t.Parallel()
	b := up(t)
	client := b.logs(t)
	var want []string
	for round := range 3 {
		for i := range 20 {
			message := fmt.Sprint(round, ".", i)
			if err := putLog(t, client, message); err != nil {
				t.Fatal(err)
			}
			want = append(want, message)
		}
		b.kill()
		b.start(t)
	}
	answer, err := client.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range answer.Events {
		got = append(got, *e.Message)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("after kills: %d events, want %d in order: %s", len(got), len(want), got)
	}
}

// Logs are on the server that leads; who asks the other does not notice.
func TestLogsOfTwoServers(t *testing.T) {
	t.Parallel()
	etcd := strings.Join(journaltest.StartEtcd(t, 1).Endpoints, ",")
	leader := run(t, t.TempDir(), "server", "--etcd-endpoints", etcd)
	follower := run(t, t.TempDir(), "server", "--etcd-endpoints", etcd)
	throughFollower := follower.logs(t)
	if err := putLog(t, throughFollower, "hello"); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*berth{leader, follower} {
		client := cloudwatchlogs.New(cloudwatchlogs.Options{Region: region, BaseEndpoint: &b.url, Credentials: b.key})
		out, err := client.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s")})
		if err != nil || len(out.Events) != 1 || *out.Events[0].Message != "hello" {
			t.Errorf("%s: %+v, %v", b.url, out, err)
		}
	}
}
