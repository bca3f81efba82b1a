package state

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestCountTasks(t *testing.T) {
	s := NewMemory()
	counts := func(v *View, cluster string) (out []string) {
		for c := range v.CountTasks(cluster) {
			out = append(out, fmt.Sprint(c.Tasks, " ", c.LaunchType, " ", c.Last))
		}
		return out
	}
	want := func(v *View, cluster string, want ...string) {
		t.Helper()
		if got := counts(v, cluster); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	put := func(tx *Tx, id, cluster, launchType, last string) {
		tx.Tasks.Put(tx, Task{ARN: id, Cluster: cluster, LaunchType: launchType, Last: last})
	}
	update := func(fn func(*Tx) error) {
		if err := s.Update(t.Context(), fn); err != nil && !errors.Is(err, errTest) {
			t.Fatal(err)
		}
	}
	update(func(tx *Tx) error {
		put(tx, "1", "a", "EC2", "PENDING")
		put(tx, "2", "a", "EC2", "PENDING")
		put(tx, "3", "a", "FARGATE", "RUNNING")
		put(tx, "4", "ab", "EC2", "PENDING")
		return nil
	})
	before := s.View()
	update(func(tx *Tx) error {
		put(tx, "1", "a", "EC2", "RUNNING")
		tx.Tasks.Delete(tx, "3")
		want(tx.View, "a", "1 EC2 PENDING", "1 EC2 RUNNING")
		return nil
	})
	update(func(tx *Tx) error {
		put(tx, "5", "a", "EC2", "RUNNING")
		return errTest // and takes it back
	})
	want(s.View(), "a", "1 EC2 PENDING", "1 EC2 RUNNING")
	want(s.View(), "ab", "1 EC2 PENDING")
	want(s.View(), "none")
	want(before, "a", "2 EC2 PENDING", "1 FARGATE RUNNING")
}

var errTest = errors.New("test")
