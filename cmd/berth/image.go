package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cli"
)

func imageCommand(env environment) *cobra.Command {
	cmd := group("image", "Load, list and remove container images")
	var as string
	load := imageVerb(env, "load FILE", "Load images from an archive that docker or an OCI tool wrote", func(ctx context.Context, cmd *cobra.Command, i *cli.Images, file string) error {
		return i.Load(ctx, cmd.OutOrStdout(), file, as)
	})
	load.Flags().StringVar(&as, "name", "", "`REPOSITORY:TAG` to load the image as; default: the name in the archive")
	cmd.AddCommand(
		load,
		imageVerb(env, "ls", "List the images", func(ctx context.Context, cmd *cobra.Command, i *cli.Images, _ string) error {
			return i.List(ctx, cmd.OutOrStdout())
		}),
		imageVerb(env, "rm IMAGE", "Remove an image: REPOSITORY:TAG or REPOSITORY@DIGEST", func(ctx context.Context, _ *cobra.Command, i *cli.Images, image string) error {
			return i.Remove(ctx, image)
		}),
	)
	return cmd
}

// imageVerb is a command about images; what is needed beside its name is its argument.
func imageVerb(env environment, use, short string, run func(context.Context, *cobra.Command, *cli.Images, string) error) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wanted := 0
		if use != cmd.Name() {
			wanted = 1
		}
		if len(args) != wanted {
			return fmt.Errorf("want: %s", cmd.UseLine())
		}
		images, err := cli.OpenImages(dataDir)
		if err != nil {
			return err
		}
		return run(cmd.Context(), cmd, images, append(args, "")[0])
	}
	dataDirFlag(cmd, &dataDir)
	return env.bind(cmd)
}
