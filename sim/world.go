// Package sim tries to break the scheduler: a whole region in one goroutine,
// from a seed.
//
// A [World] has the real store, the real API and the real plans, turned by the
// real loops' agendas; container agents that are state machines; users; faults;
// and a clock that jumps. After every step it checks what must always hold
// (see invariants), and when faults end, that everything settles. The same seed
// gives the same history, to the byte. Used by its own tests alone.
package sim

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"berth/api/ecs"
	"berth/aws/protocol"
	"berth/control"
	"berth/iam"
	"berth/plan"
	"berth/plan/deploy"
	"berth/plan/lifecycle"
	"berth/plan/vpc"
	"berth/state"
)

const (
	region  = "us-east-1"
	account = "123456789012"
)

// World is a region: its control plane, its machines and its users.
type World struct {
	Seed  uint64
	rand  *rand.Rand
	ids   io.Reader // what the store makes ids of
	now   time.Time // by the wall clock
	steps int

	store   *state.Store
	api     *ecs.API
	loops   []control.Manual
	network vpc.Network
	deploy  deploy.Config
	limits  lifecycle.Limits
	server  string // id of the control plane's process; new after a restart

	agents []*agent
	faults bool // things go wrong

	mended bool // all images are good now

	last    *state.View       // as of the last check
	streaks map[string]streak // of deployments, by id
	failure error             // what was broken first
	log     *history          // nil where nobody will read it
}

// New makes a world from a seed. With told, it keeps the history to read.
func New(seed uint64, told bool) *World {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	w := &World{
		Seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), ids: rand.NewChaCha8(key),
		now:     time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC),
		network: vpc.Default(account, region, ""),
		limits:  lifecycle.Limits{FargateLostAfter: 2 * time.Minute, KeepStopped: time.Hour},
		faults:  true, streaks: map[string]streak{},
	}
	w.deploy = deploy.Config{Network: w.network, HealthyAfter: 40 * time.Second}
	if told {
		w.log = newHistory()
	}
	if w.chance(2) {
		w.limits.LostAfter = 5 * time.Minute
	}
	w.start(state.NewReplayable(func() time.Time { return w.now }, w.ids))
	w.populate()
	w.last = w.store.View()
	return w
}

// start begins a process of the control plane over a store.
func (w *World) start(store *state.Store) {
	w.store = store
	w.api = ecs.New(ecs.Config{Store: store, Region: region, Account: account, Endpoint: "http://berth"})
	w.loops = control.New(control.Config{
		Store: store, Limits: w.limits, Log: slog.New(slog.DiscardHandler),
		Deploy: w.deploy,
	}).Manual()
	w.server = fmt.Sprint("server-", w.rand.Uint32())
	w.seen()
}

// restart ends the process of the control plane at once, and starts another:
// all but the durable state is lost, and so are the agents' sockets.
func (w *World) restart() {
	store, err := w.store.Reload()
	if err != nil {
		panic(err)
	}
	for _, a := range w.agents {
		a.session = ""
		a.inbox = nil
	}
	w.start(store)
}

// seen notes that the server lives, as it does by itself every ten seconds.
func (w *World) seen() {
	if s, ok := w.store.View().Servers.Get(w.server); !ok || w.now.Sub(s.SeenAt) >= 10*time.Second {
		w.apply(plan.SeeServer{ID: w.server, URL: "http://berth"})
	}
}

// apply applies actions that are no plan's, in a transaction of their own.
func (w *World) apply(actions ...plan.Action) {
	w.update(func(tx *state.Tx) { plan.Plan{Actions: actions}.Apply(tx) })
}

func (w *World) update(change func(*state.Tx)) {
	err := w.store.Update(context.Background(), func(tx *state.Tx) error {
		change(tx)
		return nil
	})
	if err != nil {
		panic(err) // a store in memory takes all but what is too large
	}
}

// as is the context of a call of the API, by the account's owner.
func (w *World) as() context.Context {
	return protocol.WithCall(context.Background(), &protocol.Call{Principal: iam.Root(account)})
}

// chance is true once in n times.
func (w *World) chance(n int) bool { return w.rand.IntN(n) == 0 }

// mishap is true once in n times, as long as there are faults.
func (w *World) mishap(n int) bool { return w.faults && w.chance(n) }

// pick picks one.
func pick[T any](w *World, all []T) T { return all[w.rand.IntN(len(all))] }

// upTo is a random time, in whole milliseconds.
func (w *World) upTo(most time.Duration) time.Duration {
	return time.Duration(w.rand.Int64N(most.Milliseconds()+1)) * time.Millisecond
}
