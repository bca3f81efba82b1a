package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"berth/cli"
	"berth/cli/explain"
)

func explainCommand(env environment) *cobra.Command {
	cmd := group("explain", "Say which container instances would run a task, and why the others would not")
	cmd.AddCommand(
		explainOne(env, "task-definition NAME", "Say where a task of a task definition would run", true, func(q *explain.Question, name string) { q.TaskDefinition = name }),
		explainOne(env, "task ID", "Say where one more task like this one would run", false, func(q *explain.Question, id string) { q.Task = id }),
	)
	return cmd
}

func explainOne(env environment, use, short string, launchType bool, about func(*explain.Question, string)) *cobra.Command {
	var dataDir string
	var question explain.Question
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one argument: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about(&question, args[0])
			return cli.Explain(cmd.Context(), cmd.OutOrStdout(), dataDir, question)
		},
	}
	dataDirFlag(cmd, &dataDir)
	env.bind(cmd)
	cmd.Flags().StringVar(&question.Cluster, "cluster", "", "`name` or ARN of the cluster (default: default)")
	if launchType {
		cmd.Flags().StringVar(&question.LaunchType, "launch-type", "", "EC2, FARGATE or EXTERNAL (default: as RunTask chooses)")
	}
	return cmd
}
