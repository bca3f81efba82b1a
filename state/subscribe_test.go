package state

import (
	"fmt"
	"strings"
	"testing"
)

func TestSubscription(t *testing.T) {
	s := NewMemory()
	sub := s.Subscribe("clusters", "families")
	defer sub.Close()
	check := func(want string) {
		t.Helper()
		var got []string
		keys, all := sub.Take()
		if all {
			got = append(got, "all")
		}
		for _, k := range keys {
			got = append(got, k.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("took %q, want %q", got, want)
		}
	}
	quiet := func() {
		t.Helper()
		select {
		case <-sub.Changed():
			t.Error("woken for nothing")
		default:
		}
	}

	<-sub.Changed()
	check("all")
	quiet()
	mustPut(t, s, "b", "a")
	mustPut(t, s, "b")
	<-sub.Changed()
	check("clusters/a clusters/b")
	check("")
	quiet()

	s.Update(t.Context(), func(tx *Tx) error {
		tx.Tasks.Put(tx, Task{ARN: "t"})
		return nil
	})
	quiet() // not one of its tables
	s.Update(t.Context(), func(tx *Tx) error {
		tx.Clusters.Delete(tx, "a")
		tx.Families.Put(tx, Family{Name: "web"})
		return nil
	})
	<-sub.Changed()
	if s.View().Clusters.Has("a") {
		t.Error("the view does not show yet what the subscriber was woken for")
	}
	check("clusters/a families/web")
	sub.Close()
	mustPut(t, s, "c")
	quiet()
}

func TestSubscribeKnowsTables(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); got != `state: no table "jobs"` {
			t.Errorf("panic: %s", got)
		}
	}()
	NewMemory().Subscribe("jobs")
}
