package lifecycle

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

func TestResolve(t *testing.T) {
	for _, tc := range []struct{ name, known, pulled, want string }{
		{"the first task says it", "web side", "web=sha256:1 side=sha256:2", "web=sha256:1 side=sha256:2"},
		{"one container after the other", "web side", "web=sha256:1", "web=sha256:1 side"},
		{"a digest stays", "web=sha256:1 side", "web=sha256:9 side=sha256:2", "web=sha256:1 side=sha256:2"},
		{"nothing is new", "web=sha256:1", "web=sha256:9", ""},
		{"nothing is known yet", "web", "web", ""},
		{"where it is disabled the tag stays", "free", "free=sha256:1", ""},
		{"an agent's own container", "web", "pause=sha256:1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := state.ServiceRevision{Images: images(tc.known)}
			task := state.Task{}
			for _, i := range images(tc.pulled) {
				task.Containers = append(task.Containers, types.Container{Name: i.ContainerName, ImageDigest: i.ImageDigest})
			}
			d := types.TaskDefinition{ContainerDefinitions: []types.ContainerDefinition{
				{Name: aws.String("web")}, {Name: aws.String("side"), VersionConsistency: types.VersionConsistencyEnabled},
				{Name: aws.String("free"), VersionConsistency: types.VersionConsistencyDisabled},
			}}
			got, resolved := Resolve(r, d, task)
			if text := show(got.Images); resolved != (tc.want != "") || resolved && text != tc.want {
				t.Errorf("got %q, %v, want %q", text, resolved, tc.want)
			}
			if show(r.Images) != tc.known {
				t.Errorf("it changed what it was given to %q", show(r.Images))
			}
		})
	}
}

// images reads container=digest, the digest where it is known.
func images(text string) (all []types.ContainerImage) {
	for _, word := range strings.Fields(text) {
		name, digest, known := strings.Cut(word, "=")
		i := types.ContainerImage{ContainerName: &name}
		if known {
			i.ImageDigest = &digest
		}
		all = append(all, i)
	}
	return all
}

func show(all []types.ContainerImage) string {
	var words []string
	for _, i := range all {
		word := *i.ContainerName
		if i.ImageDigest != nil {
			word += "=" + *i.ImageDigest
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
