// Package server puts a control plane together: store, APIs, control loops and
// the HTTP server in front of them. It is the only package that knows all of
// them, and decides nothing that they could.
//
// Used by cmd/berth.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/plan/deploy"
	"berth/plan/lifecycle"
	"berth/plan/vpc"
	"berth/state"
	"berth/state/journal"
)

// Config says what a control plane is. [Default] has all that has a default.
type Config struct {
	Listen       string // host:port of the API; port 0 takes a free one
	AdvertiseURL string // where clients and other servers reach it; default from Listen
	DataDir      string // what must survive a restart, and the credentials file
	Region       string
	Account      string         // 12 digits
	VPC          string         // range of the default VPC; the same on all servers of one state
	Etcd         journal.Config // its DataDir and Log are ours

	// The root access key, both or none; none: the one in the state, which the
	// first start makes.
	RootAccessKeyID string
	RootSecretKey   string

	// Where the key is that secrets are sealed with; default: in DataDir, where
	// the first start makes it, if etcd is embedded, and otherwise none.
	EncryptionKeyFile string

	Limits       lifecycle.Limits
	HealthyAfter time.Duration // for which a service's task without health checks has to run to count as healthy
	Version      string
	Log          *slog.Logger // default slog.Default()
}

// Default returns the configuration of a control plane on one machine.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080", DataDir: "/var/lib/berth", Region: "us-east-1", Account: "123456789012", VPC: vpc.DefaultCIDR,
		Limits:       lifecycle.Limits{LostAfter: 5 * time.Minute, FargateLostAfter: 5 * time.Minute, KeepStopped: 24 * time.Hour},
		HealthyAfter: 40 * time.Second,
	}
}

// deploy is what services are planned by.
func (c Config) deploy() deploy.Config {
	return deploy.Config{Network: vpc.Default(c.Account, c.Region, c.VPC), HealthyAfter: c.HealthyAfter}
}

// Server is a control plane.
type Server struct {
	cfg   Config
	ready chan struct{}               // closed when it first answers
	store atomic.Pointer[state.Store] // once it is ready

	mu  sync.Mutex
	url string // empty until it listens
}

// New checks cfg and fills in its defaults. It starts nothing; Run does.
func New(cfg Config) (*Server, error) {
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Etcd.DataDir, cfg.Etcd.Log = cfg.DataDir, cfg.Log
	return &Server{cfg: cfg, ready: make(chan struct{})}, nil
}

// check finds the first thing that is wrong with c, and says what would be right.
func (c Config) check() error {
	switch {
	case !regexp.MustCompile(`^\d{12}$`).MatchString(c.Account):
		return fmt.Errorf("invalid --account-id %q: want 12 digits", c.Account)
	case !regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$`).MatchString(c.Region):
		return fmt.Errorf("invalid --region %q: want a name such as us-east-1", c.Region)
	case c.DataDir == "":
		return errors.New("--data-dir is required")
	}
	if err := vpc.CheckCIDR(cmp.Or(c.VPC, vpc.DefaultCIDR)); err != nil {
		return fmt.Errorf("--vpc-cidr: %w", err)
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("invalid --listen %q: want host:port, such as 127.0.0.1:8080", c.Listen)
	}
	if c.AdvertiseURL == "" && len(c.Etcd.Endpoints) > 0 && unspecified(host) {
		return fmt.Errorf("--listen %s is every address of this machine: say with --advertise-url where other servers reach this one", c.Listen)
	}
	if c.AdvertiseURL != "" && !isOrigin(c.AdvertiseURL) {
		return fmt.Errorf("invalid --advertise-url %q: want a URL such as http://10.0.0.11:8080", c.AdvertiseURL)
	}
	return cmp.Or(c.checkEtcd(), c.checkRootKey())
}

func (c Config) checkEtcd() error {
	e := c.Etcd
	switch {
	case len(e.Endpoints) == 0 && e.User+e.Password+e.CAFile+e.CertFile+e.KeyFile != "":
		return errors.New("--etcd-user, --etcd-password and the files for TLS are for --etcd-endpoints, which is not given")
	case strings.Contains(strings.Join(e.Endpoints, ""), "@"): // logs would show it
		return errors.New("--etcd-endpoints must hold no user and password: give them as BERTH_ETCD_USER and BERTH_ETCD_PASSWORD")
	case (e.CertFile == "") != (e.KeyFile == ""):
		return errors.New("--etcd-certfile and --etcd-keyfile belong together: give both, or neither")
	}
	return nil
}

// isOrigin reports whether text is the URL of a server without a path: AWS's
// clients sign the path.
func isOrigin(text string) bool {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && *u == url.URL{Scheme: u.Scheme, Host: u.Host}
}

// LogValue is c without its secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("listen", c.Listen),
		slog.String("advertise_url", c.AdvertiseURL),
		slog.String("data_dir", c.DataDir),
		slog.String("region", c.Region),
		slog.String("account_id", c.Account),
		slog.String("etcd_endpoints", cmp.Or(strings.Join(c.Etcd.Endpoints, ","), "embedded")),
		slog.String("etcd_user", c.Etcd.User),
		slog.String("encryption_key_file", c.EncryptionKeyFile),
		slog.Bool("root_key_given", c.RootAccessKeyID != ""),
	)
}

func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// Ready is closed when the server answers its first call.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// URL is where clients reach the server; empty before it listens.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// Subnet is the id of a subnet in which tasks can run: the first one of the
// default VPC.
func (s *Server) Subnet() string {
	return vpc.Default(s.cfg.Account, s.cfg.Region, s.cfg.VPC).Subnets[0].ID
}

// Run serves until ctx ends, then lets calls in flight end, resigns and stops,
// within five seconds. It returns nil when it was ctx that ended it.
func (s *Server) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", s.cfg.Listen, cause(err))
	}
	s.setURL(listener.Addr().(*net.TCPAddr))
	s.cfg.Log.Info("starting", "url", s.URL(), "version", s.cfg.Version, "config", s.cfg)
	web := newWeb(s.cfg.Log)

	// The parts outlast ctx, so that calls in flight can end.
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts, lasting := errgroup.WithContext(lasting)
	parts.Go(func() error { return web.serve(listener) })
	parts.Go(func() error { return s.runPlane(lasting, web) })
	parts.Go(func() error {
		select {
		case <-ctx.Done():
		case <-lasting.Done(): // a part failed
		}
		defer stop()
		return web.stop()
	})
	if err := parts.Wait(); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		return err
	}
	return nil
}

// setURL learns from where we listen where we are reached.
func (s *Server) setURL(listening *net.TCPAddr) {
	host, _, _ := net.SplitHostPort(s.cfg.Listen)
	if unspecified(host) {
		host = "127.0.0.1"
	}
	at := fmt.Sprintf("http://%s", net.JoinHostPort(host, fmt.Sprint(listening.Port)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = strings.TrimSuffix(cmp.Or(s.cfg.AdvertiseURL, at), "/")
}

// cause is the system's own word for err, without the wrapping that repeats
// what we say ourselves.
func cause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}
