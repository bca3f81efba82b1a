// Command state measures the store over an embedded etcd: transactions, reads
// beside them, loading, memory, and how much disk rewriting the same takes.
//
// It prints one table. Figures of one run compare with one another; those of
// different machines do not.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
	"berth/state/journal"
)

var (
	dir     = flag.String("dir", "", "directory for the data; default: a new one below the system's")
	period  = flag.Duration("period", 3*time.Second, "how long each throughput is measured")
	callers = flag.String("callers", "1,16,256", "numbers of concurrent callers")
	sizes   = flag.String("sizes", "100000,1000000", "numbers of records to load; empty: none")
	rewrite = flag.Int("rewrite", 1_000_000, "how often to rewrite a thousand records; 0: not")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	root, err := os.MkdirTemp(*dir, "bench-state-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	fmt.Printf("%d CPUs, %s, data in %s\n\n", runtime.NumCPU(), runtime.Version(), root)

	s, err := open(ctx, root+"/throughput")
	if err != nil {
		return err
	}
	row("ready on an empty directory", s.ready.Round(time.Millisecond).String())
	if err := throughput(s); err != nil {
		return err
	}
	if err := reads(s); err != nil {
		return err
	}
	s.close()
	for _, n := range numbers(*sizes) {
		if err := loads(ctx, fmt.Sprint(root, "/load-", n), n); err != nil {
			return err
		}
	}
	if *rewrite > 0 {
		return rewrites(ctx, root+"/rewrite")
	}
	return nil
}

func row(what string, figures ...string) { fmt.Printf("%-34s %s\n", what, strings.Join(figures, "  ")) }

func numbers(list string) (out []int) {
	for _, text := range strings.Split(list, ",") {
		var n int
		if _, err := fmt.Sscan(text, &n); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// server is a store that runs.
type server struct {
	*state.Store
	journal *journal.Etcd
	ready   time.Duration // from opening until writes were possible
	close   func()
}

func open(ctx context.Context, dir string) (*server, error) {
	start := time.Now()
	j, err := journal.Open(ctx, journal.Config{DataDir: dir})
	if err != nil {
		return nil, err
	}
	store, err := state.New(state.Config{Journal: j})
	if err != nil {
		return nil, err
	}
	runCtx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- store.Run(runCtx) }()
	s := &server{store, j, 0, func() { cancel(); <-done; j.Close() }}
	if err := store.WaitReady(ctx); err != nil {
		s.close()
		return nil, err
	}
	s.ready = time.Since(start)
	return s, nil
}

// record is a task definition of some 700 bytes of JSON, as a small one is.
func record(n int) state.TaskDefinition {
	text := func(s string) *string { return &s }
	arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task-definition/web-%d:1", n)
	return state.TaskDefinition{TaskDefinition: types.TaskDefinition{
		TaskDefinitionArn: &arn, Family: text(fmt.Sprint("web-", n)), Revision: 1,
		Status: types.TaskDefinitionStatusActive, NetworkMode: types.NetworkModeAwsvpc, Cpu: text("256"), Memory: text("512"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: text("web"), Image: text("123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1.2.3"),
			PortMappings: []types.PortMapping{{ContainerPort: ptr(int32(8080)), Protocol: types.TransportProtocolTcp}},
			Environment: []types.KeyValuePair{{Name: text("LOG_LEVEL"), Value: text("info")},
				{Name: text("DATABASE"), Value: text("postgres://db.internal:5432/web")}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs,
				Options: map[string]string{"awslogs-group": "/ecs/web", "awslogs-region": "us-east-1"}},
		}},
	}}
}

func ptr[T any](v T) *T { return &v }

// write makes transactions of one record each with n callers, until stop is
// closed, and returns how long each took.
func write(s *server, n, keys int, stop <-chan struct{}) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && !closed(stop) {
				start := time.Now()
				err = s.Update(context.Background(), func(tx *state.Tx) error {
					tx.TaskDefinitions.Put(tx, record(rand.IntN(keys)))
					return nil
				})
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			failed = err
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all, failed
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// during runs fn with a channel that is closed after the period.
func during(fn func(stop <-chan struct{})) {
	stop := make(chan struct{})
	time.AfterFunc(*period, func() { close(stop) })
	fn(stop)
}

func throughput(s *server) error {
	for _, n := range numbers(*callers) {
		var took []time.Duration
		var err error
		before, used := s.Revision(), cpu()
		during(func(stop <-chan struct{}) { took, err = write(s, n, 10_000, stop) })
		if err != nil {
			return err
		}
		at := func(p float64) string { return took[int(p*float64(len(took)-1))].Round(10 * time.Microsecond).String() }
		row(fmt.Sprintf("writes, %d callers", n),
			fmt.Sprintf("%.0f transactions/s", perSecond(len(took))), "p50 "+at(0.5), "p99 "+at(0.99),
			fmt.Sprintf("%.0f commits/s", perSecond(int(s.Revision()-before))),
			fmt.Sprintf("%v of CPU each", ((cpu()-used)/time.Duration(len(took))).Round(time.Microsecond)))
	}
	return nil
}

func perSecond(n int) float64 { return float64(n) / period.Seconds() }

// reads measures readers alone, then beside 256 writers.
func reads(s *server) error {
	alone := read(s)
	stop := make(chan struct{})
	written := make(chan error, 1)
	var took []time.Duration
	go func() {
		var err error
		took, err = write(s, 256, 10_000, stop)
		written <- err
	}()
	beside := read(s)
	close(stop)
	if err := <-written; err != nil {
		return err
	}
	row("reads (1 Get + 50 in order), alone", alone.String())
	row("reads, 256 writers beside", beside.String(), fmt.Sprintf("beside %.0f transactions/s", perSecond(len(took))))
	row("  of alone", fmt.Sprintf("%.2f of the reads", float64(beside.count)/float64(alone.count)),
		fmt.Sprintf("%.2f of the p50", float64(beside.p50)/float64(alone.p50)))
	return nil
}

// readings is what readers managed in one period.
type readings struct {
	count    int
	p50, p99 time.Duration
}

func (r readings) String() string {
	return fmt.Sprintf("%.0f/s  p50 %v  p99 %v", perSecond(r.count), r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond))
}

// read lets two readers take a view, get a record and walk along 50 others, as
// often as they can. Where readers and writers want more processors than there
// are, they share them: the p50 shows what a read itself costs.
func read(s *server) readings {
	var mu sync.Mutex
	var took []time.Duration
	during(func(stop <-chan struct{}) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				var mine []time.Duration
				for !closed(stop) {
					key := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task-definition/web-%d:1", rand.IntN(10_000))
					start := time.Now()
					v := s.View()
					v.TaskDefinitions.Get(key)
					n := 0
					for range v.TaskDefinitions.From(key) {
						if n++; n == 50 {
							break
						}
					}
					mine = append(mine, time.Since(start))
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, mine...)
			})
		}
		wg.Wait()
	})
	slices.Sort(took)
	return readings{len(took), took[len(took)/2], took[len(took)*99/100]}
}

