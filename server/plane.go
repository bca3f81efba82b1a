package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"berth/aws/protocol"
	"berth/cli/profile"
	"berth/control"
	"berth/state"
	"berth/state/journal"
)

// runPlane puts everything behind the web server together, opens that once the
// state is loaded, and works until ctx ends.
func (s *Server) runPlane(ctx context.Context, web *web) (err error) {
	j, err := journal.Open(ctx, s.cfg.Etcd)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; choose another directory with --data-dir", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()

	metrics := newRegistry(s.cfg.Version)
	store, err := state.New(state.Config{Journal: j, URL: s.URL(), Metrics: state.NewMetrics(metrics), Log: s.cfg.Log})
	if err != nil {
		return err
	}
	backends, err := openBackends(ctx, store, s.cfg, s.URL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backends.close()) }()
	api, err := protocol.New(protocol.Config{
		Region:      s.cfg.Region,
		Services:    services(store, s.cfg, s.URL(), backends),
		Credentials: credentials(store, s.cfg.Account),
		Authorize:   authorize(store),
		Revision:    store.Revision,
		CaughtUp:    store.CaughtUp,
		Log:         s.cfg.Log,
		Metrics:     protocol.NewMetrics(metrics),
	})
	if err != nil {
		return err
	}

	agents := s.agents(store, api, metrics)
	loops := control.New(control.Config{Store: store, Limits: s.cfg.Limits, Deploy: s.cfg.deploy(), Log: s.cfg.Log, Metrics: control.NewMetrics(metrics)})

	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return store.Run(ctx) })
	parts.Go(func() error { return loops.Run(ctx) })
	parts.Go(func() error { return backends.ecr.Maintain(ctx) })
	parts.Go(func() error { return backends.logs.Maintain(ctx) })
	parts.Go(func() error { return agents.Run(ctx) })
	parts.Go(func() error {
		key, err := s.rootKey(ctx, store)
		if err != nil {
			return err
		}
		if err := s.cfg.settleBox(store.View(), backends.box); err != nil {
			return err
		}
		p := profile.Profile{AccessKeyID: key.ID, SecretKey: key.Secret, Region: s.cfg.Region, Endpoint: s.URL()}
		if err := profile.Write(s.cfg.DataDir, p); err != nil {
			return fmt.Errorf("cannot write the credentials file: %w", err)
		}
		web.plane.Store(&plane{
			api:      api,
			registry: backends.ecr.Front(),
			metrics:  promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
			snapshot: s.snapshot(store, api),
			tokens:   s.tokens(store, api),
			explain:  s.explaining(store, api),
			join:     s.join(store),
			agents:   agents,
			report:   s.takeReport(store, api, agents),
			ready:    store.Ready,
		})
		s.store.Store(store)
		s.cfg.Log.Info("ready", "url", s.URL())
		close(s.ready)
		return nil
	})
	return parts.Wait()
}

// newRegistry returns a registry of what every Go process tells about itself.
func newRegistry(version string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "berth_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
