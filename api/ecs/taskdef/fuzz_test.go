package taskdef

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// again makes of a described definition the input that registers it once more,
// as deployment tools do.
func again(t *testing.T, d types.TaskDefinition) *ecs.RegisterTaskDefinitionInput {
	t.Helper()
	d.Compatibilities, d.RequiresAttributes = nil, nil
	b, err := codec.EncodeJSON(d)
	if err != nil {
		t.Fatal(err)
	}
	in := new(ecs.RegisterTaskDefinitionInput)
	if _, err := codec.DecodeJSON(b, in); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return in
}

// comesBack checks that what is described can be registered, and is then
// described in the same way.
func comesBack(t *testing.T, d types.TaskDefinition) {
	t.Helper()
	want, err := codec.EncodeJSON(d)
	if err != nil {
		t.Fatal(err)
	}
	same, err := Complete(again(t, d))
	if err != nil {
		t.Errorf("%s is refused when it is registered again: %v", want, err)
		return
	}
	got, err := codec.EncodeJSON(same)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("registered again:\ngot  %s\nwant %s", got, want)
	}
}

func FuzzComplete(f *testing.F) {
	for _, seed := range []string{
		`{}`,
		`{"family":"web","containerDefinitions":[{"name":"web","image":"nginx","memory":128}]}`,
		`{"family":"web","volumes":[{"name":"null"}],"containerDefinitions":[{"name":"null","image":"nginx","memory":128,"mountPoints":[{"containerPath":"/"}],
			"volumesFrom":[{}],"portMappings":[{"containerPort":1},{"containerPortRange":"5-9"}],"dependsOn":[{}],"links":[""],"secrets":[{}],"environment":[{}]}]}`,
		`{"family":"web","cpu":".5 vcpu","memory":"1GB","networkMode":"awsvpc","requiresCompatibilities":["FARGATE"],"executionRoleArn":"r",
			"volumes":[{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1","authorizationConfig":{}}},{"name":"w","dockerVolumeConfiguration":{}}],
			"containerDefinitions":[{"name":"web","image":"nginx","logConfiguration":{"logDriver":"awsfirelens","secretOptions":[{"name":"a","valueFrom":"b"}]},
			"linuxParameters":{"capabilities":{},"devices":[{}],"tmpfs":[{}]},"healthCheck":{"command":["x"]},"restartPolicy":{"enabled":true},
			"resourceRequirements":[{"type":"GPU","sharingStrategy":{"nvidiaMps":{"memory":1}}}],"ulimits":[{"name":"core"}]},
			{"name":"log","image":"fluent","firelensConfiguration":{"type":"fluentbit","options":{}}}],
			"proxyConfiguration":{"containerName":"web","properties":[{}]},"placementConstraints":[{"type":"memberOf","expression":"a == b"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		in := new(ecs.RegisterTaskDefinitionInput)
		if _, err := codec.DecodeJSON(document, in); err != nil {
			return
		}
		if d, err := Complete(in); err == nil {
			comesBack(t, d)
		}
	})
}
