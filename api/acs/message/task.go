package message

// Task is a task in a payload. To stop one, ARN and DesiredStatus are enough.
type Task struct {
	ARN                      string            `json:"arn"`
	DesiredStatus            string            `json:"desiredStatus"` // RUNNING or STOPPED
	Cluster                  string            `json:"taskClusterArn,omitempty"`
	Account                  string            `json:"taskDefinitionAccountId,omitempty"`
	Family                   string            `json:"family,omitempty"`
	Version                  string            `json:"version,omitempty"` // revision
	NetworkMode              string            `json:"networkMode,omitempty"`
	CPU                      float64           `json:"cpu,omitempty"`    // vCPU; 0: what the containers say
	Memory                   int64             `json:"memory,omitempty"` // MiB; 0: what the containers say
	LaunchType               string            `json:"launchType,omitempty"`
	ServiceName              string            `json:"serviceName,omitempty"`
	Group                    string            `json:"group,omitempty"`
	Zone                     string            `json:"zone,omitempty"`
	Overrides                string            `json:"overrides,omitempty"` // always "{}": overrides are merged already
	PIDMode                  string            `json:"pidMode,omitempty"`
	IPCMode                  string            `json:"ipcMode,omitempty"`
	RoleCredentials          *RoleCredentials  `json:"roleCredentials,omitempty"`
	ExecutionRoleCredentials *RoleCredentials  `json:"executionRoleCredentials,omitempty"`
	Volumes                  []Volume          `json:"volumes,omitempty"`
	Containers               []Container       `json:"containers,omitempty"`
	ENIs                     []ENI             `json:"elasticNetworkInterfaces,omitempty"`
	EphemeralStorage         *EphemeralStorage `json:"ephemeralStorage,omitempty"` // ours
	ExecuteCommand           bool              `json:"enableExecuteCommand,omitempty"`
	FaultInjection           bool              `json:"enableFaultInjection,omitempty"`
	Associations             []Association     `json:"associations,omitempty"`
	Proxy                    *Proxy            `json:"proxyConfiguration,omitempty"`
}

// Association gives a device to a container.
type Association struct {
	Type       string   `json:"type"` // gpu
	Name       string   `json:"name"` // id of the GPU
	Containers []string `json:"containers"`
}

// Proxy is the App Mesh proxy of a task.
type Proxy struct {
	Type          string            `json:"type"` // APPMESH
	ContainerName string            `json:"containerName"`
	Properties    map[string]string `json:"properties"`
}

// EphemeralStorage is how much a task may write into its containers' file systems.
type EphemeralStorage struct {
	SizeInGiB int32 `json:"sizeInGiB"`
}

