package taskdef

import "testing"

func TestRefusesLinuxParameters(t *testing.T) {
	linux := func(members string) string { return `"linuxParameters":{` + members + `}` }
	refuses(t, []refusal{
		{``, linux(`"capabilities":{"add":["CAP_NET_ADMIN"]}`), "Invalid Linux capability 'CAP_NET_ADMIN' for container 'web'."},
		{``, linux(`"capabilities":{"drop":["all"]}`), "Invalid Linux capability 'all' for container 'web'."},
		{``, linux(`"devices":[{"containerPath":"/dev/fuse"}]`), "Device.hostPath should not be null or empty."},
		{``, linux(`"tmpfs":[{"size":64}]`), "Tmpfs.containerPath should not be null or empty."},
		{``, linux(`"tmpfs":[{"containerPath":"tmp","size":64}]`), "The tmpfs path 'tmp' of container 'web' must be absolute."},
		{``, linux(`"tmpfs":[{"containerPath":"/tmp"}]`), "The size of the tmpfs '/tmp' of container 'web' must be at least 1 MiB."},
		{``, linux(`"tmpfs":[{"containerPath":"/tmp","size":64,"mountOptions":["fast"]}]`), "Invalid tmpfs mount option 'fast' for container 'web'."},
		{``, linux(`"sharedMemorySize":0`), "Invalid 'sharedMemorySize' setting for container 'web'."},
		{``, linux(`"maxSwap":-1`), "Invalid 'maxSwap' setting for container 'web'."},
		{``, linux(`"maxSwap":64,"swappiness":101`), "The 'swappiness' setting for container 'web' must be between 0 and 100."},
	})
	accepts(t, [2]string{``, linux(`"capabilities":{"add":["SYS_PTRACE"],"drop":["ALL"]},"devices":[{"hostPath":"/dev/fuse","permissions":["read"]}],
		"tmpfs":[{"containerPath":"/tmp","size":64,"mountOptions":["noexec","mode=1777"]}],"initProcessEnabled":true,"sharedMemorySize":64,"maxSwap":0,"swappiness":0`)})
}

func TestRefusesUlimits(t *testing.T) {
	const tooSoft = "The soft limit of ulimit 'nofile' for container 'web' cannot be greater than its hard limit."
	refuses(t, []refusal{
		{``, `"ulimits":[{"name":"memory","softLimit":1,"hardLimit":1}]`, "Unrecognized ulimit name memory"},
		{``, `"ulimits":[{"name":"nofile","softLimit":2,"hardLimit":1}]`, tooSoft},
		{``, `"ulimits":[{"name":"nofile","softLimit":-1,"hardLimit":1}]`, tooSoft},
		{``, `"ulimits":[{"name":"nofile","softLimit":1,"hardLimit":1},{"name":"nofile","softLimit":1,"hardLimit":1}]`,
			"The ulimit 'nofile' is set multiple times for container 'web'."},
	})
	accepts(t, [2]string{``, `"ulimits":[{"name":"nofile","softLimit":1024,"hardLimit":4096},{"name":"memlock","softLimit":-1,"hardLimit":-1}]`})
}

func TestRefusesSystemControls(t *testing.T) {
	control := func(parameter string) string {
		return `"systemControls":[{"namespace":"` + parameter + `","value":"1"}]`
	}
	refuses(t, []refusal{
		{``, `"systemControls":[{"value":"1"}]`, "SystemControl.namespace should not be null or empty."},
		{``, `"systemControls":[{"namespace":"net.core.somaxconn"}]`, "SystemControl.value should not be null or empty."},
		{``, control("vm.swappiness"), "The system control 'vm.swappiness' of container 'web' is not a namespaced kernel parameter."},
		{`"networkMode":"host"`, control("net.core.somaxconn"), "The system control 'net.core.somaxconn' is not supported when networkMode=host."},
		{`"ipcMode":"host"`, control("kernel.shmmax"), "The system control 'kernel.shmmax' is not supported when ipcMode=host."},
	})
	accepts(t, [2]string{``, control("net.core.somaxconn")}, [2]string{`"networkMode":"host","ipcMode":"task"`, control("fs.mqueue.msg_max")})
}

