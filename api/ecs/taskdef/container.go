package taskdef

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// checkContainers checks what the other rules rely on: there are containers,
// and each has a name of its own.
func checkContainers(d *definition) error {
	switch n := len(d.ContainerDefinitions); {
	case n == 0:
		return refuse("Container list cannot be empty.")
	case n > mostContainers:
		return refuse("Too many containers.")
	}
	seen := map[string]bool{}
	for _, c := range d.ContainerDefinitions {
		switch {
		case empty(c.Name):
			return blank("Container.name")
		case !nameText.MatchString(*c.Name):
			return refuse("Container.name contains invalid characters.")
		case len(*c.Name) > mostCharacters:
			return refuse("Container.name is too long: it can have at most %d characters.", mostCharacters)
		case seen[*c.Name]:
			return refuse("Container names must be unique within a Task Definition.")
		}
		seen[*c.Name] = true
	}
	return nil
}

// checkEachContainer checks every container by itself.
func checkEachContainer(d *definition) error {
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		for _, check := range []func(*definition, *container) error{
			checkImage, checkContainerSize, checkTimeouts, checkRestartPolicy, checkHealth,
			checkEnvironment, checkSecrets, checkRegistryCredentials,
			checkNetworkMembers, checkPorts, checkMounts,
			checkLinuxParameters, checkUlimits, checkSystemControls, checkSecurity, checkResources,
			checkLog, checkFirelens,
		} {
			if err := check(d, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBetween checks the containers against each other.
func checkBetween(d *definition) error {
	return first(checkEssential(d), checkSums(d), checkDependencies(d), checkLinks(d), checkHostPorts(d),
		checkPortNames(d), checkReferenced(d), checkLogRouter(d), checkSharing(d))
}

func isEssential(c *container) bool { return c.Essential == nil || *c.Essential }

func checkEssential(d *definition) error {
	if !d.has(isEssential) {
		return refuse("Task definition doesn't have any essential container.")
	}
	return nil
}

var (
	imageText = regexp.MustCompile(`^[a-zA-Z0-9._:/#@+-]+$`)
	digest    = regexp.MustCompile(`^sha256:[a-fA-F0-9]{64}$`)
	ecrImage  = regexp.MustCompile(`^\d{12}\.dkr[.-]ecr[.-][a-z0-9-]+\.`)
)

// checkImage checks the form of an image's name. The limit of 255 characters
// leaves the digest out.
func checkImage(_ *definition, c *container) error {
	if empty(c.Image) {
		return blank("Container.image")
	}
	repository, sum, hasDigest := strings.Cut(*c.Image, "@")
	switch {
	case len(repository) > mostCharacters:
		return refuse("Container.image is too long: it can have at most %d characters.", mostCharacters)
	case !imageText.MatchString(repository) || hasDigest && !digest.MatchString(sum):
		return refuse("Container.image contains invalid characters.")
	}
	return nil
}

func checkTimeouts(_ *definition, c *container) error {
	if number(c.StartTimeout) < 0 {
		return refuse("Invalid 'startTimeout' setting for container '%s'.", *c.Name)
	}
	if number(c.StopTimeout) < 0 {
		return refuse("Invalid 'stopTimeout' setting for container '%s'.", *c.Name)
	}
	return nil
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html
func checkRestartPolicy(_ *definition, c *container) error {
	p := c.RestartPolicy
	switch {
	case p == nil:
		return nil
	case p.Enabled == nil:
		return blank("ContainerRestartPolicy.enabled")
	case len(p.IgnoredExitCodes) > 50:
		return refuse("The 'ignoredExitCodes' setting for container '%s' can have at most 50 exit codes.", *c.Name)
	}
	return between(c, "restartAttemptPeriod", p.RestartAttemptPeriod, 60, 1800)
}

// checkHealth checks the bounds of a health check. ECS documents that the
// command starts with CMD or CMD-SHELL, yet registers others too.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
func checkHealth(_ *definition, c *container) error {
	h := c.HealthCheck
	if h == nil {
		return nil
	}
	if len(h.Command) == 0 {
		return blank("HealthCheck.command")
	}
	return first(
		between(c, "healthCheck.interval", h.Interval, 5, 300),
		between(c, "healthCheck.timeout", h.Timeout, 2, 60),
		between(c, "healthCheck.retries", h.Retries, 1, 10),
		between(c, "healthCheck.startPeriod", h.StartPeriod, 0, 300),
	)
}

// checkResources checks the devices that a container asks for.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ResourceRequirement.html
func checkResources(d *definition, c *container) error {
	for _, r := range c.ResourceRequirements {
		var err error
		switch {
		case r.Type == "":
			err = blank("ResourceRequirement.type")
		case r.Type == types.ResourceTypeGpu:
			err = checkGPU(c, r)
		case r.SharingStrategy != nil:
			err = refuse("A sharingStrategy is only supported for the resource type GPU, not for %s of container '%s'.", r.Type, *c.Name)
		case r.Type == types.ResourceTypeNeuronDevice && text(r.Value) != "ALL":
			err = refuse("The value of the resource type NeuronDevice must be ALL for container '%s'.", *c.Name)
		case r.Type == types.ResourceTypeInferenceAccelerator:
			err = checkAccelerator(d, c, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkGPU(c *container, r types.ResourceRequirement) error {
	if mps, ok := r.SharingStrategy.(*types.SharingStrategyMemberNvidiaMps); ok {
		switch {
		case r.Value != nil:
			return refuse("Specify either value or sharingStrategy for the GPU of container '%s', not both.", *c.Name)
		case number(mps.Value.Memory) < 1:
			return refuse("The nvidiaMps memory of container '%s' must be at least 1 MiB.", *c.Name)
		}
		return between(c, "maxComputePercent", mps.Value.MaxComputePercent, 1, 100)
	}
	if n, err := strconv.Atoi(text(r.Value)); text(r.Value) != "ALL" && (err != nil || n < 1) {
		return refuse("The value of the resource type GPU must be a positive number or ALL for container '%s'.", *c.Name)
	}
	return nil
}

func checkAccelerator(d *definition, c *container, r types.ResourceRequirement) error {
	for _, a := range d.accelerators {
		if r.Value != nil && *r.Value == *a.DeviceName {
			return nil
		}
	}
	return refuse("Unknown inference accelerator '%s' for container '%s'.", text(r.Value), *c.Name)
}

// checkSharing: Neuron devices go to one container, and GPUs are either shared
// by all containers of a task that use one, or by none.
func checkSharing(d *definition) error {
	shared, exclusive, neuron := 0, 0, 0
	for _, c := range d.ContainerDefinitions {
		for _, r := range c.ResourceRequirements {
			switch {
			case r.Type == types.ResourceTypeNeuronDevice:
				neuron++
			case r.Type == types.ResourceTypeGpu && r.SharingStrategy != nil:
				shared++
			case r.Type == types.ResourceTypeGpu:
				exclusive++
			}
		}
	}
	switch {
	case neuron > 1:
		return refuse("Only one container in a task can specify NeuronDevice resources.")
	case shared > 0 && exclusive > 0:
		return refuse("The containers in a task that request GPUs must all use value or all use sharingStrategy.")
	}
	return nil
}
