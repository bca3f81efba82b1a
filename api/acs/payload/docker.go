package payload

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/message"
	"berth/state"
)

const mebibyte = 1 << 20

// config has the members of docker's ContainerConfig that we set.
//
// https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerCreate
type config struct {
	Hostname    string            `json:",omitempty"`
	User        string            `json:",omitempty"`
	Tty         bool              `json:",omitempty"`
	OpenStdin   bool              `json:",omitempty"`
	WorkingDir  string            `json:",omitempty"`
	Labels      map[string]string `json:",omitempty"`
	Healthcheck *healthcheck      `json:",omitempty"`
}

type healthcheck struct {
	Test        []string
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration `json:",omitempty"`
	Retries     int32
}

// hostConfig has the members of docker's HostConfig that we set.
type hostConfig struct {
	NetworkMode       string            `json:",omitempty"`
	LogConfig         *logConfig        `json:",omitempty"`
	MemoryReservation int64             `json:",omitempty"` // bytes
	MemorySwap        *int64            `json:",omitempty"` // bytes, of memory and swap together
	MemorySwappiness  *int64            `json:",omitempty"`
	ShmSize           int64             `json:",omitempty"` // bytes
	Init              *bool             `json:",omitempty"`
	CapAdd, CapDrop   []string          `json:",omitempty"`
	Devices           []device          `json:",omitempty"`
	Tmpfs             map[string]string `json:",omitempty"`
	Ulimits           []ulimit          `json:",omitempty"`
	Sysctls           map[string]string `json:",omitempty"`
	SecurityOpt       []string          `json:",omitempty"`
	DNS               []string          `json:"Dns,omitempty"`
	DNSSearch         []string          `json:"DnsSearch,omitempty"`
	ExtraHosts        []string          `json:",omitempty"`
	Privileged        bool              `json:",omitempty"`
	ReadonlyRootfs    bool              `json:",omitempty"`
}

type (
	logConfig struct {
		Type   string
		Config map[string]string
	}
	device struct{ PathOnHost, PathInContainer, CgroupPermissions string }
	ulimit struct {
		Name       string
		Soft, Hard int32
	}
)

func (c Config) dockerConfig(t state.Task, d types.TaskDefinition, from types.ContainerDefinition) (message.DockerConfig, error) {
	inside, err := json.Marshal(config{
		Hostname: aws.ToString(from.Hostname), User: aws.ToString(from.User), WorkingDir: aws.ToString(from.WorkingDirectory),
		Tty: aws.ToBool(from.PseudoTerminal), OpenStdin: aws.ToBool(from.Interactive),
		Labels: from.DockerLabels, Healthcheck: health(from.HealthCheck),
	})
	if err != nil {
		return message.DockerConfig{}, err
	}
	host := hostConfig{
		NetworkMode:       dockerNetwork(d, from),
		LogConfig:         c.log(t, from),
		MemoryReservation: int64(aws.ToInt32(from.MemoryReservation)) * mebibyte,
		SecurityOpt:       from.DockerSecurityOptions,
		DNS:               from.DnsServers, DNSSearch: from.DnsSearchDomains,
		Privileged: aws.ToBool(from.Privileged), ReadonlyRootfs: aws.ToBool(from.ReadonlyRootFilesystem),
	}
	for _, u := range from.Ulimits {
		host.Ulimits = append(host.Ulimits, ulimit{string(u.Name), u.SoftLimit, u.HardLimit})
	}
	for _, h := range from.ExtraHosts {
		host.ExtraHosts = append(host.ExtraHosts, aws.ToString(h.Hostname)+":"+aws.ToString(h.IpAddress))
	}
	for _, s := range from.SystemControls {
		if host.Sysctls == nil {
			host.Sysctls = map[string]string{}
		}
		host.Sysctls[aws.ToString(s.Namespace)] = aws.ToString(s.Value)
	}
	if from.LinuxParameters != nil {
		host.linux(*from.LinuxParameters, int64(aws.ToInt32(from.Memory)))
	}
	outside, err := json.Marshal(host)
	return message.DockerConfig{Version: "1.19", Config: string(inside), HostConfig: string(outside)}, err
}

// dockerNetwork: docker must be told of the modes that need no network of its
// own, task by task or for a single container.
func dockerNetwork(d types.TaskDefinition, from types.ContainerDefinition) string {
	switch {
	case aws.ToBool(from.DisableNetworking):
		return string(types.NetworkModeNone)
	case d.NetworkMode == types.NetworkModeHost, d.NetworkMode == types.NetworkModeNone:
		return string(d.NetworkMode)
	}
	return ""
}

