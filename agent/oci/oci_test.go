package oci

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/api/acs/message"
)

var update = flag.Bool("update", false, "rewrite testdata")

// machine has everything.
func machine() Machine {
	known := append(defaultCapabilities(), "CAP_NET_ADMIN", "CAP_SYS_ADMIN")
	return Machine{SwapLimit: true, Capabilities: known, MaxFiles: 1 << 20, Devices: func(path string) ([]specs.LinuxDevice, error) {
		switch path {
		case "/dev/fuse":
			return []specs.LinuxDevice{{Path: path, Type: "c", Major: 10, Minor: 229}}, nil
		case "/dev/snd":
			return []specs.LinuxDevice{{Path: "/dev/snd/seq", Type: "c", Major: 116, Minor: 1}, {Path: "/dev/snd/timer", Type: "c", Major: 116, Minor: 33}}, nil
		case "/dev":
			return []specs.LinuxDevice{{Path: "/dev/sda", Type: "b", Major: 8}}, nil
		}
		return nil, errors.New("no such file or directory")
	}}
}

// container makes one from docker's two texts, with a command.
func container(t *testing.T, config, hostConfig string) Container {
	t.Helper()
	d, err := Parse(message.DockerConfig{Config: config, HostConfig: hostConfig})
	if err != nil {
		t.Fatal(err)
	}
	return Container{Container: message.Container{Name: "web", Command: []string{"run"}}, Docker: d, Network: "/run/netns/x"}
}

