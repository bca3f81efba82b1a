package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"berth/api/acs/message"
)

// Docker is what a payload's dockerConfig says.
type Docker struct {
	Config     Config
	HostConfig HostConfig
}

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
	MemoryReservation int64  // bytes
	MemorySwap        *int64 // bytes of memory and swap together; -1: no limit
	MemorySwappiness  *int64
	ShmSize           int64 // bytes
	Init              bool
	CapAdd            []string
	CapDrop           []string
	Devices           []Device
	Tmpfs             map[string]string // path to mount options
	Ulimits           []Ulimit
	Sysctls           map[string]string
	SecurityOpt       []string
	DNS               []string
	DNSSearch         []string
	ExtraHosts        []string // name:address
	Privileged        bool
	ReadonlyRootfs    bool
	PidsLimit         *int64
	OomScoreAdj       *int
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

// Parse reads a payload's dockerConfig. A member that is set and that is not
// known here is an error: what it asks for would not be done.
func Parse(c message.DockerConfig) (Docker, error) {
	var d Docker
	if err := parse(c.Config, &d.Config); err != nil {
		return d, fmt.Errorf("dockerConfig.config%w", err)
	}
	if err := parse(c.HostConfig, &d.HostConfig); err != nil {
		return d, fmt.Errorf("dockerConfig.hostConfig%w", err)
	}
	return d, nil
}

// parse reads an object into a struct. Unset members of docker's own structs
// come as null, false, 0 and the like; those may be of any name. As docker, it
// does not mind the case of names.
func parse(text string, into any) error {
	if text == "" {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return fmt.Errorf(": %w", err)
	}
	v := reflect.ValueOf(into).Elem()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if unset(members[name]) {
			continue
		}
		field := v.FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, name) })
		if !field.IsValid() {
			return fmt.Errorf(".%s: not supported by this agent", name)
		}
		strict := json.NewDecoder(bytes.NewReader(members[name]))
		strict.DisallowUnknownFields()
		if err := strict.Decode(field.Addr().Interface()); err != nil {
			return fmt.Errorf(".%s: %w", name, err)
		}
	}
	return nil
}

func unset(value json.RawMessage) bool {
	switch string(value) {
	case "null", "false", "0", `""`, "[]", "{}":
		return true
	}
	return false
}
