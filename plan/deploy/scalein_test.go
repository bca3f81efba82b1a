package deploy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// spreadOut is a service whose tasks are where a text says: "a/i+ b/j-" is a
// healthy task in zone a on instance i, and one in b on j that runs but is not
// healthy; "?" is pending. Each is older than the next. An item of a strategy of
// capacity providers, "spot:a/i+", is before it.
func spreadOut(t *testing.T, strategy, providers, text string) (*state.View, state.Service) {
	t.Helper()
	s := state.Service{ARN: "web", Name: "web", Cluster: "c", Deployments: []state.Deployment{{ID: "v1", Revision: "r1"}}}
	for part := range strings.FieldsSeq(strategy) {
		kind, field, _ := strings.Cut(part, ":")
		s.Strategy = append(s.Strategy, types.PlacementStrategy{Type: types.PlacementStrategyType(kind), Field: &field})
	}
	r := state.ServiceRevision{ARN: "r1", Service: "web"}
	for part := range strings.FieldsSeq(providers) {
		var item types.CapacityProviderStrategyItem
		name, rest, _ := strings.Cut(part, ":")
		fmt.Sscanf(rest, "%d:%d", &item.Base, &item.Weight)
		item.CapacityProvider = &name
		r.CapacityProviders = append(r.CapacityProviders, item)
	}
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		tx.Services.Put(tx, s)
		tx.ServiceRevisions.Put(tx, r)
		for n, part := range strings.Fields(text) {
			at := state.Task{
				ARN: fmt.Sprint("t", n), Cluster: "c", Service: "web", StartedBy: "v1", Revision: "r1",
				Last: "RUNNING", Desired: "RUNNING", CreatedAt: time.Unix(int64(n), 0),
				Takes: state.Resources{CPU: 10, Memory: 10},
			}
			if provider, rest, ok := strings.Cut(part, ":"); ok {
				at.CapacityProvider, part = provider, rest
			}
			switch part[len(part)-1] {
			case '+':
				at.HealthyAt = time.Unix(1, 0)
			case '?':
				at.Last = "PENDING"
			}
			at.Zone, at.Instance, _ = strings.Cut(part[:len(part)-1], "/")
			tx.Tasks.Put(tx, at)
			tx.ContainerInstances.Put(tx, state.ContainerInstance{
				ARN: at.Instance, Cluster: "c", Status: "ACTIVE", AgentConnected: true,
				Attributes: []types.Attribute{{Name: aws.String("rack"), Value: aws.String(at.Instance[:1])}},
				Resources:  []types.Resource{{Name: aws.String("MEMORY"), IntegerValue: 100}, {Name: aws.String("CPU"), IntegerValue: 100}},
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store.View(), s
}

// tasksIn are all tasks of a deployment that nobody has asked to stop.
func tasksIn(v *state.View, s state.Service) []state.Task { return staying(v, s, nil) }

func TestLeaveFirst(t *testing.T) {
	for _, tc := range []struct{ name, strategy, providers, tasks, want string }{
		{"none", "", "", "", ""},
		{"the newest of equals", "", "", "a/i+ a/i+ a/i+", "t2 t1 t0"},
		{"those that are not healthy first", "", "", "a/i+ a/i? a/i- a/i+", "t1 t2 t3 t0"},
		{"the fullest zone first, then in turn", "", "", "a/i+ a/i+ a/i+ b/j+", "t2 t1 t3 t0"},
		{"in it the fullest instance", "", "", "a/i+ a/i+ a/k+ b/j+ b/j+", "t1 t4 t2 t3 t0"},
		{"what is not healthy counts as in its zone", "", "", "a/i+ a/i- b/j+ b/j+", "t1 t3 t2 t0"},
		{"spread over instances alone", "spread:instanceId", "", "a/i+ a/i+ a/k+ b/j+ b/j+ b/j+", "t5 t4 t1 t3 t2 t0"},
		{"spread over an attribute", "spread:attribute:rack", "", "a/r1+ b/r2+ a/s1+", "t1 t2 t0"},
		{"spread over zones by name", "spread:attribute:ecs.availability-zone spread:instanceId", "", "a/i+ a/i+ a/k+ b/j+", "t1 t2 t3 t0"},
		{"binpack empties the emptiest", "binpack:memory", "", "a/i+ a/j+ a/j+ a/k+ a/k+ a/k+", "t0 t2 t1 t5 t4 t3"},
		{"binpack takes one of equals whole", "binpack:cpu", "", "a/i+ a/j+ a/i+ a/j+", "t2 t0 t3 t1"},
		{"spread, then binpack", "spread:attribute:ecs.availability-zone binpack:memory", "", "a/i+ a/j+ a/j+ b/k+", "t0 t2 t3 t1"},
		{"random is the default order", "random", "", "a/i+ a/i+ b/j+", "t1 t2 t0"},
		{"by weight of providers", "", "od:1:1 spot:0:3", "od:a/i+ spot:a/i+ spot:a/i+ spot:a/i+ od:a/i+ spot:a/i+", "t5 t3 t4 t2 t1 t0"},
		{"what a provider has too many of first", "", "od:0:1 spot:0:1", "od:a/i+ od:a/i+ od:a/i+ spot:a/i+", "t2 t1 t3 t0"},
		{"of a provider that is none any more first", "", "spot:0:1", "spot:a/i+ od:b/j+ od:a/i+ spot:a/i+", "t2 t1 t3 t0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, s := spreadOut(t, tc.strategy, tc.providers, tc.tasks)
			var got []string
			for _, at := range leaveFirst(v, s, tasksIn(v, s)) {
				got = append(got, at.ARN)
			}
			if text := strings.Join(got, " "); text != tc.want {
				t.Errorf("got %q, want %q", text, tc.want)
			}
		})
	}
}

// Whatever part of the tasks may leave, at each step the task is in one of the
// fullest zones that has such tasks.
func TestLeaveFirstBalances(t *testing.T) {
	v, s := spreadOut(t, "", "", "a/i+ a/i+ a/i+ a/i+ b/j+ b/j+ c/k+ c/k+ c/k+ a/l+ b/m+")
	all := tasksIn(v, s)
	for part := range 1 << len(all) {
		var may []state.Task
		inZone, mayOf := map[string]int{}, map[string]int{}
		for i, at := range all {
			inZone[at.Zone]++
			if part&(1<<i) != 0 {
				may = append(may, at)
				mayOf[at.Zone]++
			}
		}
		for _, at := range leaveFirst(v, s, may) {
			for zone, n := range mayOf {
				if n > 0 && inZone[zone] > inZone[at.Zone] {
					t.Fatalf("of %b, %s leaves %s with %d tasks before %s with %d", part, at.ARN, at.Zone, inZone[at.Zone], zone, inZone[zone])
				}
			}
			inZone[at.Zone]--
			mayOf[at.Zone]--
		}
	}
}
