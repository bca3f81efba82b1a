// Command network measures what a task's network costs: to attach and release
// one, against a bare namespace with a name, interleaved in one run; and many at
// once. It needs root, and makes a bridge of its own at 10.219.0.1/20.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"berth/agent/network"
)

func main() {
	rounds := flag.Int("n", 100, "of each, one at a time")
	flight := flag.Int("flight", 200, "at once")
	flag.Parse()
	if err := run(context.Background(), *rounds, *flight); err != nil {
		fmt.Fprintln(os.Stderr, "bench/network:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, flight int) (err error) {
	dir, err := os.MkdirTemp("", "berth-bench-network-")
	if err != nil {
		return err
	}
	cfg := network.Config{Name: "bench", Dir: filepath.Join(dir, "network"), Bridge: netip.MustParsePrefix("10.218.0.1/16"), Log: slog.New(slog.DiscardHandler)}
	n, err := network.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		n.Close()
		err = errors.Join(err, network.Down(ctx, cfg), os.RemoveAll(dir))
	}()

	bare := func(i int) (time.Duration, error) {
		return timed(func() error { return bareNamespace(filepath.Join(dir, fmt.Sprint(i))) })
	}
	attach := func(i int) (time.Duration, error) {
		return timed(func() error { _, err := n.Attach(ctx, fmt.Sprint("task", i), task(i)); return err })
	}
	release := func(i int) (time.Duration, error) {
		return timed(func() error { return n.Release(ctx, fmt.Sprint("task", i)) })
	}
	steps := []func(int) (time.Duration, error){bare, attach, release}
	times := make([][]time.Duration, len(steps))
	for i := range rounds {
		for s, step := range steps {
			took, err := step(i)
			if err != nil {
				return err
			}
			times[s] = append(times[s], took)
		}
	}
	floor := percentile(times[0], 50)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "one at a time\tp50\tp99\tof a bare namespace")
	for s, name := range []string{"bare namespace, made and removed", "attach", "release"} {
		p50 := percentile(times[s], 50)
		fmt.Fprintf(out, "%s\t%v\t%v\t%.1f\n", name, p50, percentile(times[s], 99), float64(p50)/float64(floor))
	}
	for s, name := range []string{"attach", "release"} {
		took, err := together(flight, rounds, steps[s+1])
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %d at once\t%v\t\t%.0f a second\n", name, flight, took, float64(flight)/took.Seconds())
	}
	return out.Flush()
}

// bareNamespace makes and removes a network namespace that has a name.
func bareNamespace(path string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		file, openErr := os.Create(path)
		if err := errors.Join(err, openErr); err != nil {
			done <- err
			return
		}
		file.Close()
		done <- errors.Join(unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""), unix.Unmount(path, unix.MNT_DETACH))
	}()
	return <-done
}

// task is the network of the i-th task.
func task(i int) network.Spec {
	address := netip.AddrFrom4([4]byte{10, 219, byte(i/200) % 16, byte(i%200) + 2})
	return network.Spec{Mode: network.VPC, Interface: network.Interface{
		MAC: net.HardwareAddr{2, 0, 10, 219, byte(i >> 8), byte(i)}.String(), Address: netip.PrefixFrom(address, 20), Gateway: netip.MustParseAddr("10.219.0.1"),
	}}
}

// together does a step for many tasks at once.
func together(many, first int, step func(int) (time.Duration, error)) (time.Duration, error) {
	var wait sync.WaitGroup
	errs := make([]error, many)
	began := time.Now()
	for i := range many {
		wait.Go(func() { _, errs[i] = step(first + i) })
	}
	wait.Wait()
	return time.Since(began).Round(time.Millisecond), errors.Join(errs...)
}

func timed(f func() error) (time.Duration, error) {
	began := time.Now()
	err := f()
	return time.Since(began).Round(time.Microsecond), err
}

func percentile(times []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
