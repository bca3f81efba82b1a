package lifecycle

import (
	"strings"
	"testing"
	"time"

	"berth/state"
)

func TestTask(t *testing.T) {
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		for _, status := range []string{"ACTIVE", "DRAINING", "INACTIVE"} {
			tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: status, Status: status})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, last, instance string
		after                time.Duration // since it stopped
		want                 string
		wake                 time.Time
	}{
		{"runs on", "RUNNING", "ACTIVE", 0, "", time.Time{}},
		{"runs on while its instance drains", "RUNNING", "DRAINING", 0, "", time.Time{}},
		{"waits for a place", "PROVISIONING", "", 0, "", time.Time{}},
		{"ends with its instance", "PENDING", "INACTIVE", 0, "end t: Container instance deregistration forced by user", time.Time{}},
		{"ends where nothing is left of that", "STOPPING", "gone", 0, "end t: Container instance deregistration forced by user", time.Time{}},
		{"can be described", "STOPPED", "ACTIVE", 59 * time.Minute, "", noon.Add(time.Hour)},
		{"is forgotten", "STOPPED", "gone", time.Hour, "remove t", time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := Limits{KeepStopped: time.Hour}
			p := l.Task(store.View(), state.Task{ARN: "t", Last: tc.last, Instance: tc.instance, StoppedAt: noon}, noon.Add(tc.after))
			if got := strings.Join(p.Strings(), "; "); got != tc.want || !p.Wake.Equal(tc.wake) {
				t.Errorf("got %q and wake at %v, want %q and %v", got, p.Wake, tc.want, tc.wake)
			}
		})
	}
}
