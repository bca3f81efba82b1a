package state

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// Table holds the records of one kind in key order, with its indexes. A table
// of a view never changes. Records are values: get one, change it, put it back;
// what they point to (slices, maps, SDK structs) is shared and never modified.
type Table[T any] struct {
	kind    *kind[T]
	rows    *btree.Map[string, *T]
	indexes []*btree.Set[string]      // entries are index key, separator, record key
	tally   *btree.Map[string, int]   // records by what they count as
	sums    *btree.Map[string, Usage] // what records take together, by what they take it of
	trail   trail                     // container instances that writes concerned
	dirty   bool                      // written since the last snapshot
	frozen  bool                      // part of a snapshot
}

// kind is what all versions of a table share.
type kind[T any] struct {
	name    string
	key     func(*T) string
	indexes []func(*T) string   // an empty index key leaves the record out
	lists   []func(*T) []string // indexes too, numbered after them, that file a record under several keys
	tallies []func(*T) string   // what a record counts as; empty for nothing
	sum     func(*T) (of string, u Usage)

	instance func(*T) string // ARN of the container instance that a record concerns; nil if none ever does
}

// separator stands between an index key and a record key; neither contains it.
const separator = "\x00"

func newTable[T any](k *kind[T]) Table[T] {
	t := Table[T]{kind: k, rows: new(btree.Map[string, *T]), tally: new(btree.Map[string, int]), sums: new(btree.Map[string, Usage])}
	for range len(k.indexes) + len(k.lists) {
		t.indexes = append(t.indexes, new(btree.Set[string]))
	}
	return t
}

// Get returns the record with that key.
func (t *Table[T]) Get(key string) (T, bool) {
	if r, ok := t.rows.Get(key); ok {
		return *r, true
	}
	var zero T
	return zero, false
}

// Has reports whether there is a record with that key.
func (t *Table[T]) Has(key string) bool {
	_, ok := t.rows.Get(key)
	return ok
}

// Name returns the table's name, as in a [Key].
func (t *Table[T]) Name() string { return t.kind.name }

// Len returns the number of records.
func (t *Table[T]) Len() int { return t.rows.Len() }

// All yields every record in key order.
func (t *Table[T]) All() iter.Seq[T] { return t.From("") }

// From yields the records whose key is at least key, in key order.
func (t *Table[T]) From(key string) iter.Seq[T] {
	return func(yield func(T) bool) {
		t.steady().rows.Ascend(key, func(_ string, r *T) bool { return yield(*r) })
	}
}

// Prefix yields the records whose key starts with prefix, in key order.
func (t *Table[T]) Prefix(prefix string) iter.Seq[T] {
	return func(yield func(T) bool) {
		t.steady().rows.Ascend(prefix, func(key string, r *T) bool {
			return strings.HasPrefix(key, prefix) && yield(*r)
		})
	}
}

// backward yields the records whose key starts with prefix, the last one first.
func (t *Table[T]) backward(prefix string) iter.Seq[T] {
	return func(yield func(T) bool) {
		t.steady().rows.Descend(prefix+"\xff", func(key string, r *T) bool {
			return strings.HasPrefix(key, prefix) && yield(*r)
		})
	}
}

// by yields the records that index n files under key, in record key order.
func (t *Table[T]) by(n int, key string) iter.Seq[T] { return t.byFrom(n, key, "") }

// byFrom is by, from a record key on.
func (t *Table[T]) byFrom(n int, key, record string) iter.Seq[T] {
	return func(yield func(T) bool) {
		t := t.steady()
		t.indexes[n].Ascend(key+separator+record, func(entry string) bool {
			record, ok := strings.CutPrefix(entry, key+separator)
			if !ok {
				return false
			}
			r, _ := t.rows.Get(record)
			return yield(*r)
		})
	}
}

// first returns the first record that index n files under key.
func (t *Table[T]) first(n int, key string) (r T, ok bool) {
	t.indexes[n].Ascend(key+separator, func(entry string) bool {
		if record, found := strings.CutPrefix(entry, key+separator); found {
			r, ok = t.Get(record)
		}
		return false
	})
	return r, ok
}

// steady returns the table as it is now: who walks along a transaction's table
// may write to it on the way.
func (t *Table[T]) steady() *Table[T] {
	if t.frozen {
		return t
	}
	return t.copy()
}

