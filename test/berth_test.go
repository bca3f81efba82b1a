// Package test drives the real berth binary with the clients that its users
// have: the AWS CLI, boto3, the AWS SDK for Go and Terraform.
//
// Each test has control planes of its own. A client that is missing on this
// machine skips its tests, which say so. What a handler refuses and how is
// tested beside the handler; here is what only the whole shows.
package test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

const (
	region  = "us-east-1"
	account = "123456789012"
	here    = "arn:aws:ecs:" + region + ":" + account + ":" // what our ARNs start with
)

// binary is the berth that TestMain built.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "berth-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "berth")
		if out, err := exec.Command("go", "build", "-o", binary, "berth/cmd/berth").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// berth is a control plane in a process of its own.
type berth struct {
	url     string
	dir     string // its data directory
	key     aws.CredentialsProvider
	environ []string // of an AWS client that shall reach it
	args    []string
	process *os.Process
	ended   chan error // gets how the process ended
	log     *bytes.Buffer
	stdout  string // file with what it printed
}

// up runs `berth up` on an empty data directory until it is ready.
func up(t *testing.T) *berth {
	t.Helper()
	return run(t, t.TempDir(), "up")
}

// run runs a command of berth that is a control plane, with dir as its data
// directory, until it is ready.
func run(t *testing.T, dir string, command ...string) *berth {
	t.Helper()
	address := freeAddress(t)
	b := &berth{url: "http://" + address, dir: dir}
	b.args = append(command, "--listen", address, "--data-dir", dir, "--log-format", "json")
	t.Cleanup(func() {
		b.kill()
		if t.Failed() && b.log != nil {
			t.Logf("log of %s, without requests:\n%s", b.url, tail(withoutRequests(b.log.String()), 60))
		}
	})
	b.start(t)
	b.environ = b.clientEnviron(t)
	return b
}

func withoutRequests(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"msg":"request"`) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// start runs the process, for the first time or again, until it is ready.
func (b *berth) start(t *testing.T) {
	t.Helper()
	b.launch(t)
	b.await(t)
}

// launch runs the process and does not wait.
func (b *berth) launch(t *testing.T) {
	t.Helper()
	b.log = &bytes.Buffer{}
	c := exec.Command(binary, b.args...)
	stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	b.stdout = stdout.Name()
	c.Stdout, c.Stderr = stdout, b.log
	c.Env = append(without(os.Environ(), "AWS_", "BERTH_"), "BERTH_POOLS=") // a test that runs tasks says --pools
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b.process, b.ended = c.Process, make(chan error, 1)
	go func() { b.ended <- c.Wait() }()
}

// await waits until the control plane takes writes.
func (b *berth) await(t *testing.T) {
	t.Helper()
	eventually(t, b.url+" is ready", func() bool {
		select {
		case err := <-b.ended:
			b.process = nil
			t.Fatalf("berth ended: %v", err)
		default:
		}
		answer, err := http.Get(b.url + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// kill ends the process as a power failure would.
func (b *berth) kill() {
	if b.process != nil {
		b.process.Kill()
		<-b.ended
		b.process = nil
	}
}

// stop asks the process to end, and fails the test if it takes more than the
// five seconds that it may.
func (b *berth) stop(t *testing.T) {
	t.Helper()
	b.process.Signal(syscall.SIGTERM)
	select {
	case err := <-b.ended:
		b.process = nil
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still runs 5s after SIGTERM")
		b.kill()
	}
}

// clientEnviron is this process's environment with what `berth env` says put in
// by a shell, and nothing else that points AWS clients anywhere.
func (b *berth) clientEnviron(t *testing.T) []string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("[default]\noutput = json\ncli_timestamp_format = iso8601\ncli_pager =\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("sh", "-c", `eval "$("$0" env --data-dir "$1")" && env -0`, binary, b.dir)
	shell.Env = append(without(os.Environ(), "AWS_", "BERTH_"),
		"AWS_CONFIG_FILE="+config, "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_EC2_METADATA_DISABLED=true")
	shell.Stderr = os.Stderr
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("eval berth env: %v", err)
	}
	environ := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	b.key = credentials.NewStaticCredentialsProvider(lookup(environ, "AWS_ACCESS_KEY_ID"), lookup(environ, "AWS_SECRET_ACCESS_KEY"), "")
	if got := lookup(environ, "AWS_ENDPOINT_URL"); got != b.url {
		t.Fatalf("berth env gives the endpoint %q, want %q", got, b.url)
	}
	return environ
}

// client returns an SDK client.
func (b *berth) client(options ...func(*ecs.Options)) *ecs.Client {
	return ecs.New(ecs.Options{BaseEndpoint: &b.url, Region: region, Credentials: b.key, HTTPClient: http.DefaultClient}, options...)
}

// command is a client program in the environment of `berth env`, killed with the test.
func (b *berth) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	c := exec.CommandContext(t.Context(), path, args...)
	c.Env = b.environ
	return c
}

// eventually waits until is, and fails the test when that takes too long.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !is() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// freeAddress is one that nobody listens at right now, and whose port no client
// gets while a server that is to have it again is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(22_000))) // clients get those from 32768 on
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
}

// without leaves out the variables whose names have one of the prefixes.
func without(environ []string, prefixes ...string) (kept []string) {
	drop := regexp.MustCompile("^(" + strings.Join(prefixes, "|") + ")")
	for _, v := range environ {
		if !drop.MatchString(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

func lookup(environ []string, name string) string {
	for _, v := range environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
