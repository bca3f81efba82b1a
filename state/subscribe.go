package state

import (
	"fmt"
	"slices"
	"sync"
)

// Subscription collects which records of some tables changed, for one reader.
// However slow that is, it holds the store up never and loses no change: it
// learns that a record changed, not how often.
type Subscription struct {
	subs   *subscriptions
	tables []string

	mu      sync.Mutex
	all     bool
	keys    map[Key]struct{}
	changed chan struct{}
}

// Subscribe returns a subscription to the tables of these names, as [Table.Name]
// gives them: store.View().Tasks.Name(). Its first Take says that everything
// changed, so that a reader needs no other start. It panics on an unknown name.
func (s *Store) Subscribe(tables ...string) *Subscription {
	known := s.View().tables()
	for _, name := range tables {
		if !slices.ContainsFunc(known, func(t table) bool { return t.Name() == name }) {
			panic(fmt.Sprintf("state: no table %q", name))
		}
	}
	sub := &Subscription{subs: &s.subs, tables: tables, keys: map[Key]struct{}{}, changed: make(chan struct{}, 1)}
	sub.addAll()
	s.subs.mu.Lock()
	defer s.subs.mu.Unlock()
	if s.subs.set == nil {
		s.subs.set = map[*Subscription]struct{}{}
	}
	s.subs.set[sub] = struct{}{}
	return sub
}

// Changed has a token when Take has something to give.
func (sub *Subscription) Changed() <-chan struct{} { return sub.changed }

// Take returns which records changed since the last Take, written or deleted,
// in order. The store's View already shows the changes. When all is true any
// record may have changed: the subscription is new, or the store was reloaded.
func (sub *Subscription) Take() (keys []Key, all bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	for k := range sub.keys {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.compare)
	all = sub.all
	clear(sub.keys)
	sub.all = false
	return keys, all
}

// Close ends the subscription.
func (sub *Subscription) Close() {
	sub.subs.mu.Lock()
	defer sub.subs.mu.Unlock()
	delete(sub.subs.set, sub)
}

func (sub *Subscription) add(keys []Key) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.all {
		return
	}
	for _, k := range keys {
		if slices.Contains(sub.tables, k.Table) {
			sub.keys[k] = struct{}{}
		}
	}
	if len(sub.keys) > 0 {
		sub.wake()
	}
}

func (sub *Subscription) addAll() {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	clear(sub.keys)
	sub.all = true
	sub.wake()
}

func (sub *Subscription) wake() {
	select {
	case sub.changed <- struct{}{}:
	default:
	}
}

// subscriptions is who wants to know what changes. The zero value has none.
type subscriptions struct {
	mu  sync.Mutex
	set map[*Subscription]struct{}
}

func (s *subscriptions) add(keys []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.set {
		sub.add(keys)
	}
}

func (s *subscriptions) addAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.set {
		sub.addAll()
	}
}
