package test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// seen is a container parameter, and what a script in the container sees of it.
type seen struct {
	name      string
	container string // members of the container definition, beside name, image, memory and logs
	task      string // members of the task definition
	script    string
	want      string // a regular expression for all that the script says
}

// TestContainerParameters looks at each parameter of a container definition from
// inside the container. One machine runs all of them.
func TestContainerParameters(t *testing.T) {
	t.Parallel()
	m := upMachine(t)
	host := t.TempDir()
	if err := os.WriteFile(host+"/greeting", []byte("hello from the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range parameters(host) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m.look(t, tc)
		})
	}
}

// look runs a task of one container, and compares what its script says.
func (m *machine) look(t *testing.T, tc seen) {
	t.Helper()
	container := `"name": "main", "image": "IMAGE", ` + logTo
	if !strings.Contains(tc.container, `"memory`) {
		container += `, "memory": 32`
	}
	if tc.script != "" {
		container += fmt.Sprintf(`, "command": ["sh", "-c", %q]`, tc.script)
	}
	if tc.container != "" {
		container += ", " + tc.container
	}
	task := `"containerDefinitions": [{` + container + `}]`
	if tc.task != "" {
		task += ", " + tc.task
	}
	definition := m.define(t, "{"+task+"}")
	stopped := m.awaitTask(t, m.runTask(t, &ecs.RunTaskInput{TaskDefinition: &definition}), "STOPPED")
	if c := stopped.Containers[0]; aws.ToInt32(c.ExitCode) != 0 || c.ExitCode == nil {
		t.Errorf("stopped: %s %s", aws.ToString(stopped.StoppedReason), containerReasons(stopped))
	}
	if got := m.said(t, stopped, "main"); !regexp.MustCompile(`^(?s:` + tc.want + `)\n$`).MatchString(got) {
		t.Errorf("the container sees\n%swant\n%s", got, tc.want)
	}
}

// cgroup is a shell function that prints a value of the container's cgroup, by
// its name in each version of cgroups.
const cgroup = `cg() { cat /sys/fs/cgroup/$1 2>/dev/null || cat /sys/fs/cgroup/$2; }; `

