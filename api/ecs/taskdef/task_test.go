package taskdef

import (
	"fmt"
	"strings"
	"testing"
)

func TestRefusesTask(t *testing.T) {
	long := strings.Repeat("a", 256)
	constraint := `{"type":"memberOf","expression":"attribute:ecs.os-type == linux"}`
	refuses(t, []refusal{
		{`"family":""`, ``, "Family should not be null or empty."},
		{`"family":null`, ``, "Family should not be null or empty."},
		{`"family":"web.app"`, ``, "Family contains invalid characters."},
		{`"family":"` + long + `"`, ``, "Family is too long: it can have at most 255 characters."},
		{`"taskRoleArn":"arn:aws:iam::123456789012:user/me"`, ``, "Role is not valid"},
		{`"executionRoleArn":"a role"`, ``, "Role is not valid"},
		{`"placementConstraints":[` + strings.Repeat(constraint+",", 10) + constraint + `]`, ``,
			"Too many placement constraints: a task definition can have at most 10."},
		{`"placementConstraints":[{"expression":"x == y"}]`, ``, "Invalid placement constraint type '': it must be 'memberOf'."},
		{`"placementConstraints":[{"type":"memberOf"}]`, ``, "PlacementConstraint.expression should not be null or empty."},
		{`"ephemeralStorage":{"sizeInGiB":20}`, ``, "EphemeralStorage size should be at least 21."},
		{`"ephemeralStorage":{"sizeInGiB":201}`, ``, "EphemeralStorage size should be at most 200."},
		{`"ephemeralStorage":{"sizeInGiB":21},"requiresCompatibilities":["EC2"]`, ``, "Tasks using the EC2 launch type do not support EphemeralStorage."},
		{`"enableFaultInjection":true`, ``, "Fault injection is only supported in networkMode=awsvpc and networkMode=host."},
		{`"inferenceAccelerators":[{"deviceType":"eia2.medium"}]`, ``, "InferenceAccelerator.deviceName should not be null or empty."},
		{`"inferenceAccelerators":[{"deviceName":"d"}]`, ``, "InferenceAccelerator.deviceType should not be null or empty."},
		{`"inferenceAccelerators":[{"deviceName":"d","deviceType":"x"},{"deviceName":"d","deviceType":"x"}]`, ``,
			"Inference accelerator device name 'd' is used multiple times in task."},
	})
	accepts(t,
		[2]string{`"taskRoleArn":"arn:aws:iam::123456789012:role/service-role/web","executionRoleArn":"web"`},
		[2]string{`"placementConstraints":[` + constraint + `]`},
		[2]string{`"enableFaultInjection":true,"networkMode":"host"`},
		[2]string{`"ephemeralStorage":{"sizeInGiB":200}`},
	)
}

func TestRefusesPlacementExpression(t *testing.T) {
	_, err := Complete(input(t, `"placementConstraints":[{"type":"memberOf","expression":"attribute:x =="}]`, ``))
	if err == nil || !strings.Contains(err.Error(), "Invalid placement constraint expression 'attribute:x ==': column ") {
		t.Errorf("got %v, want where the expression is wrong", err)
	}
}

func TestRefusesProxy(t *testing.T) {
	proxy := func(name string, without string) string {
		properties := ""
		for _, p := range []string{"IgnoredUID=1337", "AppPorts=80", "ProxyIngressPort=15000", "ProxyEgressPort=15001"} {
			if key, value, _ := strings.Cut(p, "="); key != without {
				properties += fmt.Sprintf(`,{"name":%q,"value":%q}`, key, value)
			}
		}
		return fmt.Sprintf(`"networkMode":"awsvpc","proxyConfiguration":{"type":"APPMESH","containerName":%q,"properties":[%s]}`, name, properties[1:])
	}
	refuses(t, []refusal{
		{`"proxyConfiguration":{"type":"APPMESH"}`, ``, "ProxyConfiguration.containerName should not be null or empty."},
		{`"proxyConfiguration":{"containerName":"web"}`, ``, "APPMESH proxy configuration is only supported in networkMode=awsvpc."},
		{proxy("envoy", ""), ``, "Proxy container [envoy] does not exist."},
		{proxy("web", "ProxyIngressPort"), ``, "Ingress port not found."},
		{proxy("web", "ProxyEgressPort"), ``, "Egress port not found."},
		{proxy("web", "AppPorts"), ``, "App ports not found."},
		{`"networkMode":"awsvpc","proxyConfiguration":{"containerName":"web","properties":[{"name":"AppPorts"}]}`, ``,
			"ProxyConfiguration properties value cannot be null."},
		{proxy("web", "IgnoredUID"), ``, "At least one of IgnoredUID and IgnoredGID must be specified for the proxy container."},
	})
	accepts(t, [2]string{proxy("web", "")})
}

