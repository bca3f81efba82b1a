package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"berth/agent/engine"
	"berth/agent/link"
	"berth/agent/network"
	"berth/agent/runtime"
)

// probeOutput is how much of a health check's output is kept, as by Docker.
const probeOutput = 4096

// Probe runs a container's health check. One that takes too long, or cannot be
// run, has failed.
func (h *Host) Probe(ctx context.Context, t *engine.Task, container string) (ok bool, output string, err error) {
	check := t.Container(container).Check
	within, cancel := context.WithTimeout(ctx, check.Limit())
	defer cancel()
	out := &head{limit: probeOutput}
	exit, err := h.cfg.Runtime.Exec(within, id(t, container), runtime.Process{Args: check.Args(), Stdout: out, Stderr: out})
	var process *runtime.ProcessError
	switch {
	case ctx.Err() != nil:
		return false, "", ctx.Err()
	case within.Err() != nil:
		return false, fmt.Sprintf("Health check exceeded timeout (%v)", check.Limit()), nil
	case errors.As(err, &process):
		return false, process.Message, nil
	case err != nil:
		return false, "", err
	}
	return exit.Code == 0, out.text.String(), nil
}

// head keeps the beginning of what is written to it. Two streams may write.
type head struct {
	limit int
	mu    sync.Mutex
	text  bytes.Buffer
}

func (w *head) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p[:min(len(p), w.limit-w.text.Len())])
	return len(p), nil
}

// Signal sends a signal to a container.
func (h *Host) Signal(ctx context.Context, t *engine.Task, container string, signal syscall.Signal) error {
	return h.cfg.Runtime.Signal(ctx, id(t, container), signal)
}

// Measure measures a running container and its network.
func (h *Host) Measure(ctx context.Context, t *engine.Task, container string) (runtime.Stats, *network.Counters, error) {
	stats, err := h.cfg.Runtime.Stats(ctx, id(t, container))
	if err != nil {
		return stats, nil, err
	}
	attachment := shared(t)
	if mode(t) == network.Bridge {
		attachment += "." + container
	}
	counters, some, err := h.cfg.Network.Stats(attachment)
	if err != nil || !some {
		return stats, nil, err
	}
	return stats, &counters, nil
}

// Check says why no container can run here, if so.
func (h *Host) Check(ctx context.Context) error {
	_, err := h.cfg.Runtime.Sandboxes(ctx)
	return err
}

var _ link.Meter = (*Host)(nil)
