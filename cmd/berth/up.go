package main

import (
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"net/netip"

	"berth/agent"
	"berth/server"
)

func upCommand(self string, env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine",
		Long: `Run everything on this machine in one process, control plane and container
agents, and print what to type next. Tasks go on when it ends, and when it starts
again. Running tasks takes root; without, --pools= leaves the agents out.`,
	}
	cfg := server.Default()
	var logs logConfig
	var machine agent.Config
	var pools []string
	serverFlags(cmd, &cfg, &logs)
	cmd.Flags().StringSliceVar(&pools, "pools", []string{"ec2", "fargate"}, "`kinds` of tasks that this machine runs: ec2, fargate, external; --pools= is none")
	agentFlags(cmd, &machine)
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := newServer(cmd, env, &cfg, logs)
		if err != nil {
			return err
		}
		machine.VPC, _ = netip.ParsePrefix(cfg.VPC) // was checked
		machine.DataDir, machine.Region, machine.Version, machine.Log = cfg.DataDir, cfg.Region, version, cfg.Log
		agents, err := localAgents(s, pools, machine)
		if err != nil {
			return err
		}
		parts, ctx := errgroup.WithContext(cmd.Context())
		parts.Go(func() error { return s.Run(ctx) })
		parts.Go(func() error {
			select {
			case <-s.Ready():
			case <-ctx.Done():
				return nil
			}
			steps := newFirstSteps(s, cfg, pools, self, env)
			if agents == nil {
				return steps.print(cmd.OutOrStdout())
			}
			parts.Go(func() error {
				select {
				case <-agents.Ready():
					return steps.print(cmd.OutOrStdout())
				case <-ctx.Done():
					return nil
				}
			})
			return agents.Run(ctx, s.URL())
		})
		return parts.Wait()
	}
	return env.bind(cmd)
}

func serverCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a control plane alone",
		Long: `Run a control plane alone. Several over one etcd (--etcd-endpoints) are one
control plane: one of them leads, all of them answer.`,
	}
	cfg := server.Default()
	var logs logConfig
	serverFlags(cmd, &cfg, &logs)
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := newServer(cmd, env, &cfg, logs)
		if err != nil {
			return err
		}
		return s.Run(cmd.Context())
	}
	return env.bind(cmd)
}

// newServer completes cfg with what is not a flag.
func newServer(cmd *cobra.Command, env environment, cfg *server.Config, logs logConfig) (*server.Server, error) {
	log, err := logs.logger(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	env.rootKey(cfg)
	cfg.Log, cfg.Version = log, version
	return server.New(*cfg)
}
