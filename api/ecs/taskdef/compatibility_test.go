package taskdef

import (
	"fmt"
	"strings"
	"testing"
)

const onFargate = `"requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512"`

func TestRefusesOnFargate(t *testing.T) {
	with := func(members string) string { return onFargate + "," + members }
	const role = `"executionRoleArn":"ecsTaskExecutionRole"`
	const awslogs = `"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-region":"us-east-1","awslogs-group":"web"}}`
	linux := func(members string) string { return `"linuxParameters":{` + members + `}` }
	refuses(t, []refusal{
		{`"requiresCompatibilities":["EC2","FARGATE"]`, ``, "Fargate only supports network mode ‘awsvpc’."},
		{`"requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","memory":"512"`, ``, "Fargate requires that 'cpu' be defined at the task level."},
		{`"requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256"`, ``, "Fargate requires that 'memory' be defined at the task level."},
		{with(`"ipcMode":"task"`), ``, "Tasks using the Fargate launch type do not support ipcMode."},
		{with(`"pidMode":"host"`), ``, "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'."},
		{with(`"placementConstraints":[{"type":"memberOf","expression":"attribute:ecs.os-type == linux"}]`), ``, "Fargate compatible task definitions do not support constraints"},
		{with(`"inferenceAccelerators":[{"deviceName":"d","deviceType":"x"}]`), ``, "Fargate compatible task definitions do not support inferenceAccelerators"},
		{with(`"volumes":[{"name":"v","host":{"sourcePath":"/data"}}]`), ``, "Fargate compatible task definitions do not support sourcePath"},
		{with(`"volumes":[{"name":"v","dockerVolumeConfiguration":{"scope":"task"}}]`), ``, "Fargate compatible task definitions do not support dockerVolumeConfiguration"},
		{with(`"volumes":[{"name":"v","fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"f","rootDirectory":"r","authorizationConfig":{"credentialsParameter":"c","domain":"d"}}}]`), ``,
			"Fargate compatible task definitions do not support fsxWindowsFileServerVolumeConfiguration"},
		{onFargate, `"privileged":true`, "Fargate requires that the 'privileged' setting be 'false' at the container level."},
		{onFargate, `"dockerSecurityOptions":["no-new-privileges"]`, "Fargate compatible task definitions do not support dockerSecurityOptions"},
		{onFargate, `"resourceRequirements":[{"type":"GPU","value":"1"}]`, "Tasks using the Fargate launch type do not support GPU resource requirements."},
		{onFargate, `"resourceRequirements":[{"type":"NeuronDevice","value":"ALL"}]`, "Tasks using the Fargate launch type do not support NeuronDevice resource requirements."},
		{onFargate, `"stopTimeout":121`, "The 'stopTimeout' setting for container 'web' must be between 2 and 120."},
		{onFargate, `"startTimeout":1`, "The 'startTimeout' setting for container 'web' must be between 2 and 120."},
		{onFargate, linux(`"devices":[{"hostPath":"/dev/fuse"}]`), "Fargate compatible task definitions do not support devices"},
		{onFargate, linux(`"sharedMemorySize":64`), "Fargate compatible task definitions do not support sharedMemorySize"},
		{onFargate, linux(`"maxSwap":64`), "Fargate compatible task definitions do not support maxSwap"},
		{onFargate, linux(`"swappiness":60`), "Fargate compatible task definitions do not support swappiness"},
		{onFargate, linux(`"capabilities":{"add":["SYS_ADMIN"]}`), "SYS_ADMIN is not allowed on Fargate."},
		{onFargate, `"logConfiguration":{"logDriver":"json-file"}`, "json-file is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens]"},
		{onFargate, awslogs, "Fargate requires task definition to have execution role ARN to support log driver awslogs."},
		{with(role), awslogs, "Fargate requires log configuration options to include awslogs-stream-prefix."},
		{onFargate, `"image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"`, "Fargate requires task definition to have execution role ARN to support ECR images."},
	})
	accepts(t,
		[2]string{onFargate, linux(`"tmpfs":[{"containerPath":"/tmp","size":64}]`)},
		// Only running it fails: Fargate lacks the attribute that this requires.
		[2]string{with(containers(`"name":"a","logConfiguration":{"logDriver":"awsfirelens"}`,
			`"name":"b","firelensConfiguration":{"type":"fluentbit","options":{"config-file-type":"s3","config-file-value":"arn:aws:s3:::b/c"}}`))},
		[2]string{with(`"pidMode":"task","ephemeralStorage":{"sizeInGiB":21},"volumes":[{"name":"v"}]`), `"stopTimeout":120,` + linux(`"capabilities":{"add":["SYS_PTRACE"],"drop":["ALL"]},"initProcessEnabled":true`)},
		[2]string{with(role), `"image":"123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1","logConfiguration":{"logDriver":"awslogs","options":{"awslogs-region":"us-east-1","awslogs-group":"web","awslogs-stream-prefix":"web"}}`},
	)
}

