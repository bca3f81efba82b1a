package state

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"berth/state/journal"
)

// load replaces everything by what the journal holds.
func (s *Store) load(ctx context.Context) (journal.Event, error) {
	start := time.Now()
	l := newLoader()
	now, err := s.cfg.Journal.Load(ctx, l.add)
	head, readErr := l.finish()
	if err := cmp.Or(head.usable(schema(s.migrations)), err, readErr); err != nil {
		return now, err
	}
	s.mu.Lock()
	s.head, s.leader = head, s.other(now.Leader)
	s.reason = errors.New("no leader is elected yet")
	s.show(newView(), now.Revision)
	s.mu.Unlock()
	s.subs.addAll()
	s.change.fire()
	s.metrics.loadedSeconds.Set(time.Since(start).Seconds())
	return now, nil
}

// loader reads records on all processors while more arrive, and puts them into
// a view in the order in which they came.
type loader struct {
	head    *View
	filling *piece
	toRead  chan *piece
	toPut   chan *piece
	readers sync.WaitGroup
	putter  sync.WaitGroup
	err     error // of the putter
}

// piece is some changes that one reader reads.
type piece struct {
	changes []journal.Change
	rows    []row
	err     error
	read    chan struct{} // closed when rows and err are there
}

// row is a record and where it belongs; without a table, a meta key of the
// journal.
type row struct {
	table  table
	key    string
	record any
}

const pieceSize = 256

func newLoader() *loader {
	n := runtime.GOMAXPROCS(0)
	l := &loader{head: newView(), toRead: make(chan *piece, 4*n), toPut: make(chan *piece, 4*n)}
	for range n {
		l.readers.Go(func() {
			for p := range l.toRead {
				p.rows, p.err = l.head.read(p.changes)
				close(p.read)
			}
		})
	}
	l.putter.Go(l.put)
	return l
}

// add takes one change. Meta keys it applies at once: records of another schema
// may be unreadable.
func (l *loader) add(c journal.Change) error {
	if _, ok := keyOf(c.Key); !ok {
		return l.head.applyMeta(c)
	}
	if l.filling == nil {
		l.filling = &piece{changes: make([]journal.Change, 0, pieceSize), read: make(chan struct{})}
	}
	l.filling.changes = append(l.filling.changes, c)
	if len(l.filling.changes) == pieceSize {
		l.flush()
	}
	return nil
}

func (l *loader) flush() {
	if l.filling != nil {
		l.toRead <- l.filling
		l.toPut <- l.filling
		l.filling = nil
	}
}

func (l *loader) put() {
	for p := range l.toPut {
		if <-p.read; l.err == nil {
			l.err = p.err
		}
		if l.err == nil {
			l.err = l.head.putAll(p.changes, p.rows)
		}
	}
}

// finish returns the view with all that was added.
func (l *loader) finish() (*View, error) {
	l.flush()
	close(l.toRead)
	close(l.toPut)
	l.readers.Wait()
	l.putter.Wait()
	return l.head, l.err
}

// apply writes changes of the journal into a view that is not shown yet.
func (v *View) apply(changes ...journal.Change) error {
	rows, err := v.read(changes)
	if err != nil {
		return err
	}
	return v.putAll(changes, rows)
}

// read makes rows of changes. It does not change v.
func (v *View) read(changes []journal.Change) ([]row, error) {
	tables, rows := v.tables(), make([]row, len(changes))
	for i, c := range changes {
		key, ok := keyOf(c.Key)
		if !ok {
			continue
		}
		rows[i].key = key.Key
		for _, t := range tables {
			if t.Name() == key.Table {
				rows[i].table = t
			}
		}
		if rows[i].table == nil {
			return nil, unreadable("the journal has %s, a table this version of berth does not know", key)
		}
		if c.Value == nil {
			continue
		}
		record, err := rows[i].table.decode(c.Value)
		if err != nil {
			return nil, unreadable("read %s from the journal: %w", key, err)
		}
		rows[i].record = record
	}
	return rows, nil
}

func (v *View) putAll(changes []journal.Change, rows []row) error {
	for i, r := range rows {
		if r.table != nil {
			r.table.replace(r.key, r.record)
		} else if err := v.applyMeta(changes[i]); err != nil {
			return err
		}
	}
	return nil
}
