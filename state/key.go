package state

import (
	"cmp"
	"strings"
)

// Key names one record.
type Key struct {
	Table string // such as clusters, as in the journal
	Key   string // as the table has it: mostly an ARN
}

func (k Key) String() string { return k.Table + "/" + k.Key }

// records is the part of the journal that holds records. What stands beside it
// is about the journal itself.
const records = "v1/"

func (k Key) journalled() string { return records + k.Table + "/" + k.Key }

// keyOf reads a key of the journal; ok is false when it is no record's.
func keyOf(journalled string) (k Key, ok bool) {
	rest, ok := strings.CutPrefix(journalled, records)
	if !ok {
		return Key{}, false
	}
	k.Table, k.Key, ok = strings.Cut(rest, "/")
	return k, ok
}

func (k Key) compare(other Key) int {
	return cmp.Or(strings.Compare(k.Table, other.Table), strings.Compare(k.Key, other.Key))
}
