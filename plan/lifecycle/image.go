package lifecycle

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Resolve notes in r the digests of the images that t, a task made from it, has
// pulled, and reports whether one is new: later tasks of r run the same image,
// wherever its tag points by then. The first digest counts. Containers for which
// d disables that keep their tags.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html#deployment-container-image-stability
func Resolve(r state.ServiceRevision, d types.TaskDefinition, t state.Task) (state.ServiceRevision, bool) {
	resolved := false
	for i, image := range r.Images {
		if image.ImageDigest != nil || !consistent(d, aws.ToString(image.ContainerName)) {
			continue
		}
		for _, c := range t.Containers {
			if aws.ToString(c.Name) == *image.ContainerName && aws.ToString(c.ImageDigest) != "" {
				if !resolved {
					r.Images, resolved = slices.Clone(r.Images), true
				}
				r.Images[i].ImageDigest = c.ImageDigest
			}
		}
	}
	return r, resolved
}

// consistent reports whether all tasks of a service are to run the same image of a container.
func consistent(d types.TaskDefinition, container string) bool {
	return slices.ContainsFunc(d.ContainerDefinitions, func(c types.ContainerDefinition) bool {
		return aws.ToString(c.Name) == container && c.VersionConsistency != types.VersionConsistencyDisabled
	})
}
