package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

func TestTaskDefinition(t *testing.T) {
	const deleting = types.TaskDefinitionStatusDeleteInProgress
	for _, tc := range []struct {
		name   string
		status types.TaskDefinitionStatus
		users  string // "service ACTIVE", "task RUNNING": what runs it
		want   []string
	}{
		{"keeps active revisions", types.TaskDefinitionStatusActive, "", nil},
		{"keeps inactive revisions", types.TaskDefinitionStatusInactive, "", nil},
		{"removes what nothing runs", deleting, "", []string{"remove web:1"}},
		{"waits for a service", deleting, "service ACTIVE", nil},
		{"waits for a draining service", deleting, "service DRAINING", nil},
		{"waits for a task set", deleting, "set ACTIVE", nil},
		{"waits for a task", deleting, "task RUNNING", nil},
		{"waits for the last task", deleting, "task STOPPED, task STOPPING", nil},
		{"forgets what has ended", deleting, "service INACTIVE, task STOPPED", []string{"remove web:1"}},
		{"leaves users of other revisions alone", deleting, "other RUNNING", []string{"remove web:1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := state.TaskDefinition{TaskDefinition: types.TaskDefinition{TaskDefinitionArn: aws.String("web:1"), Family: aws.String("web"), Status: tc.status}}
			if got := TaskDefinition(world(t, tc.users), d, time.Time{}).Strings(); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// world is a view in which web:1 has users.
func world(t *testing.T, users string) *state.View {
	t.Helper()
	s := state.NewMemory()
	err := s.Update(t.Context(), func(tx *state.Tx) error {
		for user := range strings.SplitSeq(users, ", ") {
			kind, status, _ := strings.Cut(user, " ")
			switch kind {
			case "service":
				tx.Services.Put(tx, state.Service{ARN: tx.NewID(), Deployments: []state.Deployment{{Definition: "web:1"}}, Status: status})
			case "set":
				tx.TaskSets.Put(tx, state.TaskSet{ARN: tx.NewID(), Workload: state.Workload{Definition: "web:1"}, Status: status})
			case "task":
				tx.Tasks.Put(tx, state.Task{ARN: tx.NewID(), Definition: "web:1", Last: status})
			case "other":
				tx.Tasks.Put(tx, state.Task{ARN: tx.NewID(), Definition: "web:10", Last: status})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.View()
}
