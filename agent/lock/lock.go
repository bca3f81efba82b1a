// Package lock has locks by name, for those who make or wait for the same
// thing. It keeps nothing of a name that nobody holds or wants.
// Used by agent/image, agent/network and agent/volume.
package lock

import (
	"context"
	"sync"
)

// Named are locks by name. The zero value is ready.
type Named struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	free  chan struct{} // has one value while nobody holds the lock
	users int           // that hold or want it
}

// Acquire waits for a lock until ctx ends; the error is then ctx's.
func (n *Named) Acquire(ctx context.Context, name string) (unlock func(), err error) {
	if err := n.Lock(ctx, name); err != nil {
		return nil, err
	}
	return func() { n.Unlock(name) }, nil
}

// Lock is Acquire for those who call Unlock by name.
func (n *Named) Lock(ctx context.Context, name string) error {
	n.mu.Lock()
	if n.held == nil {
		n.held = map[string]*lock{}
	}
	l := n.held[name]
	if l == nil {
		l = &lock{free: make(chan struct{}, 1)}
		l.free <- struct{}{}
		n.held[name] = l
	}
	l.users++
	n.mu.Unlock()

	select {
	case <-l.free:
		return nil
	case <-ctx.Done():
		n.leave(name, l)
		return context.Cause(ctx)
	}
}

// Unlock lets the next one have a lock.
func (n *Named) Unlock(name string) {
	n.mu.Lock()
	l := n.held[name]
	n.mu.Unlock()
	l.free <- struct{}{}
	n.leave(name, l)
}

func (n *Named) leave(name string, l *lock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(n.held, name)
	}
}
