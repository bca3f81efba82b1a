// Package explain has the messages in which a control plane explains where
// tasks would run. Used by cli and, to answer, by server.
package explain

// Path is where a control plane explains, at its endpoint.
const Path = "/_berth/explain"

// Question asks where one more task would run: of a task definition, or like
// an existing task.
type Question struct {
	Cluster        string `json:"cluster,omitempty"` // name or ARN; default "default"
	TaskDefinition string `json:"taskDefinition,omitempty"`
	Task           string `json:"task,omitempty"`       // id or ARN
	LaunchType     string `json:"launchType,omitempty"` // for a task definition; default: as RunTask does
}

// Explanation says how a task is and what happens to it next, and where one more
// would run.
type Explanation struct {
	Story []string `json:"story,omitempty"` // of a task
	Where []Answer `json:"where"`
}

// Answer is what each container instance says to one launch type or capacity
// provider.
type Answer struct {
	TaskDefinition   string     `json:"taskDefinition"`
	LaunchType       string     `json:"launchType"`
	CapacityProvider string     `json:"capacityProvider,omitempty"`
	Instances        []Instance `json:"instances"`
}

// Instance is what one container instance says. Without a reason, it would run
// the task.
type Instance struct {
	ARN    string `json:"arn"`
	Reason string `json:"reason,omitempty"` // in ECS's words
	Detail string `json:"detail,omitempty"`
}
