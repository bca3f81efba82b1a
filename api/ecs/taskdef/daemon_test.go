package taskdef

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"berth/aws/shape"
)

func daemonInput(t *testing.T, task, container string) *ecs.RegisterDaemonTaskDefinitionInput {
	t.Helper()
	in := new(ecs.RegisterDaemonTaskDefinitionInput)
	text := `{"family":"logger"` + task + `,"containerDefinitions":[{"name":"log","image":"log"` + container + `}]}`
	if _, err := shape.New(shape.Names{Lower: true}).DecodeJSON([]byte(text), in); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return in
}

func TestCompleteDaemon(t *testing.T) {
	shown, runs, err := CompleteDaemon(daemonInput(t, `,"pidMode":"shared","ipcMode":"none","memory":"0.5 GB","volumes":[{"name":"v","host":{"sourcePath":"/var/log"}}]`,
		`,"linuxParameters":{"capabilities":{"add":["NET_ADMIN"]}},"mountPoints":[{"sourceVolume":"v","containerPath":"/logs"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if *shown.Memory != "512" || shown.PidMode != types.DaemonPidModeShared || !*shown.ContainerDefinitions[0].Essential || shown.ContainerDefinitions[0].Secrets == nil {
		t.Errorf("shown: %+v", shown)
	}
	c := runs.ContainerDefinitions[0]
	if runs.PidMode != types.PidModeHost || runs.IpcMode != "" || *runs.Volumes[0].Host.SourcePath != "/var/log" ||
		c.LinuxParameters.Capabilities.Add[0] != "NET_ADMIN" || *c.MountPoints[0].ContainerPath != "/logs" || len(runs.RequiresAttributes) == 0 {
		t.Errorf("runs: %+v", runs)
	}
}

func TestCompleteDaemonRefuses(t *testing.T) {
	for _, tc := range []struct{ task, container, want string }{
		{``, `,"image":""`, "Container.image should not be null or empty."},
		{``, `,"essential":false`, "Task definition doesn't have any essential container."},
		{`,"cpu":"1"`, ``, "Invalid 'cpu' setting for task."},
		{``, `,"logConfiguration":{"logDriver":"json-file"}`, "The log driver 'json-file' of container 'log' is not supported for daemons: use one of [awslogs splunk awsfirelens]."},
		{`,"volumes":[{"name":"v"}]`, ``, "Volume 'v' of a daemon task definition must have host.sourcePath"},
		{`,"volumes":[{"name":"v","logDriverVolumeConfiguration":{"driver":"json-file"}}]`, ``, "logDriverVolumeConfiguration of volume 'v' is not supported here"},
		{``, `,"mountPoints":[{"sourceVolume":"gone","containerPath":"/x"}]`, "Unknown volume 'gone'."},
	} {
		_, _, err := CompleteDaemon(daemonInput(t, tc.task, tc.container))
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != "ClientException" || !strings.HasPrefix(refused.ErrorMessage(), tc.want) {
			t.Errorf("%s %s: %v, want %s", tc.task, tc.container, err, tc.want)
		}
	}
}