func TestFargateSizes(t *testing.T) {
	for _, tc := range []struct {
		cpu, memory string
		linux, win  bool
	}{
		{"256", "512", true, false},
		{"0.25 vCPU", "1 GB", true, false},
		{"256", "2048", true, false},
		{"256", "1536", false, false},
		{"256", "3072", false, false},
		{"512", "1024", true, false},
		{"512", "4096", true, false},
		{"512", "512", false, false},
		{"1024", "2048", true, true},
		{"1024", "8192", true, true},
		{"1024", "9216", false, false},
		{"2048", "4096", true, true},
		{"2048", "16384", true, true},
		{"2048", "4608", false, false},
		{"4096", "8192", true, true},
		{"4096", "30720", true, true},
		{"4096", "31744", false, false},
		{"8192", "16384", true, false},
		{"8192", "17408", false, false},
		{"8192", "61440", true, false},
		{"16384", "32768", true, false},
		{"16384", "36864", false, false},
		{"16 vCPU", "120 GB", true, false},
		{"32768", "65536", false, false},
		{"300", "512", false, false},
	} {
		for platform, want := range map[string]bool{"LINUX": tc.linux, "WINDOWS_SERVER_2022_CORE": tc.win} {
			in := input(t, fmt.Sprintf(`%s,"cpu":%q,"memory":%q,"runtimePlatform":{"operatingSystemFamily":%q}`, onFargate, tc.cpu, tc.memory, platform), ``)
			_, err := Complete(in)
			if got := err == nil; got != want {
				t.Errorf("%s CPU, %s memory on %s: valid is %v (%v), want %v", tc.cpu, tc.memory, platform, got, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), "No Fargate configuration exists for given values: ") {
				t.Errorf("%s CPU, %s memory on %s: %v", tc.cpu, tc.memory, platform, err)
			}
		}
	}
}

func TestRefusesOnOtherCapacity(t *testing.T) {
	const external, managed, ec2 = `"requiresCompatibilities":["EXTERNAL"]`, `"requiresCompatibilities":["MANAGED_INSTANCES"]`, `"requiresCompatibilities":["EC2"]`
	refuses(t, []refusal{
		{external + `,"networkMode":"awsvpc"`, ``, "Tasks using the EXTERNAL launch type do not support network mode 'awsvpc'."},
		{external + `,"volumes":[{"name":"v","efsVolumeConfiguration":{"fileSystemId":"fs-1"}}]`, ``, "Tasks using the EXTERNAL launch type do not support efsVolumeConfiguration."},
		{external + `,"taskRoleArn":"r","volumes":[{"name":"v","s3filesVolumeConfiguration":{"fileSystemArn":"arn:x"}}]`, ``,
			"Tasks using the EXTERNAL launch type do not support s3filesVolumeConfiguration."},
		{external + `,"volumes":[{"name":"v","configuredAtLaunch":true}]`, `"mountPoints":[{"sourceVolume":"v","containerPath":"/v"}]`,
			"Tasks using the EXTERNAL launch type do not support volumes that are configured at launch."},
		{external + `,"inferenceAccelerators":[{"deviceName":"d","deviceType":"x"}]`, ``, "Tasks using the EXTERNAL launch type do not support inferenceAccelerators."},
		{external + `,"networkMode":"host","enableFaultInjection":true`, ``, "Tasks using the EXTERNAL launch type do not support fault injection."},
		{external, `"resourceRequirements":[{"type":"GPU","sharingStrategy":{"nvidiaMps":{"memory":64}}}]`, "Tasks using the EXTERNAL launch type do not support GPU sharing."},
		{external, `"portMappings":[{"containerPort":80,"appProtocol":"grpc"}]`, "Tasks using the EXTERNAL launch type do not support appProtocol."},
		{ec2, `"resourceRequirements":[{"type":"NeuronDevice","value":"ALL"}]`, "Tasks using the EC2 launch type do not support NeuronDevice resource requirements."},
		{managed + `,"networkMode":"bridge"`, ``, "Tasks using the MANAGED_INSTANCES launch type do not support network mode 'bridge'."},
		{managed + `,"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}`, ``, "Tasks using the MANAGED_INSTANCES launch type do not support Windows containers."},
		{managed + `,"inferenceAccelerators":[{"deviceName":"d","deviceType":"x"}]`, ``, "Tasks using the MANAGED_INSTANCES launch type do not support inferenceAccelerators."},
		{managed + `,"volumes":[{"name":"v","fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"f","rootDirectory":"r","authorizationConfig":{"credentialsParameter":"c","domain":"d"}}}]`, ``,
			"Tasks using the MANAGED_INSTANCES launch type do not support fsxWindowsFileServerVolumeConfiguration."},
	})
}

func TestCompatibilities(t *testing.T) {
	for _, tc := range []struct{ task, container, want string }{
		{``, ``, "[EXTERNAL EC2]"},
		{`"networkMode":"bridge"`, ``, "[EXTERNAL EC2]"},
		{``, `"portMappings":[{"name":"web","containerPort":80,"appProtocol":"http"}]`, "[EC2]"},
		{`"networkMode":"host"`, ``, "[EXTERNAL EC2 MANAGED_INSTANCES]"},
		{`"networkMode":"awsvpc"`, ``, "[EC2 MANAGED_INSTANCES]"},
		{`"networkMode":"awsvpc","cpu":"512","memory":"717"`, ``, "[EC2 MANAGED_INSTANCES]"},
		{`"networkMode":"awsvpc","cpu":"512","memory":"1024"`, ``, "[EC2 MANAGED_INSTANCES FARGATE]"},
		{`"networkMode":"awsvpc","cpu":"512","memory":"1024"`, `"privileged":true`, "[EC2 MANAGED_INSTANCES]"},
		{onFargate + `,"ephemeralStorage":{"sizeInGiB":21}`, ``, "[EC2 MANAGED_INSTANCES FARGATE]"},
		{`"requiresCompatibilities":["MANAGED_INSTANCES"]`, ``, "[EXTERNAL EC2 MANAGED_INSTANCES]"},
	} {
		d, err := Complete(input(t, tc.task, tc.container))
		if err != nil {
			t.Errorf("%s %s: %v", tc.task, tc.container, err)
		} else if got := fmt.Sprint(d.Compatibilities); got != tc.want {
			t.Errorf("%s %s: got %s, want %s", tc.task, tc.container, got, tc.want)
		}
	}
}
