package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/plan"
	"berth/state"
)

// set gives a family a revision; the loop under test wants some for its plan.
type set struct {
	family string
	to     int32
}

func (s set) Apply(tx *state.Tx) {
	f, _ := tx.Families.Get(s.family)
	f.LastRevision = s.to
	tx.Families.Put(tx, f)
}

func (s set) String() string { return fmt.Sprintf("set %s to %d", s.family, s.to) }

// watched is a loop over families that notes which of them it plans, when.
type watched struct {
	plan func(f state.Family, now time.Time) plan.Plan

	mu      sync.Mutex
	started time.Time
	planned []string // "web@5s"
}

func (w *watched) loop() loop[state.Family] {
	return loop[state.Family]{
		name:    "families",
		objects: func(v *state.View) *state.Table[state.Family] { return &v.Families },
		key:     func(f state.Family) string { return f.Name },
		related: func(v *state.View) []string { return []string{v.Clusters.Name()} },
		concerns: func(_ *state.View, changed []state.Key) (keys []string) {
			for _, k := range changed {
				keys = append(keys, k.Key) // a cluster concerns the family of its ARN
			}
			return keys
		},
		plan: func(_ *state.View, f state.Family, now time.Time) plan.Plan {
			w.mu.Lock()
			w.planned = append(w.planned, fmt.Sprintf("%s@%v", f.Name, now.Sub(w.started).Truncate(time.Second)))
			w.mu.Unlock()
			return w.plan(f, now)
		},
	}
}

