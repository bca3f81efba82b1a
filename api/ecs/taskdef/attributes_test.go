package taskdef

import (
	"slices"
	"strings"
	"testing"
)

// The attributes that ECS itself answered for such definitions.
func TestRequiredAttributesOfECS(t *testing.T) {
	const awslogs = `"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-region":"us-east-1","awslogs-group":"web","awslogs-stream-prefix":"ecs"}}`
	const role = `"executionRoleArn":"arn:aws:iam::123456789012:role/ecsTaskExecutionRole"`
	const ecr = `"image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/web:latest"`
	for _, tc := range []struct{ name, task, container, want string }{
		{"nothing special", ``, ``, ``},
		{"16 vCPUs on Fargate", `"networkMode":"awsvpc","cpu":"16384","memory":"32768"`, ``, "docker:1.18 increased-task-cpu-limit task-eni"},
		{"ECR and logs on Fargate", onFargate + "," + role, ecr + "," + awslogs,
			"docker:1.18 docker:1.19 old:ecr-auth old:logging-driver.awslogs execution-role-awslogs execution-role-ecr-pull task-eni"},
		{"logs and a local volume on EC2", `"volumes":[{"name":"data","dockerVolumeConfiguration":{"scope":"shared","autoprovision":true,"driver":"local"}}]`, awslogs,
			"docker:1.19 docker:1.25 old:logging-driver.awslogs docker-plugin.local"},
		{"EFS on Fargate", onFargate + `,` + role + `,"volumes":[{"name":"data","efsVolumeConfiguration":{"fileSystemId":"fs-1"}}]`,
			`"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-region":"us-east-1","awslogs-group":"web","awslogs-stream-prefix":"ecs","awslogs-create-group":"true","mode":"non-blocking"}}`,
			"docker:1.18 docker:1.19 docker:1.25 docker:1.28 docker:1.29 old:logging-driver.awslogs efs efsAuth execution-role-awslogs task-eni"},
		{"a hardened container without network", `"networkMode":"none","cpu":"2048","memory":"4096","ipcMode":"none"`,
			`"cpu":2048,"memory":4096,"linuxParameters":{"capabilities":{"drop":["ALL"]},"initProcessEnabled":true,"maxSwap":0,"swappiness":0},"disableNetworking":true,
			"privileged":false,"dockerSecurityOptions":["no-new-privileges"],"ulimits":[{"name":"nproc","softLimit":128,"hardLimit":128}],` + awslogs,
			"docker:1.17 docker:1.18 docker:1.19 docker:1.23 docker:1.25 docker:1.32 old:logging-driver.awslogs pid-ipc-namespace-sharing"},
		{"a soft memory limit and a log router", containers(`"name":"a","memoryReservation":50,"logConfiguration":{"logDriver":"awsfirelens","options":{"Name":"x"}}`,
			`"name":"b","firelensConfiguration":{"type":"fluentbit"},`+ecr), ``,
			"docker:1.19 docker:1.21 old:ecr-auth old:logging-driver.awsfirelens firelens.fluentbit"},
		{"secrets and a health check with a start period", role + `,"taskRoleArn":"arn:aws:iam::123456789012:role/web"`,
			ecr + `,"memory":null,"memoryReservation":500,"secrets":[{"name":"A","valueFrom":"arn:aws:ssm:us-east-1:123456789012:parameter/A"}],
			"healthCheck":{"command":["CMD-SHELL","curl -f http://localhost/ || exit 1"],"interval":30,"timeout":5,"retries":3,"startPeriod":60},` + awslogs,
			"docker:1.19 docker:1.21 docker:1.29 old:ecr-auth old:logging-driver.awslogs old:task-iam-role container-health-check " +
				"execution-role-awslogs execution-role-ecr-pull secrets.ssm.environment-variables"},
	} {
		t.Run(tc.name, func(t *testing.T) { wantAttributes(t, tc.task, tc.container, tc.want) })
	}
}

