package state

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestChangedSince(t *testing.T) {
	s := NewMemory()
	put := func(s *Store, fail error, tasks ...Task) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *Tx) error {
			for _, task := range tasks {
				tx.Tasks.Put(tx, task)
			}
			return fail
		})
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
	}
	check := func(what string, v *View, m Mark, want ...string) {
		t.Helper()
		got, known := v.ChangedSince(m)
		slices.Sort(got)
		if got = slices.Compact(got); !known || !slices.Equal(got, want) {
			t.Errorf("%s: got %v (known: %t), want %v", what, got, known, want)
		}
	}
	put(s, nil, Task{ARN: "0", Instance: "h"})
	first := s.View()
	put(s, nil, Task{ARN: "1", Instance: "i"}, Task{ARN: "2", Instance: "j"}, Task{ARN: "3"})
	check("tasks placed", s.View(), first.Mark(), "i", "j")
	check("seen from a view of before", first, s.View().Mark(), "i", "j")
	second := s.View()
	check("nothing", second, second.Mark())
	put(s, nil, Task{ARN: "1", Instance: "j"})
	check("a task moved", s.View(), second.Mark(), "i", "j")

	var within Mark
	undone := errors.New("undone")
	err := s.Update(t.Context(), func(tx *Tx) error {
		tx.ContainerInstances.Put(tx, ContainerInstance{ARN: "k"})
		tx.Attributes.Put(tx, Attribute{Target: "l", Name: "a"})
		within = tx.Mark()
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	put(s, nil, Task{ARN: "4", Instance: "m"})
	check("since a transaction that failed", s.View(), within, "k", "l", "m")

	before := s.View().Mark()
	if err := s.Update(t.Context(), func(tx *Tx) error { tx.Daemons.Put(tx, Daemon{ARN: "daemon"}); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, known := s.View().ChangedSince(before); known {
		t.Error("a daemon changed, which concerns all instances")
	}

	fork := s.Fork(time.Now)
	if _, known := fork.View().ChangedSince(second.Mark()); known {
		t.Error("a fork knows what happened elsewhere")
	}
	third, thirdOfFork := s.View().Mark(), fork.View().Mark()
	put(s, nil, Task{ARN: "5", Instance: "here"})
	put(fork, nil, Task{ARN: "5", Instance: "there"})
	check("the store after a fork", s.View(), third, "here")
	check("the fork", fork.View(), thirdOfFork, "there")

	for n := range 3 * memorable / 1000 {
		var tasks []Task
		for i := range 1000 {
			tasks = append(tasks, Task{ARN: fmt.Sprint(n, "-", i), Instance: "n"})
		}
		put(s, nil, tasks...)
	}
	if _, known := s.View().ChangedSince(second.Mark()); known {
		t.Error("what was long ago is known")
	}
	late := s.View().Mark()
	put(s, nil, Task{ARN: "6", Instance: "o"})
	check("the last write", s.View(), late, "o")
}

func TestRecall(t *testing.T) {
	v := NewMemory().View()
	add := func(memory any) any {
		n, _ := memory.(int)
		return n + 1
	}
	v.Recall("a", add)
	v.Recall("a", add)
	func() {
		defer func() { _ = recover() }()
		v.Recall("b", func(any) any { panic("in the middle") })
	}()
	v.Recall("b", add)
	v.Recall("a", func(memory any) any {
		if memory != 2 {
			t.Errorf("got %v, want 2", memory)
		}
		return memory
	})
	v.Recall("b", func(memory any) any {
		if memory != 1 {
			t.Errorf("got %v after a panic, want 1", memory)
		}
		return memory
	})
}
