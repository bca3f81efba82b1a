package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"berth/cli/profile"
)

// process is a running control plane, with a data directory and port of its own.
type process struct {
	*exec.Cmd
	dir     string
	url     string
	stdout  bytes.Buffer
	log     bytes.Buffer // whole once drained is closed
	drained chan struct{}
}

// start runs `berth up` over dir until it is ready.
func start(t *testing.T, dir string, vars ...string) *process {
	t.Helper()
	return startAs(t, "up", dir, vars...)
}

// startAs runs a role of berth over dir, with environment variables, until it
// is ready.
func startAs(t *testing.T, role, dir string, vars ...string) *process {
	t.Helper()
	return launch(t, role, dir, "ready url=", vars...)
}

// launch runs a role of berth over dir until its log has mark, which stands
// before its URL.
func launch(t *testing.T, role, dir, mark string, vars ...string) *process {
	t.Helper()
	p := &process{dir: dir, drained: make(chan struct{})}
	p.Cmd = exec.Command(os.Args[0], role, "--listen", "127.0.0.1:0", "--data-dir", dir)
	p.Env = append([]string{"BE_BERTH=yes", "BERTH_POOLS=", "PATH=" + os.Getenv("PATH")}, vars...)
	p.Stdout = &p.stdout
	log, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.drained)
		defer close(ready)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&p.log, lines.Text())
			if _, url, ok := strings.Cut(lines.Text(), "msg="+mark); ok {
				ready <- strings.Fields(url)[0]
			}
		}
	}()
	t.Cleanup(func() { p.Process.Kill(); p.end() })
	if p.url = <-ready; p.url == "" {
		t.Fatalf("berth ended too early: %v\n%s", p.end(), &p.log)
	}
	return p
}

// stop ends the process as a supervisor does and returns its error, if any.
func (p *process) stop() error {
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.end()
}

// kill ends the process as a power failure does.
func (p *process) kill() {
	p.Process.Kill()
	p.end()
}

// end waits until the process has ended.
func (p *process) end() error {
	<-p.drained
	return p.Wait()
}

// client is the SDK's, made from the credentials file.
func (p *process) client(t *testing.T) *ecs.Client {
	t.Helper()
	c, err := profile.Read(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	key := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey}, nil
	})
	return ecs.New(ecs.Options{BaseEndpoint: &c.Endpoint, Region: c.Region, Credentials: key, RetryMaxAttempts: 1})
}

func (p *process) create(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := p.client(t).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: &name}); err != nil {
			t.Fatalf("create cluster %s: %v", name, err)
		}
	}
}

func (p *process) clusters(t *testing.T) string {
	t.Helper()
	out, err := p.client(t).ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, arn := range out.ClusterArns {
		names = append(names, filepath.Base(arn))
	}
	return strings.Join(names, " ")
}

// get returns the status and body of one of our own paths.
func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(body))
}

func TestUp(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "a place"))
	if got := p.get(t, "/healthz"); got != "200 ok\n" {
		t.Errorf("healthz: %q", got)
	}
	p.create(t, "a")
	if got := p.clusters(t); got != "a" {
		t.Errorf("clusters: %q", got)
	}
	metrics := p.get(t, "/metrics")
	for _, want := range []string{"berth_info{version=", "go_goroutines", "process_resident_memory_bytes", "berth_state_leader 1", "berth_api_requests_total{"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in metrics", want)
		}
	}
	if got := p.get(t, "/_berth/snapshot"); got != "403 Request is missing Authentication Token\n" {
		t.Errorf("unsigned snapshot: %q", got)
	}
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, &p.log)
	}
	next := fmt.Sprintf("Berth answers at %s. In another terminal:\n\n  eval \"$(%s env --data-dir '%s')\"\n", p.url, os.Args[0], p.dir)
	if !strings.Contains(p.stdout.String(), next) {
		t.Errorf("stdout is %q, want what to type next", &p.stdout)
	}
}

// While it waits for its etcd it says so, and can be stopped.
func TestStopWhileStarting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := launch(t, "server", t.TempDir(), "starting url=", "BERTH_ETCD_ENDPOINTS=http://"+silent.Addr().String())
	if got := p.get(t, "/healthz"); got != "503 starting: the state is being loaded\n" {
		t.Errorf("healthz: %q", got)
	}
	if err := p.stop(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, &p.log)
	}
}