// health writes a health check. ECS names the kind of command as docker does,
// and takes a bare one for CMD.
func health(h *types.HealthCheck) *healthcheck {
	if h == nil {
		return nil
	}
	test := h.Command
	if len(test) > 0 && test[0] != "CMD" && test[0] != "CMD-SHELL" && test[0] != "NONE" {
		test = append([]string{"CMD"}, test...)
	}
	seconds := func(n *int32, otherwise int32) time.Duration {
		if n == nil {
			n = &otherwise
		}
		return time.Duration(*n) * time.Second
	}
	retries := int32(3)
	if h.Retries != nil {
		retries = *h.Retries
	}
	return &healthcheck{Test: test, Interval: seconds(h.Interval, 30), Timeout: seconds(h.Timeout, 5), StartPeriod: seconds(h.StartPeriod, 0), Retries: retries}
}

// linux adds p to h. Memory is the container's hard limit in MiB.
func (h *hostConfig) linux(p types.LinuxParameters, memory int64) {
	h.Init = p.InitProcessEnabled
	h.ShmSize = int64(aws.ToInt32(p.SharedMemorySize)) * mebibyte
	if p.Capabilities != nil {
		h.CapAdd, h.CapDrop = p.Capabilities.Add, p.Capabilities.Drop
	}
	for _, d := range p.Devices {
		h.Devices = append(h.Devices, translateDevice(d))
	}
	for _, t := range p.Tmpfs {
		if h.Tmpfs == nil {
			h.Tmpfs = map[string]string{}
		}
		h.Tmpfs[aws.ToString(t.ContainerPath)] = strings.Join(append([]string{fmt.Sprintf("size=%dm", t.Size)}, t.MountOptions...), ",")
	}
	// Swap is bounded together with memory, and swappiness counts where swap is bounded.
	if p.MaxSwap == nil || memory == 0 {
		return
	}
	sum := (memory + int64(*p.MaxSwap)) * mebibyte
	h.MemorySwap = &sum
	if p.Swappiness != nil {
		n := int64(*p.Swappiness)
		h.MemorySwappiness = &n
	}
}

func translateDevice(d types.Device) device {
	out := device{PathOnHost: aws.ToString(d.HostPath), PathInContainer: aws.ToString(d.ContainerPath)}
	if out.PathInContainer == "" {
		out.PathInContainer = out.PathOnHost
	}
	letters := map[types.DeviceCgroupPermission]string{
		types.DeviceCgroupPermissionRead: "r", types.DeviceCgroupPermissionWrite: "w", types.DeviceCgroupPermissionMknod: "m",
	}
	for _, p := range d.Permissions {
		out.CgroupPermissions += letters[p]
	}
	if out.CgroupPermissions == "" {
		out.CgroupPermissions = "rwm"
	}
	return out
}

// logMode is what the account says of log drivers whose definition does not say
// whether a slow log holds its container up.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#default-log-driver-mode
func logMode(v *state.View) string {
	if s, ok := v.AccountSettings.Get(state.AccountSettingKey("defaultLogDriverMode", "")); ok {
		return s.Value
	}
	return "non-blocking"
}

// log names the log driver. The stream's prefix becomes its whole name, which
// docker could not make; and logs go to us unless somebody says otherwise.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
func (c Config) log(t state.Task, from types.ContainerDefinition) *logConfig {
	l := from.LogConfiguration
	if l == nil {
		return nil
	}
	options := map[string]string{}
	maps.Copy(options, l.Options)
	if l.LogDriver == types.LogDriverAwslogs {
		if prefix, ok := options["awslogs-stream-prefix"]; ok {
			delete(options, "awslogs-stream-prefix")
			options["awslogs-stream"] = prefix + "/" + aws.ToString(from.Name) + "/" + t.ARN[strings.LastIndexByte(t.ARN, '/')+1:]
		}
		if options["mode"] == "" {
			options["mode"] = c.logMode
		}
		if options["awslogs-region"] == "" {
			options["awslogs-region"] = c.Region
		}
		if options["awslogs-endpoint"] == "" {
			options["awslogs-endpoint"] = c.Endpoint
		}
	}
	return &logConfig{Type: string(l.LogDriver), Config: options}
}
