package state

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// Tx is one transaction. It reads through its View, which shows its own writes,
// and writes with the tables' Put and Delete. Only a transaction gives time and
// ids. It is valid until the function it was given to returns.
type Tx struct {
	*View
	now     time.Time
	changes []change
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
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (tx *Tx) write(t table, key string, record any) {
	old := t.replace(key, record)
	tx.changes = append(tx.changes, change{t, key, record, old})
}

// undo takes back all writes, newest first.
func (tx *Tx) undo() {
	for i := len(tx.changes) - 1; i >= 0; i-- {
		c := tx.changes[i]
		c.table.replace(c.key, c.old)
	}
}
