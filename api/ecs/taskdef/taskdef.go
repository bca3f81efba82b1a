// Package taskdef checks the task definitions that users register, and
// completes them as Amazon ECS does: defaults, compatibilities and the
// attributes that a container instance must have.
//
// It is pure: it knows no store, no time and no other definition. Its errors
// are the SDK's exceptions in ECS's own words where those are known; where not,
// they say which member is wrong and what would be right. Used by api/ecs.
package taskdef

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Complete checks in and returns it as the document that ECS keeps and
// describes, without what registration adds: ARN, revision, status, times and
// who registered it. It leaves in as it is; the document shares its lists and
// maps. The values of enums without rules of their own are the caller's to check.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
func Complete(in *ecs.RegisterTaskDefinitionInput) (types.TaskDefinition, error) {
	d := &definition{TaskDefinition: document(in)}
	//lint:ignore SA1019 ECS still keeps and describes what is no longer sold
	d.accelerators = in.InferenceAccelerators
	if err := d.complete(); err != nil {
		return types.TaskDefinition{}, err
	}
	return d.TaskDefinition, nil
}

// complete checks d and fills in what follows from it.
func (d *definition) complete() error {
	for _, check := range []func(*definition) error{
		checkFamily, checkContainers, checkSize, checkTask, checkVolumes, checkEachContainer, checkBetween, checkCompatibilities,
	} {
		if err := check(d); err != nil {
			return err
		}
	}
	fillDefaults(d)
	d.Compatibilities = compatibilities(d)
	d.RequiresAttributes = requiredAttributes(d)
	//lint:ignore SA1019 see Complete
	d.InferenceAccelerators = d.accelerators
	return nil
}

// definition is a task definition while it is checked and completed.
type definition struct {
	types.TaskDefinition
	cpu    int  // CPU units of the task; 0 where it has none
	memory int  // MiB of the task; 0 where it has none
	daemon bool // its containers need no memory of their own

	accelerators []types.InferenceAccelerator
}

type container = types.ContainerDefinition

// document copies in as deep as fillDefaults writes.
func document(in *ecs.RegisterTaskDefinitionInput) types.TaskDefinition {
	return types.TaskDefinition{
		ContainerDefinitions:    slices.Clone(in.ContainerDefinitions),
		Cpu:                     in.Cpu,
		EnableFaultInjection:    in.EnableFaultInjection,
		EphemeralStorage:        in.EphemeralStorage,
		ExecutionRoleArn:        in.ExecutionRoleArn,
		Family:                  in.Family,
		IpcMode:                 in.IpcMode,
		Memory:                  in.Memory,
		NetworkMode:             in.NetworkMode,
		PidMode:                 in.PidMode,
		PlacementConstraints:    in.PlacementConstraints,
		ProxyConfiguration:      in.ProxyConfiguration,
		RequiresCompatibilities: in.RequiresCompatibilities,
		RuntimePlatform:         in.RuntimePlatform,
		TaskRoleArn:             in.TaskRoleArn,
		Volumes:                 slices.Clone(in.Volumes),
	}
}

// find returns the container of that name, or nil.
func (d *definition) find(name string) *container {
	for i := range d.ContainerDefinitions {
		if *d.ContainerDefinitions[i].Name == name {
			return &d.ContainerDefinitions[i]
		}
	}
	return nil
}

// has reports whether any container of d is as f says.
func (d *definition) has(f func(*container) bool) bool {
	for i := range d.ContainerDefinitions {
		if f(&d.ContainerDefinitions[i]) {
			return true
		}
	}
	return false
}

func (d *definition) requires(c types.Compatibility) bool {
	return slices.Contains(d.RequiresCompatibilities, c)
}

// refuse returns the exception by which ECS refuses a task definition.
func refuse(format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return &types.ClientException{Message: &message}
}

// blank refuses a required member that was left out.
func blank(member string) error { return refuse("%s should not be null or empty.", member) }

// first returns the first error of the checks.
func first(checks ...error) error {
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// between refuses a setting of c that is given and not from low to high.
func between(c *container, setting string, value *int32, low, high int32) error {
	if value == nil || *value >= low && *value <= high {
		return nil
	}
	return refuse("The '%s' setting for container '%s' must be between %d and %d.", setting, *c.Name, low, high)
}

// empty reports whether a member is left out or blank.
func empty(s *string) bool { return s == nil || *s == "" }

// text is a member's value, and "null" where it is left out, as ECS prints it.
func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func isTrue(b *bool) bool { return b != nil && *b }
