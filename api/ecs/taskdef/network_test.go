package taskdef

import (
	"fmt"
	"strings"
	"testing"
)

func TestRefusesByNetworkMode(t *testing.T) {
	const awsvpc, none = `"networkMode":"awsvpc"`, `"networkMode":"none"`
	refuses(t, []refusal{
		{awsvpc, `"hostname":"web"`, "hostname is not supported on container when networkMode=awsvpc."},
		{awsvpc, `"dnsServers":["10.0.0.2"]`, "DNS servers are not supported on container when networkMode=awsvpc."},
		{awsvpc, `"dnsSearchDomains":["internal"]`, "DNS search domains are not supported on container when networkMode=awsvpc."},
		{awsvpc, `"extraHosts":[{"hostname":"db","ipAddress":"10.0.0.3"}]`, "Extra hosts are not supported on container when networkMode=awsvpc."},
		{awsvpc, `"disableNetworking":true`, "Disable Networking is not supported on container when networkMode=awsvpc."},
		{awsvpc, `"links":["web"]`, "Links are not supported when networkMode=awsvpc."},
		{`"networkMode":"host"`, `"links":["web"]`, "Links are not supported when networkMode=host."},
		{none, `"links":["web"]`, "Links are not supported when networkMode=none."},
		{none, `"portMappings":[{"containerPort":80}]`, "Port mappings are not supported when networkMode=none."},
		{``, `"extraHosts":[{"ipAddress":"10.0.0.3"}]`, "HostEntry.hostname should not be null or empty."},
		{``, `"extraHosts":[{"hostname":"db"}]`, "HostEntry.ipAddress should not be null or empty."},
	})
	accepts(t,
		[2]string{``, `"hostname":"web","dnsServers":["10.0.0.2"],"dnsSearchDomains":["internal"],"extraHosts":[{"hostname":"db","ipAddress":"10.0.0.3"}],"disableNetworking":true`},
		[2]string{awsvpc, `"dnsServers":[],"extraHosts":[],"links":[],"disableNetworking":false`},
	)
}

func TestRefusesDependencies(t *testing.T) {
	on := func(name, condition string) string {
		return fmt.Sprintf(`"dependsOn":[{"containerName":%q,"condition":%q}]`, name, condition)
	}
	refuses(t, []refusal{
		{``, `"dependsOn":[{"condition":"START"}]`, "ContainerDependency.containerName should not be null or empty."},
		{containers(`"name":"a","dependsOn":[{"containerName":"b"}]`, `"name":"b"`), ``, "ContainerDependency.condition should not be null or empty."},
		{``, on("db", "START"), "Cannot depend on container + 'db' because it does not exist"},
		{``, on("web", "START"), "Container dependencies should not have a cycle"},
		{containers(`"name":"a",`+on("b", "START"), `"name":"b",`+on("c", "START"), `"name":"c",`+on("a", "START")), ``,
			"Container dependencies should not have a cycle"},
		{containers(`"name":"a",`+on("b", "COMPLETE"), `"name":"b"`), ``, "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"},
		{containers(`"name":"a",`+on("b", "SUCCESS"), `"name":"b"`), ``, "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"},
		{containers(`"name":"a",`+on("b", "HEALTHY"), `"name":"b"`), ``, "A dependency container with HEALTHY condition must have health check configured"},
	})
	accepts(t,
		[2]string{containers(`"name":"a",`+on("b", "SUCCESS"), `"name":"b","essential":false,`+on("c", "HEALTHY"), `"name":"c","healthCheck":{"command":["CMD","true"]}`)},
		// Two ways to one container are no cycle.
		[2]string{containers(`"name":"a","dependsOn":[{"containerName":"b","condition":"START"},{"containerName":"c","condition":"START"}]`,
			`"name":"b",`+on("c", "START"), `"name":"c"`)},
	)
}

