package server

import (
	"context"
	"io"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"berth/api/ec2"
	"berth/api/ecr"
	"berth/api/ecs"
	"berth/api/iam"
	"berth/api/logs"
	"berth/api/secretsmanager"
	"berth/api/ssm"
	"berth/api/sts"
	"berth/aws/protocol"
	"berth/logstore"
	"berth/registry"
	"berth/state"
	"berth/state/seal"
)

// backends are what APIs serve that is not state.
type backends struct {
	ecr  *ecr.API
	logs *logs.API
	box  *seal.Box // of secrets

	close func() error
}

// openBackends opens what is in the data directory beside the state.
func openBackends(ctx context.Context, store *state.Store, cfg Config, url string) (b backends, err error) {
	if b.box, err = cfg.openBox(); err != nil {
		return b, err
	}
	logrus.SetOutput(io.Discard) // the registry logs there whatever it refuses
	images, err := registry.Open(ctx, registry.Config{Dir: filepath.Join(cfg.DataDir, "registry")})
	if err != nil {
		return b, err
	}
	b.ecr = ecr.New(ecr.Config{Store: store, Registry: images, Region: cfg.Region, Account: cfg.Account, Endpoint: url, Log: cfg.Log})
	history, err := logstore.Open(logstore.Config{Dir: filepath.Join(cfg.DataDir, "logs"), Log: cfg.Log})
	if err != nil {
		return b, err
	}
	b.logs = logs.New(logs.Config{Store: store, Logs: history, Region: cfg.Region, Account: cfg.Account, Log: cfg.Log})
	b.close = history.Close
	return b, nil
}

// services lists the AWS APIs behind the endpoint. docs/compat.md comes from it.
func services(store *state.Store, cfg Config, url string, b backends) []protocol.Service {
	ecsAPI := ecs.New(ecs.Config{Store: store, Region: cfg.Region, Account: cfg.Account, VPC: cfg.VPC, Endpoint: url})
	iamAPI := iam.New(iam.Config{Store: store, Account: cfg.Account})
	secretsAPI := secretsmanager.New(secretsmanager.Config{Store: store, Box: b.box, Region: cfg.Region, Account: cfg.Account})
	ssmAPI := ssm.New(ssm.Config{Store: store, Box: b.box, Region: cfg.Region, Account: cfg.Account})
	return []protocol.Service{
		{
			Name: "ec2",
			API:  ec2.New(ec2.Config{Store: store, Region: cfg.Region, Account: cfg.Account, VPC: cfg.VPC}),
		},
		{
			Name:       "ecr",
			API:        b.ecr,
			Operations: operationsOf("ecr"),
			Resources:  b.ecr.Resources,
		},
		{
			Name:       "ecs",
			API:        ecsAPI,
			Operations: operationsOf("ecs"),
			Unions:     state.Unions,
			Resources:  ecsAPI.Resources,
		},
		{
			Name:       "iam",
			API:        iamAPI,
			Operations: operationsOf("iam"),
			Resources:  iamAPI.Resources,
		},
		{
			Name:       "logs",
			API:        b.logs,
			Busy:       []string{"PutLogEvents"},
			Operations: operationsOf("logs"),
			Resources:  b.logs.Resources,
		},
		{
			Name:       "secretsmanager",
			API:        secretsAPI,
			Operations: operationsOf("secretsmanager"),
			Resources:  secretsAPI.Resources,
		},
		{
			Name:       "ssm",
			API:        ssmAPI,
			Operations: operationsOf("ssm"),
			Resources:  ssmAPI.Resources,
		},
		{
			Name:       "sts",
			API:        sts.New(sts.Config{Store: store}),
			Operations: operationsOf("sts"),
		},
	}
}
