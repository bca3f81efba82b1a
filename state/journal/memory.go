package journal

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a journal that several servers of one process share, and that is
// gone with it.
type Memory struct {
	mu       sync.Mutex
	values   map[string][]byte
	revision int64
	leader   Leader
	term     *memoryTerm // nil when nobody leads
	events   []Event     // one per revision after compacted
	dropped  int64       // events up to this revision are forgotten
	grown    chan struct{}
}

// NewMemory returns an empty journal at revision 1.
func NewMemory() *Memory {
	return &Memory{values: map[string][]byte{}, revision: 1, dropped: 1, grown: make(chan struct{})}
}

// Server returns the journal as the server with that id has it.
func (m *Memory) Server(id string) Journal { return &memoryServer{m, id} }

// Depose ends the current term, as an expired lease does.
func (m *Memory) Depose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(m.term)
}

// end ends t if it is the current term. The lock is held.
func (m *Memory) end(t *memoryTerm) {
	if t == nil || m.term != t {
		return
	}
	close(t.done)
	m.term, m.leader = nil, Leader{}
	m.append(Event{Leader: &Leader{}})
}

// append gives the event the next revision and wakes the watchers. The lock is
// held.
func (m *Memory) append(e Event) int64 {
	m.revision++
	e.Revision = m.revision
	m.events = append(m.events, e)
	close(m.grown)
	m.grown = make(chan struct{})
	return e.Revision
}

type memoryServer struct {
	*Memory
	id string
}

func (m *memoryServer) Server() string { return m.id }

func (*memoryServer) Limits() Limits { return Limits{Changes: 128, Bytes: 1 << 20} }

func (m *memoryServer) Load(ctx context.Context, each func(Change) error) (Event, error) {
	m.mu.Lock()
	values, leader := maps.Clone(m.values), m.leader
	now := Event{Revision: m.revision, Leader: &leader}
	m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := each(Change{key, values[key]}); err != nil {
			return Event{}, err
		}
	}
	return now, ctx.Err()
}

func (m *memoryServer) Watch(ctx context.Context, after int64, events chan<- Event) error {
	for {
		m.mu.Lock()
		if after < m.dropped {
			m.mu.Unlock()
			return ErrCompacted
		}
		news, grown := slices.Clone(m.events[after-m.dropped:]), m.grown
		m.mu.Unlock()
		for _, e := range news {
			select {
			case events <- e:
			case <-ctx.Done():
				return ctx.Err()
			}
			after = e.Revision
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memoryServer) Campaign(ctx context.Context, url string) (Term, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.term != nil && m.leader.Server != m.id {
		return nil, ErrLed
	}
	m.end(m.term)
	m.leader = Leader{m.id, url}
	leader := m.leader
	m.term = &memoryTerm{Memory: m.Memory, done: make(chan struct{})}
	m.term.revision = m.append(Event{Leader: &leader})
	return m.term, ctx.Err()
}

func (m *memoryServer) Maintain(ctx context.Context, before int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before > m.dropped {
		m.events = slices.Clone(m.events[before-m.dropped:])
		m.dropped = before
	}
	return ctx.Err()
}

func (m *memoryServer) Size(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := int64(0)
	for k, v := range m.values {
		size += int64(len(k) + len(v))
	}
	return size, ctx.Err()
}

type memoryTerm struct {
	*Memory
	revision int64
	done     chan struct{}
}

func (t *memoryTerm) Revision() int64       { return t.revision }
func (t *memoryTerm) Done() <-chan struct{} { return t.done }

func (t *memoryTerm) Commit(ctx context.Context, changes []Change) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.term != t {
		return 0, ErrDeposed
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(t.values, c.Key)
		} else {
			t.values[c.Key] = c.Value
		}
	}
	return t.append(Event{Changes: slices.Clone(changes)}), nil
}

func (t *memoryTerm) Resign(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(t)
	return nil
}
