package place

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/state"
)

// What was asked for longest ago is forgotten first.
func TestMemory(t *testing.T) {
	v := instances(t, "i a 1000 1000 0", "j a 1000 1000 0").View()
	m := &memory{orders: map[string]*order{}, most: 5} // two orders
	for _, step := range []struct{ ask, want string }{
		{"x", "x"}, {"x", "x"}, {"y", "xy"}, {"x", "yx"}, {"z", "xz"}, {"y", "zy"},
	} {
		r := request(1)
		r.Group = step.ask
		known, was := m.orders[r.key()]
		if o := m.order(v, r); was && o != known {
			t.Errorf("%s was made anew", step.ask)
		}
		got := ""
		for _, key := range m.recent {
			got += m.orders[key].request.Group
		}
		if got != step.want || len(m.orders) != len(got) || m.entries != 2*len(got) {
			t.Errorf("after %s: %s are remembered, with %d entries; want %s", step.ask, got, m.entries, step.want)
		}
	}
	m.most = 1
	if m.order(v, request(1)); m.entries != 2 {
		t.Errorf("of one order that is too big, %d entries are kept, want 2", m.entries)
	}
}

// Plans of any view may ask while a transaction writes.
func TestTasksAtOnce(t *testing.T) {
	store := instances(t, "i a 9000 9000 0", "j b 9000 9000 0", "k c 9000 9000 0")
	r := request(3)
	r.Strategy = strategies("spread:attribute:ecs.availability-zone")
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 15 {
				places, _ := Tasks(store.View(), r)
				_ = store.Update(t.Context(), func(tx *state.Tx) error {
					places, _ = Tasks(tx.View, r)
					for k, p := range places {
						tx.Tasks.Put(tx, state.Task{ARN: fmt.Sprint(n, " ", i, " ", k), Instance: p.Instance, Group: r.Group, Takes: p.Takes})
					}
					return nil
				})
				instances := strings.Fields(names(places))
				slices.Sort(instances)
				if !slices.Equal(instances, []string{"i", "j", "k"}) {
					t.Errorf("got %v, want one task on each", instances)
				}
			}
		})
	}
	all.Wait()
	for _, instance := range []string{"i", "j", "k"} {
		if n := store.View().Usage(instance).Tasks; n != 60 {
			t.Errorf("%s has %d tasks, want 60", instance, n)
		}
	}
}
