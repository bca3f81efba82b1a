package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"berth/cli"
	"berth/cli/explain"
)

func explainCommand(env environment) *cobra.Command {
	cmd := group("explain", "Say why a task or a service is as it is, and what happens next")
	cmd.AddCommand(
		explainOne(env, "task-definition NAME", "Say where a task of a task definition would run", true, func(q *explain.Question, name string) { q.TaskDefinition = name }),
		explainService(env),
		explainOne(env, "task ID", "Say how a task is and what happens to it next, and where one more like it would run", false, func(q *explain.Question, id string) { q.Task = id }),
	)
	return cmd
}

func explainService(env environment) *cobra.Command {
	var dataDir string
	var question explain.ServiceQuestion
	cmd := &cobra.Command{
		Use:   "service NAME",
		Short: "Say what happens to a service next, why no more does, and where one more task would run",
		Args:  oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			question.Service = args[0]
			return cli.ExplainService(cmd.Context(), cmd.OutOrStdout(), dataDir, question)
		},
	}
	dataDirFlag(cmd, &dataDir)
	env.bind(cmd)
	cmd.Flags().StringVar(&question.Cluster, "cluster", "", "`name` or ARN of the cluster (default: default)")
	return cmd
}

// oneArgument is what commands about one thing take.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one argument: %s", cmd.UseLine())
	}
	return nil
}

func explainOne(env environment, use, short string, launchType bool, about func(*explain.Question, string)) *cobra.Command {
	var dataDir string
	var question explain.Question
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  oneArgument,
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
