// Package control keeps applying plans: one generic loop, and a short file for
// each kind of object that says which plan it has and what concerns it.
//
// A loop decides nothing and remembers nothing that a restart needs: it plans
// every object once when it starts, and each again when something that concerns
// it changes or the time comes that its plan named. Used by server.
package control

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"berth/plan/daemon"
	"berth/plan/deploy"
	"berth/plan/lifecycle"
	"berth/state"
)

// Config says what to control. Only the store is required.
type Config struct {
	Store   *state.Store
	Limits  lifecycle.Limits
	Deploy  deploy.Config
	Log     *slog.Logger // default slog.Default()
	Metrics *Metrics     // default: nobody sees them
}

// Metrics are the operator's view of the control loops.
type Metrics struct {
	seconds  *prometheus.HistogramVec // loop
	actions  *prometheus.CounterVec   // loop
	failures *prometheus.CounterVec   // loop
}

// NewMetrics returns metrics registered with reg, or with nobody if it is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "berth_control_reconcile_seconds", Help: "Time to plan one object and to make what was planned durable.",
			Buckets: prometheus.ExponentialBuckets(1e-5, 4, 10)}, []string{"loop"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_control_actions_total", Help: "Actions applied."}, []string{"loop"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_control_failures_total", Help: "Plans that could not be applied and are tried again."}, []string{"loop"}),
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.actions, m.failures)
	}
	return m
}

// Control is all loops of a control plane.
type Control struct{ cfg Config }

// New fills in cfg's defaults. It starts nothing; Run does.
func New(cfg Config) *Control {
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return &Control{cfg}
}

// Run works until ctx ends. It may run on every server: one that does not lead
// the store plans too, and cannot apply.
func (c *Control) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range c.loops() {
		g.Go(func() error { return l.run(ctx, c.cfg) })
	}
	return g.Wait()
}

// turnable is a loop over objects of whatever kind.
type turnable interface {
	run(context.Context, Config) error
	manual(Config) Manual
}

// loops lists them all.
func (c *Control) loops() []turnable {
	return []turnable{
		containerInstances(c.cfg.Limits), servers, tasks(c.cfg.Limits), services(c.cfg.Deploy),
		daemons(daemon.Config{HealthyAfter: c.cfg.Deploy.HealthyAfter}),
		taskDefinitions, daemonTaskDefinitions, clusters, capacityProviders,
	}
}
