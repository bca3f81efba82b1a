// Package link is the agent's side of its conversation with the control plane:
// it registers the container instance, holds the two websockets over which tasks
// come (ACS) and metrics and health go (TCS), and submits what becomes of tasks.
//
// It speaks as Amazon's own agent does, so that any control plane of ECS's
// protocol can be at the other end. It decides nothing about tasks: that is
// package engine. What the control plane must learn is not lost while it is away.
package link

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"berth/agent/engine"
)

// Config says who connects, and to what. The zero value of a field is its default.
type Config struct {
	Endpoint    string // URL of the control plane; required
	Region      string // required
	Credentials aws.CredentialsProvider
	File        string // what is remembered of the registration; required

	Cluster    string // name; default "default"
	Resources  []types.Resource
	Attributes []types.Attribute // capabilities and others
	Tags       []types.Tag
	Devices    []types.PlatformDevice

	Version string // of the agent
	Runtime string // name and version of what runs containers
	Meter   Meter  // nil: no metrics are sent

	Log *slog.Logger // default slog.Default()
}

// Link is one container instance's connection to its control plane.
type Link struct {
	cfg Config
	api *ecs.Client

	instance atomic.Pointer[types.ContainerInstance]
	health   chan struct{} // holds one: the health of a container has changed
	ready    chan struct{} // closed with the first connection
	once     sync.Once     // closes it
	poll     pollEndpoint
	metrics  metrics

	mu      sync.Mutex
	engine  *engine.Engine
	running context.Context // of Run; nil before it
	busy    map[string]bool // by ARN: its changes are being submitted; true: look again
	slots   *semaphore.Weighted
	senders sync.WaitGroup
}

// submissions is how many tasks submit their changes at the same time.
const submissions = 10

// New checks cfg and fills in its defaults. It starts nothing; Run does.
func New(cfg Config) (*Link, error) {
	if cfg.Endpoint == "" || cfg.Region == "" || cfg.File == "" || cfg.Credentials == nil {
		return nil, errors.New("link: Endpoint, Region, File and Credentials are required")
	}
	cfg.Cluster = cmp.Or(cfg.Cluster, "default")
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	api := ecs.New(ecs.Options{
		BaseEndpoint: &cfg.Endpoint, Region: cfg.Region, Credentials: cfg.Credentials,
		HTTPClient: &http.Client{Timeout: 30 * time.Second},
		Retryer:    aws.NopRetryer{}, // those who call know better when to try again
	})
	return &Link{
		cfg: cfg, api: api, health: make(chan struct{}, 1), ready: make(chan struct{}), busy: map[string]bool{}, slots: semaphore.NewWeighted(submissions),
	}, nil
}

// Instance is the container instance as it was registered; nil before that.
func (l *Link) Instance() *types.ContainerInstance { return l.instance.Load() }

// Ready is closed as soon as the control plane can send tasks.
func (l *Link) Ready() <-chan struct{} { return l.ready }

// Run registers, connects and stays connected until ctx ends. It returns early
// only where the control plane refuses the instance for good.
func (l *Link) Run(ctx context.Context, tasks *engine.Engine) error {
	if err := l.register(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer l.senders.Wait()
	defer stop()
	l.attach(ctx, tasks)
	for _, t := range tasks.Tasks() {
		l.Changed(t.Payload.ARN)
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return l.keep(ctx, "ACS", 250*time.Millisecond, 2*time.Minute, l.acs()) })
	parts.Go(func() error { return l.keep(ctx, "TCS", time.Second, time.Minute, l.tcs()) })
	return parts.Wait()
}

func (l *Link) attach(ctx context.Context, tasks *engine.Engine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running, l.engine = ctx, tasks
}
