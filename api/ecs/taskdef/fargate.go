package taskdef

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fargateSizes are the sizes that a Fargate task can have, in CPU units and MiB.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
var fargateSizes = []struct {
	cpu             int
	low, high, step int
	windows         bool
}{
	{256, 512, 1024, 512, false},
	{256, 2048, 2048, 1024, false},
	{512, 1024, 4096, 1024, false},
	{1024, 2048, 8192, 1024, true},
	{2048, 4096, 16384, 1024, true},
	{4096, 8192, 30720, 1024, true},
	{8192, 16384, 61440, 4096, false},
	{16384, 32768, 122880, 8192, false},
}

// checkFargate refuses what Fargate does not run.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
func checkFargate(d *definition) error {
	if d.NetworkMode != types.NetworkModeAwsvpc {
		return refuse("Fargate only supports network mode ‘awsvpc’.")
	}
	if err := first(checkFargateSize(d), checkFargateTask(d)); err != nil {
		return err
	}
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		if err := first(checkFargateContainer(c), checkFargateLinux(c.LinuxParameters), checkFargateLog(d, c)); err != nil {
			return err
		}
		if ecrImage.MatchString(*c.Image) && empty(d.ExecutionRoleArn) {
			return refuse("Fargate requires task definition to have execution role ARN to support ECR images.")
		}
	}
	return nil
}

func checkFargateSize(d *definition) error {
	if d.cpu == 0 {
		return refuse("Fargate requires that 'cpu' be defined at the task level.")
	}
	if d.memory == 0 {
		return refuse("Fargate requires that 'memory' be defined at the task level.")
	}
	for _, s := range fargateSizes {
		if d.cpu == s.cpu && d.memory >= s.low && d.memory <= s.high && (d.memory-s.low)%s.step == 0 && (s.windows || !d.isWindows()) {
			return nil
		}
	}
	return refuse("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", d.cpu, d.memory)
}

func notOnFargate(member string) error {
	return refuse("Fargate compatible task definitions do not support %s", member)
}

func checkFargateTask(d *definition) error {
	switch {
	case d.IpcMode != "":
		return refuse("Tasks using the Fargate launch type do not support ipcMode.")
	case d.PidMode == types.PidModeHost:
		return refuse("Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.")
	case len(d.PlacementConstraints) > 0:
		return notOnFargate("constraints")
	case len(d.accelerators) > 0:
		return notOnFargate("inferenceAccelerators")
	case d.mounts(func(v *types.Volume) bool { return v.Host != nil && v.Host.SourcePath != nil }):
		return notOnFargate("sourcePath")
	case d.mounts(func(v *types.Volume) bool { return v.DockerVolumeConfiguration != nil }):
		return notOnFargate("dockerVolumeConfiguration")
	case d.mounts(func(v *types.Volume) bool { return v.FsxWindowsFileServerVolumeConfiguration != nil }):
		return notOnFargate("fsxWindowsFileServerVolumeConfiguration")
	}
	return nil
}

func checkFargateContainer(c *container) error {
	switch {
	case isTrue(c.Privileged):
		return refuse("Fargate requires that the 'privileged' setting be 'false' at the container level.")
	case len(c.DockerSecurityOptions) > 0:
		return notOnFargate("dockerSecurityOptions")
	case needs(c, types.ResourceTypeGpu):
		return refuse("Tasks using the Fargate launch type do not support GPU resource requirements.")
	case needs(c, types.ResourceTypeNeuronDevice):
		return refuse("Tasks using the Fargate launch type do not support NeuronDevice resource requirements.")
	}
	return first(between(c, "startTimeout", c.StartTimeout, 2, 120), between(c, "stopTimeout", c.StopTimeout, 2, 120))
}

func checkFargateLinux(p *types.LinuxParameters) error {
	switch {
	case p == nil:
		return nil
	case len(p.Devices) > 0:
		return notOnFargate("devices")
	case p.SharedMemorySize != nil:
		return notOnFargate("sharedMemorySize")
	case p.MaxSwap != nil:
		return notOnFargate("maxSwap")
	case p.Swappiness != nil:
		return notOnFargate("swappiness")
	case p.Capabilities == nil:
		return nil
	}
	for _, name := range p.Capabilities.Add {
		if name != "SYS_PTRACE" {
			return refuse("%s is not allowed on Fargate.", name)
		}
	}
	return nil
}

func checkFargateLog(d *definition, c *container) error {
	l := c.LogConfiguration
	if l == nil {
		return nil
	}
	drivers := []types.LogDriver{types.LogDriverAwslogs, types.LogDriverSplunk, types.LogDriverAwsfirelens}
	switch {
	case !slices.Contains(drivers, l.LogDriver):
		return badLogDriver(l.LogDriver, drivers)
	case l.LogDriver != types.LogDriverAwslogs:
		return nil
	case empty(d.ExecutionRoleArn):
		return refuse("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
	case strings.TrimSpace(l.Options["awslogs-stream-prefix"]) == "":
		return refuse("Fargate requires log configuration options to include awslogs-stream-prefix.")
	}
	return nil
}
