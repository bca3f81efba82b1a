package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/server"
)

// environment looks up a variable.
type environment func(name string) (value string, ok bool)

// variable is the environment variable that stands for a flag.
func variable(flag string) string {
	return "BERTH_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bind lets the environment stand in for the flags that cmd has by now, where
// the command line gives none, and shows the variables in its help.
func (env environment) bind(cmd *cobra.Command) *cobra.Command {
	var bound []*pflag.Flag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		bound = append(bound, f)
		f.Usage += " ($" + variable(f.Name) + ")"
	})
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, f := range bound {
			value, ok := env(variable(f.Name))
			if !ok || f.Changed {
				continue
			}
			if err := f.Value.Set(value); err != nil {
				return fmt.Errorf("invalid %s %q: %w", variable(f.Name), value, err)
			}
		}
		return nil
	}
	return cmd
}

func dataDirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data-dir", server.Default().DataDir, "`directory` of everything that must survive a restart")
}

// etcdFlags are those that say where the state is kept.
func etcdFlags(cmd *cobra.Command, c *server.Config) {
	f := cmd.Flags()
	f.StringSliceVar(&c.Etcd.Endpoints, "etcd-endpoints", nil, "`URLs` of an etcd cluster that keeps the state; none: an etcd inside this process")
	f.StringVar(&c.Etcd.CAFile, "etcd-cafile", "", "PEM `file` of the authority that etcd's certificates come from")
	f.StringVar(&c.Etcd.CertFile, "etcd-certfile", "", "PEM `file` of our certificate for etcd")
	f.StringVar(&c.Etcd.KeyFile, "etcd-keyfile", "", "PEM `file` of that certificate's key")
	f.StringVar(&c.Etcd.User, "etcd-user", "", "`name` of our user at etcd")
	f.StringVar(&c.Etcd.Password, "etcd-password", "", "that user's `password`; the variable keeps it out of the process list")
}

// serverFlags are those of a control plane.
func serverFlags(cmd *cobra.Command, c *server.Config, logs *logConfig) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.Listen, "listen", c.Listen, "`host:port` of the API; port 0 takes a free one")
	dataDirFlag(cmd, &c.DataDir)
	f.StringVar(&c.Region, "region", c.Region, "AWS `region` that this control plane is")
	f.StringVar(&c.Account, "account-id", c.Account, "AWS account that owns everything in it, 12 `digits`")
	logFlags(cmd, logs)
	f.StringVar(&c.VPC, "vpc-cidr", c.VPC, "`range` of the default VPC, 16 bits: tasks in the network mode awsvpc get their addresses from it")
	f.StringVar(&c.AdvertiseURL, "advertise-url", "", "`URL` at which clients and other servers reach this one (default: from --listen)")
	f.DurationVar(&c.Limits.LostAfter, "lost-after", c.Limits.LostAfter, "`time` after which the tasks of an EC2 or external instance whose agent is away are given up; 0: never")
	f.DurationVar(&c.Limits.FargateLostAfter, "fargate-lost-after", c.Limits.FargateLostAfter, "the same `time` for tasks on Fargate")
	f.DurationVar(&c.HealthyAfter, "healthy-after", c.HealthyAfter, "`time` for which a task without health checks has to run before its service counts it as healthy; ECS waits for 40s")
	f.DurationVar(&c.Limits.KeepStopped, "stopped-task-retention", c.Limits.KeepStopped, "`time` for which stopped tasks can be described; ECS promises an hour")
	etcdFlags(cmd, c)
	f.StringVar(&c.EncryptionKeyFile, "encryption-key-file", "", "`file` with the key that secrets are sealed with, the same for all servers; with an embedded etcd, default: made in --data-dir")
	cmd.Long += `

The root access key is made at the first start and kept with the state. Both of
these variables together replace it:
  BERTH_ROOT_ACCESS_KEY_ID, BERTH_ROOT_SECRET_ACCESS_KEY`
}

func logFlags(cmd *cobra.Command, logs *logConfig) {
	cmd.Flags().StringVar(&logs.level, "log-level", "info", "`level` from which to log: debug, info, warn or error")
	cmd.Flags().StringVar(&logs.format, "log-format", "text", "`form` of the log on stderr: text or json")
}

// rootKey takes the root access key from the environment, which is the only
// place for it: command lines are public.
func (env environment) rootKey(c *server.Config) {
	c.RootAccessKeyID, _ = env("BERTH_ROOT_ACCESS_KEY_ID")
	c.RootSecretKey, _ = env("BERTH_ROOT_SECRET_ACCESS_KEY")
}

type logConfig struct{ level, format string }

// logger writes to w as configured.
func (c logConfig) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.level)); err != nil {
		return nil, fmt.Errorf("invalid --log-level %q: want debug, info, warn or error", c.level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch c.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("invalid --log-format %q: want text or json", c.format)
}
