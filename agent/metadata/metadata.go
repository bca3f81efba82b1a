// Package metadata serves containers what ECS serves them at 169.254.170.2: who
// they are, what they use, the credentials of their roles, and task protection;
// and the machine what the container agent knows.
//
// A [Server] asks its [Agent]s at each request and keeps nothing of tasks. It
// answers a container only about its own task: the source address of a request
// must be the task's, and package network makes sure that it is. Bodies and
// status codes are those of the Amazon ECS container agent.
package metadata

import (
	"context"
	"net/netip"
	"time"

	"berth/agent/network"
	"berth/agent/runtime"
	"berth/api/acs/message"
)

// Agent is what a container agent tells of its tasks. The methods that look a
// task up give a snapshot, which the server does not change.
type Agent interface {
	// TaskOf finds the task of the container that has an endpoint id.
	TaskOf(endpointID string) (Task, bool)

	// TaskWith finds the task that has a role with this credentials id.
	TaskWith(credentialsID string) (Task, bool)

	// TaskAt finds the task that has this address in the network mode awsvpc, and
	// has not stopped.
	TaskAt(address netip.Addr) (Task, bool)

	// Tasks lists all tasks, and says what the agent is.
	Tasks() (Instance, []Task)

	// Sample measures a running container.
	Sample(ctx context.Context, task, container string) (Sample, error)

	// Tags gives the tags of a task or of the container instance, by ARN.
	Tags(ctx context.Context, arn string) (map[string]string, error)
}

// Instance is what an agent is.
type Instance struct {
	Cluster string `json:"Cluster"` // as configured: a name or an ARN
	ARN     string `json:"ContainerInstanceArn"`
	Version string `json:"Version"` // of the agent: "Berth - v0.1.0 (1a2b3c4)"
}

// Sample is what a container uses.
type Sample struct {
	runtime.Stats
	Network *network.Counters // nil in the network modes host and none
}

// Task is a task as its containers may see it. The documentation of version 4
// explains each member.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
type Task struct {
	Cluster            string
	TaskARN            string
	Family             string
	Revision           string
	DesiredStatus      string `json:",omitempty"`
	KnownStatus        string
	Limits             *Limits    `json:",omitempty"` // CPU in vCPUs, memory in MiB
	PullStartedAt      *time.Time `json:",omitempty"`
	PullStoppedAt      *time.Time `json:",omitempty"`
	ExecutionStoppedAt *time.Time `json:",omitempty"`
	AvailabilityZone   string     `json:",omitempty"`
	LaunchType         string     `json:",omitempty"`

	// The server fills these in for taskWithTags.
	TaskTags              map[string]string `json:",omitempty"`
	ContainerInstanceTags map[string]string `json:",omitempty"`
	Errors                []Error           `json:",omitempty"`

	Containers              []Container       `json:",omitempty"`
	VPCID                   string            `json:",omitempty"`
	ServiceName             string            `json:",omitempty"`
	ClockDrift              *ClockDrift       `json:",omitempty"` // the server fills it in for Fargate
	EphemeralStorageMetrics *EphemeralStorage `json:",omitempty"` // Fargate
	FaultInjectionEnabled   *bool             `json:",omitempty"` // the server fills it in

	NetworkMode         string                   `json:"-"` // as in the task definition
	ContainerInstance   string                   `json:"-"` // ARN
	Role, ExecutionRole *message.RoleCredentials `json:"-"` // without keys while they have not come yet
}

