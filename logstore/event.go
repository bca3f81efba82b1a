package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Event is one log event. Times are in milliseconds since 1970.
type Event struct {
	Position
	Ingested int64
	Message  string
}

// Position is where an event is in its group. Events are ordered by it.
type Position struct {
	Time   int64
	Stream uint64 // id
	Seq    uint64 // counts the events of the stream as they came
}

// Range is a span of time: from Start, to before End.
type Range struct{ Start, End int64 }

func (r Range) days() (first, last int64) { return dayOf(r.Start), dayOf(r.End - 1) }

// Clip is the part of r that is in other too.
func (r Range) Clip(other Range) Range {
	return Range{max(r.Start, other.Start), min(r.End, other.End)}
}

// Empty reports whether nothing is in r.
func (r Range) Empty() bool { return r.Start >= r.End }

// span is the time of a stream's events.
func (s Stream) span() Range {
	if s.Seq == 0 {
		return Range{}
	}
	return Range{s.First, s.Last + 1}
}

// Append adds events to a stream. When it returns nil they are durable. Only
// Time and Message of each are read.
func (s *Store) Append(group, name string, events []Event, now int64) error {
	if err := s.writable(); err != nil {
		return err
	}
	key := streamKey(group, name)
	defer s.lock(key)()
	stream, err := s.stream(key)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer b.Close()
	var value []byte
	for _, e := range events {
		if stream.Seq == 0 || e.Time < stream.First {
			stream.First = e.Time
		}
		stream.Last = max(stream.Last, e.Time)
		stream.Seq++
		value = append(binary.AppendVarint(value[:0], now-e.Time), e.Message...)
		if err := b.Set(eventKey(group, Position{e.Time, stream.ID, stream.Seq}), value, nil); err != nil {
			return err
		}
	}
	stream.Ingested = now
	if err := putStream(b, key, stream); err != nil {
		return err
	}
	return s.commit(b)
}

// parseEvent copies the event that an iterator is at.
func parseEvent(it *pebble.Iterator) (Event, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return Event{}, err
	}
	delay, n := binary.Varint(value)
	if n <= 0 || len(it.Key()) < positionBytes {
		return Event{}, errors.New("damaged log event")
	}
	p := positionOf(it.Key())
	return Event{Position: p, Ingested: p.Time + delay, Message: string(value[n:])}, nil
}

// Backward yields the events of one stream in r that are before a position, the
// newest first.
func (s *Store) Backward(group string, stream Stream, r Range, before Position) iter.Seq2[Event, error] {
	r = r.Clip(stream.span()).Clip(Range{0, before.Time + 1})
	return func(yield func(Event, error) bool) {
		if r.Empty() {
			return
		}
		it, err := s.events(group, r)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer it.Close()
		end := Position{r.End, stream.ID, 0}
		if before.Time < r.End {
			end = Position{before.Time, stream.ID, before.Seq}
		}
		first, last := r.days()
		for day := last; day >= first; day-- {
			bound := after(streamDayPrefix(group, day, stream.ID))
			if day == dayOf(end.Time) {
				bound = eventKey(group, end)
			}
			for it.SeekLT(bound); it.Valid(); it.Prev() {
				p := positionOf(it.Key())
				if p.Stream != stream.ID || dayOf(p.Time) != day || p.Time < r.Start {
					break
				}
				e, err := parseEvent(it)
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
		if err := it.Error(); err != nil {
			yield(Event{}, fmt.Errorf("read log events: %w", err))
		}
	}
}

// events iterates over the events of a group on the days of r.
func (s *Store) events(group string, r Range) (*pebble.Iterator, error) {
	first, last := r.days()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: dayPrefix(group, first), UpperBound: after(dayPrefix(group, last))})
	if err != nil {
		return nil, fmt.Errorf("read log events: %w", err)
	}
	return it, nil
}
