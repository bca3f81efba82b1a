package taskdef

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// daemonLogs are the log drivers that daemons may have.
var daemonLogs = []types.LogDriver{types.LogDriverAwslogs, types.LogDriverSplunk, types.LogDriverAwsfirelens}

// CompleteDaemon checks a daemon task definition and returns it as the document
// that ECS keeps and describes, and as the task definition that its tasks are
// made from; both without what registration adds. Its network mode is left to
// the caller, as no user can choose it.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-task-definitions.html
func CompleteDaemon(in *ecs.RegisterDaemonTaskDefinitionInput) (shown types.DaemonTaskDefinition, runs types.TaskDefinition, err error) {
	shown = types.DaemonTaskDefinition{
		ContainerDefinitions: slices.Clone(in.ContainerDefinitions), Cpu: in.Cpu, ExecutionRoleArn: in.ExecutionRoleArn, Family: in.Family,
		IpcMode: in.IpcMode, Memory: in.Memory, PidMode: in.PidMode, TaskRoleArn: in.TaskRoleArn, Volumes: slices.Clone(in.Volumes),
	}
	d := &definition{daemon: true, TaskDefinition: types.TaskDefinition{
		Cpu: in.Cpu, ExecutionRoleArn: in.ExecutionRoleArn, Family: in.Family, Memory: in.Memory, TaskRoleArn: in.TaskRoleArn,
	}}
	if in.PidMode == types.DaemonPidModeShared {
		d.PidMode = types.PidModeHost
	}
	if in.IpcMode == types.DaemonIpcModeShared {
		d.IpcMode = types.IpcModeHost
	}
	for _, v := range in.Volumes {
		if err := checkDaemonVolume(v); err != nil {
			return shown, runs, err
		}
		d.Volumes = append(d.Volumes, types.Volume{Name: v.Name, Host: v.Host})
	}
	for _, c := range in.ContainerDefinitions {
		d.ContainerDefinitions = append(d.ContainerDefinitions, containerOfDaemon(c))
	}
	if err := d.complete(); err != nil {
		return shown, runs, err
	}
	for _, c := range d.ContainerDefinitions {
		if l := c.LogConfiguration; l != nil && !slices.Contains(daemonLogs, l.LogDriver) {
			return shown, runs, refuse("The log driver '%s' of container '%s' is not supported for daemons: use one of %v.", l.LogDriver, *c.Name, daemonLogs)
		}
	}
	shown.Cpu, shown.Memory = d.Cpu, d.Memory
	for i := range shown.ContainerDefinitions {
		c := &shown.ContainerDefinitions[i]
		otherwise(&c.Essential, true)
		present(&c.Environment)
		present(&c.MountPoints)
		present(&c.Secrets)
	}
	present(&shown.Volumes)
	return shown, d.TaskDefinition, nil
}

// checkDaemonVolume: daemons mount directories of the machine, and nothing else.
func checkDaemonVolume(v types.DaemonVolume) error {
	switch {
	case v.LogDriverVolumeConfiguration != nil && v.Host != nil:
		return refuse("Only one volume configuration can be specified for volume '%s'.", text(v.Name))
	case v.LogDriverVolumeConfiguration != nil:
		return refuse("logDriverVolumeConfiguration of volume '%s' is not supported here: agents keep no files of json-file for others to read.", text(v.Name))
	case v.Host == nil || empty(v.Host.SourcePath):
		return refuse("Volume '%s' of a daemon task definition must have host.sourcePath: daemons support only bind mounts of the container instance.", text(v.Name))
	}
	return nil
}

// containerOfDaemon is a container of a daemon in the words of a task definition.
func containerOfDaemon(c types.DaemonContainerDefinition) types.ContainerDefinition {
	return types.ContainerDefinition{
		Command: c.Command, Cpu: c.Cpu, DependsOn: c.DependsOn, EntryPoint: c.EntryPoint, Environment: c.Environment,
		EnvironmentFiles: c.EnvironmentFiles, Essential: c.Essential, FirelensConfiguration: c.FirelensConfiguration,
		HealthCheck: c.HealthCheck, Image: c.Image, Interactive: c.Interactive, LinuxParameters: linuxOfDaemon(c.LinuxParameters),
		LogConfiguration: c.LogConfiguration, Memory: c.Memory, MemoryReservation: c.MemoryReservation, MountPoints: c.MountPoints,
		Name: c.Name, Privileged: c.Privileged, PseudoTerminal: c.PseudoTerminal, ReadonlyRootFilesystem: c.ReadonlyRootFilesystem,
		RepositoryCredentials: c.RepositoryCredentials, RestartPolicy: c.RestartPolicy, Secrets: c.Secrets,
		StartTimeout: c.StartTimeout, StopTimeout: c.StopTimeout, SystemControls: c.SystemControls, Ulimits: c.Ulimits,
		User: c.User, WorkingDirectory: c.WorkingDirectory,
	}
}

func linuxOfDaemon(p *types.DaemonLinuxParameters) *types.LinuxParameters {
	if p == nil {
		return nil
	}
	return &types.LinuxParameters{Capabilities: p.Capabilities, Devices: p.Devices, InitProcessEnabled: p.InitProcessEnabled, Tmpfs: p.Tmpfs}
}
