package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"berth/cli"
)

func tokenCommand(env environment) *cobra.Command {
	cmd := group("token", "Make, list and revoke the tokens with which machines join")
	cmd.AddCommand(tokenCreateCommand(env), tokenListCommand(env), tokenRevokeCommand(env))
	return cmd
}

func tokenCreateCommand(env environment) *cobra.Command {
	var dataDir string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Print a token with which machines join until it expires",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if life < time.Second {
				return fmt.Errorf("invalid --expires-in %s: want a second or more, such as 1h", life)
			}
			return cli.CreateToken(cmd.Context(), cmd.OutOrStdout(), dataDir, life)
		},
	}
	dataDirFlag(cmd, &dataDir)
	cmd.Flags().DurationVar(&life, "expires-in", time.Hour, "`time` for which it is good, up to 168h")
	return env.bind(cmd)
}

func tokenListCommand(env environment) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the tokens that are good now",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.ListTokens(cmd.Context(), cmd.OutOrStdout(), dataDir)
		},
	}
	dataDirFlag(cmd, &dataDir)
	return env.bind(cmd)
}

func tokenRevokeCommand(env environment) *cobra.Command {
	var dataDir string
	var agents bool
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token; machines that have joined by it stay",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one token's id: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.RevokeToken(cmd.Context(), cmd.OutOrStdout(), dataDir, args[0], agents)
		},
	}
	dataDirFlag(cmd, &dataDir)
	env.bind(cmd)
	cmd.Flags().BoolVar(&agents, "agents", false, "shut out the machines that have joined by it, too") // never from the environment
	return cmd
}
