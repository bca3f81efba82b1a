package oci

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// initPath is where docker mounts the init process, and its name tells our program to be one.
const initPath = "/sbin/docker-init"

func processOf(c Container, m Machine) (*specs.Process, error) {
	args, err := command(c)
	if err != nil {
		return nil, err
	}
	if c.Docker.HostConfig.Init {
		if c.Init == "" {
			return nil, errors.New("linuxParameters.initProcessEnabled: this agent has no init process")
		}
		args = append([]string{initPath, "--"}, args...)
	}
	cwd := cmp.Or(c.Docker.Config.WorkingDir, c.Image.WorkingDir, "/")
	if !path.IsAbs(cwd) {
		return nil, fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", cwd)
	}
	p := &specs.Process{
		Terminal:    c.Docker.Config.Tty,
		Args:        args,
		Env:         environment(c),
		Cwd:         cwd,
		OOMScoreAdj: c.Docker.HostConfig.OomScoreAdj,
	}
	if p.Rlimits, err = rlimits(c.Docker.HostConfig.Ulimits, m.MaxFiles); err != nil {
		return nil, err
	}
	caps, err := capabilities(c.Docker.HostConfig, m.Capabilities)
	if err != nil {
		return nil, err
	}
	p.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	return p, secure(p, c.Docker.HostConfig.SecurityOpt, m)
}

// command is what runs: an entry point of the definition's own replaces the image's command too.
func command(c Container) ([]string, error) {
	entryPoint, args := c.EntryPoint, c.Command
	if len(entryPoint) == 0 {
		entryPoint = c.Image.Entrypoint
		if len(args) == 0 {
			args = c.Image.Cmd
		}
	}
	all := slices.Concat(entryPoint, args)
	if len(all) == 0 {
		return nil, errors.New("no command specified: neither the image nor the container definition has one")
	}
	return all, nil
}

// defaultPath is docker's, for images that have none.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment has the image's variables in their order, then the others by name.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
func environment(c Container) []string {
	all := []string{defaultPath}
	if name := cmp.Or(c.Docker.Config.Hostname, c.Hostname); name != "" {
		all = append(all, "HOSTNAME="+name)
	}
	if c.Docker.Config.Tty {
		all = append(all, "TERM=xterm")
	}
	for _, variable := range c.Image.Env {
		all = set(all, variable)
	}
	given := map[string]string{}
	for _, more := range []map[string]string{c.Files, c.Environment, c.Secrets, c.Injected} {
		maps.Copy(given, more)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		all = set(all, name+"="+given[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Defaults)) {
		if find(all, name) < 0 {
			all = append(all, name+"="+c.Defaults[name])
		}
	}
	return all
}

// set adds a variable, or changes it where it is.
func set(all []string, variable string) []string {
	name, _, _ := strings.Cut(variable, "=")
	if i := find(all, name); i >= 0 {
		all[i] = variable
		return all
	}
	return append(all, variable)
}

func find(all []string, name string) int {
	return slices.IndexFunc(all, func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// defaultFiles is ECS's limit of open files on Fargate:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-resource-limits
const defaultFiles = 65535

// rlimits names limits as the kernel does. Without a limit of open files a
// container would have the agent's.
func rlimits(asked []Ulimit, maxFiles uint64) (all []specs.POSIXRlimit, err error) {
	names := strings.Fields("core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack")
	limit := func(n int64) uint64 { return uint64(max(n, -1)) } // -1: RLIM_INFINITY
	for _, u := range asked {
		name := "RLIMIT_" + strings.ToUpper(u.Name)
		switch {
		case !slices.Contains(names, u.Name):
			return nil, fmt.Errorf("invalid ulimit type: %s", u.Name)
		case limit(u.Soft) > limit(u.Hard):
			return nil, fmt.Errorf("ulimit %s: soft limit must be less than or equal to hard limit: %d > %d", u.Name, u.Soft, u.Hard)
		case slices.ContainsFunc(all, func(r specs.POSIXRlimit) bool { return r.Type == name }):
			return nil, fmt.Errorf("ulimit %s is set twice", u.Name)
		}
		all = append(all, specs.POSIXRlimit{Type: name, Soft: limit(u.Soft), Hard: limit(u.Hard)})
	}
	if !slices.ContainsFunc(all, func(r specs.POSIXRlimit) bool { return r.Type == "RLIMIT_NOFILE" }) && maxFiles > 0 {
		files := min(defaultFiles, maxFiles)
		all = append(all, specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: files, Hard: files})
	}
	return all, nil
}

// secure applies dockerSecurityOptions.
func secure(p *specs.Process, options []string, m Machine) error {
	for _, option := range options {
		name, value, _ := strings.Cut(strings.Replace(option, "=", ":", 1), ":")
		switch {
		case name == "no-new-privileges" && (value == "" || value == "true" || value == "false"):
			p.NoNewPrivileges = value != "false"
		case name == "apparmor" && value == "unconfined":
		case name == "apparmor" && m.AppArmor:
			p.ApparmorProfile = value
		case name == "apparmor":
			return fmt.Errorf("dockerSecurityOptions %q: AppArmor is not enabled on this machine", option)
		default:
			return fmt.Errorf("dockerSecurityOptions %q: not supported by this agent", option)
		}
	}
	return nil
}
