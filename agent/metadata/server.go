package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Config says whom a server serves.
type Config struct {
	Agents   []Agent // required
	Endpoint string  // URL of the control plane, for task protection; required
	Region   string  // required

	// Taken reports whether an address belongs to something on the bridge:
	// network's Owner. From any other address, only tasks in the network mode
	// host may ask. Required.
	Taken func(netip.Addr) bool

	Log *slog.Logger // default slog.Default()
}

// Server is the HTTP server for containers.
type Server struct {
	Config
	mux     *http.ServeMux
	limits  limits
	samples samples
}

// New checks cfg. The server is an [http.Handler] and starts nothing.
func New(cfg Config) (*Server, error) {
	if len(cfg.Agents) == 0 || cfg.Endpoint == "" || cfg.Region == "" || cfg.Taken == nil {
		return nil, errors.New("metadata: Agents, Endpoint, Region and Taken are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{Config: cfg, mux: http.NewServeMux()}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	s.mux.HandleFunc("/v1/credentials", func(w http.ResponseWriter, r *http.Request) { s.credentials(w, r, 1, r.URL.Query().Get("id")) })
	s.mux.HandleFunc("/v2/credentials/{id...}", func(w http.ResponseWriter, r *http.Request) { s.credentials(w, r, 2, r.PathValue("id")) })
	s.mux.HandleFunc("/v2/metadata", s.taskV2)
	s.mux.HandleFunc("/v2/metadata/{container...}", s.taskV2)
	s.mux.HandleFunc("/v2/metadataWithTags", s.taskV2)
	s.mux.HandleFunc("/v2/metadataWithTags/{$}", s.taskV2)
	s.mux.HandleFunc("/v2/stats", s.statsV2)
	s.mux.HandleFunc("/v2/stats/{container...}", s.statsV2)
	for _, v := range []version{v3, v4} {
		at := "/" + v.path + "/{endpoint}"
		s.mux.HandleFunc(at, v.container(s))
		s.mux.HandleFunc(at+"/task", v.task(s, false))
		s.mux.HandleFunc(at+"/taskWithTags", v.task(s, true))
		s.mux.HandleFunc(at+"/stats", v.containerStats(s))
		s.mux.HandleFunc(at+"/task/stats", v.taskStats(s))
		s.mux.HandleFunc(at+"/associations/{type}", v.associations(s))
		s.mux.HandleFunc(at+"/associations/{type}/{name...}", v.association(s))
	}
	s.mux.HandleFunc("GET /api/{endpoint}/task-protection/v1/state", s.getProtection)
	s.mux.HandleFunc("PUT /api/{endpoint}/task-protection/v1/state", s.updateProtection)
	for _, fault := range []string{"network-blackhole-port", "network-latency", "network-packet-loss"} {
		for _, verb := range []string{"start", "stop", "status"} {
			s.mux.HandleFunc("POST /api/{endpoint}/fault/v1/"+fault+"/"+verb, s.fault)
		}
	}
}

// ServeHTTP answers one request, if its caller has not asked too often.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Rate-Limit-Limit", fmt.Sprintf("%d.00", steady))
	w.Header().Set("X-Rate-Limit-Duration", "1")
	if !s.limits.allow(caller(r), time.Now()) {
		http.Error(w, "You have reached maximum request limit.", http.StatusTooManyRequests)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// The real agent's limits, of requests a second and of a burst.
const steady, burst = 40, 60

// limits limit the requests of each address, so that one task cannot keep
// others from their credentials.
type limits struct {
	mu   sync.Mutex
	each map[netip.Addr]*rate.Limiter
}

func (l *limits) allow(from netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	const enough = 4096 // callers to remember: more than a machine has tasks
	if l.each == nil || len(l.each) > enough {
		l.each = map[netip.Addr]*rate.Limiter{}
	}
	limiter := l.each[from]
	if limiter == nil {
		limiter = rate.NewLimiter(steady, burst)
		l.each[from] = limiter
	}
	return limiter.AllowN(now, 1)
}

// caller is the source address of a request; not valid if it has none.
func caller(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return from.Addr().Unmap()
}

// owns reports whether a request comes from one of task's containers. In the
// network mode host nothing but the id tells tasks apart. The addresses of a
// task that has stopped may be another's by now.
func (s *Server) owns(task Task, r *http.Request) bool {
	if task.KnownStatus == "STOPPED" {
		return false
	}
	from := caller(r)
	if task.NetworkMode == "host" {
		return from.IsValid() && !s.Taken(from)
	}
	for _, c := range task.Containers {
		if c.Address.IsValid() && c.Address == from {
			return true
		}
	}
	return false
}

// find finds the task and the container of the endpoint id in a request's path,
// if the request comes from that task.
func (s *Server) find(r *http.Request) (agent Agent, task Task, container Container, ok bool) {
	id := r.PathValue("endpoint")
	for _, agent := range s.Agents {
		task, found := agent.TaskOf(id)
		if !found || !s.owns(task, r) {
			continue
		}
		for _, c := range task.Containers {
			if c.EndpointID == id {
				return agent, task, c, true
			}
		}
	}
	return nil, Task{}, Container{}, false
}

// answer writes v as JSON.
func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.Log.Error("cannot encode metadata", "err", err)
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have gone
}