func TestRefusesOnWindows(t *testing.T) {
	const windows = `"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}`
	refuses(t, []refusal{
		{`"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE","cpuArchitecture":"ARM64"}`, ``,
			"Windows containers do not support cpuArchitecture 'ARM64'."},
		{windows + `,"networkMode":"host"`, ``, "Windows containers do not support networkMode 'host'."},
		{windows + `,"pidMode":"task"`, ``, "Windows containers do not support pidMode."},
		{windows + `,"ipcMode":"task"`, ``, "Windows containers do not support ipcMode."},
		{windows, `"linuxParameters":{}`, "Windows containers do not support linuxParameters."},
		{windows, `"privileged":true`, "Windows containers do not support privileged."},
		{windows, `"links":["web"]`, "Windows containers do not support links."},
		{windows, `"systemControls":[{"namespace":"net.core.somaxconn","value":"1"}]`, "Windows containers do not support systemControls."},
	})
	accepts(t, [2]string{windows, `"privileged":false`}, [2]string{windows + `,"networkMode":"bridge"`})
}

func TestUnits(t *testing.T) {
	for _, tc := range []struct {
		in, big string
		want    int
	}{
		{"1024", "vcpu", 1024},
		{"1 vCPU", "vcpu", 1024},
		{"1vcpu", "vcpu", 1024},
		{".5 vCPU", "vcpu", 512},
		{"0.25 VCPU", "vcpu", 256},
		{" 2 GB ", "gb", 2048},
		{"0.5GB", "gb", 512},
		{"512", "gb", 512},
		{"", "gb", -1},
		{"512MB", "gb", -1},
		{"1.5", "gb", -1},
		{"0.0001 GB", "gb", -1},
		{"GB", "gb", -1},
		{"-1 GB", "gb", -1},
		{"NaN GB", "gb", -1},
		{"1e300 GB", "gb", -1},
		{"99999999999", "gb", -1},
		{"1 GB", "vcpu", -1},
	} {
		if got := units(tc.in, tc.big); got != tc.want {
			t.Errorf("units(%q, %q) = %d, want %d", tc.in, tc.big, got, tc.want)
		}
	}
}

func TestRefusesSize(t *testing.T) {
	refuses(t, []refusal{
		{`"cpu":"one"`, ``, "Invalid 'cpu' setting for task."},
		{`"cpu":"127"`, ``, "Invalid 'cpu' setting for task."},
		{`"cpu":"193 vCPU"`, ``, "Invalid 'cpu' setting for task."},
		{`"memory":"much"`, ``, "Invalid 'memory' setting for task."},
		{`"memory":"3"`, ``, "Invalid 'memory' setting for task."},
		{`"cpu":"256"`, `"cpu":257`, "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."},
		{`"memory":"512",` + containers(`"name":"a","memory":500,"memoryReservation":300`, `"name":"b","memory":500,"memoryReservation":300`), ``,
			"The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'."},
		{``, `"cpu":-1`, "Invalid 'cpu' setting for container 'web'."},
		{``, `"memory":3`, "Invalid setting for container 'web'. 'memory' must be at least 4."},
		{``, `"memoryReservation":3`, "Invalid setting for container 'web'. 'memoryReservation' must be at least 4."},
		{``, `"memory":null`, "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified."},
		{``, `"memory":0`, "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must be specified."},
		{``, `"memory":128,"memoryReservation":129`, "Invalid setting for container 'web'. 'memory' must be greater than or equal to 'memoryReservation'."},
		{`"memory":"1GB"`, `"memory":1025`, "The 'memory' setting for container 'web' is greater than for the task."},
		{`"memory":"1GB"`, `"memory":null,"memoryReservation":1025`, "The 'memoryReservation' setting for container 'web' is greater than for the task."},
	})
	accepts(t,
		[2]string{`"cpu":"192 vCPU","memory":"1 GB"`, `"memory":null`},
		[2]string{``, `"memory":null,"memoryReservation":4`},
		[2]string{``, `"memory":128,"memoryReservation":128`},
		// Hard limits are not reservations.
		[2]string{`"memory":"512",` + containers(`"name":"a","memory":500`, `"name":"b","memory":500`)},
	)
}
