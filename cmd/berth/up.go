package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"berth/cli"
	"berth/server"
)

func upCommand(self string, env environment) *cobra.Command {
	return controlPlane(env, &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine",
		Long:  "Run everything on this machine in one process, and print what to type next.",
	}, func(out io.Writer, url, dataDir string) { printNextSteps(out, url, self, dataDir) })
}

func serverCommand(env environment) *cobra.Command {
	return controlPlane(env, &cobra.Command{
		Use:   "server",
		Short: "Run a control plane alone",
		Long: `Run a control plane alone. Several over one etcd (--etcd-endpoints) are one
control plane: one of them leads, all of them answer.`,
	}, func(io.Writer, string, string) {})
}

// controlPlane lets cmd run a control plane, and say something once that answers.
func controlPlane(env environment, cmd *cobra.Command, say func(out io.Writer, url, dataDir string)) *cobra.Command {
	cfg := server.Default()
	var logs logConfig
	serverFlags(cmd, &cfg, &logs)
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := newServer(cmd, env, cfg, logs)
		if err != nil {
			return err
		}
		go func() {
			select {
			case <-s.Ready():
				say(cmd.OutOrStdout(), s.URL(), cfg.DataDir)
			case <-cmd.Context().Done():
			}
		}()
		return s.Run(cmd.Context())
	}
	return env.bind(cmd)
}

// newServer completes cfg with what is not a flag.
func newServer(cmd *cobra.Command, env environment, cfg server.Config, logs logConfig) (*server.Server, error) {
	log, err := logs.logger(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	env.rootKey(&cfg)
	cfg.Log, cfg.Version = log, version
	return server.New(cfg)
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
