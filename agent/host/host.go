// Package host does the steps of tasks on this machine: it puts images,
// networks, volumes, logs and the container runtime together. It is the
// engine.Host of a real agent.
//
// It decides nothing about when: that is package engine. All that it holds in
// memory (log shippers, secrets) it makes again after a restart; all that it
// makes on the machine is named after the task, so that [Host.Retain] finds what
// nobody owns. Used by package agent.
package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"berth/agent/engine"
	"berth/agent/image"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/agent/runtime"
	"berth/agent/volume"
	"berth/api/acs/message"
)

// Config says what a host works with. All but the last three is required.
type Config struct {
	Dir     string // one directory per task: its logs and the files of its containers' /etc
	Owner   string // of what is made in stores that others use too, such as the agent's pool
	Runtime runtime.Runtime
	Images  *image.Store
	Network *network.Network
	Volumes *volume.Store
	Machine oci.Machine
	Init    string // the program that is process 1 where a container asks for an init process

	Endpoint       string // of the control plane
	BridgeEndpoint string // the same for containers that are not in the machine's own network
	Region         string
	Cluster        string
	Credentials    aws.CredentialsProvider // of the agent

	// Execution gives the newest credentials of a task's execution role; nil if there are none.
	Execution func(task string) *message.RoleCredentials

	PullPolicy        image.Policy
	ImageHealthChecks bool         // an image's own health check counts where the definition has none
	Log               *slog.Logger // default slog.Default()
}

// Host is this machine, for one engine.
type Host struct {
	cfg    Config
	ctx    context.Context // ends with the agent
	stop   context.CancelFunc
	client clients

	mu       sync.Mutex
	fetched  map[string]fetched         // by task
	images   map[runtime.ID]image.Image // as they were pulled by this process
	shipping map[runtime.ID]*shipment
	ships    sync.WaitGroup
}

var _ engine.Host = (*Host)(nil)