// loads fills a store and measures how long a start takes, and its memory.
func loads(ctx context.Context, dir string, n int) error {
	s, err := open(ctx, dir)
	if err != nil {
		return err
	}
	start := time.Now()
	const perTransaction = 1000
	for from := 0; from < n; from += perTransaction {
		err := s.Update(ctx, func(tx *state.Tx) error {
			for i := from; i < min(n, from+perTransaction); i++ {
				tx.TaskDefinitions.Put(tx, record(i))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	row(fmt.Sprintf("writing %d records", n), time.Since(start).Round(10*time.Millisecond).String())
	s.close()
	s = nil
	empty := heap()
	used := cpu()
	if s, err = open(ctx, dir); err != nil {
		return err
	}
	defer s.close()
	used = cpu() - used
	size, _ := s.journal.Size(ctx)
	row(fmt.Sprintf("start with %d records", s.View().TaskDefinitions.Len()), s.ready.Round(10*time.Millisecond).String(),
		fmt.Sprintf("%v of CPU", used.Round(10*time.Millisecond)), fmt.Sprintf("%d MiB heap, %d bytes a record", (heap()-empty)>>20, (heap()-empty)/int64(n)), fmt.Sprintf("%d MiB on disk", size>>20))
	return nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// rewrites rewrites a thousand records often.
func rewrites(ctx context.Context, dir string) error {
	s, err := open(ctx, dir)
	if err != nil {
		return err
	}
	defer s.close()
	start := time.Now()
	var left, most atomic.Int64
	left.Store(int64(*rewrite))
	var wg sync.WaitGroup
	failed := make(chan error, 256)
	for range 256 {
		wg.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				err := s.Update(ctx, func(tx *state.Tx) error {
					tx.TaskDefinitions.Put(tx, record(int(n%1000)))
					return nil
				})
				if err != nil {
					failed <- err
					return
				}
				if n%1000 == 0 {
					size, _ := s.journal.Size(ctx)
					most.Store(max(most.Load(), size))
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return err
	}
	size, err := s.journal.Size(ctx)
	row(fmt.Sprintf("%d writes of 1000 records", *rewrite), time.Since(start).Round(100*time.Millisecond).String(),
		fmt.Sprintf("%d MiB on disk, at most %d MiB", size>>20, most.Load()>>20))
	return err
}
