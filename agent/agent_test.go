package agent

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/agent/engine"
	"berth/agent/host"
	"berth/agent/link"
	"berth/api/acs/message"
)

func TestNewChecks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("running tasks takes root, which New says first")
	}
	good := Config{Region: "us-east-1", DataDir: t.TempDir(), Pools: []Pool{{Kind: "ec2"}}}
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"good", func(*Config) {}, ""},
		{"no pool", func(c *Config) { c.Pools = nil }, "agent: Region, DataDir and Pools are required"},
		{"strange pool", func(c *Config) { c.Pools = []Pool{{Kind: "lambda"}} }, `invalid --pool "lambda": want ec2, fargate or external`},
		{"nothing left", func(c *Config) { c.Pools = []Pool{{Kind: "ec2", Reserved: 1 << 40}} }, "reserved memory: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			_, err := New(cfg)
			if got := text(err); !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A second agent on one data directory is refused, as long as the first lives.
func TestOneAgentToADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	one, two := &Agents{cfg: Config{DataDir: dir}}, &Agents{cfg: Config{DataDir: dir}}
	lock, err := one.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.lock(); err == nil || !strings.Contains(err.Error(), "another agent runs in "+dir) {
		t.Errorf("the second gets %v", err)
	}
	lock.Close()
	lock, err = two.lock()
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

func TestPools(t *testing.T) {
	one, half, fixed := Pool{Kind: "external"}, Pool{Kind: "fargate", Cluster: "mine"}, Pool{Kind: "ec2", CPU: 512, Memory: 100}
	for pool, pools := range map[*Pool]int{&one: 1, &half: 2, &fixed: 2} {
		if err := pool.complete(pools); err != nil {
			t.Fatal(err)
		}
	}
	if half.Memory != one.Memory/2 || one.CPU != half.CPU || fixed.CPU != 512 || fixed.Memory != 100 {
		t.Errorf("pools %+v, %+v, %+v", one, half, fixed)
	}
	if one.Cluster != "default" || half.Cluster != ".fargate" {
		t.Errorf("clusters %q and %q", one.Cluster, half.Cluster)
	}
	has := func(p Pool, name, value string) bool {
		for _, a := range attributes(p, true) {
			if *a.Name == name && aws.ToString(a.Value) == value {
				return true
			}
		}
		return false
	}
	if !has(half, "berth.pool", "fargate") || has(one, "berth.pool", "fargate") || !has(one, "ecs.capability.external", "") ||
		has(half, "ecs.capability.external", "") || !has(one, "ecs.os-type", "linux") || !has(one, "com.amazonaws.ecs.capability.logging-driver.awslogs", "") {
		t.Errorf("attributes %v", attributes(one, true))
	}
	ports := resources(one, "http://127.0.0.1:8080")[2].StringSetValue
	if !slices.Equal(ports, []string{"22", "8080"}) {
		t.Errorf("reserves ports %v", ports)
	}
}

func TestView(t *testing.T) {
	p := message.Task{
		ARN: "arn:aws:ecs:us-east-1:123456789012:task/default/0123", DesiredStatus: "RUNNING", Family: "web", Version: "3",
		CPU: 0.5, Memory: 512, NetworkMode: "awsvpc", RoleCredentials: &message.RoleCredentials{CredentialsID: "id"},
		ENIs: []message.ENI{{
			MACAddress: "0a:00:00:00:00:01", Gateway: "10.210.0.1/20",
			IPv4Addresses: []message.IPv4Address{{Primary: true, PrivateAddress: "10.210.0.7"}},
		}},
		Containers: []message.Container{{Name: "a", Image: "nginx", CPU: 128, Essential: true}},
	}
	h, err := host.New(host.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	one := &agent{pool: Pool{Kind: "ec2", Cluster: "default"}, host: h, link: &link.Link{}}
	got := one.view(engine.NewTask(p, time.Now()))
	c := got.Containers[0]
	if *got.Limits.CPU != 0.5 || *got.Limits.Memory != 512 || got.Role.CredentialsID != "id" || got.KnownStatus != "PENDING" {
		t.Errorf("task %+v", got)
	}
	if c.Address.String() != "10.210.0.7" || *c.Limits.CPU != 128 || c.Limits.Memory != nil || c.KnownStatus != "NONE" || len(c.DockerName) < 20 {
		t.Errorf("container %+v", c)
	}
	if n := c.Networks[0]; n.IPv4SubnetCIDRBlock != "10.210.0.0/20" || n.IPv4Addresses[0] != "10.210.0.7" || n.MACAddress != "0a:00:00:00:00:01" {
		t.Errorf("network %+v", n)
	}
}
