package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestWhatTasksFetch runs tasks that need what an execution role may read:
// secrets, and images of private registries.
func TestWhatTasksFetch(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	m.role(t, "logger", `{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}`)
	m.role(t, "puller", `{"Effect": "Allow", "Action": ["logs:*", "ecr:*"], "Resource": "*"}`)
	m.role(t, "rich", `{"Effect": "Allow", "Action": ["logs:*", "ssm:GetParameters", "secretsmanager:GetSecretValue", "ecr:*"], "Resource": "*"}`)
	secrets := secretsmanager.New(secretsmanager.Options{Region: region, BaseEndpoint: &m.url, Credentials: m.key})
	secret := func(name, value string) string {
		out, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.ARN)
	}
	_, err := ssm.New(ssm.Options{Region: region, BaseEndpoint: &m.url, Credentials: m.key}).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/db/password"), Value: aws.String("swordfish"), Type: ssmtypes.ParameterTypeSecureString})
	if err != nil {
		t.Fatal(err)
	}
	whole := secret("db", `{"user": "eve", "port": 5432}`)
	login := secret("registry", `{"username": "u", "password": "p"}`)
	private := m.privateRegistry(t, "u", "p")
	ours := strings.Replace(m.image, "busybox:latest", "team/private:v1", 1)
	if out, err := m.command(t, binary, "image", "--data-dir", m.dir, "load", busyboxArchive(t), "--name", "team/private:v1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	for _, tc := range []struct {
		name, container string
		poor            string // a role that may not fetch it
		why             string // its task stops
		says            string // the task of a role that may
	}{
		{"secrets", fmt.Sprintf(`"image": "IMAGE", "command": ["sh", "-c", "echo $PASSWORD $USER $PORT"], "secrets": [{"name": "PASSWORD", "valueFrom": "/db/password"},
			{"name": "USER", "valueFrom": "%[1]s:user::"}, {"name": "PORT", "valueFrom": "%[1]s:port::"}]`, whole),
			"puller", "ResourceInitializationError: unable to pull secrets or registry auth: .*AccessDenied.*", "swordfish eve 5432\n"},
		{"our registry", fmt.Sprintf(`"image": %q, "command": ["echo", "pulled"]`, ours),
			"logger", "main: .*CannotPullContainerError: .*AccessDenied.*", "pulled\n"},
		{"repositoryCredentials", fmt.Sprintf(`"image": %q, "command": ["echo", "pulled"], "repositoryCredentials": {"credentialsParameter": %q}`, private, login),
			"logger", "main: .*CannotPullContainerError: .*AccessDenied.*", "pulled\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, role := range []string{tc.poor, "rich"} { // in this order: what was pulled once is there
				definition := m.define(t, fmt.Sprintf(`{"executionRoleArn": "arn:aws:iam::%s:role/%s", "containerDefinitions": [{"name": "main", "memory": 32, %s, %s}]}`,
					account, role, tc.container, logTo))
				task := m.awaitTask(t, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}), "STOPPED")
				got, want := aws.ToString(task.StoppedReason)+" "+containerReasons(task), ".*"+tc.why+".*"
				if role == "rich" {
					if want = tc.says; aws.ToInt32(task.Containers[0].ExitCode) == 0 && task.Containers[0].ExitCode != nil {
						got = m.said(t, task, "main")
					}
				}
				if !regexp.MustCompile(`^(?s:` + want + `)$`).MatchString(got) {
					t.Errorf("with the role %s: %s", role, got)
				}
			}
		})
	}
}

// role makes a role of tasks with one statement.
func (m *machine) role(t *testing.T, name, statement string) {
	t.Helper()
	roles := iam.New(iam.Options{Region: region, BaseEndpoint: &m.url, Credentials: m.key})
	_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}}`)})
	if err == nil {
		_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"),
			PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": ` + statement + `}`)})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// privateRegistry serves busybox to who logs in, and returns its reference.
