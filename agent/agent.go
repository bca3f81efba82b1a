// Package agent runs tasks on one machine: it puts the parts of the ECS
// container agent together, once for each pool of capacity that the machine
// offers, and lets those share images, network and the shim's program.
//
// `berth up` runs two agents in its own process, for its EC2 and its Fargate
// tasks; `berth agent` runs one. Containers outlive an agent, and the next one
// adopts them. What the parts do is in the packages below; nothing is decided here.
package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"berth/agent/image"
	"berth/agent/image/demo"
	"berth/agent/metadata"
	"berth/agent/network"
	"berth/agent/oci"
	"berth/agent/relay"
	"berth/agent/shim/binary"
)

// Config says what a machine's agents are. The zero value of a field is its default.
type Config struct {
	Region  string // required
	DataDir string // required
	Pools   []Pool // one agent each; required

	Containerd string            // address of a containerd to keep images in; default: in this process
	VPC        netip.Prefix      // range of the tasks' VPC, where it is known
	Bridge     string            // range for the network mode bridge; default a free one
	EFS        map[string]string // what stands for EFS file systems, by id; see volume.Config
	PullPolicy image.Policy      // default image.PullDefault
	Cleanup    image.Cleanup     // of images that nobody uses

	// ImageHealthChecks lets an image's own health check count where a container
	// definition has none; on ECS it does not.
	ImageHealthChecks bool

	// CapacityProvider is the name of the one that this machine is of, if it is of
	// one. Fargate has its own.
	CapacityProvider string

	StopTimeout time.Duration // from the stop signal to SIGKILL, where a container names none; default 30 s
	Retention   time.Duration // how long a task that has stopped is remembered; default 3 h

	// Introspection is the address (host:port) where the first pool's agent
	// shows people and programs of this machine what it runs; empty is nowhere.
	Introspection string

	Version string
	Log     *slog.Logger // default slog.Default()
}

// Pool is a kind of capacity, and how much of it this machine offers.
type Pool struct {
	Kind        string // ec2, fargate or external
	Cluster     string // name; default "default", and fixed for fargate
	Credentials aws.CredentialsProvider
	CPU, Memory int64             // units and MiB to offer; default all of the machine
	Reserved    int64             // MiB of the default that are kept for the machine itself
	Attributes  map[string]string // custom ones
	Tags        map[string]string

	capacityProvider string // of the machine
}

// fargateCluster has the instances of the Fargate pool, and users never see it.
const fargateCluster = ".fargate"

// Agents are the agents of one machine.
type Agents struct {
	bridge   netip.Prefix // its own address, with the range; zero: a free one
	cfg      Config
	endpoint string // URL of the control plane
	name     string // of what is ours on this machine, derived from the data directory
	images   *image.Store
	net      *network.Network
	oci      oci.Machine
	shim     string // path of the program
	agents   []*agent
	ready    chan struct{} // closed when all agents have connected
}

// New checks cfg and fills in its defaults. It starts nothing; Run does.
func New(cfg Config) (*Agents, error) {
	switch {
	case cfg.Region == "" || cfg.DataDir == "" || len(cfg.Pools) == 0:
		return nil, errors.New("agent: Region, DataDir and Pools are required")
	case os.Geteuid() != 0:
		return nil, errors.New("running tasks takes root; `berth server` runs a control plane alone as any user")
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	cfg.DataDir = dir
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	cfg.Pools = slices.Clone(cfg.Pools)
	for i := range cfg.Pools {
		cfg.Pools[i].capacityProvider = cfg.CapacityProvider
		if err := cfg.Pools[i].complete(len(cfg.Pools)); err != nil {
			return nil, err
		}
	}
	var bridge netip.Prefix
	if cfg.Bridge != "" {
		p, err := netip.ParsePrefix(cfg.Bridge)
		if err != nil {
			return nil, fmt.Errorf("invalid --bridge-cidr %q: want an IPv4 range such as 10.211.0.0/16", cfg.Bridge)
		}
		bridge = netip.PrefixFrom(p.Masked().Addr().Next(), p.Bits())
	}
	return &Agents{cfg: cfg, name: Name(dir), bridge: bridge, ready: make(chan struct{})}, nil
}

// Name is what an absolute data directory's links, tables and cgroups are named
// after, so that several Berths share a machine.
func Name(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:3])
}

// Cgroup is the parent of the cgroups of a pool's tasks.
func Cgroup(name, pool string) string { return "/berth/" + name + "-" + pool }

// Dir is where agents keep what they have, in a data directory.
func Dir(dataDir string, parts ...string) string {
	return filepath.Join(append([]string{dataDir, "agent"}, parts...)...)
}

// Ready is closed when all agents have connected to the control plane.
func (a *Agents) Ready() <-chan struct{} { return a.ready }

