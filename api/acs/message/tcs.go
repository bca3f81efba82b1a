package message

// What an agent sends on TCS.
type (
	// PublishMetrics brings what tasks use, of up to ten tasks.
	PublishMetrics struct {
		Metadata  MetricsMetadata `json:"metadata"`
		Timestamp Time            `json:"timestamp"`
		Tasks     []TaskMetrics   `json:"taskMetrics,omitempty"`
	}

	// PublishHealth brings the health of containers, of up to ten tasks.
	PublishHealth struct {
		Metadata  HealthMetadata `json:"metadata"`
		Timestamp Time           `json:"timestamp"`
		Tasks     []TaskHealth   `json:"tasks"`
	}

	// PublishInstanceStatus says how the machine's parts are.
	PublishInstanceStatus struct {
		Metadata  InstanceStatusMetadata `json:"metadata"`
		Timestamp Time                   `json:"timestamp"`
		Statuses  []InstanceStatus       `json:"statuses"`
	}

	// MetricsMetadata says whose metrics these are, and whether more follow.
	MetricsMetadata struct {
		Cluster           string `json:"cluster"`
		ContainerInstance string `json:"containerInstance"`
		MessageID         string `json:"messageId"`
		Idle              bool   `json:"idle"` // nothing runs
		Fin               bool   `json:"fin"`  // the last part
	}

	// HealthMetadata says whose health this is.
	HealthMetadata struct {
		Cluster           string `json:"cluster"`
		ContainerInstance string `json:"containerInstance"`
		MessageID         string `json:"messageId"`
		Fin               bool   `json:"fin"`
	}

	// InstanceStatusMetadata says whose status this is.
	InstanceStatusMetadata struct {
		Cluster           string `json:"cluster"`
		ContainerInstance string `json:"containerInstance"`
		RequestID         string `json:"requestId"`
	}

	// TaskMetrics is what one task uses.
	TaskMetrics struct {
		Task       string             `json:"taskArn"`
		Family     string             `json:"taskDefinitionFamily"`
		Version    string             `json:"taskDefinitionVersion"`
		Containers []ContainerMetrics `json:"containerMetrics"`
	}

	// ContainerMetrics is what one container uses.
	ContainerMetrics struct {
		Name     string        `json:"containerName"`
		CPU      *Stats        `json:"cpuStatsSet,omitempty"`    // percent of one core
		Memory   *LongStats    `json:"memoryStatsSet,omitempty"` // MiB
		Network  *NetworkStats `json:"networkStatsSet,omitempty"`
		Storage  *StorageStats `json:"storageStatsSet,omitempty"`
		Restarts *RestartStats `json:"restartStatsSet,omitempty"`
	}

	// Stats sums up samples.
	Stats struct {
		Min         float64 `json:"min"`
		Max         float64 `json:"max"`
		Sum         float64 `json:"sum"`
		SampleCount int     `json:"sampleCount"`
	}

	// LongStats sums up samples that are whole numbers.
	LongStats struct {
		Min         int64 `json:"min"`
		Max         int64 `json:"max"`
		Sum         int64 `json:"sum"`
		SampleCount int   `json:"sampleCount"`
		OverflowMin int64 `json:"overflowMin"`
		OverflowMax int64 `json:"overflowMax"`
		OverflowSum int64 `json:"overflowSum"`
	}

	// NetworkStats are bytes and packets since the start, and rates.
	NetworkStats struct {
		RxBytes          *LongStats `json:"rxBytes,omitempty"`
		RxDropped        *LongStats `json:"rxDropped,omitempty"`
		RxErrors         *LongStats `json:"rxErrors,omitempty"`
		RxPackets        *LongStats `json:"rxPackets,omitempty"`
		TxBytes          *LongStats `json:"txBytes,omitempty"`
		TxDropped        *LongStats `json:"txDropped,omitempty"`
		TxErrors         *LongStats `json:"txErrors,omitempty"`
		TxPackets        *LongStats `json:"txPackets,omitempty"`
		RxBytesPerSecond *Stats     `json:"rxBytesPerSecond,omitempty"`
		TxBytesPerSecond *Stats     `json:"txBytesPerSecond,omitempty"`
	}

	// StorageStats are bytes read and written since the start.
	StorageStats struct {
		Read  *LongStats `json:"readSizeBytes,omitempty"`
		Write *LongStats `json:"writeSizeBytes,omitempty"`
	}

	// RestartStats counts restarts since the last message.
	RestartStats struct {
		RestartCount int `json:"restartCount"`
	}

	// TaskHealth is the health of a task's containers.
	TaskHealth struct {
		Task       string            `json:"taskArn"`
		Family     string            `json:"taskDefinitionFamily"`
		Version    string            `json:"taskDefinitionVersion"`
		Containers []ContainerHealth `json:"containers"`
	}

	// ContainerHealth is the health of one container: HEALTHY, UNHEALTHY or UNKNOWN.
	ContainerHealth struct {
		Name    string `json:"containerName"`
		Status  string `json:"healthStatus"`
		Since   Time   `json:"statusSince"`
		Message string `json:"statusMessage,omitempty"`
	}

	// InstanceStatus is how one part of a machine is: OK, IMPAIRED, INSUFFICIENT_DATA or INITIALIZING.
	InstanceStatus struct {
		Kind             string `json:"type"` // ContainerRuntime
		Status           string `json:"status"`
		LastUpdated      Time   `json:"lastUpdated"`
		LastStatusChange Time   `json:"lastStatusChange"`
	}
)

// What a control plane answers on TCS.
type (
	// AckMetrics answers PublishMetrics.
	AckMetrics struct {
		Message string `json:"message"`
	}

	// AckHealth answers PublishHealth.
	AckHealth struct {
		Message string `json:"message"`
	}

	// AckInstanceStatus answers PublishInstanceStatus.
	AckInstanceStatus struct {
		Message string `json:"message"`
	}
)

// Type is the name on the wire.
func (*PublishMetrics) Type() string { return "PublishMetricsRequest" }

// Type is the name on the wire.
func (*PublishHealth) Type() string { return "PublishHealthRequest" }

// Type is the name on the wire.
func (*PublishInstanceStatus) Type() string { return "PublishInstanceStatusRequest" }

// Type is the name on the wire.
func (*AckMetrics) Type() string { return "AckPublishMetric" }

// Type is the name on the wire.
func (*AckHealth) Type() string { return "AckPublishHealth" }

// Type is the name on the wire.
func (*AckInstanceStatus) Type() string { return "AckPublishInstanceStatus" }
