package metadata

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usage is docker's answer to "what does this container use".
// https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerStats
type usage struct {
	Read         time.Time           `json:"read"`
	PreRead      time.Time           `json:"preread"`
	NumProcs     int                 `json:"num_procs"` // Windows
	Pids         pids                `json:"pids_stats"`
	BlockIO      blockIO             `json:"blkio_stats"`
	Storage      struct{}            `json:"storage_stats"` // Windows
	CPU          cpu                 `json:"cpu_stats"`
	PreCPU       cpu                 `json:"precpu_stats"`
	Memory       memory              `json:"memory_stats"`
	Name         string              `json:"name"`
	ID           string              `json:"id"`
	Networks     map[string]counters `json:"networks,omitempty"`
	NetworkRates *rates              `json:"network_rate_stats,omitempty"`
}

type (
	pids struct {
		Current uint64 `json:"current"`
		Limit   uint64 `json:"limit,omitempty"`
	}
	blockIO struct {
		Bytes []operation `json:"io_service_bytes_recursive"`
	}
	operation struct {
		Major uint64 `json:"major"`
		Minor uint64 `json:"minor"`
		Op    string `json:"op"`
		Value uint64 `json:"value"`
	}
	cpu struct {
		Usage struct {
			Total  uint64 `json:"total_usage"` // all ns
			Kernel uint64 `json:"usage_in_kernelmode"`
			User   uint64 `json:"usage_in_usermode"`
		} `json:"cpu_usage"`
		System     uint64 `json:"system_cpu_usage,omitempty"` // of all processors of the machine, idle or not
		Online     uint64 `json:"online_cpus,omitempty"`
		Throttling struct {
			Periods   uint64 `json:"periods"`
			Throttled uint64 `json:"throttled_periods"`
			Time      uint64 `json:"throttled_time"`
		} `json:"throttling_data"`
	}
	memory struct {
		Usage uint64            `json:"usage"`
		Max   uint64            `json:"max_usage,omitempty"`
		Stats map[string]uint64 `json:"stats"`
		Limit uint64            `json:"limit"`
	}
	counters struct {
		RxBytes   uint64 `json:"rx_bytes"`
		RxPackets uint64 `json:"rx_packets"`
		RxErrors  uint64 `json:"rx_errors"`
		RxDropped uint64 `json:"rx_dropped"`
		TxBytes   uint64 `json:"tx_bytes"`
		TxPackets uint64 `json:"tx_packets"`
		TxErrors  uint64 `json:"tx_errors"`
		TxDropped uint64 `json:"tx_dropped"`
	}
	rates struct {
		Rx float64 `json:"rx_bytes_per_sec"`
		Tx float64 `json:"tx_bytes_per_sec"`
	}
)

// measured is a sample and what the machine had used by then.
type measured struct {
	Sample
	machine machine
}

// machine is what follows from /proc/stat and /proc/meminfo.
type machine struct {
	cpu, cpus uint64 // ns used or idled by all processors; how many there are
	memory    uint64 // bytes
}

// samples remember the last sample of each container, so that an answer shows
// what was used since.
type samples struct {
	mu   sync.Mutex
	last map[string][2]measured // by docker id: one of at least a second ago, and the newest
}

// next stores a sample and gives the one to compare it with, which is of a
// second before or earlier; zero if there is none.
func (s *samples) next(id string, now measured) (before measured) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const enough = 8192 // containers to remember: more than a machine has
	if s.last == nil || len(s.last) > enough {
		s.last = map[string][2]measured{}
	}
	old := s.last[id]
	before = old[0]
	if now.At.Sub(old[1].At) >= time.Second {
		before = old[1]
	}
	s.last[id] = [2]measured{before, now}
	return before
}

// measure gives the usage of a running container.
func (s *Server) measure(r *http.Request, agent Agent, task Task, c Container) (usage, error) {
	sample, err := agent.Sample(r.Context(), task.TaskARN, c.Name)
	if err != nil {
		return usage{}, err
	}
	now := measured{sample, thisMachine()}
	return toUsage(c, now, s.samples.next(c.DockerID, now)), nil
}

