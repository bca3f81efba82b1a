package taskdef

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What the names of attributes that the ECS agent registers start with. The
// agent lists them all in agent/app/agent_capability.go.
const (
	capability    = "ecs.capability."
	oldCapability = "com.amazonaws.ecs.capability."
	dockerAPI     = oldCapability + "docker-remote-api."
)

// oldTaskCPULimit is the CPU that agents could give to a task before 192 vCPUs.
const oldTaskCPULimit = 10 * 1024

// requiredAttributes lists what the agent of a container instance must be able
// to do to run the definition, in the order of names; nil for nothing special.
func requiredAttributes(d *definition) []types.Attribute {
	var n need
	n.task(d)
	n.taskVolumes(d)
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		n.container(d, c)
		n.secrets(c)
		n.linux(c)
		n.log(d, c)
	}
	slices.Sort(n)
	var list []types.Attribute
	for _, name := range slices.Compact(n) {
		list = append(list, types.Attribute{Name: &name})
	}
	return list
}

// need collects the names of attributes.
type need []string

func (n *need) when(needed bool, names ...string) {
	if needed {
		*n = append(*n, names...)
	}
}

func (n *need) task(d *definition) {
	hostNetwork := d.NetworkMode == types.NetworkModeHost
	n.when(!empty(d.TaskRoleArn) && !hostNetwork, oldCapability+"task-iam-role")
	n.when(!empty(d.TaskRoleArn) && hostNetwork, oldCapability+"task-iam-role-network-host")
	n.when(d.NetworkMode == types.NetworkModeAwsvpc, capability+"task-eni", dockerAPI+"1.18")
	n.when(d.cpu > 0 || d.memory > 0, dockerAPI+"1.18")
	n.when(d.cpu > oldTaskCPULimit, capability+"increased-task-cpu-limit")
	n.when(d.PidMode != "" || d.IpcMode != "", capability+"pid-ipc-namespace-sharing")
	n.when(d.IpcMode == types.IpcModeTask || d.IpcMode == types.IpcModeNone, dockerAPI+"1.32")
	n.when(d.ProxyConfiguration != nil, capability+"aws-appmesh")
	n.when(d.EphemeralStorage != nil, capability+"extensible-ephemeral-storage")
	n.when(len(d.accelerators) > 0, capability+"task-eia")
	n.when(isTrue(d.EnableFaultInjection), capability+"fault-injection")
}

func (n *need) taskVolumes(d *definition) {
	for _, v := range d.Volumes {
		n.when(v.EfsVolumeConfiguration != nil, capability+"efs", capability+"efsAuth", dockerAPI+"1.25")
		n.when(v.S3filesVolumeConfiguration != nil, capability+"storage.s3-files")
		n.when(v.FsxWindowsFileServerVolumeConfiguration != nil, capability+"fsxWindowsFileServer")
		n.when(isTrue(v.ConfiguredAtLaunch), capability+"storage.ebs-task-volume-attach")
		if v.DockerVolumeConfiguration != nil {
			driver := "local"
			if v.DockerVolumeConfiguration.Driver != nil {
				// Agents register the tag of a plugin's name with a dot.
				driver = strings.ReplaceAll(*v.DockerVolumeConfiguration.Driver, ":", ".")
			}
			n.when(true, capability+"docker-plugin."+driver, dockerAPI+"1.25")
		}
	}
}

func (n *need) container(d *definition, c *container) {
	fromECR := ecrImage.MatchString(*c.Image)
	n.when(fromECR, oldCapability+"ecr-auth")
	n.when(fromECR && !empty(d.ExecutionRoleArn), capability+"execution-role-ecr-pull")
	n.when(c.RepositoryCredentials != nil, capability+"private-registry-authentication.secretsmanager")
	n.when(number(c.MemoryReservation) > 0, dockerAPI+"1.21")
	n.when(c.HealthCheck != nil, capability+"container-health-check", dockerAPI+"1.24")
	n.when(len(c.DependsOn) > 0 || c.StartTimeout != nil || c.StopTimeout != nil, capability+"container-ordering")
	n.when(c.RestartPolicy != nil && isTrue(c.RestartPolicy.Enabled), capability+"container-restart-policy")
	n.when(len(c.EnvironmentFiles) > 0, capability+"env-files.s3")
	n.when(len(c.ExtraHosts) > 0 || len(c.DnsServers) > 0 || len(c.DnsSearchDomains) > 0, dockerAPI+"1.17")
	n.when(len(c.DockerLabels) > 0 || len(c.Ulimits) > 0, dockerAPI+"1.18")
	n.when(slices.ContainsFunc(c.PortMappings, func(p types.PortMapping) bool { return p.ContainerPortRange != nil }),
		capability+"network.container-port-range")
}

func (n *need) secrets(c *container) {
	for _, s := range c.Secrets {
		n.when(inSecretsManager(s), capability+"secrets.asm.environment-variables")
		n.when(!inSecretsManager(s), capability+"secrets.ssm.environment-variables")
	}
	if c.LogConfiguration == nil {
		return
	}
	for _, s := range c.LogConfiguration.SecretOptions {
		n.when(inSecretsManager(s), capability+"secrets.asm.bootstrap.log-driver")
		n.when(!inSecretsManager(s), capability+"secrets.ssm.bootstrap.log-driver")
	}
}

func (n *need) linux(c *container) {
	n.when(isTrue(c.Privileged), oldCapability+"privileged-container")
	for _, option := range c.DockerSecurityOptions {
		kind := securityOption(option)
		n.when(true, dockerAPI+"1.17")
		n.when(kind == "no-new-privileges", dockerAPI+"1.23")
		n.when(kind == "label", oldCapability+"selinux")
		n.when(kind == "apparmor", oldCapability+"apparmor")
		n.when(kind == credentialSpec, capability+"gmsa")
	}
	for _, spec := range c.CredentialSpecs {
		domainless := strings.HasPrefix(spec, credentialSpecDomainless)
		n.when(domainless, capability+"gmsa-domainless")
		n.when(!domainless, capability+"gmsa")
	}
	if p := c.LinuxParameters; p != nil {
		n.when(p.SharedMemorySize != nil || len(p.Tmpfs) > 0, dockerAPI+"1.22")
		n.when(isTrue(p.InitProcessEnabled), dockerAPI+"1.25")
	}
}

func (n *need) log(d *definition, c *container) {
	if l := c.LogConfiguration; l != nil {
		_, mode := l.Options["mode"]
		_, buffer := l.Options["max-buffer-size"]
		_, create := l.Options["awslogs-create-group"]
		_, limit := l.Options["log-driver-buffer-limit"]
		n.when(true, oldCapability+"logging-driver."+string(l.LogDriver), dockerAPI+"1.19")
		n.when(l.LogDriver == types.LogDriverAwslogs && !empty(d.ExecutionRoleArn), capability+"execution-role-awslogs")
		n.when(mode || buffer, dockerAPI+"1.28")
		n.when(create, dockerAPI+"1.29")
		n.when(limit, capability+"logging-driver.awsfirelens.log-driver-buffer-limit")
	}
	if f := c.FirelensConfiguration; f != nil {
		file, external := f.Options["config-file-type"]
		n.when(true, capability+"firelens."+string(f.Type))
		n.when(external, capability+"firelens.options.config."+file)
	}
}
