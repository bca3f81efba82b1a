// Command run measures how fast a container starts: by our shims, and by bare
// "runc run" of the same specification, interleaved in one run. With dockerd on
// this machine, "docker run -d" of the same program joins in.
//
// A start is measured until the runtime says that the container runs. It needs
// root, gcc, and libseccomp's headers.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/agent/runtime"
	"berth/agent/shim"
)

// A contender starts a container and removes it, by a name of its own.
type contender struct {
	name   string
	start  func(name string) error
	remove func(name string) error
}

func main() {
	rounds := flag.Int("n", 40, "starts of each, one at a time")
	flight := flag.Int("flight", 8, "starts at once, to measure throughput")
	flag.Parse()
	if err := run(*rounds, *flight); err != nil {
		fmt.Fprintln(os.Stderr, "bench/run:", err)
		os.Exit(1)
	}
}

func run(rounds, flight int) (err error) {
	dir, err := os.MkdirTemp("", "berth-bench-run-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := build(dir); err != nil {
		return err
	}
	shims, err := shim.Open(context.Background(), shim.Config{
		Dir: filepath.Join(dir, "shims"), Cgroup: "/" + filepath.Base(dir), Binary: filepath.Join(dir, "berth-shim"),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shims.Down(context.Background())) }()
	contenders := []contender{runc(dir), ours(shims, dir), inSandbox(shims, dir)}
	if docker, ok := docker(dir); ok {
		contenders = append(contenders, docker)
	}
	if err := shims.CreateSandbox(context.Background(), runtime.Sandbox{Task: "existing"}); err != nil {
		return err
	}
	if err := latency(contenders, rounds); err != nil {
		return err
	}
	if err := throughput(contenders, flight); err != nil {
		return err
	}
	return memory(shims, dir)
}

// build makes the programs that are compared, both static and with seccomp, and
// a root file system with a program that does nothing for ever.
func build(dir string) error {
	root := filepath.Join(dir, "rootfs")
	for _, name := range []string{"proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	for pkg, tags := range map[string]string{
		"berth/cmd/berth-shim":           "netgo osusergo seccomp",
		"github.com/opencontainers/runc": "netgo osusergo seccomp urfave_cli_no_docs",
	} {
		cmd := exec.Command("go", "build", "-tags", tags, "-ldflags", "-s -w -extldflags -static", "-o", filepath.Join(dir, filepath.Base(pkg)), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	source := filepath.Join(dir, "wait.c")
	if err := os.WriteFile(source, []byte("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("gcc", "-static", "-O2", "-o", filepath.Join(root, "wait"), source).CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return nil
}

// spec is what containers usually get.
func spec(root, cgroup string) *specs.Spec {
	capabilities := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"}
	s := &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: root},
		Process: &specs.Process{Args: []string{"/wait"}, Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities}},
		Hostname: "bench",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: cgroup,
			Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
				{Type: specs.MountNamespace}, {Type: specs.NetworkNamespace}},
			Resources:     &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			MaskedPaths:   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	s.Linux.Seccomp = seccomp.DefaultProfile(s)
	return s
}

func runc(dir string) contender {
	program, state := filepath.Join(dir, "runc"), filepath.Join(dir, "runc-state")
	call := func(args ...string) error {
		cmd := exec.Command(program, append([]string{"--root", state}, args...)...)
		var stderr bytes.Buffer // of runc alone: the container would hold a pipe open
		log, err := os.CreateTemp(dir, "log-")
		if err != nil {
			return err
		}
		defer log.Close()
		cmd.Stderr = log
		if err := cmd.Run(); err != nil {
			_, _ = log.Seek(0, 0)
			_, _ = stderr.ReadFrom(log)
			return fmt.Errorf("runc %v: %w: %s", args, err, stderr.Bytes())
		}
		return nil
	}
	return contender{
		name: "runc run -d",
		start: func(name string) error {
			bundle := filepath.Join(dir, "bundles", name)
			text, err := json.Marshal(spec(filepath.Join(dir, "rootfs"), "/"+filepath.Base(dir)+"/runc-"+name))
			if err != nil {
				return err
			}
			if err := errors.Join(os.MkdirAll(bundle, 0o755), os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644)); err != nil {
				return err
			}
			return call("run", "-d", "--bundle", bundle, name)
		},
		remove: func(name string) error {
			return errors.Join(call("kill", name, "KILL"), retry(func() error { return call("delete", name) }))
		},
	}
}

