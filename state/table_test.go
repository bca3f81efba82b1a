package state

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	s := NewMemory()
	s.Update(t.Context(), func(tx *Tx) error {
		for _, text := range []string{"t1 c1", "t2 c2", "t3 c1", "u1 c1", "u2"} {
			tx.Tasks.Put(tx, task(text))
		}
		return nil
	})
	v := s.View()
	for _, tc := range []struct {
		name string
		got  iter.Seq[Task]
		want string
	}{
		{"all", v.Tasks.All(), "t1 t2 t3 u1 u2"},
		{"from a key that is there", v.Tasks.From("t2"), "t2 t3 u1 u2"},
		{"from one that is not", v.Tasks.From("t21"), "t3 u1 u2"},
		{"with a prefix", v.Tasks.Prefix("t"), "t1 t2 t3"},
		{"with none", v.Tasks.Prefix("x"), ""},
		{"by index", v.TasksOf("c1", ""), "t1 t3 u1"},
		{"by index from a key", v.TasksOfFrom("c1", "", "t2"), "t3 u1"},
		{"by a key that starts another", v.TasksOf("c", ""), ""},
	} {
		if got := arns(tc.got); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
	if _, ok := v.Tasks.Get("t4"); ok || v.Tasks.Has("t4") || !v.Tasks.Has("t1") || v.Tasks.Len() != 5 {
		t.Error("Get, Has and Len do not agree")
	}
}

func TestOnlyTransactionsWrite(t *testing.T) {
	s := NewMemory()
	mustPut(t, s, "a")
	var leaked *Tx
	s.Update(t.Context(), func(tx *Tx) error { leaked = tx; return nil })
	for name, write := range map[string]func(*Tx){
		"to a view":       func(tx *Tx) { s.View().Clusters.Put(tx, Cluster{ARN: "b"}) },
		"after its end":   func(*Tx) { leaked.Clusters.Put(leaked, Cluster{ARN: "b"}) },
		"deletes in view": func(tx *Tx) { s.View().Clusters.Delete(tx, "a") },
	} {
		panicked := false
		s.Update(t.Context(), func(tx *Tx) error {
			defer func() { panicked = recover() != nil }()
			write(tx)
			return nil
		})
		if !panicked {
			t.Errorf("a write %s is possible", name)
		}
	}
	checkNames(t, s.View(), "a")
}

// task reads "t1 c1": a task of a cluster. Its instance is as its cluster.
func task(text string) Task {
	arn, cluster, _ := strings.Cut(text, " ")
	return Task{ARN: arn, Cluster: cluster, Instance: strings.Replace(cluster, "c", "i", 1)}
}

func arns(tasks iter.Seq[Task]) string {
	var out []string
	for t := range tasks {
		out = append(out, t.ARN)
	}
	return strings.Join(out, " ")
}

// FuzzTables runs random transactions against tables and a map, in batches, and
// compares all that can be read, within transactions and in each batch's view.
func FuzzTables(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		s, model := NewMemory(), map[string]string{}
		s.pending.limits.Changes = 12
		want := map[*batch]map[string]string{} // what its view has to show
		for range 60 {
			next, tx := maps.Clone(model), s.begin()
			err := tx.run(func(tx *Tx) error {
				for range r.IntN(10) {
					writeAtRandom(r, tx, next)
				}
				compare(t, tx.View, next)
				if r.IntN(4) == 0 {
					return errors.New("no")
				}
				return nil
			})
			if err == nil {
				b, err := s.pending.add(tx)
				if err != nil {
					t.Fatal(err)
				}
				model, want[b] = next, next
			}
			compare(t, s.head, model)
			if r.IntN(4) == 0 {
				s.pending.take(s.head)
			}
		}
		for b, model := range want {
			if b.view != nil {
				compare(t, b.view, model)
			}
		}
	})
}

// writeAtRandom puts or deletes one task, in the transaction and the model.
func writeAtRandom(r *rand.Rand, tx *Tx, model map[string]string) {
	key := fmt.Sprint("t", r.IntN(40))
	if r.IntN(3) == 0 {
		tx.Tasks.Delete(tx, key)
		delete(model, key)
		return
	}
	model[key] = fmt.Sprint("c", r.IntN(5))
	tx.Tasks.Put(tx, task(key+" "+model[key]))
}

func compare(t *testing.T, v *View, model map[string]string) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(model))
	if got, want := arns(v.Tasks.All()), strings.Join(keys, " "); got != want || v.Tasks.Len() != len(keys) {
		t.Fatalf("%d tasks: %s\nwant %s", v.Tasks.Len(), got, want)
	}
	for n := range 5 {
		cluster := fmt.Sprint("c", n)
		var want []string
		for _, k := range keys {
			if model[k] == cluster {
				want = append(want, k)
			}
		}
		if got := arns(v.TasksOf(cluster, "")); got != strings.Join(want, " ") {
			t.Fatalf("cluster %s has %s\nwant %s", cluster, got, want)
		}
		if got := arns(v.TasksOn(fmt.Sprint("i", n))); got != strings.Join(want, " ") {
			t.Fatalf("instance i%d has %s\nwant %s", n, got, want)
		}
	}
}

func TestWritingWhileWalking(t *testing.T) {
	for name, walk := range map[string]func(*Tx) iter.Seq[Task]{
		"all":      func(tx *Tx) iter.Seq[Task] { return tx.Tasks.All() },
		"prefix":   func(tx *Tx) iter.Seq[Task] { return tx.Tasks.Prefix("t") },
		"by index": func(tx *Tx) iter.Seq[Task] { return tx.TasksOf("c1", "") },
	} {
		s := NewMemory()
		write := func(fn func(tx *Tx)) {
			s.Update(t.Context(), func(tx *Tx) error { fn(tx); return nil })
		}
		write(func(tx *Tx) {
			for i := range 1000 {
				tx.Tasks.Put(tx, task(fmt.Sprintf("t%03d c1", i)))
			}
		})
		seen := 0
		write(func(tx *Tx) {
			for found := range walk(tx) {
				if want := fmt.Sprintf("t%03d", seen); found.ARN != want {
					t.Fatalf("%s: saw %s, want %s", name, found.ARN, want)
				}
				seen++
				tx.Tasks.Delete(tx, fmt.Sprintf("t%03d", 999-seen)) // one that is still to come
				tx.Tasks.Put(tx, task(found.ARN+"x c1"))
			}
		})
		if seen != 1000 {
			t.Errorf("%s: saw %d of 1000", name, seen)
		}
	}
}
