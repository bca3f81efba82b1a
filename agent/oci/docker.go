package oci

import "time"

// Config has the members of docker's ContainerConfig that a task definition can set:
// https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerCreate
type Config struct {
	Hostname    string
	Domainname  string
	User        string
	Tty         bool
	OpenStdin   bool
	WorkingDir  string
	Labels      map[string]string
	StopSignal  string
	Healthcheck *Healthcheck
}

// Healthcheck is a command that says whether a container is healthy.
type Healthcheck struct {
	Test        []string // NONE; CMD and arguments; CMD-SHELL and a line for a shell
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
}

// HostConfig has the members of docker's HostConfig that a task definition can set.
type HostConfig struct {
	NetworkMode       string
	LogConfig         LogConfig
	MemoryReservation int64 // bytes
	MemorySwap        int64 // bytes of memory and swap together; -1: no limit
	MemorySwappiness  *int64
	ShmSize           int64 // bytes
	Init              *bool
	CapAdd, CapDrop   []string
	Devices           []Device
	Tmpfs             map[string]string // path to mount options
	Ulimits           []Ulimit
	Sysctls           map[string]string
	SecurityOpt       []string
	Dns, DnsSearch    []string
	ExtraHosts        []string // name:address
	Privileged        bool
	ReadonlyRootfs    bool
	PidsLimit         *int64
	OomScoreAdj       int
}

// LogConfig names a log driver and its options.
type LogConfig struct {
	Type   string
	Config map[string]string
}

// Device gives a container a device of the host.
type Device struct{ PathOnHost, PathInContainer, CgroupPermissions string }

// Ulimit is one resource limit; -1 is no limit.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}