func TestRefusesSecurity(t *testing.T) {
	refuses(t, []refusal{
		{``, `"dockerSecurityOptions":["seccomp=off"]`, "Invalid docker security option 'seccomp=off' for container 'web': it must be one of [no-new-privileges, apparmor, label, credentialspec]."},
		{``, `"credentialSpecs":["credentialspec:arn:x","credentialspec:arn:y"]`, "Too many credential specs for container 'web': the maximum is 1."},
		{``, `"credentialSpecs":["arn:x"]`, "Invalid credential spec 'arn:x' for container 'web': it must be credentialspec:ARN or credentialspecdomainless:ARN."},
	})
	accepts(t, [2]string{``, `"dockerSecurityOptions":["no-new-privileges","apparmor:docker-default","label=type:web_t"],"credentialSpecs":["credentialspecdomainless:arn:aws:s3:::bucket/spec"]`})
}

func TestRefusesLogs(t *testing.T) {
	log := func(driver, options string) string {
		return `"logConfiguration":{"logDriver":"` + driver + `","options":{` + options + `}}`
	}
	awslogs := func(option string) string {
		return log("awslogs", `"awslogs-region":"us-east-1","awslogs-group":"web",`+option)
	}
	router := func(options string) string {
		return containers(`"name":"a",`+log("awsfirelens", ``), `"name":"b","firelensConfiguration":{"type":"fluentbit","options":{`+options+`}}`)
	}
	refuses(t, []refusal{
		{``, `"logConfiguration":{}`, "LogConfiguration.logDriver should not be null or empty."},
		{``, log("stdout", ``), "stdout is not a valid log driver. Must be one of [json-file, syslog, journald, gelf, fluentd, awslogs, splunk, awsfirelens]"},
		{``, log("awslogs", ``), "Log driver awslogs requires options: awslogs-region, awslogs-group"},
		{``, log("awslogs", `"awslogs-region":"us-east-1"`), "Log driver awslogs requires options: awslogs-group"},
		{``, log("splunk", `"splunk-url":"https://x"`), "Log driver splunk requires options: splunk-token"},
		{``, awslogs(`"awslogs-datetime-format":"%Y","awslogs-multiline-pattern":"^x"`),
			"You cannot configure both the awslogs-datetime-format and awslogs-multiline-pattern options."},
		{``, awslogs(`"mode":"async"`), "Invalid log option mode 'async' for container 'web': it must be 'blocking' or 'non-blocking'."},
		{``, `"logConfiguration":{"logDriver":"syslog","secretOptions":[{"name":"a","valueFrom":"b"}]}`,
			"When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
		{``, `"firelensConfiguration":{}`, "FirelensConfiguration.type should not be null or empty."},
		{``, `"firelensConfiguration":{"type":"fluentbit"}`,
			"When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver."},
		{``, log("awsfirelens", ``),
			"When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers."},
		{containers(`"name":"a","firelensConfiguration":{"type":"fluentd"}`, `"name":"b","firelensConfiguration":{"type":"fluentd"}`), ``,
			"Only one container of a task definition can have a firelensConfiguration."},
		{router(`"config-file-type":"url","config-file-value":"x"`), ``, "Invalid FireLens option config-file-type 'url': it must be 's3' or 'file'."},
		{router(`"config-file-type":"s3","config-file-value":"s3://b/c.conf"`), ``, "Invalid arn syntax."},
		{router(`"config-file-type":"file"`), ``, "The FireLens options config-file-type and config-file-value must be specified together."},
		{router(`"enable-ecs-log-metadata":"yes"`), ``, "Invalid FireLens option enable-ecs-log-metadata 'yes': it must be 'true' or 'false'."},
	})
	accepts(t,
		[2]string{``, awslogs(`"mode":"non-blocking","max-buffer-size":"25m"`)},
		[2]string{`"executionRoleArn":"x"`, `"logConfiguration":{"logDriver":"splunk","options":{"splunk-url":"x"},"secretOptions":[{"name":"splunk-token","valueFrom":"b"}]}`},
		[2]string{router(`"enable-ecs-log-metadata":"true","config-file-type":"s3","config-file-value":"arn:aws:s3:::b/c.conf"`)},
	)
}
