package agent

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/agent/engine"
	"berth/agent/host"
	"berth/agent/image"
	"berth/agent/link"
	"berth/agent/logdriver"
	"berth/agent/shim"
	"berth/agent/volume"
	"berth/api/acs/message"
)

// agent is one of the machine's agents.
type agent struct {
	pool    Pool
	version string
	region  string
	shims   *shim.Shims
	host    *host.Host
	link    *link.Link
	engine  *engine.Engine
}

// complete checks p and fills in its defaults; a machine with two pools offers
// all of its CPUs to both, as a CPU can be shared, and half of its memory to each.
func (p *Pool) complete(pools int) error {
	switch p.Kind {
	case "ec2", "external":
		p.Cluster = cmp.Or(p.Cluster, "default")
	case "fargate":
		p.Cluster = fargateCluster
	default:
		return fmt.Errorf("invalid --pool %q: want ec2, fargate or external", p.Kind)
	}
	if p.CPU == 0 {
		p.CPU = int64(runtime.NumCPU()) * 1024
	}
	if p.Memory == 0 {
		total, err := memory("/proc/meminfo")
		if err != nil {
			return err
		}
		if p.Memory = total/int64(pools) - p.Reserved; p.Memory <= 0 {
			return fmt.Errorf("reserved memory: %d MiB leave nothing of %d", p.Reserved, total/int64(pools))
		}
	}
	return nil
}

// memory is how much the machine has, in MiB.
func memory(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("%s does not say how much memory there is", path)
}

// openAgent opens the agent of a pool.
func (a *Agents) openAgent(ctx context.Context, p Pool) (one *agent, err error) {
	one = &agent{pool: p, version: a.cfg.Version, region: a.cfg.Region}
	defer func() {
		if err != nil {
			one.close()
		}
	}()
	log := a.cfg.Log.With("pool", p.Kind)
	one.shims, err = shim.Open(ctx, shim.Config{
		Dir: Dir(a.cfg.DataDir, p.Kind, "shims"), Cgroup: Cgroup(a.name, p.Kind), Binary: a.shim,
	})
	if err != nil {
		return one, err
	}
	features, err := one.shims.Features(ctx)
	if err != nil {
		return one, err
	}
	machine := a.oci
	machine.Seccomp, machine.CgroupV2 = features.Seccomp, features.CgroupV2
	volumes, err := volume.Open(volume.Config{
		Dir: Dir(a.cfg.DataDir, p.Kind, "volumes"), EFS: a.cfg.EFS, NoHostPaths: p.Kind == "fargate", Log: log,
	})
	if err != nil {
		return one, err
	}
	one.host, err = host.New(host.Config{
		Dir: Dir(a.cfg.DataDir, p.Kind, "run"), Owner: p.Kind,
		Runtime: one.shims, Images: a.images, Network: a.net, Volumes: volumes, Machine: machine, Init: a.shim,
		Endpoint: a.endpoint, BridgeEndpoint: bridgeEndpoint(a.endpoint),
		Region: a.cfg.Region, Cluster: p.Cluster, Credentials: p.Credentials,
		Execution: one.execution, PullPolicy: cmp.Or(a.cfg.PullPolicy, image.PullDefault), ImageHealthChecks: a.cfg.ImageHealthChecks, Log: log,
	})
	if err != nil {
		return one, err
	}
	one.link, err = link.New(link.Config{
		Endpoint: a.endpoint, Region: a.cfg.Region, Credentials: p.Credentials, Cluster: p.Cluster,
		File:      Dir(a.cfg.DataDir, p.Kind, "registration.json"),
		Resources: resources(p, a.endpoint), Attributes: attributes(p, features.Seccomp), Tags: tags(p.Tags),
		Version: a.cfg.Version, Runtime: "Berth: " + a.cfg.Version, Meter: one.host, Log: log,
	})
	if err != nil {
		return one, err
	}
	one.engine, err = engine.New(engine.Config{
		Dir: Dir(a.cfg.DataDir, p.Kind, "tasks"), Host: one.host, StopTimeout: a.cfg.StopTimeout, Retention: a.cfg.Retention,
		Changed: one.link.Changed, Log: log,
	})
	return one, err
}

