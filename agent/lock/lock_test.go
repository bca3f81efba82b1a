package lock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var locks Named
		var trace string
		enter := func(name, mark string) {
			unlock, err := locks.Acquire(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			trace += mark + "("
			<-time.After(time.Second)
			trace += ")"
			unlock()
		}
		go enter("a", "1")
		synctest.Wait()
		go enter("a", "2")
		synctest.Wait()
		if err := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := locks.Acquire(ctx, "a")
			return err
		}(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting ended with %v, want the context's error", err)
		}
		if unlock, err := locks.Acquire(t.Context(), "b"); err != nil {
			t.Error(err)
		} else {
			unlock()
		}
		<-time.After(time.Minute)
		if want := "1()2()"; trace != want {
			t.Errorf("got %s, want %s: two held one lock", trace, want)
		}
		if len(locks.held) != 0 {
			t.Errorf("%d locks are kept that nobody holds", len(locks.held))
		}
	})
}
