package payload

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/acs/message"
	"berth/aws/arn"
	"berth/state"
)

// minShares is the least that the kernel takes for CPU shares.
const minShares = 2

// environment adds what ECS tells containers on its own machines of where they run.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
func environment(t state.Task, given []types.KeyValuePair) map[string]string {
	all := pairs(given)
	if _, taken := all["AWS_EXECUTION_ENV"]; !taken && t.LaunchType != "EXTERNAL" {
		all["AWS_EXECUTION_ENV"] = "AWS_ECS_" + t.LaunchType
	}
	return all
}

func (c Config) container(t state.Task, d types.TaskDefinition, from types.ContainerDefinition) (message.Container, error) {
	m := message.Container{
		Name: aws.ToString(from.Name), ARN: containerARN(t, aws.ToString(from.Name)),
		Image: aws.ToString(from.Image), Essential: from.Essential == nil || *from.Essential,
		Command: from.Command, EntryPoint: from.EntryPoint, Environment: environment(t, from.Environment),
		CPU: max(from.Cpu, minShares), Memory: aws.ToInt32(from.Memory),
		Links: from.Links, StartTimeout: aws.ToInt32(from.StartTimeout), StopTimeout: aws.ToInt32(from.StopTimeout),
		Overrides: "{}", CredentialSpecs: from.CredentialSpecs,
		Secrets:                c.secrets(from),
		RegistryAuthentication: c.login(t, from),
		PortMappings:           portMappings(from.PortMappings),
	}
	for _, f := range from.EnvironmentFiles {
		m.EnvironmentFiles = append(m.EnvironmentFiles, message.EnvironmentFile{Value: aws.ToString(f.Value), Type: string(f.Type)})
	}
	for _, p := range from.MountPoints {
		m.MountPoints = append(m.MountPoints, message.MountPoint{
			SourceVolume: aws.ToString(p.SourceVolume), ContainerPath: aws.ToString(p.ContainerPath), ReadOnly: aws.ToBool(p.ReadOnly)})
	}
	for _, v := range from.VolumesFrom {
		m.VolumesFrom = append(m.VolumesFrom, message.VolumeFrom{SourceContainer: aws.ToString(v.SourceContainer), ReadOnly: aws.ToBool(v.ReadOnly)})
	}
	for _, on := range from.DependsOn {
		m.DependsOn = append(m.DependsOn, message.Dependency{ContainerName: aws.ToString(on.ContainerName), Condition: string(on.Condition)})
	}
	if from.HealthCheck != nil {
		m.HealthCheckType = "docker"
	}
	if r := from.RestartPolicy; r != nil {
		m.RestartPolicy = &message.RestartPolicy{Enabled: aws.ToBool(r.Enabled), IgnoredExitCodes: r.IgnoredExitCodes, RestartAttemptPeriod: aws.ToInt32(r.RestartAttemptPeriod)}
	}
	if f := from.FirelensConfiguration; f != nil {
		m.Firelens = &message.Firelens{Type: string(f.Type), Options: f.Options}
	}
	if l := from.LogConfiguration; l != nil && l.LogDriver == types.LogDriverAwslogs && t.ExecutionRole != "" {
		m.LogsAuthStrategy = "ExecutionRole"
	}
	var err error
	m.DockerConfig, err = c.dockerConfig(t, d, from)
	return m, err
}

// containerARN is the ARN that the task's record has for a container.
func containerARN(t state.Task, name string) string {
	for _, c := range t.Containers {
		if aws.ToString(c.Name) == name {
			return aws.ToString(c.ContainerArn)
		}
	}
	return ""
}

func portMappings(list []types.PortMapping) (all []message.PortMapping) {
	for _, p := range list {
		protocol := strings.ToLower(string(p.Protocol))
		if protocol == "" {
			protocol = "tcp"
		}
		all = append(all, message.PortMapping{
			ContainerPort: aws.ToInt32(p.ContainerPort), HostPort: aws.ToInt32(p.HostPort),
			ContainerPortRange: aws.ToString(p.ContainerPortRange), Protocol: protocol,
		})
	}
	return all
}

// secrets are those of the container, and those of its log driver, which become
// options of that.
func (c Config) secrets(from types.ContainerDefinition) (all []message.Secret) {
	for _, s := range from.Secrets {
		all = append(all, c.secret(s, "CONTAINER"))
	}
	if from.LogConfiguration != nil {
		for _, s := range from.LogConfiguration.SecretOptions {
			all = append(all, c.secret(s, "LOG_DRIVER"))
		}
	}
	return all
}

func (c Config) secret(s types.Secret, target string) message.Secret {
	m := message.Secret{
		Name: aws.ToString(s.Name), ValueFrom: aws.ToString(s.ValueFrom),
		Provider: "ssm", Kind: "ENVIRONMENT_VARIABLE", Target: target, Region: c.Region,
	}
	if a, err := arn.Parse(m.ValueFrom); err == nil {
		m.Region = a.Region
		if a.Service == "secretsmanager" {
			m.Provider = "asm"
		}
	}
	return m
}

// ecrHost is the name of one of ECR's registries: account, region.
var ecrHost = regexp.MustCompile(`^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$`)

// login says how to log in to the registry of a container's image; nil: not at all.
func (c Config) login(t state.Task, from types.ContainerDefinition) *message.RegistryAuthentication {
	if r := from.RepositoryCredentials; r != nil {
		asm := &message.ASMLogin{CredentialsParameter: aws.ToString(r.CredentialsParameter), Region: c.Region}
		if a, err := arn.Parse(asm.CredentialsParameter); err == nil {
			asm.Region = a.Region
		}
		return &message.RegistryAuthentication{Type: "asm", ASM: asm}
	}
	host, _, _ := strings.Cut(aws.ToString(from.Image), "/")
	ecr := &message.ECRLogin{RegistryID: c.Account, Region: c.Region, UseExecutionRole: t.ExecutionRole != ""}
	part := ecrHost.FindStringSubmatch(host)
	switch {
	case host == hostOf(c.Endpoint): // our own registry
		ecr.EndpointOverride = c.Endpoint
	case part != nil:
		ecr.RegistryID, ecr.Region = part[1], part[2]
	default:
		return nil
	}
	return &message.RegistryAuthentication{Type: "ecr", ECR: ecr}
}

func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}
