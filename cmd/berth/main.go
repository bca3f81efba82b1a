// Command berth is Amazon ECS that you run yourself: the control plane and the
// command line in one binary.
//
// Here flags and environment variables become one Config per role; nothing else
// happens here, and nothing else reads the environment.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker; see Makefile.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, os.LookupEnv, os.Stdout, os.Stderr))
}

// run is the whole program; args start with how it was called. It returns the
// exit status: 1 after an error, of which stderr then tells in one line.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	root := newRoot(args[0], environment(lookup))
	root.SetArgs(args[1:])
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "berth:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

func newRoot(self string, env environment) *cobra.Command {
	root := group("berth", "Amazon ECS that you run yourself")
	root.SilenceErrors, root.SilenceUsage = true, true // run prints them
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())
	})
	root.AddCommand(upCommand(self, env), serverCommand(env), agentCommand(env), downCommand(env), envCommand(env), explainCommand(env), imageCommand(env), planCommand(env), snapshotCommand(env), tokenCommand(env), versionCommand())
	return root
}

// group is a command that only has others below it.
func group(name, short string) *cobra.Command {
	return &cobra.Command{
		Use:                   name,
		Short:                 short,
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q; `%s --help` lists them", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("`%s` takes no arguments, only flags: what is %q?", cmd.CommandPath(), args[0])
	}
	return nil
}
