package link

import (
	"context"
	"strings"
	"sync"
	"time"

	"berth/agent/engine"
	"berth/agent/network"
	"berth/agent/runtime"
	"berth/api/acs/message"
)

// Meter measures what runs on this machine.
type Meter interface {
	// Measure measures a running container; network is nil where it has no
	// network of its own.
	Measure(ctx context.Context, t *engine.Task, container string) (runtime.Stats, *network.Counters, error)
	// Check says why no container can run here, if so.
	Check(ctx context.Context) error
}

// metrics remembers the last measurement of each container, as rates need two.
type metrics struct {
	mu   sync.Mutex
	last map[string]sample // by runtime id
}

type sample struct {
	stats    runtime.Stats
	traffic  network.Counters
	restarts int
}

// measure measures all running containers.
func (m *metrics) measure(ctx context.Context, meter Meter, tasks []engine.Task, now time.Time) []message.TaskMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []message.TaskMetrics
	fresh := map[string]sample{}
	for _, t := range tasks {
		out := message.TaskMetrics{Task: t.Payload.ARN, Family: t.Payload.Family, Version: t.Payload.Version}
		for _, c := range t.Containers {
			if c.Status != engine.Running || c.Restarting {
				continue
			}
			stats, traffic, err := meter.Measure(ctx, &t, c.Name)
			if err != nil {
				continue // it ended a moment ago
			}
			next := sample{stats: stats, restarts: c.Restarts}
			if traffic != nil {
				next.traffic = *traffic
			}
			before, again := m.last[c.RuntimeID]
			fresh[c.RuntimeID] = next
			out.Containers = append(out.Containers, containerMetrics(t.Definition(c.Name), next, before, again, traffic != nil))
		}
		if len(out.Containers) > 0 {
			all = append(all, out)
		}
	}
	m.last = fresh
	return all
}

// containerMetrics is one measurement in the form of TCS.
func containerMetrics(def *message.Container, now, before sample, again, network bool) message.ContainerMetrics {
	read, written := blockIO(now.stats)
	out := message.ContainerMetrics{
		Name:    def.Name,
		Memory:  one(int64(now.stats.Memory >> 20)),
		Storage: &message.StorageStats{Read: one(read), Write: one(written)},
	}
	seconds := now.stats.At.Sub(before.stats.At).Seconds()
	rate := func(now, before int64) *message.Stats {
		if !again || seconds <= 0 || now < before {
			return &message.Stats{SampleCount: 1}
		}
		r := float64(now-before) / seconds
		return &message.Stats{Min: r, Max: r, Sum: r, SampleCount: 1}
	}
	out.CPU = rate(now.stats.CPU.Microseconds()/1e4, before.stats.CPU.Microseconds()/1e4) // hundredths of a second in a second are percent
	if network {
		t, b := now.traffic, before.traffic
		out.Network = &message.NetworkStats{
			RxBytes: count(t.RxBytes), RxPackets: count(t.RxPackets), RxErrors: count(t.RxErrors), RxDropped: count(t.RxDropped),
			TxBytes: count(t.TxBytes), TxPackets: count(t.TxPackets), TxErrors: count(t.TxErrors), TxDropped: count(t.TxDropped),
			RxBytesPerSecond: rate(int64(t.RxBytes), int64(b.RxBytes)), TxBytesPerSecond: rate(int64(t.TxBytes), int64(b.TxBytes)),
		}
	}
	if def.RestartPolicy != nil && def.RestartPolicy.Enabled {
		out.Restarts = &message.RestartStats{RestartCount: now.restarts - before.restarts}
	}
	return out
}

func one(n int64) *message.LongStats {
	return &message.LongStats{Min: n, Max: n, Sum: n, SampleCount: 1}
}

func count(n uint64) *message.LongStats { return one(int64(n)) }

func blockIO(s runtime.Stats) (read, written int64) {
	for _, b := range s.BlockIO {
		switch strings.ToLower(b.Op) {
		case "read":
			read += int64(b.Bytes)
		case "write":
			written += int64(b.Bytes)
		}
	}
	return read, written
}