// Container is a container as its task may see it.
type Container struct {
	DockerID      string `json:"DockerId"`
	Name          string
	DockerName    string
	Image         string
	ImageID       string
	Ports         []Port            `json:",omitempty"`
	Labels        map[string]string `json:",omitempty"`
	DesiredStatus string
	KnownStatus   string
	ExitCode      *int              `json:",omitempty"`
	Limits        Limits            // CPU in shares, memory in MiB
	CreatedAt     *time.Time        `json:",omitempty"`
	StartedAt     *time.Time        `json:",omitempty"`
	FinishedAt    *time.Time        `json:",omitempty"`
	Type          string            // NORMAL
	Health        *Health           `json:",omitempty"`
	Volumes       []Volume          `json:",omitempty"`
	LogDriver     string            `json:",omitempty"`
	LogOptions    map[string]string `json:",omitempty"`
	ContainerARN  string            `json:",omitempty"`
	Networks      []Network         `json:",omitempty"`
	Snapshotter   string            `json:",omitempty"` // Fargate: overlayfs
	RestartCount  *int              `json:",omitempty"` // with a restart policy

	EndpointID string     `json:"-"` // in the container's ECS_CONTAINER_METADATA_URI
	Address    netip.Addr `json:"-"` // requests come from it; not valid in the network modes host and none
}

type (
	// Limits are of a task or of a container.
	Limits struct {
		CPU    *float64 `json:",omitempty"`
		Memory *int64   `json:",omitempty"`
	}

	// Port is one port of a container that the machine has, in one address family.
	Port struct {
		ContainerPort uint16 `json:",omitempty"`
		Protocol      string `json:",omitempty"`
		HostPort      uint16 `json:",omitempty"`
		HostIP        string `json:"HostIp,omitempty"`
	}

	// Health is the state of a container's health check.
	Health struct {
		Status   string     `json:"status,omitempty"` // HEALTHY or UNHEALTHY; empty while unknown
		Since    *time.Time `json:"statusSince,omitempty"`
		ExitCode int        `json:"exitCode,omitempty"`
		Output   string     `json:"output,omitempty"`
	}

	// Volume is what a container has mounted.
	Volume struct {
		DockerName  string `json:",omitempty"`
		Source      string `json:",omitempty"`
		Destination string `json:",omitempty"`
	}

	// Network is a container's network; all below the addresses is of awsvpc.
	Network struct {
		NetworkMode              string   `json:",omitempty"`
		IPv4Addresses            []string `json:",omitempty"`
		AttachmentIndex          *int     `json:",omitempty"`
		MACAddress               string   `json:",omitempty"`
		IPv4SubnetCIDRBlock      string   `json:",omitempty"`
		DomainNameServers        []string `json:",omitempty"`
		DomainNameSearchList     []string `json:",omitempty"`
		PrivateDNSName           string   `json:",omitempty"`
		SubnetGatewayIPv4Address string   `json:"SubnetGatewayIpv4Address,omitempty"` // 10.210.0.1/20
	}

	// EphemeralStorage is in MiB.
	EphemeralStorage struct {
		Utilized, Reserved int64
	}

	// ClockDrift says how far the machine's clock may be off.
	ClockDrift struct {
		ClockErrorBound            float64 // milliseconds
		ReferenceTimestamp         time.Time
		ClockSynchronizationStatus string // SYNCHRONIZED or NOT_SYNCHRONIZED
	}

	// Error says why a part of an answer is missing.
	Error struct {
		ErrorField   string `json:",omitempty"`
		ErrorCode    string `json:",omitempty"`
		ErrorMessage string `json:",omitempty"`
		StatusCode   int    `json:",omitempty"`
		RequestID    string `json:"RequestId,omitempty"`
		ResourceARN  string `json:",omitempty"`
	}
)

const address = "http://169.254.170.2"

// Environment is what a container needs to find its metadata, its task's
// credentials (role may be nil) and its region.
func Environment(endpointID, region string, role *message.RoleCredentials) map[string]string {
	env := map[string]string{
		"ECS_CONTAINER_METADATA_URI":    address + "/v3/" + endpointID,
		"ECS_CONTAINER_METADATA_URI_V4": address + "/v4/" + endpointID,
		"ECS_AGENT_URI":                 address + "/api/" + endpointID,
		"AWS_REGION":                    region,
		"AWS_DEFAULT_REGION":            region,
	}
	if role != nil {
		env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/" + role.CredentialsID
	}
	return env
}
