package logstore

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Stream is a log stream. Times are in milliseconds since 1970; those of a
// stream without events are zero.
type Stream struct {
	Name     string `json:"-"`
	ID       uint64 `json:"id"`
	Created  int64  `json:"created"`
	First    int64  `json:"first,omitempty"`    // time of the earliest event
	Last     int64  `json:"last,omitempty"`     // time of the latest event
	Ingested int64  `json:"ingested,omitempty"` // when the newest events came
	Seq      uint64 `json:"seq,omitempty"`      // of the newest event
}

// CreateStream makes a stream, or returns ErrExists.
func (s *Store) CreateStream(group, name string, now int64) error {
	if err := s.writable(); err != nil {
		return err
	}
	key := streamKey(group, name)
	defer s.lock(key)()
	if _, err := s.stream(key); !errors.Is(err, ErrNotFound) {
		if err == nil {
			err = ErrExists
		}
		return err
	}
	var id [8]byte
	rand.Read(id[:])
	b := s.db.NewBatch()
	defer b.Close()
	if err := putStream(b, key, Stream{ID: binary.BigEndian.Uint64(id[:]), Created: now}); err != nil {
		return err
	}
	return s.commit(b)
}

// DeleteStream deletes a stream with its events.
func (s *Store) DeleteStream(group, name string) error {
	if err := s.deletable(); err != nil {
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
	if err := b.Delete(key, nil); err != nil {
		return err
	}
	for day := dayOf(stream.First); stream.Last > 0 && day <= dayOf(stream.Last); day++ {
		events := streamDayPrefix(group, day, stream.ID)
		if err := b.DeleteRange(events, after(events), nil); err != nil {
			return err
		}
	}
	return s.commit(b)
}

// Stream finds a stream, or returns ErrNotFound.
func (s *Store) Stream(group, name string) (Stream, error) {
	stream, err := s.stream(streamKey(group, name))
	stream.Name = name
	return stream, err
}

func (s *Store) stream(key []byte) (Stream, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return Stream{}, ErrNotFound
	}
	if err != nil {
		return Stream{}, fmt.Errorf("read log stream: %w", err)
	}
	defer closer.Close()
	return parseStream(value)
}

func parseStream(value []byte) (stream Stream, err error) {
	if err = json.Unmarshal(value, &stream); err != nil {
		err = fmt.Errorf("read log stream: %w", err)
	}
	return stream, err
}

func putStream(b *pebble.Batch, key []byte, stream Stream) error {
	value, err := json.Marshal(stream)
	if err != nil {
		return err
	}
	return b.Set(key, value, nil)
}

// Streams yields the streams of a group whose names have a prefix, by name.
func (s *Store) Streams(group, prefix string) iter.Seq2[Stream, error] {
	return s.streamsFrom(group, prefix, streamKey(group, prefix))
}

// StreamsFrom is [Store.Streams] from a name on.
func (s *Store) StreamsFrom(group, prefix, name string) iter.Seq2[Stream, error] {
	return s.streamsFrom(group, prefix, streamKey(group, max(prefix, name)))
}

func (s *Store) streamsFrom(group, prefix string, from []byte) iter.Seq2[Stream, error] {
	return func(yield func(Stream, error) bool) {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(streamKey(group, prefix))})
		if err != nil {
			yield(Stream{}, fmt.Errorf("read log streams: %w", err))
			return
		}
		defer it.Close()
		skip := len(groupPrefix(streamKind, group))
		for it.First(); it.Valid(); it.Next() {
			stream, err := parseStream(it.Value())
			stream.Name = string(it.Key()[skip:])
			if !yield(stream, err) || err != nil {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Stream{}, fmt.Errorf("read log streams: %w", err))
		}
	}
}
