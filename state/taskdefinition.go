package state

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TaskDefinition is one revision of a family. Its document is the SDK's type
// whole, with its status and times.
type TaskDefinition struct {
	types.TaskDefinition
	Tags []types.Tag
}

var taskDefinitions = kind[TaskDefinition]{
	name: "task-definitions", key: func(d *TaskDefinition) string { return *d.TaskDefinitionArn },
}

// Family numbers the revisions of the task definitions that share a name. It
// outlives them: a number is never given twice.
type Family struct {
	Name         string
	LastRevision int32
}

var families = kind[Family]{name: "families", key: func(f *Family) string { return f.Name }}
