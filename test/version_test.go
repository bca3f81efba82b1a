package test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestVersionConsistency moves a tag while a service runs: tasks that follow run
// the image of the first, until the service is deployed anew.
func TestVersionConsistency(t *testing.T) {
	t.Parallel()
	m := upMachine(t, "--healthy-after", "1s")
	image, err := tarball.ImageFromPath(busyboxArchive(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	tag, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/web:v1")
	if err != nil {
		t.Fatal(err)
	}
	push := func(version string) string {
		t.Helper()
		image, err := mutate.Config(image, v1.Config{Env: []string{"VERSION=" + version}})
		if err == nil {
			err = remote.Write(tag, image)
		}
		digest, _ := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return digest.String()
	}
	first := push("1")
	definition := m.define(t, `{"containerDefinitions": [{"name": "main", "image": "`+tag.String()+`", "memory": 16, "stopTimeout": 2, `+logTo+`,
		"command": ["sh", "-c", "echo version $VERSION $(wget -qO- $ECS_CONTAINER_METADATA_URI_V4); trap 'exit 0' TERM; while :; do sleep 1; done"]}]}`)
	service, client := aws.String("web"), m.client()
	if _, err := client.CreateService(t.Context(), &ecs.CreateServiceInput{ServiceName: service, TaskDefinition: &definition, DesiredCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	var seen []string // tasks
	next := func(what, version, digest string) {
		t.Helper()
		var arn string
		eventually(t, what, func() bool {
			out, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{ServiceName: service})
			if err != nil {
				return false
			}
			i := slices.IndexFunc(out.TaskArns, func(arn string) bool { return !slices.Contains(seen, arn) })
			if i >= 0 {
				arn = out.TaskArns[i]
			}
			return i >= 0
		})
		seen = append(seen, arn)
		task := m.awaitTask(t, arn, "RUNNING")
		c := task.Containers[0]
		if aws.ToString(c.Image) != tag.String() || aws.ToString(c.ImageDigest) != digest {
			t.Errorf("%s: it runs %s of %s, want %s of %s", what, aws.ToString(c.ImageDigest), aws.ToString(c.Image), digest, tag)
		}
		said := m.said(t, task, "main")
		for _, want := range []string{"version " + version, `"Image":"` + tag.String() + `"`} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no %s in %s", what, want, said)
			}
		}
	}
	next("the first task", "1", first)

	second := push("2")
	if _, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{Service: service, DesiredCount: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	next("a task after the tag moved", "1", first)

	out, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{Service: service, DesiredCount: aws.Int32(1), ForceNewDeployment: true})
	if err != nil {
		t.Fatal(err)
	}
	next("a task of the next deployment", "2", second)
	revision := m.targetOf(t, aws.ToString(out.Service.CurrentServiceDeployment))
	described, err := client.DescribeServiceRevisions(t.Context(), &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{revision}})
	if err != nil || len(described.ServiceRevisions) != 1 {
		t.Fatalf("%v %+v", err, described)
	}
	if i := described.ServiceRevisions[0].ContainerImages[0]; aws.ToString(i.Image) != tag.String() || aws.ToString(i.ImageDigest) != second {
		t.Errorf("the revision has %s of %s, want %s of %s", aws.ToString(i.ImageDigest), aws.ToString(i.Image), second, tag)
	}
}

// targetOf is the service revision that a service deployment brings.
func (m *machine) targetOf(t *testing.T, deployment string) string {
	t.Helper()
	out, err := m.client().DescribeServiceDeployments(t.Context(), &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{deployment}})
	if err != nil || len(out.ServiceDeployments) != 1 {
		t.Fatalf("%v %+v", err, out)
	}
	return aws.ToString(out.ServiceDeployments[0].TargetServiceRevision.Arn)
}
