// Package shimtest gives tests what they need to run real containers: the
// shim's program, and a root file system made of this machine's own programs.
package shimtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Build builds the shim's program for one test; see [Program].
func Build(t testing.TB) string {
	t.Helper()
	program, err := Program(t.TempDir())
	must(t, err)
	return program
}

// Program builds the shim's program, from the sources as they are now, into dir.
// It has seccomp where libseccomp's headers are installed.
func Program(dir string) (program string, err error) {
	if err := dependOnSources(); err != nil {
		return "", err
	}
	tags := "netgo osusergo"
	if exec.Command("pkg-config", "--exists", "libseccomp").Run() == nil {
		tags += " seccomp"
	}
	program = filepath.Join(dir, "berth-shim")
	cmd := exec.Command("go", "build", "-tags", tags, "-ldflags", "-s -w -extldflags -static", "-o", program, "berth/cmd/berth-shim")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the shim (it needs gcc and the static libc of libc6-dev): %w\n%s", err, out)
	}
	return program, nil
}

// dependOnSources looks at what the program is made of, so that go test does not
// take an old result for a test that would run another program today.
func dependOnSources() error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return err
	}
	for _, dir := range []string{"cmd/berth-shim", "agent/shim/task", "agent/shim/wire", "agent/runtime", "agent/spool"} {
		files, err := os.ReadDir(filepath.Join(strings.TrimSpace(string(root)), dir))
		if err != nil {
			return err
		}
		for _, file := range files {
			if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(root)), dir, file.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rootfs makes a directory that can be a container's root, with /bin/sh and all
// else that this machine has in /usr; see [Spec]. Scripts are put into /bin.
func Rootfs(t testing.TB, scripts map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"usr", "proc", "sys", "dev", "tmp", "etc", "script"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		must(t, os.Symlink("usr/"+name, filepath.Join(root, name)))
	}
	for name, text := range scripts {
		must(t, os.WriteFile(filepath.Join(root, "script", name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "etc/group"), []byte("root:x:0:\nweb:x:1001:\nlog:x:1002:web\n"), 0o644))
	return root
}

// Spec is an OCI specification for a root of [Rootfs] that is as strict as a
// container's usually is, but for seccomp.
func Spec(root string, args ...string) *specs.Spec {
	capabilities := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"}
	return &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: root},
		Process: &specs.Process{
			Args:         args,
			Cwd:          "/",
			Env:          []string{"PATH=/script:/bin:/usr/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities},
		},
		Hostname: "test",
		Mounts: []specs.Mount{
			{Destination: "/usr", Type: "bind", Source: "/usr", Options: []string{"rbind", "ro"}},
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
				{Type: specs.MountNamespace}, {Type: specs.NetworkNamespace},
			},
			Resources:   &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			MaskedPaths: []string{"/proc/kcore", "/proc/keys"},
		},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
