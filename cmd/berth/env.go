package main

import (
	"github.com/spf13/cobra"

	"berth/cli"
)

func envCommand(env environment) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "env",
		Short: `Print what points AWS clients here, for eval "$(berth env)"`,
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cli.Env(cmd.OutOrStdout(), dataDir) },
	}
	dataDirFlag(cmd, &dataDir)
	return env.bind(cmd)
}