// Run runs tasks for the control plane at endpoint until ctx ends; containers go
// on. It returns early only where this machine or the control plane makes it
// impossible for good.
func (a *Agents) Run(ctx context.Context, endpoint string) error {
	a.endpoint = endpoint
	if err := os.MkdirAll(Dir(a.cfg.DataDir), 0o711); err != nil {
		return err
	}
	lock, err := a.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	for _, one := range a.agents {
		parts.Go(func() error { return one.engine.Run(ctx) })
		parts.Go(func() error { return one.link.Run(ctx, one.engine) })
	}
	parts.Go(func() error { return a.awaitConnections(ctx) })
	parts.Go(func() error { return a.images.Run(ctx) })
	parts.Go(func() error { return a.serveMetadata(ctx) })
	parts.Go(func() error { return a.serveControlPlane(ctx) })
	parts.Go(func() error { return a.serveIntrospection(ctx) })
	if err := parts.Wait(); err != nil && ctx.Err() == nil || err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// awaitConnections closes ready as it promises.
func (a *Agents) awaitConnections(ctx context.Context) error {
	for _, one := range a.agents {
		select {
		case <-one.link.Ready():
		case <-ctx.Done():
			return nil
		}
	}
	close(a.ready)
	return nil
}

// lock keeps a second agent away from the data directory.
func (a *Agents) lock() (*os.File, error) {
	path := Dir(a.cfg.DataDir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another agent runs in %s: give this one another --data-dir", a.cfg.DataDir)
	}
	return f, nil
}

// open opens what the agents share, and then each agent.
func (a *Agents) open(ctx context.Context) error {
	var err error
	if a.shim, err = binary.Unpack(Dir(a.cfg.DataDir, "bin")); err != nil {
		return err
	}
	if a.oci, err = oci.This(); err != nil {
		return err
	}
	cleanup := a.cfg.Cleanup
	cleanup.Disabled = cleanup.Disabled || a.cfg.PullPolicy == image.PullPreferCached // as on ECS: what is here is to stay
	opening, within := errgroup.WithContext(ctx)
	opening.Go(func() (err error) {
		a.images, err = image.Open(within, image.Config{
			Dir: Dir(a.cfg.DataDir, "images"), Address: a.cfg.Containerd, Namespace: a.namespace(),
			PlainHTTP: plainHTTP(a.endpoint), Cleanup: cleanup, Log: a.cfg.Log,
		})
		return err
	})
	opening.Go(func() (err error) {
		a.net, err = network.Open(within, network.Config{Name: a.name, Dir: Dir(a.cfg.DataDir, "network"), Bridge: a.bridge, VPC: a.cfg.VPC, Log: a.cfg.Log})
		return err
	})
	if err := opening.Wait(); err != nil {
		return err
	}
	if err := demo.Load(ctx, a.images); err != nil {
		a.cfg.Log.Warn("there will be no demo image", "err", err)
	}
	for _, pool := range a.cfg.Pools {
		one, err := a.openAgent(ctx, pool)
		if err != nil {
			return err
		}
		a.agents = append(a.agents, one)
	}
	return nil
}

// namespace keeps Berths apart that use one containerd.
func (a *Agents) namespace() string {
	if a.cfg.Containerd == "" {
		return ""
	}
	return "berth-" + a.name
}

// close lets go of everything; nothing of a task ends by it.
func (a *Agents) close() {
	for _, one := range a.agents {
		one.close()
	}
	if a.net != nil {
		a.net.Close()
	}
	if a.images != nil {
		a.images.Close()
	}
}

// serveMetadata answers containers at 169.254.170.2.
func (a *Agents) serveMetadata(ctx context.Context) error {
	taken := func(addr netip.Addr) bool { _, some := a.net.Owner(addr); return some }
	var views []metadata.Agent
	for _, one := range a.agents {
		views = append(views, one)
	}
	handler, err := metadata.New(metadata.Config{
		Agents: views, Endpoint: a.endpoint, Region: a.cfg.Region, Taken: taken, Log: a.cfg.Log,
	})
	if err != nil {
		return err
	}
	listener, err := a.net.ListenMetadata(ctx)
	if err != nil {
		return err
	}
	return serve(ctx, listener, handler)
}

// serveControlPlane lets containers reach the control plane, which may listen on
// this machine's loopback alone.
func (a *Agents) serveControlPlane(ctx context.Context) error {
	address := relayed(a.endpoint)
	if address == "" {
		return nil
	}
	listener, err := a.net.ListenControlPlane(ctx)
	if err != nil {
		return err
	}
	return relay.New(address, a.cfg.Log).Serve(ctx, listener)
}

// relayed is the address to which containers' calls of the API are carried;
// empty where they go there themselves, as TLS makes them.
func relayed(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80"))
}

// bridgeEndpoint is where containers on the bridge reach the control plane at endpoint.
func bridgeEndpoint(endpoint string) string {
	if relayed(endpoint) == "" {
		return endpoint
	}
	return "http://" + strings.TrimSuffix(network.ControlPlane, ":80")
}

// serveIntrospection answers on the machine itself. Where the address is taken,
// as by another agent, tasks run all the same.
func (a *Agents) serveIntrospection(ctx context.Context) error {
	if a.cfg.Introspection == "" {
		return nil
	}
	listener, err := net.Listen("tcp", a.cfg.Introspection)
	if err != nil {
		a.cfg.Log.Info("no introspection", "err", err)
		return nil
	}
	return serve(ctx, listener, metadata.Introspection(a.agents[0]))
}

// serve answers until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { web.Close() })()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// plainHTTP is the registry of the control plane, if that is spoken to without TLS.
func plainHTTP(endpoint string) []string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" {
		return nil
	}
	return []string{u.Host}
}