// run runs the loop over a store with these families while f runs.
func (w *watched) run(t *testing.T, families string, f func(t *testing.T, s *state.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.started = time.Now()
		s := state.NewMemory()
		write(t, s, func(tx *state.Tx) {
			for name := range strings.FieldsSeq(families) {
				tx.Families.Put(tx, state.Family{Name: name})
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.loop().run(ctx, New(quiet(s)).cfg) }()
		synctest.Wait()
		f(t, s)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// took returns what was planned since the last call, in order of names.
func (w *watched) took() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.planned)
	text := strings.Join(w.planned, " ")
	w.planned = nil
	return text
}

func TestLoopPlansWhatConcernsAnObject(t *testing.T) {
	w := &watched{plan: func(state.Family, time.Time) (p plan.Plan) { return p }}
	w.run(t, "a b", func(t *testing.T, s *state.Store) {
		for _, step := range []struct {
			name   string
			change func(*state.Tx)
			want   string
		}{
			{"the start", func(*state.Tx) {}, "a@0s b@0s"},
			{"a change", func(tx *state.Tx) { tx.Families.Put(tx, state.Family{Name: "b", LastRevision: 1}) }, "b@0s"},
			{"a new object", func(tx *state.Tx) { tx.Families.Put(tx, state.Family{Name: "c"}) }, "c@0s"},
			{"a deleted object", func(tx *state.Tx) { tx.Families.Delete(tx, "c") }, ""},
			{"a related record", func(tx *state.Tx) { tx.Clusters.Put(tx, state.Cluster{ARN: "a"}) }, "a@0s"},
			{"a deleted related record", func(tx *state.Tx) { tx.Clusters.Delete(tx, "a") }, "a@0s"},
			{"a record of no concern", func(tx *state.Tx) { tx.Services.Put(tx, state.Service{ARN: "a"}) }, ""},
		} {
			write(t, s, step.change)
			synctest.Wait()
			if got := w.took(); got != step.want {
				t.Errorf("%s: planned %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestLoopAppliesUntilNothingIsLeft(t *testing.T) {
	w := &watched{plan: func(f state.Family, _ time.Time) (p plan.Plan) {
		if f.LastRevision < 3 {
			p.Do(set{f.Name, f.LastRevision + 1})
		}
		return p
	}}
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprint("family-", i))
	}
	w.run(t, strings.Join(names, " "), func(t *testing.T, s *state.Store) {
		for f := range s.View().Families.All() {
			if f.LastRevision != 3 {
				t.Errorf("%s is at %d, want 3", f.Name, f.LastRevision)
			}
		}
	})
}

func TestLoopWakesWhenAPlanSays(t *testing.T) {
	var w *watched
	w = &watched{plan: func(f state.Family, now time.Time) (p plan.Plan) {
		due := map[string]time.Duration{"late": time.Hour, "soon": 5 * time.Second}[f.Name]
		switch at := w.started.Add(due); {
		case f.LastRevision > 0:
		case now.Before(at):
			p.WakeAt(at)
		default:
			p.Do(set{f.Name, 1})
		}
		return p
	}}
	w.run(t, "late soon", func(t *testing.T, s *state.Store) {
		if got := w.took(); got != "late@0s soon@0s" {
			t.Errorf("planned %q at the start", got)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		// To see that it is due, within the transaction, and after the change.
		if got := w.took(); got != "soon@5s soon@5s soon@5s" {
			t.Errorf("planned %q in the first minute", got)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if got := w.took(); got != "late@1h0m0s late@1h0m0s late@1h0m0s" {
			t.Errorf("planned %q in the hour after", got)
		}
	})
}

// What is applied is what is planned within the transaction.
func TestLoopPlansAgainWithinTheTransaction(t *testing.T) {
	first := true
	w := &watched{plan: func(f state.Family, _ time.Time) (p plan.Plan) {
		if first {
			first = false
			p.Do(set{f.Name, 7})
		}
		return p
	}}
	w.run(t, "a", func(t *testing.T, s *state.Store) {
		if f, _ := s.View().Families.Get("a"); f.LastRevision != 0 {
			t.Errorf("a plan for a state that has passed set %d", f.LastRevision)
		}
	})
}

func TestLoopDoesNotSpin(t *testing.T) {
	w := &watched{plan: func(_ state.Family, now time.Time) (p plan.Plan) {
		p.WakeAt(now.Add(-time.Hour))
		return p
	}}
	w.run(t, "a", func(*testing.T, *state.Store) {
		<-time.After(time.Second)
		if n := strings.Count(w.took(), "a@"); n > 1002 {
			t.Errorf("planned %d times in a second", n)
		}
	})
}

// While an object that takes long to plan rests, its changes are collected.
func TestLoopPlansManyChangesTogether(t *testing.T) {
	w := &watched{plan: func(f state.Family, _ time.Time) (p plan.Plan) {
		if f.Name == "large" {
			<-time.After(10 * time.Second)
		}
		return p
	}}
	w.run(t, "large small", func(t *testing.T, s *state.Store) {
		<-time.After(15 * time.Second) // the first plan took 10 s, and so does the rest
		w.took()
		for n := range int32(3) {
			for _, name := range []string{"large", "small"} {
				write(t, s, func(tx *state.Tx) { tx.Families.Put(tx, state.Family{Name: name, LastRevision: n + 1}) })
			}
			<-time.After(time.Second)
		}
		if got := w.took(); got != "small@15s small@16s small@17s" {
			t.Errorf("planned %q while one rests", got)
		}
		<-time.After(30 * time.Second)
		if got := w.took(); got != "large@20s" {
			t.Errorf("planned %q after that", got)
		}
	})
}

// An object whose plan fails is tried again, and holds up no other.
func TestLoopGoesOnAfterAPanic(t *testing.T) {
	w := &watched{}
	w.plan = func(f state.Family, now time.Time) (p plan.Plan) {
		if f.Name == "bad" && now.Sub(w.started) < 10*time.Second {
			panic("a bug")
		}
		if f.LastRevision == 0 {
			p.Do(set{f.Name, 1})
		}
		return p
	}
	w.run(t, "bad good", func(t *testing.T, s *state.Store) {
		at := func(name string) int32 {
			f, _ := s.View().Families.Get(name)
			return f.LastRevision
		}
		if at("good") != 1 || at("bad") != 0 {
			t.Errorf("good is at %d and bad at %d, want 1 and 0", at("good"), at("bad"))
		}
		<-time.After(20 * time.Second)
		if at("bad") != 1 {
			t.Error("bad was not tried again")
		}
	})
}

func TestAgenda(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var a agenda
	if _, ok := a.next(); ok {
		t.Error("an empty agenda has something next")
	}
	a.set("later", noon.Add(time.Hour))
	a.set("moved", noon.Add(time.Hour))
	a.set("now", noon)
	a.set("moved", noon.Add(-time.Minute))
	if got := strings.Join(a.take(noon), " "); got != "moved now" {
		t.Errorf("took %q", got)
	}
	if at, ok := a.next(); !ok || !at.Equal(noon.Add(time.Hour)) {
		t.Errorf("next is %v %v", at, ok)
	}
	if got := a.take(noon); got != nil {
		t.Errorf("took %q again", got)
	}
	a.rest("later", noon.Add(2*time.Hour))
	a.set("later", noon)
	if got := a.take(noon.Add(time.Hour)); got != nil {
		t.Errorf("took %q while it rests", got)
	}
	if got := strings.Join(a.take(noon.Add(2*time.Hour)), " "); got != "later" {
		t.Errorf("took %q at the end of its rest", got)
	}
	a.set("later", noon)
	if got := strings.Join(a.take(noon), " "); got != "later" {
		t.Errorf("took %q after its rest", got)
	}
}

// By hand, a loop plans what concerns its objects when that is due, as by itself.
func TestManualLoop(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	w := &watched{plan: func(f state.Family, _ time.Time) (p plan.Plan) {
		if f.LastRevision < 2 {
			p.Do(set{f.Name, f.LastRevision + 1})
			p.WakeAt(noon.Add(time.Hour))
		}
		return p
	}}
	s := state.NewMemory()
	write(t, s, func(tx *state.Tx) { tx.Families.Put(tx, state.Family{Name: "a"}) })
	m := w.loop().manual(quiet(s))
	for range 3 {
		if due := m.Due(noon); !slices.Equal(due, []string{"a"}) {
			t.Fatalf("due: %q", due)
		}
		if _, err := m.Turn(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if at, ok := m.Next(); ok {
		t.Errorf("due again at %v, and there is nothing to do", at)
	}
	if f, _ := s.View().Families.Get("a"); f.LastRevision != 2 {
		t.Errorf("is at %d, want 2", f.LastRevision)
	}
}
