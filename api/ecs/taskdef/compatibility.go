package taskdef

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// capacities are the kinds of capacity in ECS's order, each with what keeps a
// valid definition from running there.
var capacities = []struct {
	name  types.Compatibility
	check func(*definition) error
}{
	{types.CompatibilityExternal, checkExternal},
	{types.CompatibilityEc2, checkEC2},
	{types.CompatibilityManagedInstances, checkManagedInstances},
	{types.CompatibilityFargate, checkFargate},
}

// checkCompatibilities refuses a definition that cannot run where it is required to.
func checkCompatibilities(d *definition) error {
	for _, c := range capacities {
		if d.requires(c.name) {
			if err := c.check(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// compatibilities lists where the definition can run, required or not.
func compatibilities(d *definition) []types.Compatibility {
	list := []types.Compatibility{}
	for _, c := range capacities {
		if c.check(d) == nil {
			list = append(list, c.name)
		}
	}
	return list
}

func unsupported(capacity types.Compatibility, what string) error {
	return refuse("Tasks using the %s launch type do not support %s.", capacity, what)
}

func checkEC2(d *definition) error {
	if d.has(func(c *container) bool { return needs(c, types.ResourceTypeNeuronDevice) }) {
		return unsupported(types.CompatibilityEc2, "NeuronDevice resource requirements")
	}
	return nil
}

// checkExternal: machines outside of AWS have no network interfaces to give to
// tasks, no AWS file systems and no Service Connect.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html
func checkExternal(d *definition) error {
	bad := func(what string) error { return unsupported(types.CompatibilityExternal, what) }
	switch {
	case d.NetworkMode == types.NetworkModeAwsvpc:
		return bad("network mode 'awsvpc'")
	case d.mounts(func(v *types.Volume) bool { return v.EfsVolumeConfiguration != nil }):
		return bad("efsVolumeConfiguration")
	case d.mounts(func(v *types.Volume) bool { return v.S3filesVolumeConfiguration != nil }):
		return bad("s3filesVolumeConfiguration")
	case d.mounts(func(v *types.Volume) bool { return isTrue(v.ConfiguredAtLaunch) }):
		return bad("volumes that are configured at launch")
	case len(d.accelerators) > 0:
		return bad("inferenceAccelerators")
	case isTrue(d.EnableFaultInjection):
		return bad("fault injection")
	case d.has(sharesGPU):
		return bad("GPU sharing")
	case d.has(isForServiceConnect):
		return bad("appProtocol")
	}
	return checkEC2(d)
}

// checkManagedInstances: the machines are AWS's, so nothing of theirs is shared
// but the network. Without a network mode the definition is one for bridge,
// unless it asks for Managed Instances, where awsvpc is the default.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters-managed-instances.html
func checkManagedInstances(d *definition) error {
	bad := func(what string) error { return unsupported(types.CompatibilityManagedInstances, what) }
	switch {
	case d.NetworkMode == types.NetworkModeBridge, d.NetworkMode == "" && !d.requires(types.CompatibilityManagedInstances):
		return bad("network mode 'bridge'")
	case d.isWindows():
		return bad("Windows containers")
	case len(d.accelerators) > 0:
		return bad("inferenceAccelerators")
	case d.mounts(func(v *types.Volume) bool { return v.FsxWindowsFileServerVolumeConfiguration != nil }):
		return bad("fsxWindowsFileServerVolumeConfiguration")
	}
	return nil
}

// mounts reports whether any volume of d is as f says.
func (d *definition) mounts(f func(*types.Volume) bool) bool {
	for i := range d.Volumes {
		if f(&d.Volumes[i]) {
			return true
		}
	}
	return false
}

func needs(c *container, resource types.ResourceType) bool {
	return slices.ContainsFunc(c.ResourceRequirements, func(r types.ResourceRequirement) bool { return r.Type == resource })
}

func sharesGPU(c *container) bool {
	return slices.ContainsFunc(c.ResourceRequirements, func(r types.ResourceRequirement) bool { return r.SharingStrategy != nil })
}

// isForServiceConnect: an application protocol is for nothing else.
func isForServiceConnect(c *container) bool {
	return slices.ContainsFunc(c.PortMappings, func(p types.PortMapping) bool { return p.AppProtocol != "" })
}
