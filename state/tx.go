package state

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"
)

// Tx is one transaction. It reads through its View, which shows its own writes,
// and writes with the tables' Put and Delete. Only a transaction gives time and
// ids. It is valid until the function it was given to returns.
type Tx struct {
	*View
	now     time.Time
	random  io.Reader
	changes []change
	over    bool
}

// change is one write: enough to make it durable, and to undo it.
type change struct {
	table       table
	key         string
	record, old any
}

// Now returns the transaction's time, in UTC and whole milliseconds, as AWS
// gives its timestamps. It is never earlier than an earlier transaction's.
func (tx *Tx) Now() time.Time { return tx.now }

// NewID returns a new id of 32 hexadecimal digits, like those of tasks and
// container instances.
func (tx *Tx) NewID() string {
	var b [16]byte
	if _, err := io.ReadFull(tx.random, b[:]); err != nil {
		panic(fmt.Sprintf("state: no randomness for an id: %v", err))
	}
	return hex.EncodeToString(b[:])
}

func (tx *Tx) write(t table, key string, record any) {
	if tx.over {
		panic("state: write after the transaction's end")
	}
	old := t.replace(key, record)
	tx.changes = append(tx.changes, change{t, key, record, old})
}

// run calls fn, and undoes what it wrote if it fails or panics.
func (tx *Tx) run(fn func(*Tx) error) (err error) {
	finished := false
	defer func() {
		tx.over = true
		if err != nil || !finished {
			tx.undo()
		}
	}()
	err = fn(tx)
	finished = true
	return err
}

// undo takes back all writes, newest first.
func (tx *Tx) undo() {
	for _, c := range slices.Backward(tx.changes) {
		c.table.replace(c.key, c.old)
	}
}

// redo makes the writes again that undo took back.
func (tx *Tx) redo() {
	for _, c := range tx.changes {
		c.table.replace(c.key, c.record)
	}
}
