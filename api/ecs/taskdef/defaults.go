package taskdef

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fillDefaults writes out what ECS writes out when it describes a definition:
// some defaults, and lists that it always returns. All else that the user left
// out stays out.
func fillDefaults(d *definition) {
	for i := range d.ContainerDefinitions {
		fillContainer(d.NetworkMode, &d.ContainerDefinitions[i])
	}
	for i := range d.Volumes {
		fillVolume(&d.Volumes[i])
	}
	present(&d.Volumes)
	present(&d.PlacementConstraints)
}

// present makes a list that was left out an empty one.
func present[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// otherwise gives a member that was left out its default.
func otherwise[T any](member **T, value T) {
	if *member == nil {
		*member = &value
	}
}

func fillContainer(mode types.NetworkMode, c *container) {
	otherwise(&c.Essential, true)
	c.PortMappings = slices.Clone(c.PortMappings)
	for i := range c.PortMappings {
		fillPort(mode, &c.PortMappings[i])
	}
	if c.HealthCheck != nil {
		h := *c.HealthCheck
		otherwise(&h.Interval, 30)
		otherwise(&h.Timeout, 5)
		otherwise(&h.Retries, 3)
		c.HealthCheck = &h
	}
	present(&c.PortMappings)
	present(&c.Environment)
	present(&c.MountPoints)
	present(&c.VolumesFrom)
	present(&c.SystemControls)
}

// fillPort: the host port is the container's where a task has a network of its
// own; on a bridge, 0 stands for any free one.
func fillPort(mode types.NetworkMode, p *types.PortMapping) {
	p.Protocol = types.TransportProtocol(strings.ToLower(transport(*p)))
	switch {
	case p.ContainerPortRange != nil:
	case mode == types.NetworkModeAwsvpc:
		p.HostPort = p.ContainerPort
	case mode != types.NetworkModeHost:
		otherwise(&p.HostPort, 0)
	}
}

func fillVolume(v *types.Volume) {
	if kinds(*v) == 0 {
		v.Host = &types.HostVolumeProperties{}
	}
	if v.EfsVolumeConfiguration != nil {
		efs := *v.EfsVolumeConfiguration
		otherwise(&efs.RootDirectory, "/")
		v.EfsVolumeConfiguration = &efs
	}
}
