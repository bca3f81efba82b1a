package state

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ContainerInstance is a machine that runs tasks of one cluster.
type ContainerInstance struct {
	ARN              string
	Cluster          string // ARN
	Status           string // ACTIVE, DRAINING, REGISTERING, DEREGISTERING, REGISTRATION_FAILED, INACTIVE
	StatusReason     string
	EC2ID            string // i-… or mi-…; empty where the machine gave none
	Version          int64  // grows with each change of the instance
	AgentConnected   bool
	CapacityProvider string // name
	RegisteredAt     time.Time
	DeregisteredAt   time.Time // zero while it is not INACTIVE
	Token            string    // idempotency token of the first registration

	Resources   []types.Resource  // as registered; GPUs are one of them
	Attributes  []types.Attribute // of the agent and the machine, by name; custom ones are Attribute records
	AgentUpdate types.AgentUpdateStatus
	Software    *types.VersionInfo
	Tags        []types.Tag
}

const (
	instancesByCluster = iota
	instancesByToken
)

var containerInstances = kind[ContainerInstance]{
	name: "container-instances",
	key:  func(i *ContainerInstance) string { return i.ARN },
	indexes: []func(*ContainerInstance) string{
		instancesByCluster: func(i *ContainerInstance) string { return i.Cluster },
		instancesByToken:   func(i *ContainerInstance) string { return i.Token },
	},
}

// Attribute is a custom attribute that a user put on a container instance.
type Attribute struct {
	Name   string
	Value  *string
	Target string // ARN of the container instance
}

const separatorOfAttributes = "|"

// AttributeKey is the key of an attribute.
func AttributeKey(target, name string) string { return target + separatorOfAttributes + name }

var attributes = kind[Attribute]{
	name: "attributes", key: func(a *Attribute) string { return AttributeKey(a.Target, a.Name) },
}
