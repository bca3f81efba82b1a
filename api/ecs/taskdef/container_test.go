package taskdef

import (
	"strings"
	"testing"
)

func TestRefusesContainers(t *testing.T) {
	var eleven []string
	for _, name := range strings.Split("abcdefghijk", "") {
		eleven = append(eleven, `"name":"`+name+`"`)
	}
	long := strings.Repeat("a", 256)
	refuses(t, []refusal{
		{`"containerDefinitions":[]`, ``, "Container list cannot be empty."},
		{`"containerDefinitions":null`, ``, "Container list cannot be empty."},
		{containers(eleven...), ``, "Too many containers."},
		{``, `"name":null`, "Container.name should not be null or empty."},
		{``, `"name":"my web"`, "Container.name contains invalid characters."},
		{``, `"name":"` + long + `"`, "Container.name is too long: it can have at most 255 characters."},
		{containers(`"name":"a"`, `"name":"a"`), ``, "Container names must be unique within a Task Definition."},
		{``, `"image":""`, "Container.image should not be null or empty."},
		{``, `"image":"ngi nx"`, "Container.image contains invalid characters."},
		{``, `"image":"nginx@sha256:abc"`, "Container.image contains invalid characters."},
		{``, `"image":"` + long + `"`, "Container.image is too long: it can have at most 255 characters."},
		{containers(`"name":"a","essential":false`, `"name":"b","essential":false`), ``, "Task definition doesn't have any essential container."},
		{``, `"startTimeout":-1`, "Invalid 'startTimeout' setting for container 'web'."},
		{``, `"stopTimeout":-1`, "Invalid 'stopTimeout' setting for container 'web'."},
	})
	accepts(t,
		[2]string{``, `"image":"public.ecr.aws:443/nginx/nginx:1.27-alpine@sha256:` + strings.Repeat("0a", 32) + `"`},
		[2]string{containers(`"name":"a","essential":false`, `"name":"b"`)},
		[2]string{``, `"stopTimeout":3600`},
	)
}

func TestRefusesRestartPolicy(t *testing.T) {
	refuses(t, []refusal{
		{``, `"restartPolicy":{}`, "ContainerRestartPolicy.enabled should not be null or empty."},
		{``, `"restartPolicy":{"enabled":true,"ignoredExitCodes":[` + strings.Repeat("0,", 50) + `0]}`,
			"The 'ignoredExitCodes' setting for container 'web' can have at most 50 exit codes."},
		{``, `"restartPolicy":{"enabled":true,"restartAttemptPeriod":59}`, "The 'restartAttemptPeriod' setting for container 'web' must be between 60 and 1800."},
		{``, `"restartPolicy":{"enabled":true,"restartAttemptPeriod":1801}`, "The 'restartAttemptPeriod' setting for container 'web' must be between 60 and 1800."},
	})
	accepts(t, [2]string{``, `"restartPolicy":{"enabled":true,"ignoredExitCodes":[0],"restartAttemptPeriod":60}`})
}

func TestRefusesHealthCheck(t *testing.T) {
	check := func(member string) string { return `"healthCheck":{"command":["CMD-SHELL","true"],` + member + `}` }
	refuses(t, []refusal{
		{``, `"healthCheck":{"command":[]}`, "HealthCheck.command should not be null or empty."},
		{``, check(`"interval":4`), "The 'healthCheck.interval' setting for container 'web' must be between 5 and 300."},
		{``, check(`"interval":301`), "The 'healthCheck.interval' setting for container 'web' must be between 5 and 300."},
		{``, check(`"timeout":1`), "The 'healthCheck.timeout' setting for container 'web' must be between 2 and 60."},
		{``, check(`"timeout":61`), "The 'healthCheck.timeout' setting for container 'web' must be between 2 and 60."},
		{``, check(`"retries":0`), "The 'healthCheck.retries' setting for container 'web' must be between 1 and 10."},
		{``, check(`"retries":11`), "The 'healthCheck.retries' setting for container 'web' must be between 1 and 10."},
		{``, check(`"startPeriod":-1`), "The 'healthCheck.startPeriod' setting for container 'web' must be between 0 and 300."},
		{``, check(`"startPeriod":301`), "The 'healthCheck.startPeriod' setting for container 'web' must be between 0 and 300."},
	})
	accepts(t,
		[2]string{``, check(`"interval":5,"timeout":60,"retries":10,"startPeriod":0`)},
		[2]string{``, `"healthCheck":{"command":["/healthcheck"]}`}, // as AWS's own images use it
	)
}

