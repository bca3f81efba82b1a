// Command region measures a service of many tasks through a whole control plane:
// berth's server over embedded etcd on the disk, in a process of its own, and
// agents on their own sockets and signed calls, all in this process.
//
// The agents run nothing: a task that they get runs at once, so that what is
// measured is the control plane. Server and agents share the processors; the
// table tells what each used. For tasks without health checks the server waits
// as long as -healthy-after says, 40 seconds on ECS, before it replaces the next.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// config is what one run measures.
type config struct {
	agents, tasks int
	strategy      string // spread, binpack or random
	network       string // mode of the task definition
	healthyAfter  time.Duration
	profile       string // directory for profiles of the server; empty: none
	phases        string // those to run, of start, roll100, roll50, restart and stop
}

func main() {
	var c config
	flag.IntVar(&c.agents, "agents", 1000, "container instances")
	flag.IntVar(&c.tasks, "tasks", 10_000, "tasks of the service")
	flag.StringVar(&c.strategy, "strategy", "spread", "how tasks are placed: spread over zones and instances, binpack or random")
	flag.StringVar(&c.network, "network", "bridge", "network `mode` of the tasks")
	flag.DurationVar(&c.healthyAfter, "healthy-after", time.Second, "how long a task runs before it counts as healthy")
	flag.StringVar(&c.profile, "profile", "", "`directory` to write profiles of the server to; none by default")
	flag.StringVar(&c.phases, "phases", "start,roll100,roll50,restart,stop", "what to measure, in this order")
	dir := flag.String("dir", "", "directory for the data; default: a new one below the system's")
	serve := flag.String("serve", "", "run only the server, in that data `directory`: for the benchmark itself")
	listen := flag.String("listen", "", "where that server listens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *serve != "" {
		err = serveRegion(ctx, *serve, *listen, c.healthyAfter)
	} else {
		err = run(ctx, c, *dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/region:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config, root string) (err error) {
	dir, err := os.MkdirTemp(root, "berth-bench-region-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Printf("%d CPUs, %s, %d agents, a service of %d tasks (%s, %s), healthy after %v, data in %s\n\n",
		runtime.NumCPU(), runtime.Version(), c.agents, c.tasks, c.strategy, c.network, c.healthyAfter, dir)

	srv, err := newServer(dir, c.healthyAfter)
	if err != nil {
		return err
	}
	if err := srv.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.kill()) }()
	b, err := newBench(ctx, c, srv)
	if err != nil {
		return err
	}
	defer b.fleet.stop()
	return b.measure(ctx)
}

// bench is one run.
type bench struct {
	config
	srv     *server
	api     *client
	fleet   *fleet
	service *service
	empty   int64 // heap of the server without tasks
}

func newBench(ctx context.Context, c config, srv *server) (*bench, error) {
	api, err := srv.client()
	if err != nil {
		return nil, err
	}
	b := &bench{config: c, srv: srv, api: api}
	begin := time.Now()
	if b.fleet, err = newFleet(ctx, srv, c.agents); err != nil {
		return nil, err
	}
	line("agents join, register and connect", time.Since(begin), fmt.Sprintf("%.0f/s", float64(c.agents)/time.Since(begin).Seconds()))
	b.service, err = newService(ctx, api, c)
	return b, err
}

func (b *bench) measure(ctx context.Context) (err error) {
	if b.empty, err = b.srv.heap(ctx); err != nil {
		return err
	}
	for phase := range strings.SplitSeq(b.phases, ",") {
		switch phase {
		case "start":
			err = b.phase(ctx, fmt.Sprintf("0 to %d tasks RUNNING", b.tasks), func() error { return b.service.create(ctx, b.tasks) }, b.service.running)
			if err == nil {
				err = b.memory(ctx)
			}
		case "roll100":
			err = b.roll(ctx, 100, 200)
		case "roll50":
			err = b.roll(ctx, 50, 200)
		case "restart":
			err = b.restart(ctx)
		case "stop":
			err = b.phase(ctx, fmt.Sprintf("%d to 0 tasks", b.tasks), func() error { return b.service.scale(ctx, 0) }, b.service.running)
		default:
			err = fmt.Errorf("there is no phase %q", phase)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", phase, err)
		}
	}
	return nil
}

// roll measures a deployment of another revision within limits in percent of
// the tasks.
func (b *bench) roll(ctx context.Context, lowest, most int32) error {
	name := fmt.Sprintf("rolling deployment, %d to %d %%", lowest, most)
	return b.phase(ctx, name, func() error { return b.service.deploy(ctx, lowest, most) }, b.service.completed)
}

// phase measures from a change until the service is as it should be, while
// others read.
func (b *bench) phase(ctx context.Context, name string, change func() error, done func(context.Context) (bool, error)) error {
	before, err := b.srv.usage(ctx)
	if err != nil {
		return err
	}
	own := cpu()
	readers := b.read(ctx)
	profiled := b.srv.profile(ctx, b.profile, name)
	begin := time.Now()
	if err := change(); err != nil {
		return err
	}
	if err := until(ctx, done); err != nil {
		return err
	}
	took := time.Since(begin)
	profiled()
	after, err := b.srv.usage(ctx)
	if err != nil {
		return err
	}
	line(name, took, after.since(before), fmt.Sprintf("%.1f s CPU of agents", (cpu()-own).Seconds()))
	for _, line := range readers() {
		fmt.Println("  " + line)
	}
	return nil
}

// restart kills the server in the middle of a deployment.
func (b *bench) restart(ctx context.Context) error {
	begin := time.Now()
	if err := b.service.deploy(ctx, 100, 200); err != nil {
		return err
	}
	if err := until(ctx, b.service.half); err != nil {
		return err
	}
	if err := b.srv.kill(); err != nil {
		return err
	}
	killed := time.Now()
	if err := b.srv.start(ctx); err != nil {
		return err
	}
	ready := time.Since(killed)
	planned, err := b.srv.firstPlan(ctx)
	if err != nil {
		return err
	}
	u, err := b.srv.usage(ctx)
	if err != nil {
		return err
	}
	line("kill -9 in the middle of a deployment", planned.Sub(killed), fmt.Sprintf("until a plan is applied, of which %v until ready; %.1f s CPU",
		ready.Round(time.Millisecond), u.cpu))
	if err := b.fleet.connected(ctx); err != nil {
		return err
	}
	line("  until all agents are back", time.Since(killed))
	if err := until(ctx, b.service.completed); err != nil {
		return err
	}
	line("  the deployment with it", time.Since(begin))
	return nil
}

// memory tells what tasks cost the server.
func (b *bench) memory(ctx context.Context) error {
	full, err := b.srv.heap(ctx)
	if err != nil {
		return err
	}
	u, err := b.srv.usage(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  %d bytes of heap a task; heap %d MiB, %d MiB before there were tasks; most in memory %d MiB\n",
		(full-b.empty)/int64(b.tasks), full>>20, b.empty>>20, u.peak>>20)
	return nil
}

// until asks often until done says so.
func until(ctx context.Context, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not done in time: %w", ctx.Err())
		}
	}
}

// line prints a row of the table as soon as it is measured: a run takes minutes.
func line(what string, took time.Duration, more ...string) {
	fmt.Printf("%-44s %8.2f s  %s\n", what, took.Seconds(), strings.Join(more, "  "))
}

// dataDir is where a server in dir keeps its data.
func dataDir(dir string) string { return filepath.Join(dir, "data") }

func number(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64) // of our own /metrics
	return n
}
