package main

import (
	"os"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/spf13/cobra"

	"berth/agent"
	"berth/cli/join"
	"berth/server"
)

// agentFlags are those of a machine's agents, whoever starts them.
func agentFlags(cmd *cobra.Command, c *agent.Config) {
	f := cmd.Flags()
	f.StringVar(&c.Containerd, "containerd-address", "", "`socket` of a containerd to keep images in (default: inside this process)")
	f.StringVar(&c.Bridge, "bridge-cidr", "", "`range` for containers in the network mode bridge, which only this machine sees (default: a free one, 10.211.0.0/16 first)")
	f.StringToStringVar(&c.EFS, "efs", nil, "what stands for an EFS file system: `fs-ID=PATH` of a directory, or fs-ID=SERVER:/PATH of NFS; may be repeated")
	f.StringVar(&c.CapacityProvider, "capacity-provider", "", "`name` of the ECS Managed Instances capacity provider that this machine is of, which may come later: then managed daemons run on it")
	f.StringVar((*string)(&c.PullPolicy), "image-pull-behavior", "default", "`policy` that says when to ask registries for images: default, always, once or prefer-cached")
	f.DurationVar(&c.StopTimeout, "container-stop-timeout", 0, "`time` from a container's stop signal to SIGKILL where it names none (default 30s)")
	f.BoolVar(&c.ImageHealthChecks, "image-healthchecks", false, "run an image's own health check where a container definition has none, which ECS does not")
	f.StringVar(&c.Introspection, "introspection", "127.0.0.1:51678", "`host:port` where this machine can ask the agent what it runs, if nobody else has it; empty: nowhere")
	f.DurationVar(&c.Retention, "task-cleanup-wait", 0, "`time` for which a task that has stopped is remembered (default 3h)")
}

// poolFlags are those of one agent alone.
func poolFlags(cmd *cobra.Command, p *agent.Pool) {
	f := cmd.Flags()
	f.StringVar(&p.Cluster, "cluster", "default", "`name` of the cluster that this machine is in")
	f.StringVar(&p.Kind, "pool", "ec2", "`kind` of tasks that this machine runs: ec2, fargate (then it is in no cluster) or external")
	f.Int64Var(&p.CPU, "cpu", 0, "CPU `units` to offer (default: all, 1024 each)")
	f.Int64Var(&p.Memory, "memory", 0, "`MiB` of memory to offer (default: all but what is reserved)")
	f.Int64Var(&p.Reserved, "reserved-memory", 0, "`MiB` of memory to keep for the machine itself")
	f.StringToStringVar(&p.Attributes, "attribute", nil, "custom attribute of the container instance, as `name=value`; may be repeated")
	f.StringToStringVar(&p.Tags, "tag", nil, "tag of the container instance, as `key=value`; may be repeated")
}

func agentCommand(env environment) *cobra.Command {
	var cfg agent.Config
	var pool agent.Pool
	var logs logConfig
	var endpoint, token, name string
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run tasks on this machine for a control plane elsewhere",
		Long: `Run tasks on this machine for a control plane elsewhere. The first time it takes
a join token, which "berth token create" makes there; what it gets for it is kept
in the data directory.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			who, err := join.Join(cmd.Context(), cfg.DataDir, endpoint, token, name)
			if err != nil {
				return err
			}
			pool.Credentials = credentials.NewStaticCredentialsProvider(who.AccessKeyID, who.SecretKey, "")
			cfg.Pools, cfg.Region, cfg.Version, cfg.Log = []agent.Pool{pool}, who.Region, version, log
			a, err := agent.New(cfg)
			if err != nil {
				return err
			}
			return a.Run(cmd.Context(), who.Endpoint)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&endpoint, "endpoint", "http://"+server.Default().Listen, "`URL` of the control plane")
	f.StringVar(&token, "token", "", "join `token`, for the first time")
	hostname, _ := os.Hostname()
	f.StringVar(&name, "name", hostname, "`name` of this agent, in its ARN and in logs")
	dataDirFlag(cmd, &cfg.DataDir)
	poolFlags(cmd, &pool)
	agentFlags(cmd, &cfg)
	logFlags(cmd, &logs)
	return env.bind(cmd)
}

// localAgents makes the agents of a machine that has the control plane too; nil
// without pools.
func localAgents(s *server.Server, pools []string, cfg agent.Config) (*agent.Agents, error) {
	if len(pools) == 0 {
		return nil, nil
	}
	for _, kind := range pools {
		cfg.Pools = append(cfg.Pools, agent.Pool{Kind: kind, Credentials: s.AgentCredentials(kind)})
	}
	return agent.New(cfg)
}