// RoleCredentials are temporary credentials of a role.
type RoleCredentials struct {
	CredentialsID   string `json:"credentialsId"` // secret: containers ask by it
	RoleARN         string `json:"roleArn"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
	Expiration      string `json:"expiration"` // RFC 3339
}

// Container is a container of a task. What docker does is in DockerConfig.
type Container struct {
	Name                   string                  `json:"name"`
	ARN                    string                  `json:"containerArn,omitempty"`
	Image                  string                  `json:"image"`
	ImageName              string                  `json:"imageName,omitempty"` // ours: as the task definition has it, where Image is by digest instead
	Essential              bool                    `json:"essential"`
	Command                []string                `json:"command,omitempty"`
	EntryPoint             []string                `json:"entryPoint,omitempty"`
	Environment            map[string]string       `json:"environment,omitempty"` // beats files
	EnvironmentFiles       []EnvironmentFile       `json:"environmentFiles,omitempty"`
	Secrets                []Secret                `json:"secrets,omitempty"`
	CPU                    int32                   `json:"cpu"`    // shares
	Memory                 int32                   `json:"memory"` // MiB, hard limit; 0: none
	PortMappings           []PortMapping           `json:"portMappings,omitempty"`
	Links                  []string                `json:"links,omitempty"` // name:alias
	MountPoints            []MountPoint            `json:"mountPoints,omitempty"`
	VolumesFrom            []VolumeFrom            `json:"volumesFrom,omitempty"`
	DependsOn              []Dependency            `json:"dependsOn,omitempty"`
	StartTimeout           int32                   `json:"startTimeout,omitempty"`    // s; how long others wait for this one
	StopTimeout            int32                   `json:"stopTimeout,omitempty"`     // s from SIGTERM to SIGKILL; 0: the agent's default
	HealthCheckType        string                  `json:"healthCheckType,omitempty"` // docker: evaluate and send health
	RestartPolicy          *RestartPolicy          `json:"restartPolicy,omitempty"`
	Overrides              string                  `json:"overrides,omitempty"`
	DockerConfig           DockerConfig            `json:"dockerConfig"`
	RegistryAuthentication *RegistryAuthentication `json:"registryAuthentication,omitempty"`
	LogsAuthStrategy       string                  `json:"logsAuthStrategy,omitempty"` // ExecutionRole
	Firelens               *Firelens               `json:"firelensConfiguration,omitempty"`
	CredentialSpecs        []string                `json:"credentialSpecs,omitempty"`
}

// Firelens makes a container the log router of its task.
type Firelens struct {
	Type    string            `json:"type"` // fluentd or fluentbit
	Options map[string]string `json:"options,omitempty"`
}

// DockerConfig is how docker's API would describe a container: JSON texts of
// its ContainerConfig and HostConfig.
type DockerConfig struct {
	Version    string `json:"version"`
	Config     string `json:"config"`
	HostConfig string `json:"hostConfig"`
}

type (
	// EnvironmentFile is an object with one variable to a line.
	EnvironmentFile struct {
		Value string `json:"value"` // ARN of an S3 object
		Type  string `json:"type"`  // s3
	}

	// Secret is a value that the agent fetches with the execution role.
	Secret struct {
		Name      string `json:"name"`
		ValueFrom string `json:"valueFrom"`
		Provider  string `json:"provider"` // ssm or asm
		Kind      string `json:"type"`     // ENVIRONMENT_VARIABLE
		Target    string `json:"target"`   // CONTAINER or LOG_DRIVER
		Region    string `json:"region"`
	}

	// PortMapping opens ports of a container to the host. HostPort 0: the agent picks one.
	PortMapping struct {
		ContainerPort      int32  `json:"containerPort,omitempty"`
		HostPort           int32  `json:"hostPort,omitempty"`
		ContainerPortRange string `json:"containerPortRange,omitempty"` // 9000-9002
		Protocol           string `json:"protocol"`                     // tcp or udp
	}

	// MountPoint is where a container sees a volume.
	MountPoint struct {
		SourceVolume  string `json:"sourceVolume"`
		ContainerPath string `json:"containerPath"`
		ReadOnly      bool   `json:"readOnly"`
	}

	// VolumeFrom mounts all that another container mounts.
	VolumeFrom struct {
		SourceContainer string `json:"sourceContainer"`
		ReadOnly        bool   `json:"readOnly"`
	}

	// Dependency is what must be true of another container before this one starts.
	Dependency struct {
		ContainerName string `json:"containerName"`
		Condition     string `json:"condition"` // START, COMPLETE, SUCCESS, HEALTHY
	}

	// RestartPolicy starts a container again that ended by itself.
	RestartPolicy struct {
		Enabled              bool    `json:"enabled"`
		IgnoredExitCodes     []int32 `json:"ignoredExitCodes,omitempty"`
		RestartAttemptPeriod int32   `json:"restartAttemptPeriod,omitempty"` // s that it must have run; default 60
	}

	// RegistryAuthentication says how to log in where the image is.
	RegistryAuthentication struct {
		Type string    `json:"type"` // ecr or asm
		ECR  *ECRLogin `json:"ecrAuthData,omitempty"`
		ASM  *ASMLogin `json:"asmAuthData,omitempty"`
	}

	// ECRLogin logs in with a token of the ECR API.
	ECRLogin struct {
		RegistryID       string `json:"registryId"`
		Region           string `json:"region"`
		EndpointOverride string `json:"endpointOverride,omitempty"`
		UseExecutionRole bool   `json:"useExecutionRole"`
	}

	// ASMLogin logs in with a secret of Secrets Manager: {"username", "password"}.
	ASMLogin struct {
		CredentialsParameter string `json:"credentialsParameter"` // ARN of the secret
		Region               string `json:"region"`
	}
)

// Volume is a volume of a task; its type says which member configures it, and
// that one is always there.
type Volume struct {
	Name   string        `json:"name"`
	Type   string        `json:"type"` // host, docker or efs
	Host   *HostVolume   `json:"host,omitempty"`
	Docker *DockerVolume `json:"dockerVolumeConfiguration,omitempty"`
	EFS    *EFSVolume    `json:"efsVolumeConfiguration,omitempty"`
}

type (
	// HostVolume is a path of the host; without one, a directory that ends with the task.
	HostVolume struct {
		SourcePath string `json:"sourcePath,omitempty"`
	}

	// DockerVolume is a volume in docker's sense.
	DockerVolume struct {
		Scope         string            `json:"scope"` // task or shared
		Autoprovision bool              `json:"autoprovision"`
		Driver        string            `json:"driver"`
		DriverOpts    map[string]string `json:"driverOpts,omitempty"`
		Labels        map[string]string `json:"labels,omitempty"`
	}

	// EFSVolume is a directory of an EFS file system.
	EFSVolume struct {
		FileSystemID          string            `json:"fileSystemId"`
		RootDirectory         string            `json:"rootDirectory,omitempty"`
		TransitEncryption     string            `json:"transitEncryption,omitempty"`
		TransitEncryptionPort int32             `json:"transitEncryptionPort,omitempty"`
		AuthorizationConfig   *EFSAuthorization `json:"authorizationConfig,omitempty"`
	}

	// EFSAuthorization names an access point of an EFS file system.
	EFSAuthorization struct {
		AccessPointID string `json:"accessPointId,omitempty"`
		IAM           string `json:"iam,omitempty"`
	}
)

// ENI is the network interface of a task in the network mode awsvpc.
type ENI struct {
	AttachmentARN     string        `json:"attachmentArn"`
	EC2ID             string        `json:"ec2Id"` // eni-…
	MACAddress        string        `json:"macAddress"`
	IPv4Addresses     []IPv4Address `json:"ipv4Addresses"`
	Gateway           string        `json:"subnetGatewayIpv4Address"` // 10.0.0.1/24
	DomainName        []string      `json:"domainName,omitempty"`
	DomainNameServers []string      `json:"domainNameServers,omitempty"`
	PrivateDNSName    string        `json:"privateDnsName,omitempty"`
	Association       string        `json:"interfaceAssociationProtocol,omitempty"` // veth is ours
	AssignPublicIP    bool          `json:"assignPublicIp,omitempty"`               // ours
}

// IPv4Address is an address of a network interface.
type IPv4Address struct {
	Primary        bool   `json:"primary"`
	PrivateAddress string `json:"privateAddress"`
}
