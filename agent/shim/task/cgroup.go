//go:build cgo

package task

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// createCgroup makes a cgroup that holds those of a task's containers.
func createCgroup(name string, r runtime.Resources) (cgroups.Manager, error) {
	m, err := openCgroup(name, r)
	if err != nil {
		return nil, err
	}
	if err := m.Apply(-1); err != nil { // make it, and put nobody into it
		return nil, err
	}
	made, err := m.GetCgroups()
	if err != nil {
		return nil, err
	}
	return m, m.Set(made.Resources)
}

func openCgroup(name string, r runtime.Resources) (cgroups.Manager, error) {
	resources := &cgroups.Resources{
		SkipDevices: true, // each container has its own rules
		Memory:      r.Memory,
		CpuShares:   r.CPUShares,
		CpuQuota:    r.CPUQuota,
	}
	if r.CPUQuota > 0 {
		resources.CpuPeriod = 100_000
	}
	if r.Pids > 0 {
		resources.PidsLimit = &r.Pids
	}
	if cgroups.IsCgroup2UnifiedMode() && r.CPUShares > 0 {
		resources.CpuShares, resources.CpuWeight = 0, cgroups.ConvertCPUSharesToCgroupV2Value(r.CPUShares)
	}
	return manager.New(&cgroups.Cgroup{Path: name, Resources: resources})
}

// killAll kills every process below a cgroup until there is none.
func killAll(m cgroups.Manager) error {
	deadline := time.Now().Add(30 * time.Second)
	for delay := time.Millisecond; ; delay = min(2*delay, 100*time.Millisecond) {
		pids, err := processesOf(m)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v do not die", pids)
		}
		time.Sleep(delay)
	}
}

// processesOf lists the processes of all hierarchies below a cgroup: a shim
// that was killed while it created a container may have come only half way.
func processesOf(m cgroups.Manager) ([]int, error) {
	seen := map[int]bool{}
	var pids []int
	for _, dir := range m.GetPaths() {
		found, err := cgroups.GetAllPids(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for _, pid := range found {
			if !seen[pid] {
				seen[pid] = true
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// startPause starts the process whose namespaces the task's containers share:
// this program in the role that cmd/berth-shim gives it before Go begins. It
// stands in a cgroup of its own, since with cgroup v2 a process may not stand
// beside cgroups that have limits.
func startPause(record wire.SandboxRecord) (*exec.Cmd, error) {
	m, err := createCgroup(path.Join(record.Cgroup, ".pause"), runtime.Resources{})
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"berth-pause"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if record.SharePID {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWPID
	}
	if record.ShareIPC {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWIPC
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := m.Apply(cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, cmd.Wait())
	}
	return cmd, nil
}

// pauseNamespace is the path of a namespace that the task's containers share.
func (t *task) pauseNamespace(kind string) string {
	return filepath.Join("/proc", strconv.Itoa(t.pause.Process.Pid), "ns", kind)
}

// stats measures a running container.
func (c *container) stats() (*runtime.Stats, error) {
	status, there := c.status()
	if !there || status.State == runtime.Exited {
		return nil, fmt.Errorf("container %s: %w", c.name, runtime.ErrNotRunning)
	}
	s, err := c.cgroup.GetStats()
	if err != nil {
		return nil, err
	}
	cpu, memory := s.CpuStats, s.MemoryStats
	stats := &runtime.Stats{
		At:               time.Now(),
		CPU:              time.Duration(cpu.CpuUsage.TotalUsage),
		CPUUser:          time.Duration(cpu.CpuUsage.UsageInUsermode),
		CPUKernel:        time.Duration(cpu.CpuUsage.UsageInKernelmode),
		CPUPeriods:       cpu.ThrottlingData.Periods,
		ThrottledPeriods: cpu.ThrottlingData.ThrottledPeriods,
		Throttled:        time.Duration(cpu.ThrottlingData.ThrottledTime),
		Memory:           memory.Usage.Usage,
		MemoryPeak:       memory.Usage.MaxUsage,
		MemoryStat:       memory.Stats,
		Pids:             s.PidsStats.Current,
		PidsLimit:        s.PidsStats.Limit,
	}
	if memory.Usage.Limit < 1<<62 { // the kernel's "none" is just below 1<<63
		stats.MemoryLimit = memory.Usage.Limit
	}
	for _, e := range s.BlkioStats.IoServiceBytesRecursive {
		stats.BlockIO = append(stats.BlockIO, runtime.BlockIO{Major: e.Major, Minor: e.Minor, Op: strings.ToLower(e.Op), Bytes: e.Value})
	}
	return stats, nil
}
