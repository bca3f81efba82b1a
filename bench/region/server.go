package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"golang.org/x/sync/errgroup"

	"berth/cli/profile"
	berth "berth/server"
)

// serveRegion is the process of the server: the control plane, and beside it
// what profiles it.
func serveRegion(ctx context.Context, dir, listen string, healthyAfter time.Duration) error {
	cfg := berth.Default()
	cfg.Listen, cfg.DataDir, cfg.HealthyAfter = listen, dataDir(dir), healthyAfter
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := berth.New(cfg)
	if err != nil {
		return err
	}
	profiles := http.NewServeMux()
	profiles.HandleFunc("/debug/pprof/", pprof.Index)
	profiles.HandleFunc("/debug/pprof/profile", pprof.Profile)
	socket, err := net.Listen("unix", filepath.Join(dir, "profiles"))
	if err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return http.Serve(socket, profiles) })
	parts.Go(func() error { return s.Run(ctx) })
	return parts.Wait()
}

// server is that process, seen from outside.
type server struct {
	dir          string
	address      string
	healthyAfter time.Duration
	command      *exec.Cmd
	profiles     *http.Client
}

func newServer(dir string, healthyAfter time.Duration) (*server, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0") // it listens there after a restart too
	if err != nil {
		return nil, err
	}
	defer free.Close()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(dir, "profiles"))
	}
	return &server{
		dir: dir, address: free.Addr().String(), healthyAfter: healthyAfter,
		profiles: &http.Client{Transport: &http.Transport{DialContext: dial}},
	}, nil
}

func (s *server) url() string { return "http://" + s.address }

// start returns when the server can write.
func (s *server) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := os.Remove(filepath.Join(s.dir, "profiles")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.command = exec.Command("/proc/self/exe", "-serve", s.dir, "-listen", s.address, "-healthy-after", s.healthyAfter.String())
	s.command.Stderr = log
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		return err
	}
	for {
		if response, err := http.Get(s.url() + "/healthz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *server) kill() error {
	if err := s.command.Process.Kill(); err != nil {
		return err
	}
	s.command.Wait() // says that it was killed
	return nil
}

// client calls the server as root.
type client struct{ *ecs.Client }

func (s *server) client() (*client, error) {
	p, err := profile.Read(dataDir(s.dir))
	if err != nil {
		return nil, err
	}
	key := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretKey}
	return &client{ecs.New(ecs.Options{Region: p.Region, BaseEndpoint: &p.Endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil })})}, nil
}

// usage is what the server has used since it started.
type usage struct {
	cpu                            float64 // seconds
	commits, records, transactions float64
	written                        float64 // bytes, to the disk
	peak                           int64   // bytes in memory, at most
}

func (u usage) since(before usage) string {
	commits := u.commits - before.commits
	return fmt.Sprintf("%.1f s CPU  %.0f commits of %.0f records  %.0f transactions  %.0f MB written",
		u.cpu-before.cpu, commits, (u.records-before.records)/max(1, commits), u.transactions-before.transactions, (u.written-before.written)/1e6)
}

func (s *server) usage(ctx context.Context) (u usage, err error) {
	m, err := s.metrics(ctx)
	if err != nil {
		return u, err
	}
	u = usage{cpu: m["process_cpu_seconds_total"], commits: m["berth_state_commit_records_count"],
		records: m["berth_state_commit_records_sum"], transactions: m["berth_state_transactions_total"]}
	u.written, err = s.proc("io", "write_bytes:")
	peak, errPeak := s.proc("status", "VmHWM:")
	u.peak = int64(peak) << 10
	return u, errors.Join(err, errPeak)
}

// proc reads a number that the kernel has of the process.
func (s *server) proc(file, name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.command.Process.Pid, file))
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			return number(fields[1]), nil
		}
	}
	return 0, err
}

func (s *server) metrics(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok {
			values[name] = number(value)
		}
	}
	return values, lines.Err()
}

// firstPlan waits until the loop of services has applied a plan since the
// server started, and returns when that was.
func (s *server) firstPlan(ctx context.Context) (at time.Time, err error) {
	err = until(ctx, func(ctx context.Context) (bool, error) {
		m, err := s.metrics(ctx)
		at = time.Now()
		return m[`berth_control_actions_total{loop="services"}`] > 0, err
	})
	return at, err
}

// heap is the server's heap after a garbage collection, in bytes.
func (s *server) heap(ctx context.Context) (int64, error) {
	for range 2 { // finalizers free more
		if err := s.save(ctx, "heap?gc=1", io.Discard); err != nil {
			return 0, err
		}
	}
	m, err := s.metrics(ctx)
	return int64(m["go_memstats_heap_alloc_bytes"]), err
}

// save writes a profile.
func (s *server) save(ctx context.Context, what string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://profiles/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	response, err := s.profiles.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(to, response.Body)
	return err
}

// profile samples the processor in a phase, and the heap at its end, into files
// of dir, if that is given. It returns what ends it.
func (s *server) profile(ctx context.Context, dir, phase string) func() {
	if dir == "" {
		return func() {}
	}
	file := func(kind string) *os.File {
		f, err := os.Create(filepath.Join(dir, strings.ReplaceAll(phase, " ", "-")+"."+kind))
		if err != nil {
			fmt.Fprintln(os.Stderr, "no profile:", err)
		}
		return f
	}
	var sampling errgroup.Group
	sampling.Go(func() error {
		f := file("cpu")
		defer f.Close()
		return s.save(ctx, "profile?seconds=10", f)
	})
	return func() {
		f := file("heap")
		defer f.Close()
		if err := errors.Join(sampling.Wait(), s.save(ctx, "heap?gc=1", f)); err != nil {
			fmt.Fprintln(os.Stderr, "no profile:", err)
		}
	}
}

// cpu is the processor time that this process, which has the agents, has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