func TestRefusesLinks(t *testing.T) {
	refuses(t, []refusal{
		{``, `"links":["db:database"]`, "Invalid 'links' setting. Unknown container: 'db'"},
		{containers(`"name":"a","links":["b"]`, `"name":"b","links":["a:other"]`), ``, "Container links should not have a cycle"},
	})
	accepts(t, [2]string{`"networkMode":"bridge",` + containers(`"name":"a","links":["b:db"]`, `"name":"b"`)})
}

func TestRefusesPorts(t *testing.T) {
	ports := func(mappings ...string) string {
		return `"portMappings":[{` + strings.Join(mappings, "},{") + `}]`
	}
	var ranges []string
	for i := range 101 {
		ranges = append(ranges, fmt.Sprintf(`"containerPortRange":"%d-%d"`, 1000+2*i, 1001+2*i))
	}
	const awsvpc, host = `"networkMode":"awsvpc"`, `"networkMode":"host"`
	const badRange = "Invalid 'containerPortRange' setting for container 'web'."
	refuses(t, []refusal{
		{``, ports(`"hostPort":80`), "Invalid 'containerPort' setting for container 'web'."},
		{``, ports(`"containerPort":0`), "Invalid 'containerPort' setting for container 'web'."},
		{``, ports(`"containerPort":65536`), "Invalid 'containerPort' setting for container 'web'."},
		{``, ports(`"containerPort":80,"hostPort":65536`), "Invalid 'hostPort' setting for container 'web'."},
		{awsvpc, ports(`"containerPort":80,"hostPort":8080`), "When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
		{host, ports(`"containerPort":80,"hostPort":8080`), "When networkMode=host, the host ports and container ports in port mappings must match."},
		{``, ports(`"containerPort":80,"hostPort":8080`, `"containerPort":81,"hostPort":8080`), "TCP host port '8080' is mapped multiple times in task."},
		{awsvpc + `,` + containers(`"name":"a",`+ports(`"containerPort":53,"protocol":"udp"`), `"name":"b",`+ports(`"containerPort":53,"protocol":"udp"`)), ``,
			"UDP host port '53' is mapped multiple times in task."},
		{``, ports(`"containerPort":80,"containerPortRange":"80-90"`), "Invalid port mapping for container 'web'. You cannot specify both single port and port range."},
		{``, ports(`"containerPortRange":"90-80"`), badRange},
		{``, ports(`"containerPortRange":"80"`), badRange},
		{``, ports(`"containerPortRange":"0-80"`), badRange},
		{``, ports(`"containerPortRange":"+80-90"`), badRange},
		{``, ports(`"containerPortRange":"80-65536"`), badRange},
		{host, ports(`"containerPortRange":"80-90"`), "Port ranges are not supported when networkMode=host."},
		{``, ports(`"containerPortRange":"80-90"`, `"containerPortRange":"90-99"`), "TCP container port '90' is used multiple times in task."},
		{``, ports(`"containerPortRange":"80-90"`, `"containerPort":85`), "TCP container port '85' is used multiple times in task."},
		{``, ports(ranges...), "Too many port ranges for container 'web': the maximum is 100."},
		{``, ports(`"containerPort":80,"name":"-web"`), "Invalid port mapping name '-web' for container 'web': it can have up to 64 lowercase letters, numbers, underscores and hyphens, and cannot start with a hyphen."},
		{``, ports(`"containerPort":80,"name":"web"`, `"containerPort":81,"name":"web"`), "The port mapping name 'web' is already used."},
	})
	accepts(t,
		[2]string{awsvpc, ports(`"containerPort":53,"protocol":"tcp"`, `"containerPort":53,"protocol":"udp"`)},
		[2]string{``, ports(`"containerPort":80`, `"containerPort":81,"hostPort":0`, `"containerPort":82,"hostPort":8082`)},
		[2]string{``, ports(`"containerPortRange":"80-90"`, `"containerPortRange":"80-90","protocol":"udp"`, `"containerPort":91,"name":"web","appProtocol":"http2"`)},
		[2]string{``, ports(ranges[:100]...)},
		[2]string{``, ports(`"containerPort":80`, `"containerPort":81,"name":"null"`)},
	)
}