func parameters(host string) []seen {
	return []seen{
		{name: "command", container: `"command": ["echo", "a b", "c"]`, want: "a b c"},
		{name: "entryPoint", container: `"entryPoint": ["echo", "in"], "command": ["front"]`, want: "in front"},
		{name: "environment", container: `"environment": [{"name": "COLOR", "value": "blue green"}]`, script: `echo $COLOR $FROM`, want: "blue green image"},
		{name: "injected environment", script: `env | grep -E '^(ECS_|AWS_)' | cut -d= -f1 | sort | xargs echo`,
			want: "AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_EXECUTION_ENV AWS_REGION ECS_AGENT_URI ECS_CONTAINER_METADATA_URI ECS_CONTAINER_METADATA_URI_V4"},
		{name: "workingDirectory", container: `"workingDirectory": "/var/made/here"`, script: `pwd`, want: "/var/made/here"},
		{name: "user by name", container: `"user": "app"`, script: `id -u; id -g; id -G; echo $HOME`, want: "1000\n1001\n1001 1002\n/srv/app"},
		{name: "user by ids", container: `"user": "7:8"`, script: `id -u; id -g`, want: "7\n8"},
		{name: "hostname", container: `"hostname": "box"`, script: `hostname; grep -c box /etc/hosts`, want: "box\n1"},
		{name: "extraHosts", container: `"extraHosts": [{"hostname": "db", "ipAddress": "10.9.8.7"}]`, script: `grep db /etc/hosts`, want: `10.9.8.7\s+db`},
		{name: "dns", container: `"dnsServers": ["10.1.1.1", "10.1.1.2"], "dnsSearchDomains": ["corp.example"]`, script: `cat /etc/resolv.conf`,
			want: `nameserver 10.1.1.1\nnameserver 10.1.1.2\nsearch corp.example`},

		{name: "cpu", container: `"cpu": 100`, script: cgroup + `cg cpu/cpu.shares cpu.weight`, want: "100|4|17"},
		{name: "memory", container: `"memory": 48`, script: cgroup + `cg memory/memory.limit_in_bytes memory.max`, want: "50331648"},
		{name: "memoryReservation", container: `"memoryReservation": 16`, script: cgroup + `cg memory/memory.soft_limit_in_bytes memory.low`, want: "16777216"},
		{name: "task size", task: `"cpu": "256", "memory": "64"`, script: cgroup + `cg memory/memory.limit_in_bytes memory.max`, want: "33554432"},
		{name: "privileged", container: `"privileged": true`, script: `mount -t tmpfs x /tmp && grep -c ' /tmp ' /proc/mounts`, want: "1"},
		{name: "not privileged", script: `mount -t tmpfs x /tmp 2>/dev/null || echo refused; grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status`,
			want: `refused\nNoNewPrivs:\s+0\nSeccomp:\s+2`},
		{name: "no-new-privileges", container: `"dockerSecurityOptions": ["no-new-privileges"]`, script: `grep NoNewPrivs /proc/self/status`, want: `NoNewPrivs:\s+1`},
		{name: "readonlyRootFilesystem", container: `"readonlyRootFilesystem": true`, script: `touch /x 2>&1; true`, want: ".*Read-only file system"},
		{name: "capabilities", container: `"linuxParameters": {"capabilities": {"add": ["SYS_TIME"], "drop": ["CHOWN"]}}`,
			script: `chown 5 /tmp 2>&1 | grep -c 'not permitted'; printf '%x\n' $((0x$(grep CapEff /proc/self/status | cut -f2) >> 25 & 1))`, want: "1\n1"},
		{name: "devices", container: `"linuxParameters": {"devices": [{"hostPath": "/dev/loop-control", "containerPath": "/dev/loops", "permissions": ["read"]}]}`,
			script: `(: < /dev/loops) && echo opens; (: > /dev/loops) 2>/dev/null || echo read only`, want: "opens\nread only"},
		{name: "init", container: `"linuxParameters": {"initProcessEnabled": true}`, script: `test $$ -ne 1 && cat /proc/1/comm`, want: ".*init.*"},
		{name: "shared memory", container: `"linuxParameters": {"sharedMemorySize": 8}`, script: `df -m /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2`, want: "8"},
		{name: "tmpfs", container: `"linuxParameters": {"tmpfs": [{"containerPath": "/scratch", "size": 4, "mountOptions": ["noexec"]}]}`,
			script: `grep ' /scratch ' /proc/mounts`, want: `.*tmpfs .*noexec.*size=4096k.*`},
		{name: "ulimits", container: `"ulimits": [{"name": "nofile", "softLimit": 500, "hardLimit": 600}]`, script: `ulimit -Sn; ulimit -Hn`, want: "500\n600"},
		{name: "systemControls", task: `"networkMode": "none"`, container: `"systemControls": [{"namespace": "net.ipv4.ip_local_port_range", "value": "5000 6000"}]`,
			script: `cat /proc/sys/net/ipv4/ip_local_port_range`, want: `5000\s+6000`},
		{name: "pseudoTerminal", container: `"pseudoTerminal": true`, script: `test -t 1 && echo a terminal`, want: "a terminal\r?"},
		{name: "interactive", container: `"interactive": true, "stopTimeout": 1`, script: `timeout 0.3 cat 2>/dev/null; echo $?`, want: "(?m:^143$).*"},
		{name: "dockerLabels", container: `"dockerLabels": {"team": "shop"}`, script: `wget -qO- $ECS_CONTAINER_METADATA_URI_V4 2>&1 | grep -o '"team":"shop"'`, want: `"team":"shop"`},

		{name: "host volume", task: fmt.Sprintf(`"volumes": [{"name": "v", "host": {"sourcePath": %q}}]`, host),
			container: `"mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": true}]`,
			script:    `cat /v/greeting; touch /v/x 2>&1; true`, want: "hello from the host\n.*Read-only file system"},
		{name: "task volume", task: `"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "local"}}]`,
			container: `"mountPoints": [{"sourceVolume": "v", "containerPath": "/srv"}]`,
			script:    `ls /srv; touch /srv/x && echo written`, want: "app\nwritten"},
		{name: "tmpfs volume", task: `"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "local", "driverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}}]`,
			container: `"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]`,
			script:    `grep -c ' /v tmpfs ' /proc/mounts`, want: "1"},
		{name: "ipcMode none", task: `"ipcMode": "none"`, script: `test -e /dev/shm && grep -c ' /dev/shm ' /proc/mounts; echo done`, want: ".*done"},
		{name: "pidMode host", task: `"pidMode": "host"`, script: `test $$ -gt 50 && echo many`, want: "many"},
		{name: "network mode none", task: `"networkMode": "none"`, script: `ls /sys/class/net`, want: "lo"},
		{name: "network mode bridge", task: `"networkMode": "bridge"`, script: `ls /sys/class/net; ip -4 addr show eth0 | grep -c 'inet 10\.'`, want: "eth0\nlo\n1"},
		{name: "network mode host", task: `"networkMode": "host"`, script: `ls /sys/class/net | wc -l | grep -vc '^[12]$'`, want: "1"},
	}
}