func toUsage(c Container, now, before measured) usage {
	u := usage{
		Read: now.At.UTC(), PreRead: before.At.UTC(), Name: "/" + c.DockerName, ID: c.DockerID,
		Pids:   pids{now.Pids, now.PidsLimit},
		CPU:    toCPU(now),
		PreCPU: toCPU(before),
		Memory: memory{now.Memory, now.MemoryPeak, now.MemoryStat, now.MemoryLimit},
	}
	if u.Memory.Limit == 0 {
		u.Memory.Limit = now.machine.memory
	}
	for _, io := range now.BlockIO {
		u.BlockIO.Bytes = append(u.BlockIO.Bytes, operation{io.Major, io.Minor, io.Op, io.Bytes})
	}
	if now.Network != nil {
		u.Networks = map[string]counters{"eth0": counters(*now.Network)}
		u.NetworkRates = &rates{}
		if seconds := now.At.Sub(before.At).Seconds(); before.Network != nil && seconds > 0 {
			u.NetworkRates.Rx = float64(now.Network.RxBytes-before.Network.RxBytes) / seconds
			u.NetworkRates.Tx = float64(now.Network.TxBytes-before.Network.TxBytes) / seconds
		}
	}
	return u
}

func toCPU(m measured) (c cpu) {
	c.Usage.Total, c.Usage.Kernel, c.Usage.User = uint64(m.CPU), uint64(m.CPUKernel), uint64(m.CPUUser)
	c.System, c.Online = m.machine.cpu, m.machine.cpus
	c.Throttling.Periods, c.Throttling.Throttled, c.Throttling.Time = m.CPUPeriods, m.ThrottledPeriods, uint64(m.Throttled)
	return c
}

// ofTask gives the usage of each container, by docker id; {} for those that do not run.
func (s *Server) ofTask(r *http.Request, agent Agent, task Task) map[string]any {
	all := map[string]any{}
	for _, c := range task.Containers {
		all[c.DockerID] = struct{}{}
		if u, err := s.measure(r, agent, task, c); err == nil {
			all[c.DockerID] = u
		}
	}
	return all
}

func (v version) containerStats(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agent, task, c, ok := s.find(r)
		if !ok {
			s.answer(w, http.StatusNotFound, fmt.Sprintf(noTask, v.name, "container stats", r.PathValue("endpoint")))
			return
		}
		u, err := s.measure(r, agent, task, c)
		if err != nil {
			status := http.StatusInternalServerError
			if v == v3 {
				status = http.StatusBadRequest
			}
			s.answer(w, status, "Unable to get container stats for: "+c.DockerID)
			return
		}
		s.answer(w, http.StatusOK, v.showUsage(u))
	}
}

func (v version) taskStats(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agent, task, _, ok := s.find(r)
		if !ok {
			s.answer(w, http.StatusNotFound, fmt.Sprintf(noTask, v.name, "task stats", r.PathValue("endpoint")))
			return
		}
		all := s.ofTask(r, agent, task)
		for id, u := range all {
			all[id] = v.showUsage(u)
		}
		s.answer(w, http.StatusOK, all)
	}
}

// showUsage leaves out what version 4 added.
func (v version) showUsage(u any) any {
	if full, ok := u.(usage); ok && v != v4 {
		full.NetworkRates = nil
		return full
	}
	return u
}

func (s *Server) statsV2(w http.ResponseWriter, r *http.Request) {
	agent, task, ok := s.findByAddress(w, r)
	if !ok {
		return
	}
	id := r.PathValue("container")
	if id == "" {
		s.answer(w, http.StatusOK, s.ofTask(r, agent, task))
		return
	}
	if c, ok := containerByID(task, id); ok {
		if u, err := s.measure(r, agent, task, c); err == nil {
			s.answer(w, http.StatusOK, v3.showUsage(u))
			return
		}
	}
	s.answer(w, http.StatusBadRequest, "Unable to get container stats for: "+id)
}

// thisMachine reads what the kernel counts; zero where it does not say.
func thisMachine() (m machine) {
	const tick = uint64(time.Second / 100) // the kernel's USER_HZ
	stat, _ := os.ReadFile("/proc/stat")
	for line := range strings.Lines(string(stat)) {
		fields := strings.Fields(line)
		switch {
		case fields[0] == "cpu":
			const guest = 9 // guests' time is in user and nice already
			for _, ticks := range fields[1:min(guest, len(fields))] {
				n, _ := strconv.ParseUint(ticks, 10, 64)
				m.cpu += n * tick
			}
		case strings.HasPrefix(fields[0], "cpu"):
			m.cpus++
		}
	}
	meminfo, _ := os.ReadFile("/proc/meminfo")
	if fields := strings.Fields(string(meminfo)); len(fields) > 1 && fields[0] == "MemTotal:" {
		kib, _ := strconv.ParseUint(fields[1], 10, 64)
		m.memory = kib << 10
	}
	return m
}
