package message

// What a control plane sends on ACS.
type (
	// Heartbeat keeps the connection, and asks for a HeartbeatAck.
	Heartbeat struct {
		MessageID string `json:"messageId"`
		Healthy   bool   `json:"healthy"`
	}

	// Payload brings tasks to run or to stop. It is resent until an Ack comes.
	Payload struct {
		MessageID         string `json:"messageId"`
		Cluster           string `json:"clusterArn"`
		ContainerInstance string `json:"containerInstanceArn"`
		SeqNum            int64  `json:"seqNum"`      // of the instance: grows with each payload and manifest
		GeneratedAt       int64  `json:"generatedAt"` // ms
		Tasks             []Task `json:"tasks"`
	}

	// Credentials replaces the credentials of a task's role.
	Credentials struct {
		MessageID       string          `json:"messageId"`
		Task            string          `json:"taskArn"`
		TaskCluster     string          `json:"taskClusterArn"`
		RoleType        string          `json:"roleType"` // TaskApplication or TaskExecution
		RoleCredentials RoleCredentials `json:"roleCredentials"`
	}

	// Manifest lists every task that the instance should run.
	Manifest struct {
		MessageID         string    `json:"messageId"`
		Cluster           string    `json:"clusterArn"`
		ContainerInstance string    `json:"containerInstanceArn"`
		GeneratedAt       int64     `json:"generatedAt"` // ms
		Timeline          int64     `json:"timeline"`    // same counter as Payload.SeqNum
		Tasks             []TaskRef `json:"tasks"`
	}

	// StopVerificationAck names the tasks that an agent must stop, of those it asked about.
	StopVerificationAck struct {
		MessageID   string    `json:"messageId"` // of the Manifest
		GeneratedAt int64     `json:"generatedAt"`
		StopTasks   []TaskRef `json:"stopTasks"`
	}

	// TaskRef names a task in a manifest.
	TaskRef struct {
		Task          string `json:"taskArn"`
		TaskCluster   string `json:"taskClusterArn"`
		DesiredStatus string `json:"desiredStatus"`
		LastStatus    string `json:"lastStatus,omitempty"` // what the control plane knows; Amazon's has no such member
	}

	// Close tells an agent why it is about to be disconnected.
	Close struct {
		Message string `json:"message"`
	}
)

// What an agent sends on ACS.
type (
	// Ack says that the agent has taken a message in, and will not forget it.
	Ack struct {
		Cluster           string `json:"cluster"`
		ContainerInstance string `json:"containerInstance"`
		MessageID         string `json:"messageId"`
	}

	// Nack says why the agent refuses a message.
	Nack struct {
		Cluster           string `json:"cluster"`
		ContainerInstance string `json:"containerInstance"`
		MessageID         string `json:"messageId"`
		Reason            string `json:"reason"`
	}

	// HeartbeatAck answers a Heartbeat.
	HeartbeatAck struct {
		MessageID string `json:"messageId"`
	}

	// CredentialsAck says that the agent has credentials, of a Payload or a Credentials message.
	CredentialsAck struct {
		MessageID     string `json:"messageId"`
		CredentialsID string `json:"credentialsId"`
		Expiration    string `json:"expiration"`
	}

	// StopVerification asks whether tasks that a manifest does not list must stop.
	StopVerification struct {
		MessageID      string    `json:"messageId"` // of the Manifest
		StopCandidates []TaskRef `json:"stopCandidates"`
	}
)

// Type is the name on the wire.
func (*Heartbeat) Type() string { return "HeartbeatMessage" }

// Type is the name on the wire.
func (*Payload) Type() string { return "PayloadMessage" }

// Type is the name on the wire.
func (*Credentials) Type() string { return "IAMRoleCredentialsMessage" }

// Type is the name on the wire.
func (*Manifest) Type() string { return "TaskManifestMessage" }

// Type is the name on the wire.
func (*StopVerificationAck) Type() string { return "TaskStopVerificationAck" }

// Type is the name on the wire.
func (*Close) Type() string { return "CloseMessage" }

// Type is the name on the wire.
func (*Ack) Type() string { return "AckRequest" }

// Type is the name on the wire.
func (*Nack) Type() string { return "NackRequest" }

// Type is the name on the wire.
func (*HeartbeatAck) Type() string { return "HeartbeatAckRequest" }

// Type is the name on the wire.
func (*CredentialsAck) Type() string { return "IAMRoleCredentialsAckRequest" }

// Type is the name on the wire.
func (*StopVerification) Type() string { return "TaskStopVerificationMessage" }

// blank returns an empty message of a type, or nil if it is not known.
func blank(name string) Message {
	for _, m := range []Message{
		new(Heartbeat), new(Payload), new(Credentials), new(Manifest), new(StopVerificationAck), new(Close),
		new(Ack), new(Nack), new(HeartbeatAck), new(CredentialsAck), new(StopVerification),
		new(PublishMetrics), new(PublishHealth), new(PublishInstanceStatus),
		new(AckMetrics), new(AckHealth), new(AckInstanceStatus),
	} {
		if m.Type() == name {
			return m
		}
	}
	return nil
}
