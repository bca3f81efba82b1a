package taskdef

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/shape"
	"berth/state"
)

var codec = shape.New(shape.Names{Lower: true, Unions: state.Unions})

// input is a small valid definition with the members of two JSON objects, which
// are written without their braces, put over its own: task's over the
// definition's, container's over those of its one container.
func input(t *testing.T, task, container string) *ecs.RegisterTaskDefinitionInput {
	t.Helper()
	document := map[string]any{
		"family":               "web",
		"containerDefinitions": []any{merge(t, map[string]any{"name": "web", "image": "nginx", "memory": 128}, container)},
	}
	b, err := json.Marshal(merge(t, document, task))
	if err != nil {
		t.Fatal(err)
	}
	in := new(ecs.RegisterTaskDefinitionInput)
	if _, err := codec.DecodeJSON(b, in); err != nil {
		t.Fatal(err)
	}
	return in
}

func merge(t *testing.T, base map[string]any, members string) map[string]any {
	t.Helper()
	var over map[string]any
	if err := json.Unmarshal([]byte("{"+members+"}"), &over); err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	maps.Copy(base, over)
	return base
}

// refusal is a definition (see input) and the message that refuses it.
type refusal struct{ task, container, want string }

func refuses(t *testing.T, cases []refusal) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.want, func(t *testing.T) {
			_, err := Complete(input(t, tc.task, tc.container))
			var refused *types.ClientException
			if !errors.As(err, &refused) {
				t.Fatalf("%s %s: got %v, want a ClientException", tc.task, tc.container, err)
			}
			if got := *refused.Message; got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// accepts completes definitions that are valid, though close to ones that are
// not, and what it makes of them.
func accepts(t *testing.T, cases ...[2]string) {
	t.Helper()
	for _, tc := range cases {
		d, err := Complete(input(t, tc[0], tc[1]))
		if err != nil {
			t.Errorf("%s %s: %v", tc[0], tc[1], err)
			continue
		}
		comesBack(t, d)
	}
}

// containers writes containerDefinitions of containers with these members;
// what starts with a name is a container of that name.
func containers(members ...string) string {
	for i, m := range members {
		members[i] = `{"image":"nginx","memory":64,` + m + `}`
	}
	return `"containerDefinitions":[` + strings.Join(members, ",") + `]`
}

func TestInputStaysAsItIs(t *testing.T) {
	build := func() *ecs.RegisterTaskDefinitionInput {
		return input(t, `"cpu":"1 vCPU","networkMode":"awsvpc","volumes":[{"name":"a"},{"name":"b","efsVolumeConfiguration":{"fileSystemId":"fs-1"}},
			{"name":"c","dockerVolumeConfiguration":{"driver":"local"}}]`,
			`"portMappings":[{"containerPort":80}],"healthCheck":{"command":["CMD","true"]}`)
	}
	in := build()
	if _, err := Complete(in); err != nil {
		t.Fatal(err)
	}
	got, _ := codec.EncodeJSON(in)
	want, _ := codec.EncodeJSON(build())
	if string(got) != string(want) {
		t.Errorf("Complete changed its input:\ngot  %s\nwant %s", got, want)
	}
}
