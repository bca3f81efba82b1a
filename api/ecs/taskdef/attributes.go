package taskdef

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What the names of attributes that the ECS agent registers start with. The
// agent lists them all in agent/app/agent_capability.go.
const (
	agentCapability = "ecs.capability."
	oldCapability   = "com.amazonaws.ecs.capability."
	dockerAPI       = oldCapability + "docker-remote-api."
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
	n.when(d.NetworkMode == types.NetworkModeAwsvpc, agentCapability+"task-eni", dockerAPI+"1.18")
	n.when(d.cpu > 0 || d.memory > 0, dockerAPI+"1.18")
	n.when(d.cpu > oldTaskCPULimit, agentCapability+"increased-task-cpu-limit")
	n.when(d.PidMode != "" || d.IpcMode != "", agentCapability+"pid-ipc-namespace-sharing")
	n.when(d.IpcMode == types.IpcModeTask || d.IpcMode == types.IpcModeNone, dockerAPI+"1.32")
	n.when(d.ProxyConfiguration != nil, agentCapability+"aws-appmesh")
	n.when(d.EphemeralStorage != nil, agentCapability+"extensible-ephemeral-storage")
	n.when(len(d.accelerators) > 0, agentCapability+"task-eia")
	n.when(isTrue(d.EnableFaultInjection), agentCapability+"fault-injection")
}

func (n *need) taskVolumes(d *definition) {
	for _, v := range d.Volumes {
		n.when(v.EfsVolumeConfiguration != nil, agentCapability+"efs", agentCapability+"efsAuth", dockerAPI+"1.25")
		n.when(v.S3filesVolumeConfiguration != nil, agentCapability+"storage.s3-files")
		n.when(v.FsxWindowsFileServerVolumeConfiguration != nil, agentCapability+"fsxWindowsFileServer")
		n.when(isTrue(v.ConfiguredAtLaunch), agentCapability+"storage.ebs-task-volume-attach")
		if v.DockerVolumeConfiguration != nil {
			driver := "local"
			if v.DockerVolumeConfiguration.Driver != nil {
				// Agents register the tag of a plugin's name with a dot.
				driver = strings.ReplaceAll(*v.DockerVolumeConfiguration.Driver, ":", ".")
			}
			n.when(true, agentCapability+"docker-plugin."+driver, dockerAPI+"1.25")
		}
	}
}

func (n *need) container(d *definition, c *container) {
	fromECR := ecrImage.MatchString(*c.Image)
	n.when(fromECR, oldCapability+"ecr-auth")
	n.when(fromECR && !empty(d.ExecutionRoleArn), agentCapability+"execution-role-ecr-pull")
	n.when(c.RepositoryCredentials != nil, agentCapability+"private-registry-authentication.secretsmanager")
	n.when(number(c.MemoryReservation) > 0, dockerAPI+"1.21")
	if h := c.HealthCheck; h != nil {
		version := "1.24"
		if h.StartPeriod != nil {
			version = "1.29"
		}
		n.when(true, agentCapability+"container-health-check", dockerAPI+version)
	}
	n.when(len(c.DependsOn) > 0 || c.StartTimeout != nil || c.StopTimeout != nil, agentCapability+"container-ordering")
	n.when(c.RestartPolicy != nil && isTrue(c.RestartPolicy.Enabled), agentCapability+"container-restart-policy")
	n.when(len(c.EnvironmentFiles) > 0, agentCapability+"env-files.s3")
	n.when(len(c.ExtraHosts) > 0 || len(c.DnsServers) > 0 || len(c.DnsSearchDomains) > 0, dockerAPI+"1.17")
	n.when(len(c.DockerLabels) > 0 || len(c.Ulimits) > 0, dockerAPI+"1.18")
	n.when(slices.ContainsFunc(c.PortMappings, func(p types.PortMapping) bool { return p.ContainerPortRange != nil }),
		agentCapability+"network.container-port-range")
}

func (n *need) secrets(c *container) {
	for _, s := range c.Secrets {
		n.when(inSecretsManager(s), agentCapability+"secrets.asm.environment-variables")
		n.when(!inSecretsManager(s), agentCapability+"secrets.ssm.environment-variables")
	}
	if c.LogConfiguration == nil {
		return
	}
	for _, s := range c.LogConfiguration.SecretOptions {
		n.when(inSecretsManager(s), agentCapability+"secrets.asm.bootstrap.log-driver")
		n.when(!inSecretsManager(s), agentCapability+"secrets.ssm.bootstrap.log-driver")
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
		n.when(kind == credentialSpec, agentCapability+"gmsa")
	}
	for _, spec := range c.CredentialSpecs {
		domainless := strings.HasPrefix(spec, credentialSpecDomainless)
		n.when(domainless, agentCapability+"gmsa-domainless")
		n.when(!domainless, agentCapability+"gmsa")
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
		n.when(l.LogDriver == types.LogDriverAwslogs && !empty(d.ExecutionRoleArn), agentCapability+"execution-role-awslogs")
		n.when(mode || buffer, dockerAPI+"1.28")
		n.when(create, dockerAPI+"1.29")
		n.when(limit, agentCapability+"logging-driver.awsfirelens.log-driver-buffer-limit")
	}
	if f := c.FirelensConfiguration; f != nil {
		file, external := f.Options["config-file-type"]
		n.when(true, agentCapability+"firelens."+string(f.Type))
		n.when(external, agentCapability+"firelens.options.config."+file)
	}
}
