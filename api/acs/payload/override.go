package payload

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// override returns d as o changes it. What concerns the task as a whole is
// applied already: it is in the task's record.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerOverride.html
func override(d types.TaskDefinition, o *types.TaskOverride) (types.TaskDefinition, error) {
	if o == nil {
		return d, nil
	}
	d.ContainerDefinitions = slices.Clone(d.ContainerDefinitions)
	for _, change := range o.ContainerOverrides {
		i := slices.IndexFunc(d.ContainerDefinitions, func(c types.ContainerDefinition) bool {
			return aws.ToString(c.Name) == aws.ToString(change.Name)
		})
		if i < 0 {
			return d, fmt.Errorf("there is no container %q to override", aws.ToString(change.Name))
		}
		overrideContainer(&d.ContainerDefinitions[i], change)
	}
	return d, nil
}

func overrideContainer(c *types.ContainerDefinition, o types.ContainerOverride) {
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	c.Environment = slices.Concat(c.Environment, o.Environment) // the last of a name counts
	if len(o.EnvironmentFiles) > 0 {
		c.EnvironmentFiles = o.EnvironmentFiles
	}
	if o.Cpu != nil {
		c.Cpu = *o.Cpu
	}
	if o.Memory != nil {
		c.Memory = o.Memory
	}
	if o.MemoryReservation != nil {
		c.MemoryReservation = o.MemoryReservation
	}
	if len(o.ResourceRequirements) > 0 {
		c.ResourceRequirements = o.ResourceRequirements
	}
}
