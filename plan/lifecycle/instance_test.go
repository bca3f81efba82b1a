package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/state"
)

var (
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	limits = Limits{FargateLostAfter: 5 * time.Minute}
)

func TestContainerInstance(t *testing.T) {
	for _, tc := range []struct {
		status string
		after  time.Duration // since it was deregistered
		want   []string
		wake   time.Time
	}{
		{"ACTIVE", 2 * time.Hour, nil, time.Time{}},
		{"DRAINING", 2 * time.Hour, nil, time.Time{}},
		{"INACTIVE", 0, nil, noon.Add(time.Hour)},
		{"INACTIVE", time.Hour - time.Millisecond, nil, noon.Add(time.Hour)},
		{"INACTIVE", time.Hour, []string{"remove i"}, time.Time{}},
	} {
		i := state.ContainerInstance{ARN: "i", Status: tc.status, DeregisteredAt: noon}
		p := limits.ContainerInstance(state.NewMemory().View(), i, noon.Add(tc.after))
		if got := p.Strings(); !slices.Equal(got, tc.want) || !p.Wake.Equal(tc.wake) {
			t.Errorf("%s after %v: got %q and wake at %v, want %q and %v", tc.status, tc.after, got, p.Wake, tc.want, tc.wake)
		}
	}
}

// at reads a duration after noon.
func at(t *testing.T, text string) time.Time {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return noon.Add(d)
}

// The socket of the instance is on server a. A server is "name start seen", in
// durations after noon.
func TestLostServer(t *testing.T) {
	for _, tc := range []struct {
		name, servers, now string
		want, wake         string
	}{
		{"its server is alive", "a 0s 50s", "60s", "", "90s"},
		{"its server is alive, and another", "a 0s 50s, b 0s 55s", "60s", "", "80s"},
		{"it died beside another", "a 0s 50s, b 0s 75s", "80s", "disconnect i", ""},
		{"it died alone: nobody is there to connect to", "a 0s 50s", "80s", "", "110s"},
		{"the only server starts again, after an hour", "a 0s 50s, b 1h 1h", "1h5s", "", "1h30s"},
		{"and nobody came back", "a 0s 50s, b 1h 1h29s", "1h30s", "disconnect i", ""},
		{"its server is not even known", "b 0s 25s", "30s", "disconnect i", ""},
		{"another one died too", "a 0s 50s, b 0s 50s, c 70s 80s", "80s", "", "100s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := state.NewMemory()
			err := store.Update(t.Context(), func(tx *state.Tx) error {
				for text := range strings.SplitSeq(tc.servers, ", ") {
					f := strings.Fields(text)
					tx.Servers.Put(tx, state.Server{ID: f[0], StartedAt: at(t, f[1]), SeenAt: at(t, f[2])})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			i := state.ContainerInstance{ARN: "i", Status: "ACTIVE", AgentConnected: true, Session: state.AgentSession{ID: "s", Server: "a"}}
			p := limits.ContainerInstance(store.View(), i, at(t, tc.now))
			var wake time.Time
			if tc.wake != "" {
				wake = at(t, tc.wake)
			}
			if got := strings.Join(p.Strings(), "; "); got != tc.want || !p.Wake.Equal(wake) {
				t.Errorf("got %q and wake at %v, want %q and %v", got, p.Wake, tc.want, wake)
			}
		})
	}
}

func TestLostInstance(t *testing.T) {
	const ec2, fargate = "arn:aws:ecs:r:a:cluster/web", "arn:aws:ecs:r:a:cluster/.fargate"
	for _, tc := range []struct {
		name, cluster string
		lostAfter     time.Duration
		away          time.Duration
		want          string
		wake          time.Time
	}{
		{"EC2 tasks stay for ever", ec2, 0, 24 * time.Hour, "", time.Time{}},
		{"Fargate tasks stay a while", fargate, 0, time.Minute, "", noon.Add(5 * time.Minute)},
		{"then they are lost", fargate, 0, 5 * time.Minute, "end t: The host of the task was lost.", time.Time{}},
		{"EC2 tasks stay as long as the operator says", ec2, time.Minute, 59 * time.Second, "", noon.Add(time.Minute)},
		{"then they are lost too", ec2, time.Minute, time.Minute, "end t: Host EC2 (instance i) terminated.", time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := state.NewMemory()
			err := store.Update(t.Context(), func(tx *state.Tx) error {
				tx.Tasks.Put(tx, state.Task{ARN: "t", Instance: "x/i", Last: "RUNNING", Desired: "RUNNING"})
				tx.Tasks.Put(tx, state.Task{ARN: "over", Instance: "x/i", Last: "STOPPED", Desired: "STOPPED"})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			i := state.ContainerInstance{ARN: "x/i", Cluster: tc.cluster, Status: "ACTIVE", DisconnectedAt: noon}
			l := limits
			l.LostAfter = tc.lostAfter
			p := l.ContainerInstance(store.View(), i, noon.Add(tc.away))
			if got := strings.Join(p.Strings(), "; "); got != tc.want || !p.Wake.Equal(tc.wake) {
				t.Errorf("got %q and wake at %v, want %q and %v", got, p.Wake, tc.want, tc.wake)
			}
		})
	}
}

func TestServer(t *testing.T) {
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: "i", AgentConnected: true, Session: state.AgentSession{Server: "busy"}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		id    string
		after time.Duration
		want  string
		wake  time.Time
	}{
		{"idle", time.Minute, "", noon.Add(time.Hour)}, {"idle", time.Hour, "remove server idle", time.Time{}},
		{"busy", time.Hour, "", noon.Add(time.Hour + 30*time.Second)}, // until its instances are lost
	} {
		p := Server(store.View(), state.Server{ID: tc.id, SeenAt: noon}, noon.Add(tc.after))
		if got := strings.Join(p.Strings(), "; "); got != tc.want || !p.Wake.Equal(tc.wake) {
			t.Errorf("%s after %v: got %q and wake at %v, want %q and %v", tc.id, tc.after, got, p.Wake, tc.want, tc.wake)
		}
	}
}