// copy returns a table that writes to t leave alone. It takes no time; what is
// written later pays for it.
func (t *Table[T]) copy() *Table[T] {
	c := &Table[T]{kind: t.kind, rows: t.rows.Copy(), tally: t.tally.Copy(), sums: t.sums.Copy(), trail: t.trail, frozen: true}
	for _, index := range t.indexes {
		c.indexes = append(c.indexes, index.Copy())
	}
	return c
}

// Put writes r within tx, under its own key.
func (t *Table[T]) Put(tx *Tx, r T) {
	tx.write(t, t.kind.key(&r), &r)
}

// Delete removes the record with that key within tx, if there is one.
func (t *Table[T]) Delete(tx *Tx, key string) {
	if t.Has(key) {
		tx.write(t, key, nil)
	}
}

// table is a Table of any record type, as transactions and the journal see it.
type table interface {
	Name() string
	replace(key string, record any) (old any) // a *T, or nil for none
	decode(value []byte) (record any, err error)
	encode(record any) ([]byte, error)
	each(func(key string, record any) error) error
	snapshot(next, last table)
	fork(next table)
}

func (t *Table[T]) replace(key string, record any) (old any) {
	if t.frozen {
		panic("state: write to a table of a view; write to the transaction's own")
	}
	t.dirty = true
	var before, after *T
	if record != nil {
		after = record.(*T)
		before, _ = t.rows.Set(key, after)
	} else {
		before, _ = t.rows.Delete(key)
	}
	t.file(key, before, (*btree.Set[string]).Delete)
	t.file(key, after, (*btree.Set[string]).Insert)
	t.count(before, -1)
	t.count(after, 1)
	t.follow(before, after)
	if before == nil {
		return nil
	}
	return before
}

// file enters a record into all indexes, or takes it out.
func (t *Table[T]) file(key string, r *T, enter func(index *btree.Set[string], entry string)) {
	if r == nil {
		return
	}
	for i, index := range t.kind.indexes {
		if k := index(r); k != "" {
			enter(t.indexes[i], k+separator+key)
		}
	}
	for i, list := range t.kind.lists {
		for _, k := range list(r) {
			enter(t.indexes[len(t.kind.indexes)+i], k+separator+key)
		}
	}
}

// count adds n to the number of records that count as r does, and n times what
// r takes to what they take together.
func (t *Table[T]) count(r *T, n int) {
	if r == nil {
		return
	}
	for _, tally := range t.kind.tallies {
		if key := tally(r); key != "" {
			add(t.tally, key, func(old int) int { return old + n })
		}
	}
	if t.kind.sum != nil {
		if of, u := t.kind.sum(r); of != "" {
			add(t.sums, of, func(old Usage) Usage { return old.plus(u, n) })
		}
	}
}

// follow notes which container instances a write concerns.
func (t *Table[T]) follow(before, after *T) {
	last := ""
	for _, r := range []*T{before, after} {
		if r == nil || t.kind.instance == nil {
			continue
		}
		if arn := t.kind.instance(r); arn != "" && arn != last {
			t.trail.add(arn)
			last = arn
		}
	}
}

// add changes the number under key. One that becomes zero is forgotten.
func add[N comparable](numbers *btree.Map[string, N], key string, change func(N) N) {
	var zero N
	old, _ := numbers.Get(key)
	if changed := change(old); changed == zero {
		numbers.Delete(key)
	} else {
		numbers.Set(key, changed)
	}
}

// snapshot makes next, a plain copy of t, independent of t. A table that was
// not written since last was taken shares everything with last.
func (t *Table[T]) snapshot(next, last table) {
	n := next.(*Table[T])
	if !t.dirty {
		*n = *last.(*Table[T])
		n.frozen = true
		return
	}
	t.dirty = false
	*n = *t.copy()
}

// fork makes next a table of its own that starts as t is.
func (t *Table[T]) fork(next table) {
	n := next.(*Table[T])
	*n = *t.copy()
	n.trail = trail{} // it has a history of its own
	n.dirty, n.frozen = true, false
}

func (t *Table[T]) each(fn func(key string, record any) error) (err error) {
	t.rows.Scan(func(key string, r *T) bool {
		err = fn(key, r)
		return err == nil
	})
	return err
}

func (t *Table[T]) encode(record any) ([]byte, error) { return codec.EncodeJSON(record) }

func (t *Table[T]) decode(value []byte) (any, error) {
	r := new(T)
	_, err := codec.DecodeJSON(value, r)
	return r, err
}
