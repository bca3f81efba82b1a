package state

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"berth/state/journal"
)

// What the journal says about itself, beside the records.
const (
	schemaKey    = "schema"    // number of the schema that the records are in
	restoringKey = "restoring" // exists while a snapshot is being restored
)

// migration changes records that an older version of berth wrote. It sees each
// record once, as it is in the journal, and returns what to write instead:
// nothing, its new value, or several changes. It leaves alone what it has
// already changed: a migration that is interrupted runs again from its start.
type migration func(key Key, value []byte) ([]journal.Change, error)

// migrations lists every step from one schema to the next. The first leads
// from schema 1 to 2. Append only.
var migrations = []migration{}

// schema is the schema that comes after some migrations.
func schema(done []migration) int { return 1 + len(done) }

// SchemaError says that a newer version of berth wrote the journal.
type SchemaError struct{ Found, Known int }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the data is in schema %d and this version of berth knows schemas up to %d: use a newer berth", e.Found, e.Known)
}

// Unreadable says that the journal holds what no version of berth wrote that
// this one knows.
type Unreadable struct{ Reason error }

func (e *Unreadable) Error() string { return e.Reason.Error() }
func (e *Unreadable) Unwrap() error { return e.Reason }

func unreadable(format string, args ...any) error { return &Unreadable{fmt.Errorf(format, args...)} }

// applyMeta notes what the journal says about itself.
func (v *View) applyMeta(c journal.Change) error {
	switch c.Key {
	case restoringKey:
		v.restoring = c.Value != nil
	case schemaKey:
		n, err := strconv.Atoi(string(c.Value))
		if err != nil {
			return unreadable("the journal's schema number is %q", c.Value)
		}
		v.schema = n
	default:
		return unreadable("the journal has the key %q, which this version of berth does not know", c.Key)
	}
	return nil
}

// usable says why what was loaded must not be shown by who knows schemas up to
// known.
func (v *View) usable(known int) error {
	switch {
	case v.schema > known:
		return &SchemaError{v.schema, known}
	case v.restoring:
		return errors.New("a snapshot is being restored; if that was interrupted, restore it again")
	}
	return nil
}

// migrate brings the journal to this version's schema, and loads what came out.
func (s *Store) migrate(ctx context.Context, term journal.Term) error {
	found, known := s.View().schema, schema(s.migrations)
	switch found {
	case known:
		return nil
	case 0: // empty
		if err := s.migrateTo(ctx, term, known, nil); err != nil {
			return err
		}
	}
	for n := found; n > 0 && n < known; n++ {
		s.log.InfoContext(ctx, "migrating the data", "from", n, "to", n+1)
		if err := s.migrateTo(ctx, term, n+1, s.migrations[n-1]); err != nil {
			return fmt.Errorf("migrate from schema %d: %w", n, err)
		}
	}
	_, err := s.load(ctx)
	return err
}

// migrateTo takes one step, if there is one to take, and writes the number of
// the schema last.
func (s *Store) migrateTo(ctx context.Context, term journal.Term, schema int, step migration) error {
	w := &writer{term: term, limits: s.cfg.Journal.Limits()}
	if step != nil {
		_, err := s.cfg.Journal.Load(ctx, func(c journal.Change) error {
			key, ok := keyOf(c.Key)
			if !ok {
				return nil
			}
			changes, err := step(key, c.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			return w.put(ctx, changes...)
		})
		if err != nil {
			return err
		}
	}
	if err := w.put(ctx, journal.Change{Key: schemaKey, Value: []byte(strconv.Itoa(schema))}); err != nil {
		return err
	}
	return w.flush(ctx)
}

// writer writes many changes to a journal, in as many commits as they need.
type writer struct {
	term   journal.Term
	limits journal.Limits

	changes []journal.Change
	bytes   int
}

func (w *writer) put(ctx context.Context, changes ...journal.Change) error {
	for _, c := range changes {
		size := len(c.Key) + len(c.Value)
		if len(w.changes) == w.limits.Changes || w.bytes+size > w.limits.Bytes {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
		w.changes = append(w.changes, c)
		w.bytes += size
	}
	return nil
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.changes) == 0 {
		return nil
	}
	_, err := w.term.Commit(ctx, w.changes)
	w.changes, w.bytes = w.changes[:0], 0
	return err
}