func TestRestartKeepsStateAndKey(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	p.create(t, "a", "b")
	first, err := profile.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(profile.Path(dir)); err != nil { // a lost file comes back
		t.Fatal(err)
	}

	p = start(t, dir)
	second, err := profile.Read(dir)
	if err != nil || second.AccessKeyID != first.AccessKeyID || second.SecretKey != first.SecretKey {
		t.Errorf("root's key changed from %s to %s, %v", first.AccessKeyID, second.AccessKeyID, err)
	}
	p.create(t, "c")
	p.kill()

	p = start(t, dir)
	if got := p.clusters(t); got != "a b c" {
		t.Errorf("clusters after SIGTERM and SIGKILL: %q, want a b c", got)
	}
}

func TestRootKeyFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	generated := p.client(t)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir, "BERTH_ROOT_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "BERTH_ROOT_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	c, err := profile.Read(dir)
	if err != nil || c.AccessKeyID != "AKIAIOSFODNN7EXAMPLE" || c.SecretKey != "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" {
		t.Fatalf("profile %+v, %v", c, err)
	}
	p.create(t, "a")
	at := func(o *ecs.Options) { o.BaseEndpoint = &p.url }
	if _, err := generated.ListClusters(t.Context(), &ecs.ListClustersInput{}, at); err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") {
		t.Errorf("the replaced key: %v", err)
	}
}

func TestSideBySide(t *testing.T) {
	one, two := start(t, t.TempDir()), start(t, t.TempDir())
	one.create(t, "one")
	two.create(t, "two")
	if a, b := one.clusters(t), two.clusters(t); a != "one" || b != "two" {
		t.Errorf("clusters %q and %q", a, b)
	}
	code, _, stderr := berth(t, nil, "up", "--pools=", "--listen", "127.0.0.1:0", "--data-dir", one.dir)
	if lines := spoken(stderr); code != 1 || len(lines) != 1 || !strings.Contains(stderr, "in use by another berth") {
		t.Errorf("a third on the first's directory: exit status %d\n%s", code, stderr)
	}
}

// What berth env prints is for a shell.
func TestEnv(t *testing.T) {
	p := start(t, t.TempDir())
	code, exports, stderr := berth(t, nil, "env", "--data-dir", p.dir)
	if code != 0 {
		t.Fatal(stderr)
	}
	script := exports + `echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_DEFAULT_REGION $AWS_REGION [$AWS_SESSION_TOKEN]"`
	sh := exec.Command("sh", "-c", script)
	sh.Env = []string{"AWS_SESSION_TOKEN=stale"}
	got, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	c, err := profile.Read(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s %s %s us-east-1 us-east-1 []\n", p.url, c.AccessKeyID, c.SecretKey)
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSnapshot(t *testing.T) {
	from := start(t, t.TempDir())
	from.create(t, "a", "b")
	file := filepath.Join(t.TempDir(), "state.berth")
	if code, _, stderr := berth(t, nil, "snapshot", "save", file, "--data-dir", from.dir); code != 0 {
		t.Fatal(stderr)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v: a snapshot holds access keys", info.Mode(), err)
	}
	if code, _, stderr := berth(t, nil, "snapshot", "restore", file, "--data-dir", from.dir); code != 1 || !strings.Contains(stderr, "in use by another berth") {
		t.Errorf("restore under a running server: %d %s", code, stderr)
	}

	dir := t.TempDir()
	if code, _, stderr := berth(t, nil, "snapshot", "restore", file, "--data-dir", dir); code != 0 {
		t.Fatal(stderr)
	}
	to := start(t, dir)
	if got := to.clusters(t); got != "a b" {
		t.Errorf("restored clusters: %q", got)
	}
	to.create(t, "c")
	if err := to.stop(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := berth(t, nil, "snapshot", "restore", file, "--data-dir", dir); code != 1 || !strings.Contains(stderr, "force") {
		t.Errorf("restore over a state: %d %s", code, stderr)
	}
	if code, _, stderr := berth(t, nil, "snapshot", "restore", file, "--data-dir", dir, "--force"); code != 0 {
		t.Fatal(stderr)
	}
	if got := start(t, dir).clusters(t); got != "a b" {
		t.Errorf("clusters after a forced restore: %q", got)
	}

	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := berth(t, nil, "snapshot", "restore", file, "--data-dir", t.TempDir()); code != 1 {
		t.Errorf("half a snapshot: exit status %d", code)
	}
}