func TestRefusesResources(t *testing.T) {
	mps := func(members string) string {
		return `"resourceRequirements":[{"type":"GPU","sharingStrategy":{"nvidiaMps":{` + members + `}}}]`
	}
	const one, shared = `"resourceRequirements":[{"type":"GPU","value":"1"}]`, `"resourceRequirements":[{"type":"GPU","sharingStrategy":{"nvidiaMps":{"memory":64}}}]`
	const neuron = `"resourceRequirements":[{"type":"NeuronDevice","value":"ALL"}]`
	refuses(t, []refusal{
		{``, `"resourceRequirements":[{"value":"1"}]`, "ResourceRequirement.type should not be null or empty."},
		{``, `"resourceRequirements":[{"type":"GPU"}]`, "The value of the resource type GPU must be a positive number or ALL for container 'web'."},
		{``, `"resourceRequirements":[{"type":"GPU","value":"0"}]`, "The value of the resource type GPU must be a positive number or ALL for container 'web'."},
		{``, `"resourceRequirements":[{"type":"GPU","value":"1","sharingStrategy":{"nvidiaMps":{"memory":64}}}]`,
			"Specify either value or sharingStrategy for the GPU of container 'web', not both."},
		{``, mps(``), "The nvidiaMps memory of container 'web' must be at least 1 MiB."},
		{``, mps(`"memory":64,"maxComputePercent":101`), "The 'maxComputePercent' setting for container 'web' must be between 1 and 100."},
		{``, `"resourceRequirements":[{"type":"NeuronDevice","value":"1"}]`, "The value of the resource type NeuronDevice must be ALL for container 'web'."},
		{``, `"resourceRequirements":[{"type":"NeuronDevice","value":"ALL","sharingStrategy":{"nvidiaMps":{"memory":64}}}]`,
			"A sharingStrategy is only supported for the resource type GPU, not for NeuronDevice of container 'web'."},
		{``, `"resourceRequirements":[{"type":"InferenceAccelerator","value":"d"}]`, "Unknown inference accelerator 'd' for container 'web'."},
		{containers(`"name":"a",`+one, `"name":"b",`+shared), ``, "The containers in a task that request GPUs must all use value or all use sharingStrategy."},
		{containers(`"name":"a",`+neuron, `"name":"b",`+neuron), ``, "Only one container in a task can specify NeuronDevice resources."},
	})
	accepts(t,
		[2]string{``, `"resourceRequirements":[{"type":"GPU","value":"ALL"}]`},
		[2]string{containers(`"name":"a",`+shared, `"name":"b",`+shared)},
		[2]string{`"inferenceAccelerators":[{"deviceName":"d","deviceType":"eia2.medium"}]`, `"resourceRequirements":[{"type":"InferenceAccelerator","value":"d"}]`},
	)
}

func TestRefusesEnvironment(t *testing.T) {
	file := func(value string) string { return `{"type":"s3","value":"` + value + `"}` }
	secret := func(names ...string) string {
		return `"secrets":[{"name":"` + strings.Join(names, `","valueFrom":"x"},{"name":"`) + `","valueFrom":"x"}]`
	}
	const role, fileARN = `"executionRoleArn":"ecsTaskExecutionRole"`, "arn:aws:s3:::bucket/web.env"
	refuses(t, []refusal{
		{``, `"environment":[{"value":"x"}]`, "Container.environment.name should not be null or empty."},
		{``, `"environmentFiles":[` + strings.Repeat(file(fileARN)+",", 10) + file(fileARN) + `]`,
			"The maximum number of environment files was exceeded. Specify ten or less and try again."},
		{``, `"environmentFiles":[{"type":"s3"}]`, "EnvironmentFile.value should not be null or empty."},
		{``, `"environmentFiles":[{"value":"` + fileARN + `"}]`, "EnvironmentFile.type should not be null or empty."},
		{``, `"environmentFiles":[` + file("s3://bucket/web.env") + `]`, "Invalid arn syntax."},
		{``, `"environmentFiles":[` + file("arn:aws:s3:::bucket/web.txt") + `]`,
			"The environment file 'arn:aws:s3:::bucket/web.txt' of container 'web' must have the extension .env."},
		{role, `"secrets":[{"valueFrom":"x"}]`, "Secret.name should not be null or empty."},
		{role, `"secrets":[{"name":"A"}]`, "Secret.valueFrom should not be null or empty."},
		{role, secret("A", "A"), "Duplicate secret names found: A. Each secret name must be unique."},
		{``, secret("A"), "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
		{role, `"environment":[{"name":"A","value":"x"}],` + secret("A"),
			"The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'A'."},
		{role, `"repositoryCredentials":{}`, "RepositoryCredentials.credentialsParameter should not be null or empty."},
		{``, `"repositoryCredentials":{"credentialsParameter":"x"}`,
			"When you are specifying repository credentials, you must also specify a value for 'executionRoleArn'."},
	})
	accepts(t, [2]string{role, secret("A", "B") + `,"environment":[{"name":"C"}],"environmentFiles":[` + file(fileARN) + `]`})
}
