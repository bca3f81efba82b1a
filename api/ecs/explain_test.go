package ecs

import (
	"fmt"
	"strings"
	"testing"

	"berth/plan/lifecycle"
	"berth/state"
)

// explained is what an explanation says of each instance, in short.
func explained(all []Explanation, err error) string {
	if err != nil {
		return complaint(err)
	}
	var text []string
	for _, e := range all {
		part := []string{lastPart(e.TaskDefinition), e.LaunchType + e.CapacityProvider}
		for _, i := range e.Instances {
			part = append(part, lastPart(i.Instance), i.Reason+" "+i.Detail)
		}
		text = append(text, strings.TrimSpace(strings.Join(part, " ")))
	}
	return strings.Join(text, "; ")
}

func TestExplain(t *testing.T) {
	a := taskAPI(t)
	write(t, a, func(tx *state.Tx) {
		small := machine(a, "main", "i2")
		small.AgentConnected = false
		tx.ContainerInstances.Put(tx, small)
	})
	script{
		{"RegisterTaskDefinition", `{"family":"big","containerDefinitions":[{"name":"c","image":"nginx","memory":1001}]}`, `{}`},
		{"PutClusterCapacityProviders", `{"cluster":"empty","capacityProviders":["FARGATE","FARGATE_SPOT"],"defaultCapacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1},{"capacityProvider":"FARGATE_SPOT","weight":1}]}`, `{}`},
		{"RunTask", `{"cluster":"main","taskDefinition":"web"}`, `{"failures":[]}`},
	}.run(t, a)
	for _, tc := range []struct{ cluster, definition, launchType, want string }{
		{"main", "web", "", "web:1 EC2 i1   i2 AGENT its agent is not connected"},
		{"main", "big", "EC2", "big:1 EC2 i1 RESOURCE:MEMORY needs 1001 MiB of memory, has 900 of 1000 left i2 AGENT its agent is not connected"},
		{"main", "vpc", "", "vpc:1 EC2 i1   i2 AGENT its agent is not connected"},
		{"empty", "far", "", "far:1 FARGATEFARGATE f1; far:1 FARGATEFARGATE_SPOT f1"},
		{"empty", "web", "EC2", "InvalidParameterException: No Container Instances were found in your cluster."},
		{"main", "web", "FARGATE", "InvalidParameterException: Task definition does not support launch_type FARGATE."},
		{"main", "none", "", "ClientException: Unable to describe task definition."},
		{"none", "web", "", "ClusterNotFoundException: Cluster not found."},
	} {
		if got := explained(ExplainTaskDefinition(a, tc.cluster, tc.definition, tc.launchType)); got != tc.want {
			t.Errorf("%+v\ngot  %s", tc, got)
		}
	}
	id := lastPart(firstTask(a))
	story, where, err := ExplainTask(a, lifecycle.Limits{}, "main", id)
	if len(story) == 0 || !strings.HasPrefix(story[0], id+" is ") {
		t.Errorf("the story is %q", story)
	}
	if got, want := explained(where, err), "web:1 EC2 i1   i2 AGENT its agent is not connected"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, where, err = ExplainTask(a, lifecycle.Limits{}, "main", "none")
	if got, want := explained(where, err), "InvalidParameterException: The referenced task was not found."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	script{{"RunTask", `{"cluster":"main","taskDefinition":"big"}`, fmt.Sprintf(
		`{"tasks":[],"failures":[{"arn":%q,"reason":"RESOURCE:MEMORY","detail":"needs 1001 MiB of memory, has 900 of 1000 left"},{"reason":"AGENT"}]}`,
		a.arn("container-instance/main/i1"))}}.run(t, a)
}