func spec(t *testing.T, c Container) *specs.Spec {
	t.Helper()
	s, err := Spec(c, machine())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParse(t *testing.T) {
	for _, tc := range []struct{ config, hostConfig, want string }{
		{`{"User":"web","Tty":true}`, `{"Init":true,"Dns":["1.1.1.1"]}`, ""},
		{``, ``, ""},
		{`{"Env":null,"Volumes":{},"ArgsEscaped":false}`, `{"CpuQuota":0,"Binds":[]}`, ""},
		{`{"Env":["A=1"]}`, ``, "dockerConfig.config.Env: not supported by this agent"},
		{``, `{"CpuQuota":50000}`, "dockerConfig.hostConfig.CpuQuota: not supported by this agent"},
		{``, `{"Devices":[{"PathOnHost":"/dev/fuse","Nice":1}]}`, `dockerConfig.hostConfig.Devices: json: unknown field "Nice"`},
		{`{"User":1}`, ``, "dockerConfig.config.User: json: cannot unmarshal number into Go value of type string"},
		{`{`, ``, "dockerConfig.config: unexpected end of JSON input"},
	} {
		_, err := Parse(message.DockerConfig{Config: tc.config, HostConfig: tc.hostConfig})
		if text(err) != tc.want {
			t.Errorf("%s %s: got %q, want %q", tc.config, tc.hostConfig, text(err), tc.want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCommand(t *testing.T) {
	for _, tc := range []struct{ imageEntry, imageCmd, entry, cmd, want string }{
		{"/entry", "a b", "", "", "/entry a b"},
		{"/entry", "a b", "", "c", "/entry c"},
		{"/entry", "a b", "/mine", "", "/mine"},
		{"/entry", "a b", "/mine", "c", "/mine c"},
		{"", "sh", "", "", "sh"},
		{"", "", "", "run", "run"},
		{"", "", "", "", "no command specified: neither the image nor the container definition has one"},
	} {
		c := Container{Image: ocispec.ImageConfig{Entrypoint: strings.Fields(tc.imageEntry), Cmd: strings.Fields(tc.imageCmd)}}
		c.EntryPoint, c.Command = strings.Fields(tc.entry), strings.Fields(tc.cmd)
		got, err := command(c)
		if joined := strings.Join(got, " ") + text(err); joined != tc.want {
			t.Errorf("%+v: got %q", tc, joined)
		}
	}
}

func TestEnvironment(t *testing.T) {
	c := container(t, `{"Tty":true}`, ``)
	c.Hostname = "ip-10-0-0-1"
	c.Image.Env = []string{"PATH=/bin", "A=image", "B=image", "C=image", "D=image"}
	c.Files = map[string]string{"B": "file", "C": "file", "D": "file", "Z": "file"}
	c.Environment = map[string]string{"C": "plain", "D": "plain", "AWS_REGION": "eu-west-1"}
	c.Secrets = map[string]string{"D": "secret", "URI": "mine"}
	c.Injected = map[string]string{"URI": "http://169.254.170.2"}
	c.Defaults = map[string]string{"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
	want := strings.Fields("PATH=/bin HOSTNAME=ip-10-0-0-1 TERM=xterm A=image B=file C=plain D=secret AWS_REGION=eu-west-1 URI=http://169.254.170.2 Z=file AWS_DEFAULT_REGION=us-east-1")
	if got := environment(c); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCapabilities(t *testing.T) {
	const defaults = "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
	for _, tc := range []struct{ hostConfig, want string }{
		{`{}`, defaults},
		{`{"CapAdd":["NET_ADMIN"],"CapDrop":["MKNOD","CAP_CHOWN"]}`, "AUDIT_WRITE DAC_OVERRIDE FOWNER FSETID KILL NET_ADMIN NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"},
		{`{"CapDrop":["ALL"],"CapAdd":["KILL"]}`, "KILL"},
		{`{"CapDrop":["ALL"]}`, ""},
		{`{"CapAdd":["ALL"],"CapDrop":["SYS_ADMIN"]}`, strings.Replace(defaults, "NET_BIND", "NET_ADMIN NET_BIND", 1)},
		{`{"Privileged":true}`, defaults + " NET_ADMIN SYS_ADMIN"},
		{`{"CapAdd":["SYS_TIME"]}`, "linuxParameters.capabilities.add: CAP_SYS_TIME is not known to this machine's kernel, or its agent may not give it"},
	} {
		s, err := Spec(container(t, ``, tc.hostConfig), machine())
		got := text(err)
		if err == nil {
			got = strings.ReplaceAll(strings.Join(s.Process.Capabilities.Bounding, " "), "CAP_", "")
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.hostConfig, got, tc.want)
		}
	}
}

// Each of these would be wrong to ignore.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		config, hostConfig string
		change             func(*Container)
		want               string
	}{
		{config: `{"WorkingDir":"srv"}`, want: "the working directory 'srv' is invalid, it needs to be an absolute path"},
		{hostConfig: `{"Init":true}`, want: "linuxParameters.initProcessEnabled: this agent has no init process"},
		{hostConfig: `{"Ulimits":[{"Name":"NOFILE","Soft":1,"Hard":1}]}`, want: "invalid ulimit type: NOFILE"},
		{hostConfig: `{"Ulimits":[{"Name":"nproc","Soft":-1,"Hard":5}]}`, want: "ulimit nproc: soft limit must be less than or equal to hard limit: -1 > 5"},
		{hostConfig: `{"Ulimits":[{"Name":"nproc","Soft":1,"Hard":5},{"Name":"nproc","Soft":1,"Hard":5}]}`, want: "ulimit nproc is set twice"},
		{hostConfig: `{"SecurityOpt":["apparmor:mine"]}`, want: `dockerSecurityOptions "apparmor:mine": AppArmor is not enabled on this machine`},
		{hostConfig: `{"SecurityOpt":["label:disable"]}`, want: `dockerSecurityOptions "label:disable": not supported by this agent`},
		{hostConfig: `{"Devices":[{"PathOnHost":"/dev/nope"}]}`, want: `error gathering device information while adding custom device "/dev/nope": no such file or directory`},
		{change: func(c *Container) { c.Memory = 5 }, want: "Minimum memory limit allowed is 6MB"},
		{hostConfig: `{"MemorySwap":1}`, want: "linuxParameters.maxSwap: needs the container's memory to be set"},
		{hostConfig: `{"MemorySwappiness":101}`, want: "linuxParameters.swappiness: 101 is not from 0 to 100"},
		{hostConfig: `{"Tmpfs":{"/t":"remount"}}`, want: "linuxParameters.tmpfs /t: the option remount is not for a tmpfs"},
		{hostConfig: `{"Tmpfs":{"t":""}}`, want: `invalid mount: mount path must be absolute: "t"`},
		{hostConfig: `{"Tmpfs":{"/t/":""}}`, change: func(c *Container) { c.Mounts = []specs.Mount{bind("/x", "/t", false)} }, want: "Duplicate mount point: /t"},
		{change: func(c *Container) { c.Mounts = []specs.Mount{bind("/x", "/..", false)} }, want: "invalid mount: destination can't be '/'"},
	} {
		c := container(t, tc.config, tc.hostConfig)
		if tc.change != nil {
			tc.change(&c)
		}
		if _, err := Spec(c, machine()); text(err) != tc.want {
			t.Errorf("%s %s: got %q, want %q", tc.config, tc.hostConfig, text(err), tc.want)
		}
	}
	c, m := container(t, ``, `{"MemorySwap":67108864}`), machine()
	c.Memory, m.SwapLimit = 64, false
	if _, err := Spec(c, m); text(err) != "linuxParameters.maxSwap: this machine's kernel does not limit swap" {
		t.Errorf("swap where it cannot be limited: %v", err)
	}
	c, m = container(t, ``, `{"MemorySwappiness":10}`), machine()
	m.CgroupV2 = true
	if _, err := Spec(c, m); text(err) != "linuxParameters.swappiness: cgroup v2 has no such setting" {
		t.Errorf("swappiness with cgroup v2: %v", err)
	}
}

func TestMemory(t *testing.T) {
	for _, tc := range []struct {
		memory           int32
		hostConfig, want string // as the specification's JSON has it
	}{
		{0, `{}`, `null`},
		{64, `{}`, `{"limit":67108864,"swap":134217728}`},
		{64, `{"MemoryReservation":33554432,"MemorySwap":-1}`, `{"limit":67108864,"reservation":33554432,"swap":-1}`},
		{0, `{"MemoryReservation":33554432}`, `{"reservation":33554432}`},
		{64, `{"MemorySwap":67108864,"MemorySwappiness":10}`, `{"limit":67108864,"swap":67108864,"swappiness":10}`},
	} {
		c := container(t, ``, tc.hostConfig)
		c.Memory = tc.memory
		got, _ := json.Marshal(spec(t, c).Linux.Resources.Memory)
		if string(got) != tc.want {
			t.Errorf("%d %s: got %s, want %s", tc.memory, tc.hostConfig, got, tc.want)
		}
	}
}

func TestMounts(t *testing.T) {
	for _, tc := range []struct {
		name, hostConfig string
		change           func(*Container)
		at, want         string // destination, and "type source options" or nothing
	}{
		{"tmpfs keeps docker's options", `{"Tmpfs":{"/t":"size=64m"}}`, nil, "/t", "tmpfs tmpfs noexec,nosuid,nodev,rprivate,size=64m"},
		{"tmpfs option replaces its opposite", `{"Tmpfs":{"/t":"defaults,exec,size=64m"}}`, nil, "/t", "tmpfs tmpfs nosuid,nodev,rprivate,exec,size=64m"},
		{"shm size", `{"ShmSize":1048576}`, nil, "/dev/shm", "tmpfs shm nosuid,noexec,nodev,mode=1777,size=1048576"},
		{"shm of the host", `{}`, func(c *Container) { c.IPC = Host }, "/dev/shm", "bind /dev/shm rbind,rw,rprivate"},
		{"shm of the task", `{}`, func(c *Container) { c.IPC, c.Shm = Task, "/t/shm" }, "/dev/shm", "bind /t/shm rbind,rw,rprivate"},
		{"no shm", `{}`, func(c *Container) { c.IPC = None }, "/dev/shm", ""},
		{"volume over a usual mount", `{}`, func(c *Container) { c.Mounts = []specs.Mount{bind("/v", "/dev/shm", true)} }, "/dev/shm", "bind /v rbind,ro,rprivate"},
		{"volume over /dev hides what is below", `{}`, func(c *Container) { c.Mounts = []specs.Mount{bind("/dev", "/dev", false)} }, "/dev/pts", ""},
		{"sys is read-only", `{}`, nil, "/sys", "sysfs sysfs nosuid,noexec,nodev,ro"},
		{"sys of a privileged one is not", `{"Privileged":true}`, nil, "/sys", "sysfs sysfs nosuid,noexec,nodev"},
		{"hosts", `{}`, func(c *Container) { c.Etc.Hosts = "/t/hosts" }, "/etc/hosts", "bind /t/hosts rbind,rw,rprivate"},
		{"hosts on a read-only root", `{"ReadonlyRootfs":true}`, func(c *Container) { c.Etc.Hosts = "/t/hosts" }, "/etc/hosts", "bind /t/hosts rbind,ro,rprivate"},
		{"init", `{"Init":true}`, func(c *Container) { c.Init = "/b/shim" }, "/sbin/docker-init", "bind /b/shim rbind,ro,rprivate"},
	} {
		c := container(t, ``, tc.hostConfig)
		if tc.change != nil {
			tc.change(&c)
		}
		got := ""
		for _, m := range spec(t, c).Mounts {
			if m.Destination == tc.at {
				got += m.Type + " " + m.Source + " " + strings.Join(m.Options, ",")
			}
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// The outer directory must be mounted first, or it hides the inner one.
func TestMountOrder(t *testing.T) {
	c := container(t, ``, `{"Tmpfs":{"/a/b":""}}`)
	c.Mounts = []specs.Mount{bind("/1", "/a/b/c", false), bind("/2", "/a", false), bind("/3", "/b/c/d", false)}
	var got []string
	for _, m := range spec(t, c).Mounts[7:] {
		got = append(got, m.Destination)
	}
	if want := []string{"/a", "/a/b", "/a/b/c", "/b/c/d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrivileged(t *testing.T) {
	m := machine()
	m.Seccomp = true
	s, err := Spec(container(t, ``, `{"Privileged":true}`), m)
	if err != nil {
		t.Fatal(err)
	}
	if s.Linux.Seccomp != nil || s.Linux.MaskedPaths != nil || s.Linux.ReadonlyPaths != nil || len(s.Linux.Devices) != 1 || !s.Linux.Resources.Devices[0].Allow {
		t.Errorf("a privileged container is held back: %+v", s.Linux)
	}
	if s, err = Spec(container(t, ``, `{}`), m); err != nil || s.Linux.Seccomp == nil {
		t.Errorf("no filter of system calls: %v", err)
	}
}

func TestDevices(t *testing.T) {
	c := container(t, ``, `{"Devices":[{"PathOnHost":"/dev/fuse","PathInContainer":"/dev/f","CgroupPermissions":"rw"},{"PathOnHost":"/dev/snd/"}]}`)
	s := spec(t, c)
	var got []string
	for i, d := range s.Linux.Devices {
		got = append(got, d.Path+" "+s.Linux.Resources.Devices[i+1].Access)
	}
	if want := []string{"/dev/f rw", "/dev/snd/seq rwm", "/dev/snd/timer rwm"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if first := s.Linux.Resources.Devices[0]; first.Allow || first.Access != "rwm" {
		t.Errorf("all other devices are allowed: %+v", first)
	}
}

func TestNamespaces(t *testing.T) {
	for _, tc := range []struct {
		change func(*Container)
		want   string
	}{
		{func(*Container) {}, "mount uts pid ipc network:/run/netns/x"},
		{func(c *Container) { c.Network = "" }, "mount uts pid ipc"},
		{func(c *Container) { c.PID, c.IPC = Host, Host }, "mount uts network:/run/netns/x"},
		{func(c *Container) { c.PID, c.IPC = Task, Task }, "mount uts pid ipc network:/run/netns/x"},
	} {
		c := container(t, ``, ``)
		tc.change(&c)
		var got []string
		for _, n := range spec(t, c).Linux.Namespaces {
			got = append(got, strings.TrimSuffix(string(n.Type)+":"+n.Path, ":"))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// One container with nearly everything, as a whole.
func TestGolden(t *testing.T) {
	c := container(t,
		`{"Hostname":"web","User":"1000:1000","WorkingDir":"/srv","Tty":true,"Labels":{"team":"blue"}}`,
		`{"MemoryReservation":33554432,"ShmSize":1048576,"Init":true,"CapAdd":["NET_ADMIN"],"CapDrop":["MKNOD"],
		  "Devices":[{"PathOnHost":"/dev/fuse","PathInContainer":"/dev/fuse","CgroupPermissions":"rwm"}],"Tmpfs":{"/cache":"size=16m,exec"},
		  "Ulimits":[{"Name":"nofile","Soft":1024,"Hard":2048},{"Name":"core","Soft":0,"Hard":-1}],
		  "Sysctls":{"net.core.somaxconn":"1024"},"SecurityOpt":["no-new-privileges"],"ReadonlyRootfs":true}`)
	c.CPU, c.Memory = 128, 64
	c.Environment = map[string]string{"MODE": "live"}
	c.Image = ocispec.ImageConfig{Entrypoint: []string{"/entry"}, Cmd: []string{"x"}, Env: []string{"PATH=/bin"}, Labels: map[string]string{"team": "red", "from": "image"}}
	c.Etc = Etc{"/t/hosts", "/t/hostname", "/t/resolv.conf"}
	c.Init = "/b/shim"
	c.Mounts = []specs.Mount{bind("/v/data", "/data", false)}
	c.Labels = map[string]string{"com.amazonaws.ecs.container-name": "web"}
	got, err := json.MarshalIndent(spec(t, c), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const golden = "testdata/spec.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the specification changed; run with -update and review the difference:\n%s", got)
	}
	if User(c) != "1000:1000" {
		t.Errorf("user %q", User(c))
	}
}

func TestThis(t *testing.T) {
	m, err := This()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(m.Capabilities, "CAP_CHOWN") || m.MaxFiles == 0 {
		t.Errorf("got %+v", m)
	}
	null, err := m.Devices("/dev/null")
	if err != nil || len(null) != 1 || null[0].Type != "c" || null[0].Major != 1 || null[0].Minor != 3 || null[0].Path != "/dev/null" {
		t.Errorf("/dev/null: %+v, %v", null, err)
	}
	if every, err := m.Devices("/dev"); err != nil || len(every) < 5 {
		t.Errorf("/dev: %d devices, %v", len(every), err)
	}
	if _, err := m.Devices("/etc/passwd"); text(err) != "not a device node" {
		t.Errorf("/etc/passwd: %v", err)
	}
}
