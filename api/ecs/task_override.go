package ecs

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// completeOverrides checks a call's overrides and returns them as a task shows
// them: with an entry for each container.
func completeOverrides(d *types.TaskDefinition, in *types.TaskOverride) (types.TaskOverride, error) {
	var out types.TaskOverride
	if in != nil {
		out = *in
		b, err := documents.EncodeJSON(in)
		if err != nil {
			return out, fmt.Errorf("encode overrides: %w", err)
		}
		if len(b) > mostOverrides {
			return out, invalid(fmt.Sprintf("Container Overrides length must be at most %d", mostOverrides))
		}
	}
	if len(out.InferenceAcceleratorOverrides) > 0 {
		return out, &types.UnsupportedFeatureException{Message: aws.String("Elastic Inference accelerators are not supported.")}
	}
	given := map[string]types.ContainerOverride{}
	for _, o := range out.ContainerOverrides {
		given[aws.ToString(o.Name)] = o
	}
	out.ContainerOverrides = nil
	for _, c := range d.ContainerDefinitions {
		o := given[*c.Name]
		o.Name = c.Name
		delete(given, *c.Name)
		out.ContainerOverrides = append(out.ContainerOverrides, o)
	}
	for name := range given {
		return out, invalid("Override for container named " + name + " is not a container in the TaskDefinition.")
	}
	out.InferenceAcceleratorOverrides = []types.InferenceAcceleratorOverride{}
	return out, nil
}
