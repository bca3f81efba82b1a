package main

import (
	"os/exec"

	"github.com/spf13/cobra"

	"berth/cli"
)

func envCommand(env environment) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "env",
		Short: `Print what points AWS clients here, for eval "$(berth env)"`,
		Long: `Print what points AWS clients at the control plane whose data is in the data
directory: endpoint, root's access key and region. For eval "$(berth env)".

The AWS CLI reads AWS_ENDPOINT_URL from 1.29 and 2.13 on; where the aws in PATH is
older, a shell function of that name gives it --endpoint-url.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, _ := exec.CommandContext(cmd.Context(), "aws", "--version").Output() // none is fine
			return cli.Env(cmd.OutOrStdout(), dataDir, string(version))
		},
	}
	dataDirFlag(cmd, &dataDir)
	return env.bind(cmd)
}