func TestRequiredAttributes(t *testing.T) {
	const role = `"executionRoleArn":"r"`
	for _, tc := range []struct{ task, container, want string }{
		{`"taskRoleArn":"r"`, ``, "old:task-iam-role"},
		{`"taskRoleArn":"r","networkMode":"host"`, ``, "old:task-iam-role-network-host"},
		{`"pidMode":"host"`, ``, "pid-ipc-namespace-sharing"},
		{`"ipcMode":"host"`, ``, "pid-ipc-namespace-sharing"},
		{`"networkMode":"host","enableFaultInjection":true`, ``, "fault-injection"},
		{`"ephemeralStorage":{"sizeInGiB":21}`, ``, "extensible-ephemeral-storage"},
		{`"inferenceAccelerators":[{"deviceName":"d","deviceType":"x"}]`, ``, "task-eia"},
		{`"networkMode":"awsvpc","proxyConfiguration":{"containerName":"web","properties":[{"name":"IgnoredUID","value":"1"},{"name":"AppPorts","value":"1"},
			{"name":"ProxyIngressPort","value":"1"},{"name":"ProxyEgressPort","value":"1"},{"name":"EgressIgnoredIPs","value":""}]}`, ``, "docker:1.18 aws-appmesh task-eni"},
		{`"taskRoleArn":"r","volumes":[{"name":"v","s3filesVolumeConfiguration":{"fileSystemArn":"arn:x"}}]`, ``, "old:task-iam-role storage.s3-files"},
		{`"volumes":[{"name":"v","fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"f","rootDirectory":"r","authorizationConfig":{"credentialsParameter":"c","domain":"d"}}}]`, ``,
			"fsxWindowsFileServer"},
		{`"volumes":[{"name":"v","configuredAtLaunch":true}]`, `"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}]`, "storage.ebs-task-volume-attach"},
		{`"volumes":[{"name":"v","dockerVolumeConfiguration":{"driver":"rexray/ebs:latest"}}]`, ``, "docker:1.25 docker-plugin.rexray/ebs.latest"},
		{``, `"healthCheck":{"command":["CMD","true"]}`, "docker:1.24 container-health-check"},
		{``, `"stopTimeout":10`, "container-ordering"},
		{containers(`"name":"a","dependsOn":[{"containerName":"b","condition":"START"}]`, `"name":"b"`), ``, "container-ordering"},
		{``, `"restartPolicy":{"enabled":true}`, "container-restart-policy"},
		{``, `"restartPolicy":{"enabled":false}`, ""},
		{``, `"environmentFiles":[{"type":"s3","value":"arn:aws:s3:::b/web.env"}]`, "env-files.s3"},
		{``, `"portMappings":[{"containerPortRange":"80-90"}]`, "network.container-port-range"},
		{``, `"extraHosts":[{"hostname":"db","ipAddress":"10.0.0.3"}]`, "docker:1.17"},
		{``, `"dockerLabels":{"a":"b"}`, "docker:1.18"},
		{role, `"repositoryCredentials":{"credentialsParameter":"x"}`, "private-registry-authentication.secretsmanager"},
		{role, `"secrets":[{"name":"A","valueFrom":"parameter"}]`, "secrets.ssm.environment-variables"},
		{role, `"secrets":[{"name":"A","valueFrom":"arn:aws:secretsmanager:us-east-1:123456789012:secret:a"}]`, "secrets.asm.environment-variables"},
		{role, `"logConfiguration":{"logDriver":"gelf","secretOptions":[{"name":"a","valueFrom":"p"},{"name":"b","valueFrom":"arn:aws:secretsmanager:us-east-1:123456789012:secret:a"}]}`,
			"docker:1.19 old:logging-driver.gelf secrets.asm.bootstrap.log-driver secrets.ssm.bootstrap.log-driver"},
		{containers(`"name":"a","logConfiguration":{"logDriver":"awsfirelens","options":{"log-driver-buffer-limit":"1000"}}`,
			`"name":"b","firelensConfiguration":{"type":"fluentd","options":{"config-file-type":"s3","config-file-value":"arn:aws:s3:::b/c"}}`), ``,
			"docker:1.19 old:logging-driver.awsfirelens firelens.fluentd firelens.options.config.s3 logging-driver.awsfirelens.log-driver-buffer-limit"},
		{``, `"privileged":true`, "old:privileged-container"},
		{``, `"dockerSecurityOptions":["label:type:x"]`, "docker:1.17 old:selinux"},
		{``, `"dockerSecurityOptions":["apparmor:x"]`, "docker:1.17 old:apparmor"},
		{``, `"credentialSpecs":["credentialspec:arn:x"]`, "gmsa"},
		{``, `"credentialSpecs":["credentialspecdomainless:arn:x"]`, "gmsa-domainless"},
		{``, `"linuxParameters":{"sharedMemorySize":64}`, "docker:1.22"},
	} {
		wantAttributes(t, tc.task, tc.container, tc.want)
	}
}

// wantAttributes compares attributes in a short form: docker:1.18 for that
// version of the Docker API, old: for the agent's first names.
func wantAttributes(t *testing.T, task, container, want string) {
	t.Helper()
	d, err := Complete(input(t, task, container))
	if err != nil {
		t.Errorf("%s %s: %v", task, container, err)
		return
	}
	var names []string
	for _, a := range d.RequiresAttributes {
		short := strings.NewReplacer(dockerAPI, "docker:", oldCapability, "old:", agentCapability, "")
		names = append(names, short.Replace(*a.Name))
	}
	slices.Sort(names)
	wanted := strings.Fields(want)
	slices.Sort(wanted)
	if got, want := strings.Join(names, " "), strings.Join(wanted, " "); got != want {
		t.Errorf("%s %s:\ngot  %s\nwant %s", task, container, got, want)
	}
}
