package control

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
	"berth/state/journal"
)

// write changes s in one transaction.
func write(t *testing.T, s *state.Store, change func(*state.Tx)) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *state.Tx) error {
		change(tx)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// deleting writes a revision whose deletion was asked for.
func deleting(arn string) func(*state.Tx) {
	return func(tx *state.Tx) {
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{
			TaskDefinitionArn: aws.String(arn), Status: types.TaskDefinitionStatusDeleteInProgress}})
	}
}

func quiet(s *state.Store) Config { return Config{Store: s, Log: slog.New(slog.DiscardHandler)} }

// running runs f beside the control of s, on a clock that jumps.
func running(t *testing.T, s *state.Store, f func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- New(quiet(s)).Run(ctx) }()
	f()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTaskDefinitionsGoWhenNothingRunsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := state.NewMemory()
		write(t, s, deleting("web:1"))
		write(t, s, deleting("web:2"))
		write(t, s, func(tx *state.Tx) {
			tx.Tasks.Put(tx, state.Task{ARN: "task", Definition: "web:2", Last: "RUNNING"})
		})
		running(t, s, func() {
			synctest.Wait()
			if s.View().TaskDefinitions.Has("web:1") {
				t.Error("an unused revision is still there")
			}
			if !s.View().TaskDefinitions.Has("web:2") {
				t.Fatal("a revision is gone while a task runs it")
			}
			// The record of the task does not say any more what it ran.
			write(t, s, func(tx *state.Tx) { tx.Tasks.Delete(tx, "task") })
			synctest.Wait()
			if s.View().TaskDefinitions.Has("web:2") {
				t.Error("a revision is still there after its last task")
			}
			write(t, s, deleting("web:3"))
			synctest.Wait()
			if s.View().TaskDefinitions.Has("web:3") {
				t.Error("a revision is still there that was unused when its deletion was asked for")
			}
		})
	})
}

// A server that takes the lead applies what it could only plan before.
func TestFollowerAppliesOnceItLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := journal.NewMemory()
		first, second := open(t, m.Server("a")), open(t, m.Server("b"))
		ctx, resign := context.WithCancel(t.Context())
		go first.Run(ctx)
		synctest.Wait()
		write(t, first, deleting("web:1"))

		ctx, stop := context.WithCancel(t.Context())
		go second.Run(ctx)
		running(t, second, func() {
			synctest.Wait()
			if !second.View().TaskDefinitions.Has("web:1") {
				t.Error("a follower applied a plan")
			}
			sub := second.Subscribe(second.View().TaskDefinitions.Name())
			defer sub.Close()
			resign()
			for second.View().TaskDefinitions.Has("web:1") {
				<-sub.Changed() // the clock jumps to the next attempt
				sub.Take()
			}
		})
		stop()
	})
}

func open(t *testing.T, j journal.Journal) *state.Store {
	t.Helper()
	s, err := state.New(state.Config{Journal: j, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
