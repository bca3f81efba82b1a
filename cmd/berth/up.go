package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"berth/agent"
	"berth/cli"
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
			printNextSteps(cmd.OutOrStdout(), s.URL(), self, cfg.DataDir)
			if agents == nil {
				return nil
			}
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

// printNextSteps shows what to type in another terminal, whatever directory that
// is in; self is how this program was called.
func printNextSteps(out io.Writer, url, self, dataDir string) {
	if strings.Contains(self, "/") { // not found by PATH
		self = absolute(self)
	}
	env := cli.Quote(self) + " env"
	if dataDir != server.Default().DataDir {
		env += " --data-dir " + cli.Quote(absolute(dataDir))
	}
	fmt.Fprintf(out, `
Berth answers at %s. In another terminal:

  eval "$(%s)"
  aws ecs create-cluster --cluster-name demo
  aws ecs list-clusters

Ctrl-C stops it; nothing is lost.

`, url, env)
}

// absolute is path as seen from any directory, if that can be found out.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
