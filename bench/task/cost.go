package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// together calls RunTask so many times at once.
func (b *berth) together(ctx context.Context, heard *ear, count int) error {
	failures, answered := make([]error, count), make([]time.Duration, count)
	var group sync.WaitGroup
	begin := time.Now()
	for i := range count {
		group.Go(func() {
			failures[i] = b.run(ctx, fmt.Sprint("c", i))
			answered[i] = time.Since(begin)
		})
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	all := time.Since(begin)
	if err := each(count, "c", heard.await); err != nil {
		return err
	}
	fmt.Printf("\n%d calls of RunTask at once: half answered in %s, all in %s, all running in %s\n", count, ms(percentile(answered, 50)), ms(all), ms(time.Since(begin)))
	return each(count, "c", func(name string) (time.Time, error) { return time.Time{}, b.stop(ctx, name) })
}

// each does something with many names at once.
func each(count int, prefix string, do func(name string) (time.Time, error)) error {
	failures := make([]error, count)
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() { _, failures[i] = do(fmt.Sprint(prefix, i)) })
	}
	group.Wait()
	return errors.Join(failures...)
}

// idle shows what tasks cost that do nothing.
func (b *berth) idle(ctx context.Context, heard *ear, count int) error {
	show := func(tasks int) error {
		time.Sleep(10 * time.Second) // what is under way ends
		before, err := b.usage()
		if err != nil {
			return err
		}
		const window = 20 * time.Second
		time.Sleep(window)
		after, err := b.usage()
		if err != nil {
			return err
		}
		fmt.Printf("\nidle with %d tasks: %.2f %% of a core\n", tasks, 100*(after.cpu-before.cpu).Seconds()/window.Seconds())
		fmt.Printf("  berth     RSS %d MB, PSS %d MB, anonymous %d MB\n", after.berth.rss>>10, after.berth.pss>>10, after.berth.anonymous>>10)
		fmt.Printf("  %2d shims  PSS %d MB, anonymous %d MB\n", after.count, after.shims.pss>>10, after.shims.anonymous>>10)
		return nil
	}
	if err := show(0); err != nil {
		return err
	}
	for i := range count {
		if err := b.run(ctx, fmt.Sprint("i", i)); err != nil {
			return err
		}
	}
	if err := each(count, "i", heard.await); err != nil {
		return err
	}
	return show(count)
}

// usage is what the processes of a `berth up` have used.
type usage struct {
	cpu          time.Duration
	berth, shims memory
	count        int // of shims
}

type memory struct{ rss, pss, anonymous int } // kB

func (b *berth) usage() (u usage, err error) {
	mine := strconv.Itoa(b.process.Process.Pid)
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		line, _ := os.ReadFile(file)
		process := filepath.Dir(file)
		into := &u.shims
		switch {
		case filepath.Base(process) == mine:
			into = &u.berth
		case bytes.Contains(line, []byte("\x00run\x00"+b.dir+"/")):
			u.count++
		default:
			continue
		}
		if failed := errors.Join(into.add(process), u.add(process)); failed != nil {
			return u, failed
		}
	}
	return u, err
}

func (m *memory) add(process string) error {
	rollup, err := os.ReadFile(filepath.Join(process, "smaps_rollup"))
	for line := range strings.Lines(string(rollup)) {
		var key string
		var kb int
		if n, _ := fmt.Sscan(line, &key, &kb); n != 2 {
			continue
		}
		switch key {
		case "Rss:":
			m.rss += kb
		case "Pss:":
			m.pss += kb
		case "Anonymous:":
			m.anonymous += kb
		}
	}
	return err
}

// add adds the CPU time of a process.
//
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func (u *usage) add(process string) error {
	stat, err := os.ReadFile(filepath.Join(process, "stat"))
	if err != nil {
		return err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, ticks := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(ticks)
		if err != nil {
			return err
		}
		u.cpu += time.Duration(n) * time.Second / 100
	}
	return nil
}
