package control

import (
	"time"

	"github.com/tidwall/btree"
)

// agenda is which objects to look at, and when. The zero value is empty.
type agenda struct {
	when  map[string]time.Time
	order *btree.BTreeG[entry]
	rests map[string]time.Time // until when the keys that rest do
}

type entry struct {
	at  time.Time
	key string
}

func earlier(a, b entry) bool {
	if c := a.at.Compare(b.at); c != 0 {
		return c < 0
	}
	return a.key < b.key
}

// set puts key on the agenda at a time, in place of the time it had. A key that
// rests comes up at the end of its rest, if that is later.
func (a *agenda) set(key string, at time.Time) {
	if a.when == nil {
		a.when = map[string]time.Time{}
		a.order = btree.NewBTreeGOptions(earlier, btree.Options{NoLocks: true})
	}
	a.remove(key)
	if until := a.rests[key]; at.Before(until) {
		at = until
	}
	a.when[key] = at
	a.order.Set(entry{at, key})
}

// rest keeps key from coming up before a time. Once it comes up, it rests no more.
func (a *agenda) rest(key string, until time.Time) {
	if a.rests == nil {
		a.rests = map[string]time.Time{}
	}
	a.rests[key] = until
}

// remove takes key off the agenda.
func (a *agenda) remove(key string) {
	if at, ok := a.when[key]; ok {
		a.order.Delete(entry{at, key})
		delete(a.when, key)
	}
}

// by lists the keys whose time has come, the earliest first.
func (a *agenda) by(now time.Time) (keys []string) {
	if a.order != nil {
		a.order.Scan(func(e entry) bool {
			if e.at.After(now) {
				return false
			}
			keys = append(keys, e.key)
			return true
		})
	}
	return keys
}

// take removes and returns the keys whose time has come, the earliest first.
func (a *agenda) take(now time.Time) (keys []string) {
	keys = a.by(now)
	for _, key := range keys {
		a.remove(key)
		delete(a.rests, key)
	}
	return keys
}

// next returns the time of what comes first.
func (a *agenda) next() (time.Time, bool) {
	if a.order == nil {
		return time.Time{}, false
	}
	e, ok := a.order.Min()
	return e.at, ok
}
