package state

import "sync"

// history is what the views of one store share, from one load to the next.
type history struct {
	mu     sync.Mutex
	memory map[string]any
}

// Recall gives fn what it remembered under a name when it was called last for a
// view of this store, nil at first, and remembers what it returns: an index
// that its user makes and brings up to date, by [View.ChangedSince]. One caller
// runs at a time. Memory is lost with every start; what fn finds must follow
// from v alone.
func (v *View) Recall(name string, fn func(memory any) any) {
	h := v.history
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.memory[name]
	delete(h.memory, name) // if fn panics, who knows what it left
	h.memory[name] = fn(old)
}

// Mark is a point in the history of the container instances.
type Mark struct {
	history *history
	trails  [4]trail
}

const trailOfDaemons = 3 // whose writes concern all instances

// Mark returns the point that v shows.
func (v *View) Mark() Mark {
	return Mark{v.history, [...]trail{v.ContainerInstances.trail, v.Attributes.trail, v.Tasks.trail, v.Daemons.trail}}
}

// ChangedSince returns the ARNs of the container instances that may differ
// between v and the point m, be it before v or after: instances of which the
// record, a custom attribute or a task was written in between. An ARN may come
// twice. It is not known (false) when m is long ago, or of another store, or a
// daemon changed in between.
func (v *View) ChangedSince(m Mark) (instances []string, known bool) {
	if m.history != v.history {
		return nil, false
	}
	for i, now := range v.Mark().trails {
		between, known := m.trails[i].to(now)
		if !known || i == trailOfDaemons && len(between) > 0 {
			return nil, false
		}
		instances = append(instances, between...)
	}
	return instances, true
}

// trail is the container instances that writes to a table concerned, newest
// last. The trails of a store's views are beginnings of one another.
type trail struct {
	forgotten int // before recent
	recent    []string
}

// memorable is how many writes a trail remembers at least.
const memorable = 1 << 14

func (t *trail) add(instance string) {
	if len(t.recent) == 2*memorable {
		t.recent = append(make([]string, 0, 2*memorable), t.recent[memorable:]...) // views share the old one
		t.forgotten += memorable
	}
	t.recent = append(t.recent, instance)
}

// to returns what one of two trails has more than the other.
func (t trail) to(u trail) (between []string, known bool) {
	end := t.forgotten + len(t.recent)
	if end > u.forgotten+len(u.recent) {
		return u.to(t)
	}
	if end < u.forgotten {
		return nil, false
	}
	return u.recent[end-u.forgotten:], true
}