// retry repeats what fails until a process is gone.
func retry(f func() error) (err error) {
	for range 100 {
		if err = f(); err == nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

func create(shims *shim.Shims, dir string, id runtime.ID) error {
	ctx := context.Background()
	_, err := shims.Create(ctx, runtime.Container{ID: id, Spec: spec(filepath.Join(dir, "rootfs"), "")})
	if err == nil {
		_, err = shims.Start(ctx, id)
	}
	return err
}

func ours(shims *shim.Shims, dir string) contender {
	return contender{
		name: "berth: sandbox, create, start",
		start: func(name string) error {
			if err := shims.CreateSandbox(context.Background(), runtime.Sandbox{Task: name}); err != nil {
				return err
			}
			return create(shims, dir, runtime.ID{Task: name, Container: "c"})
		},
		remove: func(name string) error { return shims.DeleteSandbox(context.Background(), name) },
	}
}

func inSandbox(shims *shim.Shims, dir string) contender {
	return contender{
		name:  "berth: create, start in a sandbox",
		start: func(name string) error { return create(shims, dir, runtime.ID{Task: "existing", Container: name}) },
		remove: func(name string) error {
			return shims.Delete(context.Background(), runtime.ID{Task: "existing", Container: name})
		},
	}
}

// docker is there where a daemon answers and takes our root file system.
func docker(dir string) (contender, bool) {
	const image = "berth-bench-run"
	tar := exec.Command("sh", "-c", "tar -C "+filepath.Join(dir, "rootfs")+" -c . | docker import - "+image)
	if tar.Run() != nil {
		return contender{}, false
	}
	return contender{
		name: "docker run -d --network none",
		start: func(name string) error {
			return exec.Command("docker", "run", "-d", "--network", "none", "--name", image+name, image, "/wait").Run()
		},
		remove: func(name string) error { return exec.Command("docker", "rm", "-f", image+name).Run() },
	}, true
}

// latency starts one after the other, each in turn.
func latency(contenders []contender, rounds int) error {
	starts, removals := make([][]time.Duration, len(contenders)), make([][]time.Duration, len(contenders))
	for round := range rounds + 3 {
		for i, c := range contenders {
			name := fmt.Sprintf("r%d", round)
			begin := time.Now()
			if err := c.start(name); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			running := time.Now()
			if err := c.remove(name); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= 3 { // the first ones fill caches
				starts[i] = append(starts[i], running.Sub(begin))
				removals[i] = append(removals[i], time.Since(running))
			}
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "one at a time, n=%d\tmin\tp50\tp90\tp99\tp50 to runc's\tremoval p50\t\n", rounds)
	for i, c := range contenders {
		slices.Sort(starts[i])
		slices.Sort(removals[i])
		at := func(p int) time.Duration { return starts[i][min(len(starts[i])*p/100, len(starts[i])-1)] }
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%.2f\t%s\t\n", c.name, ms(at(0)), ms(at(50)), ms(at(90)), ms(at(99)),
			float64(at(50))/float64(starts[0][len(starts[0])/2]), ms(removals[i][len(removals[i])/2]))
	}
	return out.Flush()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// throughput counts full lives, so many at once, for a few seconds.
func throughput(contenders []contender, flight int) error {
	fmt.Printf("\n%d in flight, start and removal\n", flight)
	for _, c := range contenders {
		var lives atomic.Int64
		var group sync.WaitGroup
		var failed error
		var once sync.Once
		begin := time.Now()
		for i := range flight {
			group.Go(func() {
				for n := 0; time.Since(begin) < 4*time.Second; n++ {
					name := fmt.Sprintf("t%d-%d", i, n)
					err := c.start(name)
					if err = errors.Join(err, c.remove(name)); err != nil {
						once.Do(func() { failed = fmt.Errorf("%s: %w", c.name, err) })
						return
					}
					lives.Add(1)
				}
			})
		}
		group.Wait()
		if failed != nil {
			return failed
		}
		fmt.Printf("  %-36s %6.1f /s\n", c.name, float64(lives.Load())/time.Since(begin).Seconds())
	}
	return nil
}

// memory shows what an idle shim costs, with one container.
func memory(shims *shim.Shims, dir string) error {
	const count = 10
	begin := ours(shims, dir)
	for i := range count {
		if err := begin.start(fmt.Sprintf("m%d", i)); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second)
	sums := map[string]int{}
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		line, _ := os.ReadFile(file)
		if !bytes.Contains(line, []byte("\x00run\x00"+filepath.Join(dir, "shims", "m"))) {
			continue
		}
		rollup, err := os.ReadFile(filepath.Join(filepath.Dir(file), "smaps_rollup"))
		if err != nil {
			return err
		}
		for row := range bytes.Lines(rollup) {
			var key string
			var kb int
			if n, _ := fmt.Sscan(string(row), &key, &kb); n == 2 {
				sums[key] += kb
			}
		}
	}
	fmt.Printf("\na shim with one container, mean of %d: RSS %d kB, PSS %d kB, anonymous %d kB\n",
		count, sums["Rss:"]/count, sums["Pss:"]/count, sums["Anonymous:"]/count)
	return nil
}
