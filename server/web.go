package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"berth/cli/explain"
)

// grace is how long calls in flight may take to end when we stop. With the
// store's own end it stays below five seconds.
const grace = 2 * time.Second

// web is the HTTP server. It listens from the first moment on, and says why it
// cannot serve until open gives it something to serve.
type web struct {
	http     *http.Server
	plane    atomic.Pointer[plane]
	stopping atomic.Bool
}

// plane is what web serves once it is open.
type plane struct {
	api      http.Handler // the AWS APIs
	registry http.Handler // images, below /v2/
	metrics  http.Handler
	snapshot http.Handler
	tokens   http.Handler
	explain  map[string]http.Handler // by path
	join     http.Handler
	agents   http.Handler // their sockets
	report   http.Handler // from other servers
	ready    func() error // why writes are impossible; nil when they are possible
}

func newWeb(log *slog.Logger) *web {
	w := new(web)
	own := map[string]http.Handler{
		"GET /healthz":         http.HandlerFunc(w.healthz),
		"GET /metrics":         w.open(func(p *plane) http.Handler { return p.metrics }),
		"GET /_berth/snapshot": w.open(func(p *plane) http.Handler { return p.snapshot }),
		"GET /_berth/tokens":   w.open(func(p *plane) http.Handler { return p.tokens }),
		"POST /_berth/tokens":  w.open(func(p *plane) http.Handler { return p.tokens }),
		"POST /_berth/revoke":  w.open(func(p *plane) http.Handler { return p.tokens }),
		"POST /_berth/join":    w.open(func(p *plane) http.Handler { return p.join }),
		"GET /acs/ws":          w.open(func(p *plane) http.Handler { return p.agents }),
		"GET /tcs/ws":          w.open(func(p *plane) http.Handler { return p.agents }),
		"POST " + reportPath:   w.open(func(p *plane) http.Handler { return p.report }),
	}
	for _, path := range []string{explain.Path, explain.ServicePath, explain.PlanPath} {
		own["POST "+path] = w.open(func(p *plane) http.Handler { return p.explain[path] })
	}
	api := w.open(func(p *plane) http.Handler { return p.api })
	registry := w.open(func(p *plane) http.Handler { return p.registry })
	w.http = &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			// Not a ServeMux: that redirects paths such as a//b, which AWS's clients sign as they are.
			method := r.Method
			if method == http.MethodHead {
				method = http.MethodGet
			}
			if handler, ok := own[method+" "+r.URL.Path]; ok {
				handler.ServeHTTP(rw, r)
			} else if strings.HasPrefix(r.URL.Path, "/v2/") {
				registry.ServeHTTP(rw, r)
			} else {
				api.ServeHTTP(rw, r)
			}
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute, // SDKs drop idle connections after 90 s
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return w
}

// serve answers on l until stop.
func (w *web) serve(l net.Listener) error {
	if err := w.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// stop lets calls in flight end, for a while, and closes all connections.
func (w *web) stop() error {
	w.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := w.http.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return w.http.Close()
}

// unready says why writes are impossible; nil when they are possible.
func (w *web) unready() error {
	switch p := w.plane.Load(); {
	case w.stopping.Load():
		return errors.New("stopping")
	case p == nil:
		return errors.New("starting: the state is being loaded")
	default:
		return p.ready()
	}
}

func (w *web) healthz(rw http.ResponseWriter, _ *http.Request) {
	if err := w.unready(); err != nil {
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
		return
	}
	rw.Write([]byte("ok\n"))
}

// open serves the part of the plane that pick chooses. Before there is a plane
// it answers 503, which every AWS client takes as a reason to try again.
func (w *web) open(pick func(*plane) http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if p := w.plane.Load(); p != nil {
			pick(p).ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Retry-After", "1")
		http.Error(rw, w.unready().Error(), http.StatusServiceUnavailable)
	})
}
