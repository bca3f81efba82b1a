package control

import (
	"context"
	"time"

	"berth/plan"
	"berth/state"
)

// Manual is a loop that somebody turns by hand, who has a clock of their own:
// the simulator. What concerns its objects, and when each is to be planned
// again, is as in Run.
type Manual interface {
	// Name is what the loop is called in logs.
	Name() string
	// Keys lists all its objects.
	Keys() []string
	// Due lists the objects that are to be planned by now, the longest due first.
	Due(now time.Time) []string
	// Next is when the next object is due if nothing changes before; false if none is.
	Next() (time.Time, bool)
	// Plan says what is to be done about an object, and does nothing.
	Plan(key string, now time.Time) plan.Plan
	// Turn plans an object and applies the plan, in one transaction.
	Turn(ctx context.Context, key string) (plan.Plan, error)
}

// Manual returns all loops of a control plane, none of which runs.
func (c *Control) Manual() (all []Manual) {
	for _, l := range c.loops() {
		all = append(all, l.manual(c.cfg))
	}
	return all
}

// manual is a loop that does nothing by itself.
type manual[T any] struct {
	loop loop[T]
	cfg  Config
	sub  *state.Subscription
	due  agenda
}

func (l loop[T]) manual(cfg Config) Manual {
	return &manual[T]{loop: l, cfg: cfg, sub: cfg.Store.Subscribe(l.tables(cfg.Store.View())...)}
}

func (m *manual[T]) Name() string { return m.loop.name }

func (m *manual[T]) Keys() (keys []string) {
	for object := range m.loop.objects(m.cfg.Store.View()).All() {
		keys = append(keys, m.loop.key(object))
	}
	return keys
}

func (m *manual[T]) Due(now time.Time) (keys []string) {
	m.note()
	return m.due.by(now)
}

func (m *manual[T]) Next() (time.Time, bool) {
	m.note()
	return m.due.next()
}

func (m *manual[T]) note() {
	select {
	case <-m.sub.Changed():
		m.loop.note(m.cfg.Store, m.sub, &m.due)
	default:
	}
}

func (m *manual[T]) Plan(key string, now time.Time) plan.Plan {
	return m.loop.planOf(m.cfg.Store.View(), key, now)
}

func (m *manual[T]) Turn(ctx context.Context, key string) (p plan.Plan, err error) {
	m.note()
	m.due.remove(key)
	err = m.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		p = m.loop.planOf(tx.View, key, tx.Now())
		p.Apply(tx)
		return nil
	})
	if err == nil && !p.Wake.IsZero() {
		m.due.set(key, p.Wake)
	}
	return p, err
}
