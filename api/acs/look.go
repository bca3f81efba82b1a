package acs

import "sync"

// look collects what a session has to look at again. Whoever adds to it never waits.
type look struct {
	mu    sync.Mutex
	all   bool
	tasks map[string]struct{} // ARNs
	some  chan struct{}       // has a token when there is something
}

func newLook() *look {
	return &look{all: true, tasks: map[string]struct{}{}, some: make(chan struct{}, 1)}
}

// at asks for a look at a task, or at the instance alone if task is empty.
func (l *look) at(task string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if task != "" {
		l.tasks[task] = struct{}{}
	}
	l.wake()
}

// everything asks for a look at all tasks of the instance.
func (l *look) everything() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = true
	l.wake()
}

func (l *look) wake() {
	select {
	case l.some <- struct{}{}:
	default:
	}
}

// take returns what to look at since the last take.
func (l *look) take() (tasks map[string]struct{}, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks, all = l.tasks, l.all
	l.tasks, l.all = map[string]struct{}{}, false
	return tasks, all
}
