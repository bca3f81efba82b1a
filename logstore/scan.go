package logstore

import (
	"cmp"
	"container/heap"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Scan yields the events of streams in r that are after a position, in order.
// The zero position is before all events.
func (s *Store) Scan(group string, streams []Stream, r Range, after Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var all Range
		for _, stream := range streams {
			if span := stream.span(); !span.Empty() {
				if all.Empty() {
					all = span
				}
				all = Range{min(all.Start, span.Start), max(all.End, span.End)}
			}
		}
		r := r.Clip(all).Clip(Range{after.Time, 1<<63 - 1})
		if r.Empty() {
			return
		}
		it, err := s.events(group, r)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer it.Close()
		first, last := r.days()
		for day := first; day <= last; day++ {
			if !it.SeekGE(dayPrefix(group, day)) {
				break
			}
			day = dayOf(positionOf(it.Key()).Time) // others in between are empty
			m := merge{it: it, group: group}
			m.open(streams, r.Clip(Range{day * dayMillis, (day + 1) * dayMillis}), after)
			if !m.run(yield) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Event{}, fmt.Errorf("read log events: %w", err))
		}
	}
}

// merge yields the events of one day of many streams in order. It reads a few
// events of each stream at a time, with one iterator: an iterator for each
// would cost too much where a group has thousands of streams.
type merge struct {
	it      *pebble.Iterator
	group   string
	chunk   int
	cursors []*cursor // a heap, by the next event
}

// cursor is how far a merge has come in one stream.
type cursor struct {
	next Position // of the next event to read, or before it
	end  int64    // no event at or after this time
	read []Event  // and not yet yielded
}

const (
	inMemory              = 4096 // events, if the streams are not too many
	leastChunk, mostChunk = 8, 512
)

// open starts at the events of streams that are in r and after a position.
func (m *merge) open(streams []Stream, r Range, after Position) {
	for _, stream := range streams {
		if span := r.Clip(stream.span()); !span.Empty() {
			m.cursors = append(m.cursors, &cursor{next: following(after, stream.ID, span.Start), end: span.End})
		}
	}
	m.chunk = max(leastChunk, min(mostChunk, inMemory/max(1, len(m.cursors))))
}

// following is the first position of a stream, from a time on, that is after p.
func following(p Position, stream uint64, from int64) Position {
	switch {
	case p.Time < from:
		return Position{from, stream, 0}
	case p.Stream > stream:
		return Position{p.Time + 1, stream, 0}
	case p.Stream == stream:
		return Position{p.Time, stream, p.Seq + 1}
	}
	return Position{p.Time, stream, 0}
}

// run yields everything; it reports whether to go on.
func (m *merge) run(yield func(Event, error) bool) bool {
	ready := m.cursors[:0]
	for _, c := range m.cursors {
		if err := m.fill(c); err != nil {
			yield(Event{}, err)
			return false
		}
		if len(c.read) > 0 {
			ready = append(ready, c)
		}
	}
	m.cursors = ready
	for heap.Init(m); len(m.cursors) > 0; {
		c := m.cursors[0]
		if !yield(c.read[0], nil) {
			return false
		}
		if c.read = c.read[1:]; len(c.read) == 0 {
			if err := m.fill(c); err != nil {
				yield(Event{}, err)
				return false
			}
		}
		if len(c.read) == 0 {
			heap.Pop(m)
		} else {
			heap.Fix(m, 0)
		}
	}
	return true
}

// fill reads the next events of a stream.
func (m *merge) fill(c *cursor) error {
	if c.next.Time >= c.end {
		return nil
	}
	day := dayOf(c.end - 1)
	for m.it.SeekGE(eventKey(m.group, c.next)); m.it.Valid() && len(c.read) < m.chunk; m.it.Next() {
		p := positionOf(m.it.Key())
		if p.Stream != c.next.Stream || dayOf(p.Time) != day || p.Time >= c.end {
			break
		}
		e, err := parseEvent(m.it)
		if err != nil {
			return fmt.Errorf("read log events: %w", err)
		}
		c.read = append(c.read, e)
	}
	if n := len(c.read); n < m.chunk {
		c.next.Time = c.end // that was all
	} else {
		c.next = following(c.read[n-1].Position, c.next.Stream, 0)
	}
	return m.it.Error()
}

func (m *merge) Len() int { return len(m.cursors) }

func (m *merge) Less(i, j int) bool {
	a, b := m.cursors[i].read[0].Position, m.cursors[j].read[0].Position
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Seq, b.Seq)) < 0
}

func (m *merge) Swap(i, j int) { m.cursors[i], m.cursors[j] = m.cursors[j], m.cursors[i] }

func (m *merge) Push(any) { panic("a merge only shrinks") }

func (m *merge) Pop() any {
	m.cursors = m.cursors[:len(m.cursors)-1]
	return nil
}
