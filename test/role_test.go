package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// asked is a program of a user: an SDK that is told nothing, and so finds the
// endpoint, the region and its role's credentials as a container has them.
const asked = `import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
try:
    print(boto3.client("ecs").list_clusters()["clusterArns"])
except Exception as e:
    print(e)
`

// TestTaskRole runs an SDK inside tasks of each network mode: it calls this control
// plane as the role of its task, and may do what the role's policies allow.
func TestTaskRole(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	python, volumes, mounts := m.python(t)
	m.role(t, "idle", `{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}`)
	m.role(t, "lister", `{"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}`)
	for _, tc := range []struct{ role, mode, want string }{
		{"lister", "bridge", "['" + here + "cluster/default']"},
		{"lister", "awsvpc", "['" + here + "cluster/default']"},
		{"lister", "host", "['" + here + "cluster/default']"},
		{"idle", "bridge", "An error occurred (AccessDeniedException) when calling the ListClusters operation: " +
			"User: IDENTITY is not authorized to perform: ecs:ListClusters on resource: * because no identity-based policy allows the ecs:ListClusters action"},
	} {
		t.Run(tc.role+" in "+tc.mode, func(t *testing.T) {
			t.Parallel()
			program, err := json.Marshal([]string{python, "-c", asked})
			if err != nil {
				t.Fatal(err)
			}
			definition := m.define(t, fmt.Sprintf(`{"networkMode": %q, "taskRoleArn": "arn:aws:iam::%s:role/%s", "volumes": %s, "containerDefinitions": [
				{"name": "main", "image": "IMAGE", "memory": 256, "command": %s, "mountPoints": %s, %s}]}`, tc.mode, account, tc.role, volumes, program, mounts, logTo))
			in := &ecs.RunTaskInput{TaskDefinition: &definition}
			if tc.mode == string(types.NetworkModeAwsvpc) {
				in.NetworkConfiguration = m.network(t)
			}
			task := m.awaitTask(t, m.runTask(t, in), "STOPPED")
			id := aws.ToString(task.TaskArn)[strings.LastIndexByte(aws.ToString(task.TaskArn), '/')+1:]
			identity := "arn:aws:sts::" + account + ":assumed-role/" + tc.role + "/" + id
			want := identity + "\n" + strings.ReplaceAll(tc.want, "IDENTITY", identity) + "\n"
			if got := m.said(t, task, "main"); got != want {
				t.Errorf("the SDK says\n%swant\n%s", got, want)
			}
		})
	}
}

// python is this machine's, with boto3, and the volumes and mount points that
// bring it into a container.
func (m *machine) python(t *testing.T) (program, volumes, mounts string) {
	t.Helper()
	out, err := m.command(t, "python3", "-c", "import sys, boto3; print(sys.executable, sys.base_prefix)").Output()
	if err != nil {
		t.Skip("boto3 is not installed")
	}
	program, prefix, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	paths := []string{"/usr", "/lib", "/lib64"}
	if !strings.HasPrefix(prefix, "/usr") {
		paths = append(paths, prefix)
	}
	for i, path := range paths {
		separator := map[bool]string{true: ", "}[i > 0]
		volumes += fmt.Sprintf(`%s{"name": "v%d", "host": {"sourcePath": %q}}`, separator, i, path)
		mounts += fmt.Sprintf(`%s{"sourceVolume": "v%d", "containerPath": %q, "readOnly": true}`, separator, i, path)
	}
	return program, "[" + volumes + "]", "[" + mounts + "]"
}
