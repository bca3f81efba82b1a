package state

import (
	"iter"
	"strings"
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
	CapacityProvider string    // name
	DrainedBy        string    // ARN of the daemon that made it DRAINING, and ACTIVE again; empty where a user did
	DrainedAt        time.Time // when that was
	RegisteredAt     time.Time
	DeregisteredAt   time.Time // zero while it is not INACTIVE
	Token            string    // idempotency token of the first registration
	Agent            string    // ARN of the principal that registered it, if that is an agent: nobody else acts for it

	Resources   []types.Resource  // as registered; GPUs are one of them
	Attributes  []types.Attribute // of the agent and the machine, by name; custom ones are Attribute records
	AgentUpdate types.AgentUpdateStatus
	Software    *types.VersionInfo
	Tags        []types.Tag

	Session        AgentSession                      // of the agent's socket, or of its last one
	DisconnectedAt time.Time                         // zero while the agent is connected
	Health         []types.InstanceHealthCheckResult // as the agent reported last
}

// AgentSession is one connection of an agent, from the upgrade to a websocket on.
type AgentSession struct {
	ID     string
	Server string // id of the Server that has the socket
	Epoch  int64  // greater than that of every earlier session of the instance
	Since  time.Time
}

// SetStatus makes i ACTIVE or DRAINING, for no daemon's sake.
func (i *ContainerInstance) SetStatus(status string) {
	i.Status, i.StatusReason, i.DrainedBy, i.DrainedAt = status, "", "", time.Time{}
	i.Version++
}

const (
	instancesByCluster = iota
	instancesByToken
	instancesBySession
	instancesByDrain
)

var containerInstances = kind[ContainerInstance]{
	name: "container-instances",
	key:  func(i *ContainerInstance) string { return i.ARN },
	indexes: []func(*ContainerInstance) string{
		instancesByCluster: func(i *ContainerInstance) string { return i.Cluster },
		instancesByToken:   func(i *ContainerInstance) string { return i.Token },
		instancesBySession: func(i *ContainerInstance) string { return i.connectedTo() },
		instancesByDrain:   func(i *ContainerInstance) string { return i.draining() },
	},
	instance: func(i *ContainerInstance) string { return i.ARN },
}

// connectedTo is the id of the server that has the agent's socket, if there is one.
func (i *ContainerInstance) connectedTo() string {
	if !i.AgentConnected {
		return ""
	}
	return i.Session.Server
}

// draining is the cluster of an instance that drains.
func (i *ContainerInstance) draining() string {
	if i.Status != "DRAINING" {
		return ""
	}
	return i.Cluster
}

// DrainingIn yields the container instances of a cluster that drain, by the
// cluster's ARN.
func (v *View) DrainingIn(cluster string) iter.Seq[ContainerInstance] {
	return v.ContainerInstances.by(instancesByDrain, cluster)
}

// Server is one process of the control plane, while it has agents' sockets.
type Server struct {
	ID        string // new with every start
	URL       string
	StartedAt time.Time
	SeenAt    time.Time // it writes this down again and again
}

var servers = kind[Server]{name: "servers", key: func(s *Server) string { return s.ID }}

// Attribute is a custom attribute that a user put on a container instance.
type Attribute struct {
	Name   string
	Value  *string
	Target string // ARN of the container instance
}

const separatorOfAttributes = "|"

// AttributeKey is the key of an attribute.
func AttributeKey(target, name string) string { return target + separatorOfAttributes + name }

// AttributeTarget is the target of the attribute with a key; what is no such key
// it returns as it is.
func AttributeTarget(key string) string {
	target, _, _ := strings.Cut(key, separatorOfAttributes)
	return target
}

var attributes = kind[Attribute]{
	name: "attributes", key: func(a *Attribute) string { return AttributeKey(a.Target, a.Name) },
	instance: func(a *Attribute) string { return a.Target },
}
