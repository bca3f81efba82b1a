package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

func TestExplain(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	limits := Limits{LostAfter: 5 * time.Minute, KeepStopped: time.Hour}
	for _, tc := range []struct {
		name      string
		connected bool
		task      state.Task
		want      []string // parts of what is said
	}{
		{"pulls", true, state.Task{Last: "PENDING", Desired: "RUNNING", PullStartedAt: noon},
			[]string{"t1 is PENDING and should be RUNNING", "on the container instance i1, whose agent pulls its images since 12:00:00 UTC"}},
		{"waits for the agent", false, state.Task{Last: "RUNNING", Desired: "RUNNING"},
			[]string{"agent is away since 12:00:00 UTC; the task is given up at 12:05:00 UTC"}},
		{"of a service", true, state.Task{Last: "RUNNING", Desired: "RUNNING", Service: "web", StartedBy: "ecs-svc/1", StartedAt: noon, HealthyAt: noon, ProtectedUntil: noon.Add(time.Hour)},
			[]string{"it runs since 12:00:00", "service web runs it in ecs-svc/1", "protected until 13:00:00 UTC", "healthy since 12:00:00"}},
		{"stopped", true, state.Task{Last: "STOPPED", Desired: "STOPPED", StopCode: "EssentialContainerExited", StoppedReason: "Essential container in task exited", StoppedAt: noon,
			Containers: []types.Container{{Name: aws.String("main"), LastStatus: aws.String("STOPPED"), ExitCode: aws.Int32(3), Reason: aws.String("OutOfMemoryError")}}},
			[]string{"it stops by EssentialContainerExited: Essential container in task exited", "container main is STOPPED, exit code 3: OutOfMemoryError", "described until 13:00:00 UTC"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := state.NewMemory()
			err := s.Update(t.Context(), func(tx *state.Tx) error {
				i := state.ContainerInstance{ARN: "x/i1", Status: "ACTIVE", AgentConnected: tc.connected}
				if !tc.connected {
					i.DisconnectedAt = noon
				}
				tx.ContainerInstances.Put(tx, i)
				tx.Services.Put(tx, state.Service{ARN: "web", Name: "web"})
				tc.task.ARN, tc.task.Instance = "x/t1", "x/i1"
				tx.Tasks.Put(tx, tc.task)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(limits.Explain(s.View(), tc.task, noon.Add(time.Second)), "\n")
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
}
