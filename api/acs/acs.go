// Package acs serves the sockets that container agents open to their control
// plane: ACS, which brings them tasks and credentials, and TCS, on which they
// send metrics and health.
//
// A session is one open ACS socket. It looks at what the state wants of its
// container instance and what the agent has acknowledged, and sends the
// difference; it decides nothing. Sockets are served by any server. What they show
// is written down by the leader. Payloads are made by payload, messages are in
// message. Used by server.
package acs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"berth/api/acs/payload"
	"berth/iam"
	"berth/plan"
	"berth/state"
)

// Config says what sockets are served. All fields but Pass are required.
type Config struct {
	Store    *state.Store
	VPC      string // range of the default VPC; see vpc.Default
	Region   string
	Account  string
	Endpoint string // URL at which clients and agents reach this control plane
	Log      *slog.Logger
	Metrics  *Metrics

	// Authenticate finds out who signed a request for ECS.
	Authenticate func(*http.Request) (iam.Principal, error)
	// Authorize returns an error unless a principal may do an action on a resource.
	Authorize func(r *http.Request, p iam.Principal, action, resource string) error
	// Pass gives reports to the server at a URL, which leads. Nil on a server that is alone.
	Pass func(ctx context.Context, leader string, r Report) error
}

// API is all sockets that this server has.
type API struct {
	Config
	id       string // of this server, new with every start
	payload  payload.Config
	upgrader websocket.Upgrader

	mu       sync.Mutex
	sessions map[string]*session // by the ARN of the container instance
	closing  bool
	open     sync.WaitGroup // sockets
	ctx      context.Context
	end      context.CancelFunc
}

// New returns an API without sockets.
func New(cfg Config) *API {
	a := &API{
		Config:  cfg,
		id:      newID(),
		payload: payload.Config{VPC: cfg.VPC, Region: cfg.Region, Account: cfg.Account, Endpoint: cfg.Endpoint},
		// Agents send little; most of what they get is one payload.
		upgrader: websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferPool: new(sync.Pool), HandshakeTimeout: writeTimeout},
		sessions: map[string]*session{},
	}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

// ServeHTTP serves /acs/ws and /tcs/ws.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/acs/ws":
		a.serve(w, r, acsSocket, a.acs)
	case "/tcs/ws":
		a.serve(w, r, tcsSocket, a.tcs)
	default:
		http.NotFound(w, r)
	}
}

// present is how often a server writes down that it is alive.
const present = 10 * time.Second

// Run wakes sessions when what concerns them changes, until ctx ends; then it
// closes all sockets in a way that makes their agents connect again at once.
func (a *API) Run(ctx context.Context) error {
	defer a.close()
	v := a.Store.View()
	tasks := v.Tasks.Name()
	sub := a.Store.Subscribe(tasks, v.ContainerInstances.Name())
	defer sub.Close()
	seen := time.NewTicker(present)
	defer seen.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-seen.C:
			a.bePresent(ctx)
		case <-sub.Changed():
			a.wake(sub, tasks)
		}
	}
}

// wake tells sessions which of their tasks changed.
func (a *API) wake(sub *state.Subscription, tasks string) {
	keys, all := sub.Take()
	v := a.Store.View()
	a.mu.Lock()
	defer a.mu.Unlock()
	if all {
		for _, s := range a.sessions {
			s.look.everything()
		}
		return
	}
	for _, k := range keys {
		if k.Table != tasks {
			if s, ok := a.sessions[k.Key]; ok {
				s.look.at("")
			}
			continue
		}
		if t, ok := v.Tasks.Get(k.Key); ok {
			if s, ok := a.sessions[t.Instance]; ok {
				s.look.at(k.Key)
			}
		}
	}
}

// bePresent writes down that this server is alive, as long as there are agents
// whose sockets it might have.
func (a *API) bePresent(ctx context.Context) {
	if a.Store.View().ContainerInstances.Len() == 0 {
		return
	}
	if err := a.report(ctx, Report{Server: &plan.SeeServer{ID: a.id, URL: a.Endpoint}}); err != nil {
		a.Log.Warn("cannot write down that this server is alive", "err", err)
	}
}

// close ends all sockets and waits for them.
func (a *API) close() {
	a.mu.Lock()
	a.closing = true
	a.mu.Unlock()
	a.end()
	a.open.Wait()
}

// begin counts a socket, unless the API is closing.
func (a *API) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closing {
		a.open.Add(1)
	}
	return !a.closing
}

// register makes s the session of its instance, and ends the one before.
func (a *API) register(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.sessions[s.instance]; old != nil {
		old.end(errSuperseded)
	}
	a.sessions[s.instance] = s
}

// unregister forgets s, and reports whether there is no newer session.
func (a *API) unregister(s *session) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.sessions[s.instance] == s
	if last {
		delete(a.sessions, s.instance)
	}
	return last
}

var (
	errSuperseded = errors.New("the agent has a newer connection")
	errInactive   = errors.New("the container instance is not registered any more")
)

// newID makes a random id.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}
