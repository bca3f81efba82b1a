package taskdef

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/query"
)

// nameText is what families, containers and volumes may be called, up to 255 characters.
var nameText = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// Quotas of one task definition.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
const (
	mostCharacters  = 255 // of a name
	mostContainers  = 10
	mostConstraints = 10
)

func checkFamily(d *definition) error {
	switch {
	case empty(d.Family):
		return blank("Family")
	case !nameText.MatchString(*d.Family):
		return refuse("Family contains invalid characters.")
	case len(*d.Family) > mostCharacters:
		return refuse("Family is too long: it can have at most %d characters.", mostCharacters)
	}
	return nil
}

// checkTask checks what a task definition says outside its containers and volumes.
func checkTask(d *definition) error {
	return first(
		checkRole(d.TaskRoleArn), checkRole(d.ExecutionRoleArn), checkPlacement(d), checkProxy(d),
		checkEphemeralStorage(d), checkPlatform(d), checkFaultInjection(d), checkAccelerators(d),
	)
}

var (
	roleARN  = regexp.MustCompile(`^arn:[a-z-]+:iam::\d{12}:role/([\x21-\x7e]*/)?[\w+=,.@-]{1,64}$`)
	roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
)

// checkRole accepts the full ARN of an IAM role, or its short name.
func checkRole(role *string) error {
	if empty(role) || roleARN.MatchString(*role) || roleName.MatchString(*role) {
		return nil
	}
	return refuse("Role is not valid")
}

func checkPlacement(d *definition) error {
	if len(d.PlacementConstraints) > mostConstraints {
		return refuse("Too many placement constraints: a task definition can have at most %d.", mostConstraints)
	}
	for _, p := range d.PlacementConstraints {
		if p.Type != types.TaskDefinitionPlacementConstraintTypeMemberOf {
			return refuse("Invalid placement constraint type '%s': it must be 'memberOf'.", p.Type)
		}
		if empty(p.Expression) {
			return blank("PlacementConstraint.expression")
		}
		if _, err := query.Parse(*p.Expression); err != nil {
			return refuse("Invalid placement constraint expression '%s': %v.", *p.Expression, err)
		}
	}
	return nil
}

// checkProxy checks the settings of the App Mesh proxy. ECS documents that
// EgressIgnoredIPs and EgressIgnoredPorts are required, yet does without.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ProxyConfiguration.html
func checkProxy(d *definition) error {
	p := d.ProxyConfiguration
	if p == nil {
		return nil
	}
	given := map[string]string{}
	for _, property := range p.Properties {
		if property.Name == nil || property.Value == nil {
			return refuse("ProxyConfiguration properties value cannot be null.")
		}
		given[*property.Name] = *property.Value
	}
	switch {
	case empty(p.ContainerName):
		return blank("ProxyConfiguration.containerName")
	case d.NetworkMode != types.NetworkModeAwsvpc:
		return refuse("APPMESH proxy configuration is only supported in networkMode=awsvpc.")
	case d.find(*p.ContainerName) == nil:
		return refuse("Proxy container [%s] does not exist.", *p.ContainerName)
	case given["ProxyIngressPort"] == "":
		return refuse("Ingress port not found.")
	case given["ProxyEgressPort"] == "":
		return refuse("Egress port not found.")
	case given["AppPorts"] == "":
		return refuse("App ports not found.")
	case given["IgnoredUID"] == "" && given["IgnoredGID"] == "":
		return refuse("At least one of IgnoredUID and IgnoredGID must be specified for the proxy container.")
	}
	return nil
}

func checkEphemeralStorage(d *definition) error {
	s := d.EphemeralStorage
	switch {
	case s == nil:
		return nil
	case s.SizeInGiB < 21:
		return refuse("EphemeralStorage size should be at least 21.")
	case s.SizeInGiB > 200:
		return refuse("EphemeralStorage size should be at most 200.")
	case len(d.RequiresCompatibilities) > 0 && !d.requires(types.CompatibilityFargate):
		return refuse("Tasks using the %s launch type do not support EphemeralStorage.", d.RequiresCompatibilities[0])
	}
	return nil
}

func (d *definition) isWindows() bool {
	return d.RuntimePlatform != nil && strings.HasPrefix(string(d.RuntimePlatform.OperatingSystemFamily), "WINDOWS")
}

// checkPlatform refuses what Windows containers lack. ECS documents networkMode
// bridge as such too, yet its agent runs it as Docker's nat.
func checkPlatform(d *definition) error {
	if !d.isWindows() {
		return nil
	}
	linuxModes := []types.NetworkMode{types.NetworkModeHost, types.NetworkModeNone}
	unsupported := func(member string) error { return refuse("Windows containers do not support %s.", member) }
	switch {
	case d.RuntimePlatform.CpuArchitecture == types.CPUArchitectureArm64:
		return unsupported("cpuArchitecture 'ARM64'")
	case slices.Contains(linuxModes, d.NetworkMode):
		return unsupported("networkMode '" + string(d.NetworkMode) + "'")
	case d.PidMode != "":
		return unsupported("pidMode")
	case d.IpcMode != "":
		return unsupported("ipcMode")
	case d.has(func(c *container) bool { return c.LinuxParameters != nil }):
		return unsupported("linuxParameters")
	case d.has(func(c *container) bool { return isTrue(c.Privileged) }):
		return unsupported("privileged")
	case d.has(func(c *container) bool { return len(c.Links) > 0 }):
		return unsupported("links")
	case d.has(func(c *container) bool { return len(c.SystemControls) > 0 }):
		return unsupported("systemControls")
	}
	return nil
}

// checkFaultInjection: faults are injected into a network namespace that the
// task has for itself or shares with the host.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fault-injection.html
func checkFaultInjection(d *definition) error {
	if isTrue(d.EnableFaultInjection) && d.NetworkMode != types.NetworkModeAwsvpc && d.NetworkMode != types.NetworkModeHost {
		return refuse("Fault injection is only supported in networkMode=awsvpc and networkMode=host.")
	}
	return nil
}

func checkAccelerators(d *definition) error {
	seen := map[string]bool{}
	for _, a := range d.accelerators {
		switch {
		case empty(a.DeviceName):
			return blank("InferenceAccelerator.deviceName")
		case empty(a.DeviceType):
			return blank("InferenceAccelerator.deviceType")
		case seen[*a.DeviceName]:
			return refuse("Inference accelerator device name '%s' is used multiple times in task.", *a.DeviceName)
		}
		seen[*a.DeviceName] = true
	}
	return nil
}