// New makes a host; Close ends what goes on in it.
func New(cfg Config) (*Host, error) {
	if err := os.MkdirAll(cfg.Dir, 0o711); err != nil {
		return nil, err
	}
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	h := &Host{
		cfg: cfg, client: clients{endpoint: cfg.Endpoint, region: cfg.Region},
		fetched: map[string]fetched{}, images: map[runtime.ID]image.Image{}, shipping: map[runtime.ID]*shipment{},
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h, nil
}

// Close ends the shipping of logs, which goes on where it was when the next agent starts.
func (h *Host) Close() {
	h.stop()
	h.ships.Wait()
}

func id(t *engine.Task, container string) runtime.ID {
	return runtime.ID{Task: t.ID(), Container: container}
}

func (h *Host) dir(task string, parts ...string) string {
	return filepath.Join(append([]string{h.cfg.Dir, task}, parts...)...)
}

// Prepare makes the cgroup and the shim, the network and the volumes, at the
// same time, and waits for all of them also if one fails: what is there can be released.
func (h *Host) Prepare(ctx context.Context, t *engine.Task) error {
	var group errgroup.Group
	group.Go(func() error {
		err := h.cfg.Runtime.CreateSandbox(context.WithoutCancel(ctx), sandbox(t))
		if err != nil {
			return fmt.Errorf("unable to create the task's sandbox: %w", err)
		}
		return nil
	})
	group.Go(func() error { return h.attachTask(ctx, t) })
	group.Go(func() error { return h.attachVolumes(ctx, t) })
	return group.Wait()
}

// sandbox is a task's cgroup: half a vCPU is half of each 100 ms.
func sandbox(t *engine.Task) runtime.Sandbox {
	s := runtime.Sandbox{Task: t.ID(), SharePID: t.Payload.PIDMode == "task", ShareIPC: t.Payload.IPCMode == "task"}
	s.Resources.Memory = t.Payload.Memory << 20
	if t.Payload.CPU > 0 {
		s.Resources.CPUQuota = int64(t.Payload.CPU * 100_000)
		s.Resources.CPUShares = uint64(t.Payload.CPU * 1024)
		return s
	}
	for _, c := range t.Payload.Containers {
		s.Resources.CPUShares += uint64(c.CPU)
	}
	s.Resources.CPUShares = max(2, s.Resources.CPUShares)
	return s
}

// Pull brings a container's image.
func (h *Host) Pull(ctx context.Context, t *engine.Task, container string) (engine.Image, error) {
	def := t.Definition(container)
	img, err := h.cfg.Images.Pull(ctx, def.Image, image.PullOptions{
		Policy:      h.cfg.PullPolicy,
		Credentials: h.registryLogin(t, def.RegistryAuthentication),
	})
	var failed *image.PullError
	if errors.As(err, &failed) {
		return engine.Image{}, &engine.Failure{Name: "CannotPullContainerError", Err: failed.Err}
	}
	if err != nil {
		return engine.Image{}, err
	}
	h.mu.Lock()
	h.images[id(t, container)] = img
	h.mu.Unlock()
	check, err := h.check(img)
	return engine.Image{Ref: img.Ref, Digest: digest(img), ID: img.ID, StopSignal: img.Config.StopSignal, Check: check}, err
}

// check is an image's own health check, which ECS never runs: only if operators
// want it. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html
func (h *Host) check(img image.Image) (*engine.Check, error) {
	if !h.cfg.ImageHealthChecks || img.Healthcheck == nil {
		return nil, nil
	}
	check := new(engine.Check)
	if err := json.Unmarshal(img.Healthcheck, check); err != nil {
		return nil, fmt.Errorf("the image's health check: %w", err)
	}
	return check, nil
}

// digest is what a registry calls the image; one that was loaded from an
// archive has no name there.
func digest(img image.Image) string {
	if img.Loaded {
		return ""
	}
	return img.Digest
}

// Start lets a container run.
func (h *Host) Start(ctx context.Context, t *engine.Task, container string) error {
	_, err := h.cfg.Runtime.Start(ctx, id(t, container))
	if errors.Is(err, runtime.ErrNotRunning) {
		return nil // it ran and ended before the agent did: Wait says how
	}
	return err
}

// Wait waits for a container's end, and ships its log meanwhile.
func (h *Host) Wait(ctx context.Context, t *engine.Task, container string) (runtime.Exit, error) {
	h.ship(t, container)
	return h.cfg.Runtime.Wait(ctx, id(t, container))
}

// Discard removes a container from the runtime, and its network in the modes
// in which that is its own. Its log and its file system stay.
func (h *Host) Discard(ctx context.Context, t *engine.Task, container string) error {
	return h.cfg.Runtime.Delete(ctx, id(t, container))
}

// Release removes all that other tasks may need.
func (h *Host) Release(ctx context.Context, t *engine.Task) error {
	if err := h.cfg.Runtime.DeleteSandbox(ctx, t.ID()); err != nil {
		return err
	}
	return h.releaseNetwork(ctx, t.ID())
}

// Clean removes the rest, once the logs are shipped.
func (h *Host) Clean(ctx context.Context, t *engine.Task) error {
	if err := h.drain(ctx, t); err != nil {
		return err
	}
	h.mu.Lock()
	delete(h.fetched, t.ID())
	for _, c := range t.Containers {
		delete(h.images, id(t, c.Name))
	}
	h.mu.Unlock()
	var errs []error
	for _, c := range t.Containers {
		errs = append(errs, h.cfg.Images.RemoveSnapshot(h.snapshot(t.ID(), c.Name)))
	}
	errs = append(errs, h.detachVolumes(ctx, t), os.RemoveAll(h.dir(t.ID())))
	return errors.Join(errs...)
}

// snapshot is the name of a container's file system in the image store, which
// other hosts use too. No part can hold the character that joins them.
func (h *Host) snapshot(task, container string) string {
	return h.cfg.Owner + "." + task + "." + container
}

// Retain removes what belongs to tasks other than these.
func (h *Host) Retain(ctx context.Context, ids []string) error {
	var errs []error
	sandboxes, err := h.cfg.Runtime.Sandboxes(ctx)
	errs = append(errs, err)
	for _, s := range sandboxes {
		if !slices.Contains(ids, s.Task) {
			h.cfg.Log.Info("removing the containers of a task that is gone", "task", s.Task)
			errs = append(errs, h.cfg.Runtime.DeleteSandbox(ctx, s.Task))
		}
	}
	errs = append(errs, h.retainNetwork(ctx, ids), h.retainVolumes(ctx, ids))
	snapshots, err := h.cfg.Images.Snapshots()
	errs = append(errs, err)
	for _, key := range snapshots {
		parts := strings.Split(key, ".")
		if len(parts) == 3 && parts[0] == h.cfg.Owner && !slices.Contains(ids, parts[1]) {
			errs = append(errs, h.cfg.Images.RemoveSnapshot(key))
		}
	}
	entries, err := os.ReadDir(h.cfg.Dir)
	errs = append(errs, err)
	for _, e := range entries {
		if !slices.Contains(ids, e.Name()) {
			errs = append(errs, os.RemoveAll(h.dir(e.Name())))
		}
	}
	return errors.Join(errs...)
}
