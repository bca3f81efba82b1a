package state

import (
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TaskDefinition is one revision of a family. Its document is the SDK's type
// whole, with its status and times.
type TaskDefinition struct {
	types.TaskDefinition
	Tags []types.Tag
}

const (
	taskDefinitionsByFamily = iota
	taskDefinitionsInDeletion
)

var taskDefinitions = kind[TaskDefinition]{
	name: "task-definitions",
	key:  func(d *TaskDefinition) string { return *d.TaskDefinitionArn },
	indexes: []func(*TaskDefinition) string{
		taskDefinitionsByFamily: func(d *TaskDefinition) string { return aws.ToString(d.Family) },
		taskDefinitionsInDeletion: func(d *TaskDefinition) string {
			if d.Status != types.TaskDefinitionStatusDeleteInProgress {
				return ""
			}
			return string(d.Status)
		},
	},
}

// Family numbers the revisions of the task definitions that share a name. It
// outlives them: a number is never given twice.
type Family struct {
	Name         string
	LastRevision int32
}

var families = kind[Family]{name: "families", key: func(f *Family) string { return f.Name }}

// TaskDefinitionsOf yields the revisions of a family, in the order of their
// ARNs: 10 comes before 9.
func (v *View) TaskDefinitionsOf(family string) iter.Seq[TaskDefinition] {
	return v.TaskDefinitions.by(taskDefinitionsByFamily, family)
}

// TaskDefinitionsInDeletion yields the revisions that go once nothing runs them.
func (v *View) TaskDefinitionsInDeletion() iter.Seq[TaskDefinition] {
	return v.TaskDefinitions.by(taskDefinitionsInDeletion, string(types.TaskDefinitionStatusDeleteInProgress))
}
