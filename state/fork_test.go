package state

import (
	"slices"
	"testing"
	"time"
)

func TestForkGoesItsOwnWay(t *testing.T) {
	s := NewMemory()
	put := func(s *Store, arn string) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *Tx) error {
			tx.Clusters.Put(tx, Cluster{ARN: arn, CreatedAt: tx.Now()})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	arns := func(s *Store) (all []string) {
		for c := range s.View().Clusters.All() {
			all = append(all, c.ARN)
		}
		return all
	}
	put(s, "a")
	err := s.Update(t.Context(), func(tx *Tx) error {
		tx.Roles.Put(tx, Role{Name: "kept"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	f := s.Fork(func() time.Time { return later })
	put(f, "b")
	put(s, "c")
	if got := arns(s); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("the store has %v", got)
	}
	if got := arns(f); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the fork has %v", got)
	}
	if n := f.View().Roles.Len(); n != 1 {
		t.Errorf("the fork has %d roles after a write to another table", n)
	}
	if b, _ := f.View().Clusters.Get("b"); !b.CreatedAt.Equal(later) {
		t.Errorf("the fork's time is %v, want %v", b.CreatedAt, later)
	}
}
