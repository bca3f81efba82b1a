package plan

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"berth/state"
)

// Events stay in the order in which they were recorded, even if a restarted
// control plane finds the clock before the last one.
func TestEventsStayInOrder(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	store := state.NewReplayable(func() time.Time { return now }, rand.Reader)
	record := func(message string) {
		if err := store.Update(t.Context(), func(tx *state.Tx) error {
			RecordEvent{Service: "web", Message: message}.Apply(tx)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	record("first")
	record("second")
	now = now.Add(-time.Minute)
	var err error
	if store, err = store.Reload(); err != nil {
		t.Fatal(err)
	}
	record("third")
	var got []string
	for e := range store.View().LatestEventsOf("web") {
		got = append(got, e.Message)
	}
	if text := strings.Join(got, " "); text != "third second first" {
		t.Errorf("newest first: %s", text)
	}
}
