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

// schema is the schema that this version of berth reads and writes.
func schema() int { return 1 + len(migrations) }

// SchemaError says that a newer version of berth wrote the journal.
type SchemaError struct{ Found, Known int }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the data is in schema %d and this version of berth knows schemas up to %d: use a newer berth", e.Found, e.Known)
}

// applyMeta notes what the journal says about itself.
func (v *View) applyMeta(c journal.Change) error {
	switch c.Key {
	case restoringKey:
		v.restoring = c.Value != nil
	case schemaKey:
		n, err := strconv.Atoi(string(c.Value))
		if err != nil {
			return fmt.Errorf("the journal's schema number is %q", c.Value)
		}
		v.schema = n
	default:
		return fmt.Errorf("the journal has the key %q, which this version of berth does not know", c.Key)
	}
	return nil
}

// usable says why what was loaded must not be shown.
func (v *View) usable() error {
	switch {
	case v.schema > schema():
		return &SchemaError{v.schema, schema()}
	case v.restoring:
		return errors.New("a snapshot is being restored; if that was interrupted, restore it again")
	}
	return nil
}

// migrate brings the journal to this version's schema, and loads what came out.
func (s *Store) migrate(ctx context.Context, term journal.Term) error {
	found := s.View().schema
	if found == schema() {
		return nil
	}
	w := &writer{term: term, limits: s.cfg.Journal.Limits()}
	empty := found == 0
	for n := found; !empty && n < schema(); n++ {
		s.log.InfoContext(ctx, "migrating the data", "from", n, "to", n+1)
		if err := migrateStep(ctx, s.cfg.Journal, w, migrations[n-1]); err != nil {
			return fmt.Errorf("migrate from schema %d: %w", n, err)
		}
		if err := w.put(ctx, journal.Change{Key: schemaKey, Value: []byte(strconv.Itoa(n + 1))}); err != nil {
			return err
		}
		if err := w.flush(ctx); err != nil { // the next step reads what this one wrote
			return err
		}
	}
	if empty {
		if err := w.put(ctx, journal.Change{Key: schemaKey, Value: []byte(strconv.Itoa(schema()))}); err != nil {
			return err
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	_, err := s.load(ctx)
	return err
}

func migrateStep(ctx context.Context, j journal.Journal, w *writer, step migration) error {
	_, err := j.Load(ctx, func(c journal.Change) error {
		key, ok := keyOf(c.Key)
		if !ok {
			return nil
		}
		changes, err := step(key, c.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		for _, change := range changes {
			if err := w.put(ctx, change); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// writer writes many changes to a journal, in as many commits as they need.
type writer struct {
	term   journal.Term
	limits journal.Limits

	changes []journal.Change
	bytes   int
}

func (w *writer) put(ctx context.Context, c journal.Change) error {
	size := len(c.Key) + len(c.Value)
	if len(w.changes) == w.limits.Changes || w.bytes+size > w.limits.Bytes {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.changes = append(w.changes, c)
	w.bytes += size
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