func (m *machine) privateRegistry(t *testing.T, user, password string) string {
	t.Helper()
	images := registry.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	image, err := tarball.ImageFromPath(busyboxArchive(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/private:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, remote.WithAuth(&authn.Basic{Username: user, Password: password})); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

// TestContainersTogether looks at what the containers of a task share, and at the
// order in which they start.
func TestContainersTogether(t *testing.T) {
	t.Parallel()
	m := upMachine(t, "--image-healthchecks")
	container := func(name, script, more string) string {
		return fmt.Sprintf(`{"name": %q, "image": "IMAGE", "memory": 32, "stopTimeout": 2, "command": ["sh", "-c", %q], %s%s}`, name, script, logTo, more)
	}
	after := func(name, condition string) string {
		return fmt.Sprintf(`, "dependsOn": [{"containerName": %q, "condition": %q}]`, name, condition)
	}
	for _, tc := range []struct{ name, task, first, more, second, dependsOn, want string }{
		{name: "a volume", task: `, "volumes": [{"name": "v"}]`,
			first: "echo hello > /v/x", more: `, "essential": false, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]`,
			second: "cat /w/x", dependsOn: after("first", "SUCCESS") + `, "mountPoints": [{"sourceVolume": "v", "containerPath": "/w"}]`, want: "hello"},
		{name: "volumesFrom", task: `, "volumes": [{"name": "v"}]`,
			first: "echo hello > /v/x", more: `, "essential": false, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]`,
			second: "cat /v/x; touch /v/y 2>&1; true", dependsOn: after("first", "COMPLETE") + `, "volumesFrom": [{"sourceContainer": "first", "readOnly": true}]`, want: "hello\n.*Read-only file system"},
		{name: "volumes in metadata", task: `, "volumes": [{"name": "v"}]`,
			first: "true", more: `, "essential": false`,
			second: `wget -qO- $ECS_CONTAINER_METADATA_URI_V4 | grep -o '"Destination":"/v"'`, dependsOn: after("first", "START") + `, "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]`, want: `"Destination":"/v"`},
		{name: "processes", task: `, "pidMode": "task"`,
			first: "exec sleep 4321", second: "pidof sleep | wc -w", dependsOn: after("first", "START"), want: "1"},
		{name: "no processes", first: "exec sleep 4321", second: "pidof sleep | wc -w", dependsOn: after("first", "START"), want: "0"},
		{name: "memory", task: `, "ipcMode": "task"`,
			first: "echo hello > /dev/shm/x", more: `, "essential": false, "linuxParameters": {"sharedMemorySize": 8}`,
			second: "cat /dev/shm/x; df -m /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", dependsOn: after("first", "SUCCESS"), want: "hello\n8"},
		{name: "complete", first: "sleep 0.3; exit 3", more: `, "essential": false`, second: "echo after", dependsOn: after("first", "COMPLETE"), want: "after"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			definition := m.define(t, `{"containerDefinitions": [`+container("first", tc.first, tc.more)+`, `+container("second", tc.second, tc.dependsOn)+`]`+tc.task+`}`)
			task := m.awaitTask(t, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}), "STOPPED")
			if got := m.said(t, task, "second"); !regexp.MustCompile(`^(?s:` + tc.want + `)\n$`).MatchString(got) {
				t.Errorf("the second container says\n%swant\n%s", got, tc.want)
			}
		})
	}

	t.Run("healthy by the image", func(t *testing.T) {
		t.Parallel()
		definition := m.define(t, `{"containerDefinitions": [`+container("main", "touch /tmp/healthy; exec sleep 60", "")+`]}`)
		arn := m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition})
		eventually(t, "the task is healthy", func() bool { return m.task(t, arn).HealthStatus == types.HealthStatusHealthy })
	})

	t.Run("success that does not come", func(t *testing.T) {
		t.Parallel()
		definition := m.define(t, `{"containerDefinitions": [`+container("first", "exit 3", `, "essential": false`)+`, `+container("second", "echo never", after("first", "SUCCESS"))+`]}`)
		task := m.awaitTask(t, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}), "STOPPED")
		if task.StopCode != types.TaskStopCodeTaskFailedToStart {
			t.Errorf("stopped: %s %s %s", task.StopCode, aws.ToString(task.StoppedReason), containerReasons(task))
		}
	})
}
