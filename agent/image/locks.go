package image

import (
	"context"
	"sync"
)

// locks are locks by name, for those who wait for the same thing. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	free  chan struct{} // has one value while nobody holds the lock
	users int           // that hold or want it
}

// acquire waits for a lock until ctx ends.
func (l *locks) acquire(ctx context.Context, name string) (unlock func(), err error) {
	if err := l.Lock(ctx, name); err != nil {
		return nil, err
	}
	return func() { l.Unlock(name) }, nil
}

// Lock and Unlock are acquire for containerd.
func (l *locks) Lock(ctx context.Context, name string) error {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	k := l.held[name]
	if k == nil {
		k = &lock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()

	select {
	case <-k.free:
		return nil
	case <-ctx.Done():
		l.leave(name, k)
		return context.Cause(ctx)
	}
}

// Unlock lets the next one have the lock.
func (l *locks) Unlock(name string) {
	l.mu.Lock()
	k := l.held[name]
	l.mu.Unlock()
	k.free <- struct{}{}
	l.leave(name, k)
}

func (l *locks) leave(name string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, name)
	}
}
