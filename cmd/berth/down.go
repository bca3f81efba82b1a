package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"berth/agent"
	"berth/server"
)

func downCommand(env environment) *cobra.Command {
	var dataDir string
	var keep bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "End all tasks on this machine, and remove all that Berth made on it",
		Long: `End all tasks on this machine and remove all that Berth made on it: containers,
networks, mounts, packet filters, cgroups, and the data directory with the state,
images, logs and volumes. Berth must have been stopped before.

With --keep-data nothing in the data directory is lost, and what started from it
later finds its tasks stopped. Images in a containerd of your own stay there.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.Running(dataDir); err != nil {
				return err
			}
			if err := agent.Down(cmd.Context(), dataDir); err != nil {
				return err
			}
			if keep {
				fmt.Fprintln(cmd.OutOrStdout(), "removed all but the data in", dataDir)
				return nil
			}
			if err := server.Remove(dataDir); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "removed all of", dataDir)
			return nil
		},
	}
	dataDirFlag(cmd, &dataDir)
	env.bind(cmd)
	cmd.Flags().BoolVar(&keep, "keep-data", false, "keep the data directory") // never from the environment
	return cmd
}
