// Command task measures tasks through the whole of Berth: from the call of
// RunTask until the container's process itself says that it runs, against bare
// "runc run" of the same program, interleaved in one run. With dockerd on this
// machine, "docker run -d" joins in.
//
// The tasks are in the network mode awsvpc and their image is present. It needs
// root and gcc, and bin/berth as `make build` leaves it.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

func main() {
	program := flag.String("berth", "bin/berth", "the `program` to measure")
	vpc := flag.String("vpc-cidr", "10.211.0.0/16", "a `range` that is free on this machine")
	rounds := flag.Int("n", 60, "starts of each, one at a time")
	flight := flag.Int("flight", 8, "tasks at once, to measure throughput")
	calls := flag.Int("calls", 100, "calls of RunTask at once")
	idle := flag.Int("idle", 50, "tasks that do nothing, to see what that costs")
	flag.Parse()
	if err := run(context.Background(), *program, *vpc, *rounds, *flight, *calls, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "bench/task:", err)
		os.Exit(1)
	}
}

// A contender starts the program, which then says its name, and removes it.
type contender struct {
	name   string
	start  func(name string) error
	remove func(name string) error
}

func run(ctx context.Context, program, vpc string, rounds, flight, calls, idle int) (err error) {
	dir, err := os.MkdirTemp("", "berth-bench-task-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	heard, err := listen(filepath.Join(dir, "said"))
	if err != nil {
		return err
	}
	defer heard.close()
	if err := buildPrograms(dir); err != nil {
		return err
	}
	b, err := up(ctx, program, vpc, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.down()) }()
	contenders := []contender{runc(dir), b.contender(ctx)}
	if c, ok := docker(dir); ok {
		contenders = append(contenders, c)
	}
	if err := latency(contenders, heard, rounds); err != nil {
		return err
	}
	if err := throughput(contenders, heard, flight); err != nil {
		return err
	}
	if err := b.together(ctx, heard, calls); err != nil {
		return err
	}
	return b.idle(ctx, heard, idle)
}

// latency starts one after the other, each in turn.
func latency(contenders []contender, heard *ear, rounds int) error {
	const warm = 3 // the first ones fill caches
	type times struct{ called, answered []time.Duration }
	all := make([]times, len(contenders))
	for round := range rounds + warm {
		for i, c := range contenders {
			name := fmt.Sprint("r", round)
			begin := time.Now()
			if err := c.start(name); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			answered := time.Now()
			running, err := heard.await(name)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if err := c.remove(name); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= warm {
				all[i].called = append(all[i].called, running.Sub(begin))
				all[i].answered = append(all[i].answered, max(0, running.Sub(answered)))
			}
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "one at a time, n=%d\tcalled to running p50\tp99\tto runc's p50\tanswered to running p50\tp99\tto runc's p50\t\n", rounds)
	floor := percentile(all[0].called, 50)
	for i, c := range contenders {
		called, answered := percentile(all[i].called, 50), percentile(all[i].answered, 50)
		fmt.Fprintf(out, "%s\t%s\t%s\t%.2f\t%s\t%s\t%.2f\t\n", c.name, ms(called), ms(percentile(all[i].called, 99)), ratio(called, floor),
			ms(answered), ms(percentile(all[i].answered, 99)), ratio(answered, floor))
	}
	return out.Flush()
}

// throughput counts lives from the call to the removal, so many at once, for a while.
func throughput(contenders []contender, heard *ear, flight int) error {
	fmt.Printf("\n%d in flight, from the call until it is removed\n", flight)
	for n, c := range contenders {
		var lives atomic.Int64
		var group sync.WaitGroup
		failures := make([]error, flight)
		begin := time.Now()
		for i := range flight {
			group.Go(func() {
				for round := 0; time.Since(begin) < 8*time.Second && failures[i] == nil; round++ {
					name := fmt.Sprintf("t%d-%d-%d", n, i, round)
					failures[i] = c.start(name)
					if failures[i] == nil {
						_, failures[i] = heard.await(name)
					}
					failures[i] = cmp.Or(failures[i], c.remove(name))
					lives.Add(1)
				}
			})
		}
		group.Wait()
		if err := errors.Join(failures...); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("  %-16s %6.1f /s\n", c.name, float64(lives.Load())/time.Since(begin).Seconds())
	}
	return nil
}

func percentile(times []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
