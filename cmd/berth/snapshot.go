package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"berth/cli"
	"berth/server"
)

func snapshotCommand(env environment) *cobra.Command {
	cmd := group("snapshot", "Save or restore the whole state")
	cmd.AddCommand(snapshotSaveCommand(env), snapshotRestoreCommand(env))
	return cmd
}

func snapshotSaveCommand(env environment) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "save FILE",
		Short: "Save the state of a running control plane, as of one moment",
		Long: `Save the state of a running control plane, as of one moment.

The file holds access keys, and secrets as ciphertext: keep the encryption key
(encryption-key in the data directory) as well, but apart from it.`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.SaveSnapshot(cmd.Context(), dataDir, args[0])
		},
	}
	dataDirFlag(cmd, &dataDir)
	return env.bind(cmd)
}

func snapshotRestoreCommand(env environment) *cobra.Command {
	var cfg server.Config
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill an empty state from a snapshot, while no control plane runs",
		Args:  oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			return server.Restore(cmd.Context(), cfg, f, force)
		},
	}
	dataDirFlag(cmd, &cfg.DataDir)
	etcdFlags(cmd, &cfg)
	env.bind(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace a state that is not empty") // never from the environment
	return cmd
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one file: %s", cmd.UseLine())
	}
	return nil
}
