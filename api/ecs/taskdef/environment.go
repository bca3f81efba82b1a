package taskdef

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
)

const mostEnvironmentFiles = 10

func checkEnvironment(_ *definition, c *container) error {
	for _, e := range c.Environment {
		if empty(e.Name) {
			return blank("Container.environment.name")
		}
	}
	if len(c.EnvironmentFiles) > mostEnvironmentFiles {
		return refuse("The maximum number of environment files was exceeded. Specify ten or less and try again.")
	}
	for _, f := range c.EnvironmentFiles {
		if err := checkEnvironmentFile(c, f); err != nil {
			return err
		}
	}
	return nil
}

func checkEnvironmentFile(c *container, f types.EnvironmentFile) error {
	switch file, err := arn.Parse(text(f.Value)); {
	case empty(f.Value):
		return blank("EnvironmentFile.value")
	case f.Type == "":
		return blank("EnvironmentFile.type")
	case err != nil || file.Service != "s3":
		return refuse("Invalid arn syntax.")
	case !strings.HasSuffix(file.Resource, ".env"):
		return refuse("The environment file '%s' of container '%s' must have the extension .env.", *f.Value, *c.Name)
	}
	return nil
}

// checkSecrets checks the secrets that a container gets as environment variables.
func checkSecrets(d *definition, c *container) error {
	if err := checkSecretList(d, c.Secrets); err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, e := range c.Environment {
		taken[*e.Name] = true
	}
	for _, s := range c.Secrets {
		if taken[*s.Name] {
			return refuse("The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '%s'.", *s.Name)
		}
	}
	return nil
}

// checkSecretList checks secrets of a container or of its log configuration.
func checkSecretList(d *definition, secrets []types.Secret) error {
	seen := map[string]bool{}
	for _, s := range secrets {
		switch {
		case empty(s.Name):
			return blank("Secret.name")
		case empty(s.ValueFrom):
			return blank("Secret.valueFrom")
		case seen[*s.Name]:
			return refuse("Duplicate secret names found: %s. Each secret name must be unique.", *s.Name)
		}
		seen[*s.Name] = true
	}
	if len(secrets) > 0 && empty(d.ExecutionRoleArn) {
		return refuse("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
	}
	return nil
}

// inSecretsManager tells a secret of Secrets Manager from a parameter of the
// SSM Parameter Store, which may be given by name.
func inSecretsManager(s types.Secret) bool {
	from, err := arn.Parse(*s.ValueFrom)
	return err == nil && from.Service == "secretsmanager"
}

func checkRegistryCredentials(d *definition, c *container) error {
	switch r := c.RepositoryCredentials; {
	case r == nil:
		return nil
	case empty(r.CredentialsParameter):
		return blank("RepositoryCredentials.credentialsParameter")
	case empty(d.ExecutionRoleArn):
		return refuse("When you are specifying repository credentials, you must also specify a value for 'executionRoleArn'.")
	}
	return nil
}
