package control

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/plan"
	"berth/state"
)

// loop applies the plans of the objects in one table.
type loop[T any] struct {
	name    string
	objects func(*state.View) *state.Table[T]
	key     func(T) string
	plan    func(v *state.View, object T, now time.Time) plan.Plan

	// related names the other tables whose records concern objects, if any;
	// concerns returns the keys of the objects that changed records of these concern.
	related  func(*state.View) []string
	concerns func(v *state.View, changed []state.Key) []string
}

const (
	// retry is the pause after a plan could not be applied: the store has no
	// leader, or it is another server.
	retry = time.Second

	// pause keeps a plan that wakes in the past from taking all of a processor.
	// An object that takes longer to plan rests for as long as that took, and what
	// changes meanwhile is planned together: to plan a service of very many tasks
	// takes half a processor at most, however often they change.
	pause = time.Millisecond

	// atOnce is how many objects are planned at once. Transactions run one at a
	// time; this many can wait for theirs to become durable together.
	atOnce = 16
)

// run applies l's plans until ctx ends.
func (l loop[T]) run(ctx context.Context, cfg Config) error {
	sub := cfg.Store.Subscribe(l.tables(cfg.Store.View())...)
	defer sub.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due agenda
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sub.Changed():
			l.note(cfg.Store, sub, &due)
		case <-timer.C:
		}
		keys := due.take(time.Now())
		l.reconcileAll(ctx, cfg, keys, &due)
		if next, ok := due.next(); ok {
			timer.Reset(time.Until(next))
		}
	}
}

// tables names the tables whose changes wake the loop.
func (l loop[T]) tables(v *state.View) []string {
	names := []string{l.objects(v).Name()}
	if l.related != nil {
		names = append(names, l.related(v)...)
	}
	return names
}

// note puts the objects that changes concern on the agenda, for now.
func (l loop[T]) note(store *state.Store, sub *state.Subscription, due *agenda) {
	changed, all := sub.Take()
	v := store.View() // shows what was taken
	table := l.objects(v)
	if all {
		for object := range table.All() {
			due.set(l.key(object), time.Time{})
		}
		return
	}
	var others []state.Key
	for _, k := range changed {
		if k.Table == table.Name() {
			due.set(k.Key, time.Time{})
		} else {
			others = append(others, k)
		}
	}
	if len(others) > 0 {
		for _, key := range l.concerns(v, others) {
			due.set(key, time.Time{})
		}
	}
}

// reconcileAll plans and applies for each of keys, and puts on the agenda when
// to look at it again.
func (l loop[T]) reconcileAll(ctx context.Context, cfg Config, keys []string, due *agenda) {
	var mu sync.Mutex // guards due and failed
	var failed []error
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, key := range keys {
		g.Go(func() error {
			wake, planned, err := l.reconcile(ctx, cfg, key)
			mu.Lock()
			defer mu.Unlock()
			if planned > pause {
				due.rest(key, time.Now().Add(planned))
			}
			switch soon := time.Now().Add(pause); {
			case err != nil:
				failed = append(failed, fmt.Errorf("%s: %w", key, err))
				due.set(key, time.Now().Add(retry))
			case wake.IsZero():
			case wake.Before(soon):
				due.set(key, soon)
			default:
				due.set(key, wake)
			}
			return nil
		})
	}
	g.Wait()
	if ctx.Err() == nil {
		l.report(cfg, failed)
	}
}

// reconcile brings one object a step closer to what its plan wants, and returns
// when to look again if nothing changes before, and how long planning took. It
// asks for a transaction only where there is something to do, and then plans
// within it, so that no plan is applied to a state that it has not seen.
func (l loop[T]) reconcile(ctx context.Context, cfg Config, key string) (wake time.Time, planned time.Duration, err error) {
	start := time.Now()
	defer func() {
		if r := recover(); r != nil { // one bad object stops no other
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	defer func() { cfg.Metrics.seconds.WithLabelValues(l.name).Observe(time.Since(start).Seconds()) }()

	p := l.planOf(cfg.Store.View(), key, start)
	planned = time.Since(start)
	if len(p.Actions) == 0 {
		return p.Wake, planned, nil
	}
	err = cfg.Store.Update(ctx, func(tx *state.Tx) error {
		start := time.Now()
		p = l.planOf(tx.View, key, tx.Now())
		p.Apply(tx)
		planned += time.Since(start)
		return nil
	})
	if err != nil {
		return time.Time{}, planned, err
	}
	cfg.Metrics.actions.WithLabelValues(l.name).Add(float64(len(p.Actions)))
	for _, action := range p.Strings() {
		cfg.Log.Info("applied", "loop", l.name, "action", action)
	}
	return p.Wake, planned, nil
}

func (l loop[T]) planOf(v *state.View, key string, now time.Time) plan.Plan {
	object, ok := l.objects(v).Get(key)
	if !ok {
		return plan.Plan{} // deleted since it was noted
	}
	return l.plan(v, object, now)
}

// report logs the first of the failures that are no other server's to mend:
// when the store is down, all have the same reason.
func (l loop[T]) report(cfg Config, failed []error) {
	cfg.Metrics.failures.WithLabelValues(l.name).Add(float64(len(failed)))
	for _, err := range failed {
		var elsewhere *state.NotLeader
		if !errors.As(err, &elsewhere) {
			cfg.Log.Warn("cannot apply plans; trying again", "loop", l.name, "objects", len(failed), "err", err)
			return
		}
	}
}
