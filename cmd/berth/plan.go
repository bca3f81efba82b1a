package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"berth/cli"
)

func planCommand(env environment) *cobra.Command {
	var dataDir, cluster, definition, input string
	var desired int
	var force bool
	cmd := &cobra.Command{
		Use:   "plan SERVICE",
		Short: "Say what an update of a service would do, step by step, without doing it",
		Long: "Say what an update of a service would do, step by step, without doing it: the\n" +
			"same call and the same plans as UpdateService, on a copy of the state.",
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			update := map[string]any{}
			if input != "" {
				text, err := os.ReadFile(input)
				if err := errors.Join(err, json.Unmarshal(text, &update)); err != nil {
					return fmt.Errorf("cannot read --cli-input-json: %w", err)
				}
			}
			update["service"] = args[0]
			flags := cmd.Flags()
			for _, given := range []struct {
				flag, member string
				value        any
			}{
				{"cluster", "cluster", cluster}, {"task-definition", "taskDefinition", definition},
				{"desired-count", "desiredCount", desired}, {"force-new-deployment", "forceNewDeployment", force},
			} {
				if flags.Changed(given.flag) {
					update[given.member] = given.value
				}
			}
			return cli.Plan(cmd.Context(), cmd.OutOrStdout(), dataDir, update)
		},
	}
	dataDirFlag(cmd, &dataDir)
	env.bind(cmd)
	flags := cmd.Flags()
	flags.StringVar(&cluster, "cluster", "", "`name` or ARN of the cluster (default: default)")
	flags.StringVar(&definition, "task-definition", "", "`family:revision` or ARN to deploy")
	flags.IntVar(&desired, "desired-count", 0, "`number` of tasks")
	flags.BoolVar(&force, "force-new-deployment", false, "begin a deployment though nothing else changes")
	flags.StringVar(&input, "cli-input-json", "", "`file` with any input of UpdateService, as `aws ecs update-service --generate-cli-skeleton` writes it")
	return cmd
}