func (one *agent) close() {
	if one.host != nil {
		one.host.Close()
	}
	if one.shims != nil {
		one.shims.Close()
	}
}

// execution is host.Config.Execution.
func (one *agent) execution(task string) *message.RoleCredentials {
	t, _ := one.engine.Task(task)
	return t.Execution
}

// resources are what an instance registers, in Amazon's agent's words. The
// ports are those that tasks cannot have: those of SSH, and of the control plane
// if it runs here.
func resources(p Pool, endpoint string) []types.Resource {
	ports := []string{"22"}
	if u, err := url.Parse(endpoint); err == nil && u.Port() != "" {
		ports = append(ports, u.Port())
	}
	return []types.Resource{
		{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: int32(p.CPU)},
		{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: int32(p.Memory)},
		{Name: aws.String("PORTS"), Type: aws.String("STRINGSET"), StringSetValue: ports},
		{Name: aws.String("PORTS_UDP"), Type: aws.String("STRINGSET"), StringSetValue: []string{}},
	}
}

// capabilities are what tasks can ask for here, by the names that a task
// definition's requiresAttributes has.
func capabilities(p Pool) []string {
	names := []string{"privileged-container", "ecr-auth", "task-iam-role", "task-iam-role-network-host"}
	for version := 17; version <= 44; version++ {
		names = append(names, fmt.Sprintf("docker-remote-api.1.%d", version))
	}
	for _, driver := range logdriver.Types() {
		names = append(names, "logging-driver."+driver)
	}
	for i, name := range names {
		names[i] = "com.amazonaws.ecs.capability." + name
	}
	for _, name := range []string{
		"private-registry-authentication.secretsmanager", "secrets.ssm.environment-variables", "secrets.asm.environment-variables",
		"ecr-endpoint", "container-ordering", "full-sync", "env-files.s3", "network.container-port-range", "container-restart-policy",
		"task-cpu-mem-limit", "increased-task-cpu-limit", "execution-role-ecr-pull", "execution-role-awslogs", "container-health-check",
		"docker-plugin.local", "task-eni", "pid-ipc-namespace-sharing", "efs", "efsAuth",
	} {
		names = append(names, "ecs.capability."+name)
	}
	if volume.CanSize() == nil {
		names = append(names, "ecs.capability.extensible-ephemeral-storage")
	}
	if p.Kind == "external" {
		names = append(names, "ecs.capability.external")
	}
	return names
}

// attributes are what an instance registers.
func attributes(p Pool, seccomp bool) []types.Attribute {
	var all []types.Attribute
	for _, name := range capabilities(p) {
		all = append(all, types.Attribute{Name: aws.String(name)})
	}
	values := map[string]string{
		"ecs.os-type": "linux", "ecs.os-family": "LINUX", "ecs.os-type-detailed": "LINUX",
		"ecs.cpu-architecture": map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH],
		"berth.seccomp":        strconv.FormatBool(seccomp),
		"berth.task-eni":       "veth", // for a task in awsvpc this agent needs nobody to attach an interface
	}
	switch {
	case p.Kind == "fargate":
		values["berth.pool"] = "fargate"
	case p.capacityProvider != "":
		values["berth.capacity-provider"] = p.capacityProvider
		values["berth.daemon-bridge"] = "169.254.172.2"
	}
	maps.Copy(values, p.Attributes)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, types.Attribute{Name: aws.String(name), Value: aws.String(values[name])})
	}
	return all
}

func tags(all map[string]string) (out []types.Tag) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, types.Tag{Key: aws.String(key), Value: aws.String(all[key])})
	}
	return out
}
