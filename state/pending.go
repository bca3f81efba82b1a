package state

import (
	"fmt"

	"berth/state/journal"
)

// pending holds the transactions of a term that have run and are not durable
// yet, in batches, oldest first. The last batch is open. The store's lock
// guards it.
type pending struct {
	limits  journal.Limits
	batches []*batch
	sealed  *View         // the view of the newest batch that is not open
	some    chan struct{} // has a token when a batch was opened
}

// batch is the transactions that become durable together.
type batch struct {
	changes map[Key][]byte // newest value of each record; nil: deleted
	bytes   int            // at most, as a record may be counted twice
	view    *View          // after these transactions; nil while it is open

	done chan struct{} // closed when the batch is durable or has failed
	err  error
}

func newPending(durable *View, limits journal.Limits) *pending {
	return &pending{limits: limits, sealed: durable, some: make(chan struct{}, 1)}
}

// add puts a transaction into the open batch, or, if it does not fit, into the
// next one. A transaction that fits in none is undone.
func (p *pending) add(tx *Tx) (*batch, error) {
	changes, size, err := tx.encode()
	if err == nil && (len(changes) > p.limits.Changes || size > p.limits.Bytes) {
		err = &TooLarge{len(changes), size, p.limits}
	}
	if err != nil {
		tx.undo()
		return nil, err
	}
	open := p.open()
	if len(open.changes)+len(changes) > p.limits.Changes || open.bytes+size > p.limits.Bytes {
		tx.undo() // the view of the full batch must not show this transaction
		p.seal(tx.View)
		tx.redo()
		open = p.open()
	}
	for key, value := range changes {
		open.changes[key] = value
	}
	open.bytes += size
	return open, nil
}

// open returns the open batch.
func (p *pending) open() *batch {
	if n := len(p.batches); n > 0 && p.batches[n-1].view == nil {
		return p.batches[n-1]
	}
	b := &batch{changes: map[Key][]byte{}, done: make(chan struct{})}
	p.batches = append(p.batches, b)
	select {
	case p.some <- struct{}{}:
	default:
	}
	return b
}

// seal ends the open batch with the state that its transactions left.
func (p *pending) seal(head *View) {
	p.sealed = head.snapshot(p.sealed)
	p.batches[len(p.batches)-1].view = p.sealed
}

// take returns the oldest batch, sealed, or nil.
func (p *pending) take(head *View) *batch {
	if len(p.batches) == 0 {
		return nil
	}
	b := p.batches[0]
	if b.view == nil {
		p.seal(head)
	}
	p.batches = p.batches[1:]
	return b
}

// fail answers all who wait. Nothing may be added any more.
func (p *pending) fail(reason error) {
	for _, b := range p.batches {
		b.fail(&Unavailable{reason})
	}
	p.batches = nil
}

func (b *batch) fail(err error) {
	b.err = err
	close(b.done)
}

// journalled returns the batch as the journal takes it.
func (b *batch) journalled() []journal.Change {
	out := make([]journal.Change, 0, len(b.changes))
	for key, value := range b.changes {
		out = append(out, journal.Change{Key: key.journalled(), Value: value})
	}
	return out
}

func (b *batch) keys() []Key {
	out := make([]Key, 0, len(b.changes))
	for key := range b.changes {
		out = append(out, key)
	}
	return out
}

// encode returns what tx wrote, each record once, and its size in the journal.
func (tx *Tx) encode() (changes map[Key][]byte, size int, err error) {
	changes = make(map[Key][]byte, len(tx.changes))
	for i := len(tx.changes) - 1; i >= 0; i-- { // the newest write of a record counts
		c := tx.changes[i]
		key := Key{c.table.Name(), c.key}
		if _, ok := changes[key]; ok {
			continue
		}
		var value []byte
		if c.record != nil {
			if value, err = c.table.encode(c.record); err != nil {
				return nil, 0, fmt.Errorf("encode %s: %w", key, err)
			}
		}
		changes[key] = value
		size += len(key.Table) + len(key.Key) + len(value)
	}
	return changes, size, nil
}
