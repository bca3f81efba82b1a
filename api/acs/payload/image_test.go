package payload

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

func TestPinnedImages(t *testing.T) {
	const digest = "sha256:28402db69fec7c17e179ea87882667f1e054391138f77ffaf0c3eb388efc3ffb"
	for _, tc := range []struct{ image, want, name string }{
		{"nginx", "nginx@" + digest, "nginx"},
		{"nginx:1.27", "nginx@" + digest, "nginx:1.27"},
		{"127.0.0.1:8080/team/web", "127.0.0.1:8080/team/web@" + digest, "127.0.0.1:8080/team/web"},
		{"127.0.0.1:8080/team/web:v1", "127.0.0.1:8080/team/web@" + digest, "127.0.0.1:8080/team/web:v1"},
		{"nginx@sha256:1", "nginx@sha256:1", ""},
		{"nginx:1.27@sha256:1", "nginx:1.27@sha256:1", ""},
	} {
		store := state.NewMemory()
		err := store.Update(t.Context(), func(tx *state.Tx) error {
			tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{
				TaskDefinitionArn: aws.String(definitionARN), ContainerDefinitions: []types.ContainerDefinition{
					{Name: aws.String("web"), Image: &tc.image}, {Name: aws.String("side"), Image: &tc.image}},
			}})
			tx.ServiceRevisions.Put(tx, state.ServiceRevision{ARN: "revision", Images: []types.ContainerImage{
				{ContainerName: aws.String("web"), ImageDigest: aws.String(digest)}, {ContainerName: aws.String("side")}}})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		task := state.Task{ARN: taskARN, Definition: definitionARN, Revision: "revision"}
		p, err := testConfig().Task(store.View(), task)
		if err != nil {
			t.Fatal(err)
		}
		if web := p.Containers[0]; web.Image != tc.want || web.ImageName != tc.name {
			t.Errorf("%s: got %s of the name %q, want %s of %q", tc.image, web.Image, web.ImageName, tc.want, tc.name)
		}
		if side := p.Containers[1]; side.Image != tc.image || side.ImageName != "" {
			t.Errorf("%s: one that is not resolved became %s", tc.image, side.Image)
		}
	}
}
