package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/features"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// embeddedLimits leave room for etcd's encoding below maxRequestBytes.
var embeddedLimits = Limits{Changes: 10_000, Bytes: 8 << 20}

const maxRequestBytes = 10 << 20 // etcd advises against more

// smallSegments makes etcd write its log ahead in files of 8 MiB, not 64: each
// is allocated whole, and the next one beside it.
var smallSegments = sync.OnceFunc(func() { wal.SegmentSizeBytes = 8 << 20 })

// embedded is an etcd of one member in this process. It has no listener: its
// client calls its functions.
type embedded struct {
	dir *directory
	cfg Config

	mu      sync.Mutex
	running *running // nil before the first start and after stop
	stopped bool
}

// running is one start of the embedded etcd.
type running struct {
	server *etcdserver.EtcdServer
	client *clientv3.Client
	fate   *fate
	stuck  bool // it died with a lock, and cannot be stopped
}

func newEmbedded(dir *directory, cfg Config) *embedded { return &embedded{dir: dir, cfg: cfg} }

// client returns a client of the running etcd. When there is none, or it died,
// it starts one.
func (e *embedded) client(ctx context.Context) (*clientv3.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return nil, errors.New("the embedded etcd is stopped")
	}
	if e.running != nil && e.running.fate.cause() == nil {
		return e.running.client, nil
	}
	if e.running != nil {
		cause := e.running.fate.cause()
		if err := e.running.end((*etcdserver.EtcdServer).HardStop); err != nil {
			return nil, fmt.Errorf("etcd stopped: %w; %w", cause, err)
		}
		e.running = nil
	}
	if err := e.dir.room(min(e.cfg.Reserve, startRoom)); err != nil {
		return nil, err
	}
	r, err := start(ctx, e.dir, e.cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded etcd in %s: %w", e.dir.path, err)
	}
	e.running = r
	return r.client, nil
}

// died returns a channel that is closed when the running etcd has died.
func (e *embedded) died() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running.fate.died
}

// cause returns why the etcd died; nil while it lives.
func (e *embedded) cause() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		return nil
	}
	return e.running.fate.cause()
}

// server returns the running etcd, or nil.
func (e *embedded) server() *etcdserver.EtcdServer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		return nil
	}
	return e.running.server
}

func (e *embedded) stop() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	if e.running == nil {
		return nil
	}
	stop := (*etcdserver.EtcdServer).Stop
	if e.running.fate.cause() != nil {
		stop = (*etcdserver.EtcdServer).HardStop
	}
	r := e.running
	e.running = nil
	return r.end(stop)
}

// start runs an etcd on the directory until it can take requests.
func start(ctx context.Context, dir *directory, cfg Config) (*running, error) {
	if err := checkDatabase(filepath.Join(dir.path, "etcd", "member", "snap", "db")); err != nil {
		return nil, err
	}
	smallSegments()
	fate := &fate{died: make(chan struct{})}
	server, err := construct(serverConfig(dir, cfg.Quota, zapTo(cfg.Log, zap.WithFatalHook(fate), zap.WithPanicHook(fate))), fate)
	if err != nil {
		return nil, err
	}
	server.Start()
	r := &running{server: server, fate: fate}
	select {
	case <-server.ReadyNotify():
		r.client = v3client.New(server)
		return r, nil
	case <-fate.died:
		err = fate.cause()
	case <-time.After(startTimeout):
		err = fmt.Errorf("not ready after %v: files may be missing or damaged", startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, r.end((*etcdserver.EtcdServer).HardStop))
}

// startRoom is what a start may write: two segments of the log. Between it and
// the reserve, readers are served, and writes are refused.
const startRoom = 16 << 20

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 4 * time.Second
)

// construct builds the server in a goroutine of its own, which etcd ends where
// it would end the process.
func construct(cfg config.ServerConfig, fate *fate) (server *etcdserver.EtcdServer, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
		}()
		server, err = etcdserver.NewServer(cfg)
	}()
	select {
	case <-done:
		if server == nil {
			err = cmp.Or(err, fate.cause(), errors.New("it ended while starting"))
		}
		return server, err
	case <-fate.died: // in a goroutine that it waits for
		return nil, fate.cause()
	case <-time.After(startTimeout): // a lock on its files that nobody gives back
		return nil, fmt.Errorf("cannot open %s within %v", cfg.DataDir, startTimeout)
	}
}

func serverConfig(dir *directory, quota int64, log *zap.Logger) config.ServerConfig {
	const name = "berth"
	nowhere := types.URLs{url.URL{Scheme: "unix", Host: name}} // members must have a URL; none is listened on
	return config.ServerConfig{
		Name: name, DataDir: filepath.Join(dir.path, "etcd"), Logger: log,
		PeerURLs: nowhere, InitialPeerURLsMap: types.URLsMap{name: nowhere},
		InitialClusterToken: name, NewCluster: true,

		// Alone it needs nobody's vote: it leads some 100 ms after its start. Each
		// tick wakes an idle process up.
		TickMs: 50, ElectionTicks: 2,

		// Entries since the last snapshot stay in memory, of which etcd makes one
		// every 100 there; nobody needs to catch up.
		SnapshotCount: 1000, SnapshotCatchUpEntries: 1, MaxSnapFiles: 2, MaxWALFiles: 2,

		MaxTxnOps: uint(embeddedLimits.Changes), MaxRequestBytes: maxRequestBytes,
		QuotaBackendBytes: quota, BootstrapDefragThresholdMegabytes: 128,
		BackendBatchInterval: 100 * time.Millisecond, BackendBatchLimit: 10_000,
		WarningApplyDuration: time.Second, WarningUnaryRequestDuration: 2 * time.Second,
		ServerFeatureGate: features.NewDefaultServerFeatureGate(name, log), Metrics: "basic",
		BcryptCost: 10, // never used, but it warns about 0
	}
}

// end stops the server and waits until it has let go of its files.
func (r *running) end(stop func(*etcdserver.EtcdServer)) error {
	if r.stuck {
		return errStuck
	}
	if r.client != nil {
		r.client.Close()
	}
	done := make(chan struct{})
	go func() { defer close(done); stop(r.server) }()
	select {
	case <-done:
		return nil
	case <-time.After(stopTimeout):
		r.stuck = true
		return errStuck
	}
}

// errStuck is for an etcd whose last goroutine ended with its files locked.
// Only the end of the process unlocks them; until then, readers are served.
var errStuck = errors.New("to write again, berth must be restarted")

// fate records why an etcd died. As the hook of a logger's fatal and panic
// levels it ends the goroutine that logs, where etcd means to end the process.
type fate struct {
	once sync.Once
	err  error
	died chan struct{}
}

// OnWrite ends the calling goroutine.
func (f *fate) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	f.once.Do(func() {
		f.err = errors.New(entry.Message)
		for _, field := range fields {
			if err, ok := field.Interface.(error); ok {
				f.err = fmt.Errorf("%s: %w", entry.Message, err)
			}
		}
		close(f.died)
	})
	zapcore.WriteThenGoexit.OnWrite(entry, fields)
}

// cause returns why the etcd died; nil while it lives.
func (f *fate) cause() error {
	select {
	case <-f.died:
		return f.err
	default:
		return nil
	}
}
