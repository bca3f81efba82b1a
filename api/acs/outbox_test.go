package acs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/api/acs/message"
	"berth/api/acs/payload"
	"berth/state"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// desk is an outbox and its time.
type desk struct {
	*outbox
	store *state.Store
	now   time.Time
	sent  map[string]string // what was sent, to the id of its newest message
}

func newDesk(t *testing.T) *desk {
	d := &desk{outbox: newOutbox(), store: newStore(t), now: noon, sent: map[string]string{}}
	d.payload = payload.Config{Region: region, Account: account, Endpoint: "http://127.0.0.1:8080"}
	d.instance, d.cluster, d.epoch = instance, cluster, 7
	return d
}

// send returns what is due after some time, such as "manifest", "run a" or
// "TaskApplication a", and when the next is, after noon.
func (d *desk) send(t *testing.T, after time.Duration) (texts []string, wake time.Duration) {
	t.Helper()
	d.now = d.now.Add(after)
	d.lookAt(d.store.View(), nil, true, d.now)
	messages, failed, next := d.next(d.store.View(), d.now)
	if len(failed) > 0 {
		t.Fatalf("failed: %v", failed)
	}
	for _, m := range messages {
		var text, id string
		switch m := m.(type) {
		case *message.Manifest:
			text, id = "manifest", m.MessageID
		case *message.Payload:
			text, id = "run", m.MessageID
			if m.Tasks[0].DesiredStatus == "STOPPED" {
				text = "stop"
			}
			text += m.Tasks[0].ARN[strings.LastIndexByte(m.Tasks[0].ARN, '/'):]
		case *message.Credentials:
			text, id = m.RoleType+m.Task[strings.LastIndexByte(m.Task, '/'):], m.MessageID
		}
		texts = append(texts, text)
		d.sent[text] = id
	}
	if !next.IsZero() {
		wake = next.Sub(noon)
	}
	return texts, wake
}

func (d *desk) expect(t *testing.T, after time.Duration, want string, wantWake time.Duration) {
	t.Helper()
	got, wake := d.send(t, after)
	if text := strings.Join(got, ", "); text != want || wake != wantWake {
		t.Errorf("after %v: sent %q, next at %v; want %q and %v", after, text, wake, want, wantWake)
	}
}

const second = time.Second

func TestOutboxResends(t *testing.T) {
	d := newDesk(t)
	put(t, d.store, "a", "PENDING>RUNNING")
	d.expect(t, 0, "manifest, run/a", 5*second)
	d.acked(d.sent["manifest"], false, d.now)
	d.expect(t, 4*second, "", 5*second)
	d.expect(t, 1*second, "run/a", 15*second) // 5 s later, then 10
	d.expect(t, 10*second, "run/a", 35*second)
	d.acked(d.sent["run/a"], false, d.now)
	d.expect(t, time.Hour, "", 0)
}

// An acknowledgment of a message that was sent again since comes too late.
func TestOutboxWaitsForTheNewestAcknowledgment(t *testing.T) {
	d := newDesk(t)
	put(t, d.store, "a", "PENDING>RUNNING")
	d.expect(t, 0, "manifest, run/a", 5*second)
	first := d.sent["run/a"]
	d.acked(d.sent["manifest"], false, d.now)
	d.expect(t, 5*second, "run/a", 15*second)
	d.acked(first, false, d.now)
	d.expect(t, 10*second, "run/a", 35*second)
}

func TestOutboxStopsUntilStopped(t *testing.T) {
	d := newDesk(t)
	d.looked = true
	put(t, d.store, "a", "PENDING>RUNNING")
	d.expect(t, 0, "run/a", 5*second)
	put(t, d.store, "a", "PENDING>STOPPED")
	d.expect(t, 1*second, "stop/a", 6*second) // and no run any more
	if got := d.acked(d.sent["stop/a"], false, d.now); got != ecs+"task/stub/a" {
		t.Errorf("the task that stops is %q", got)
	}
	d.expect(t, 1*second, "", 61*second) // acknowledged at 1 s
	d.expect(t, 60*second, "stop/a", 67*second)
	put(t, d.store, "a", "STOPPED>STOPPED")
	d.expect(t, time.Hour, "", 0)
	if len(d.letters) != 0 || len(d.outbox.sent) != 0 {
		t.Errorf("still knows %v %v", d.letters, d.outbox.sent)
	}
}

func TestOutboxRenewsCredentials(t *testing.T) {
	role := func(t *state.Task) {
		t.TaskRole, t.TaskCredentials = "arn:aws:iam::123456789012:role/app", "id"
	}
	d := newDesk(t)
	d.looked = true
	put(t, d.store, "new", "PENDING>RUNNING", role)
	d.expect(t, 0, "run/new", 5*second)
	d.acked(d.sent["run/new"], true, d.now) // of the credentials in it
	d.acked(d.sent["run/new"], false, d.now)
	put(t, d.store, "new", "RUNNING>RUNNING", role)
	d.expect(t, second, "", time.Hour)
	d.expect(t, time.Hour-second, "TaskApplication/new", time.Hour+5*second)
	d.acked(d.sent["TaskApplication/new"], true, d.now)
	d.expect(t, second, "", 2*time.Hour)

	// Tasks that ran before: at once for an agent that has lost them, soon otherwise.
	for _, tc := range []struct {
		restarted bool
		want      string
		wake      time.Duration
	}{{true, "TaskApplication/new", 5 * second}, {false, "", time.Minute}} {
		next := newDesk(t)
		next.store, next.looked, next.restarted = d.store, true, tc.restarted
		next.expect(t, 0, tc.want, tc.wake)
	}
}

// A role that cannot be assumed fails a task that has not started, and leaves
// one alone that runs.
func TestOutboxRoleOfARunningTaskIsGone(t *testing.T) {
	d := newDesk(t)
	d.looked, d.restarted = true, true
	put(t, d.store, "a", "RUNNING>RUNNING", func(t *state.Task) { t.TaskRole = "arn:aws:iam::123456789012:role/gone" })
	d.expect(t, 0, "", time.Minute)
}

// Whatever the order of things, an agent is told what the state says in the end.
func FuzzOutbox(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, steps []byte) {
		d := newDesk(t)
		statuses := []string{"PENDING>RUNNING", "RUNNING>RUNNING", "RUNNING>STOPPED", "STOPPED>STOPPED"}
		at := map[string]int{}
		told := map[string]string{} // by the messages that the agent has acknowledged
		step := func(ack bool, after time.Duration) {
			texts, _ := d.send(t, after)
			for _, text := range texts {
				if ack {
					d.acked(d.sent[text], false, d.now)
					kind, id, _ := strings.Cut(text, "/")
					told[id] = kind
				}
			}
		}
		for _, b := range steps[:min(len(steps), 100)] {
			id := fmt.Sprint(b % 3)
			if b&4 != 0 { // a task moves on
				at[id] = min(at[id]+int(b>>6), len(statuses)-1)
				put(t, d.store, id, statuses[at[id]])
			}
			step(b&8 != 0, time.Duration(b>>4)*second)
		}
		for range 3 {
			step(true, 2*time.Minute)
		}
		for id, n := range at {
			want := map[string][]string{"PENDING>RUNNING": {"run"}, "RUNNING>STOPPED": {"stop"}}[statuses[n]]
			if want != nil && !slices.Contains(want, told[id]) {
				t.Errorf("the agent was told to %q task %s, which is %s", told[id], id, statuses[n])
			}
		}
	})
}
