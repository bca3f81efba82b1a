package server

import (
	"reflect"

	ecssdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	stssdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"berth/api/ecs"
	"berth/api/sts"
	"berth/aws/protocol"
	"berth/state"
)

// services lists the AWS APIs behind the endpoint. docs/compat.md comes from it.
func services(store *state.Store, cfg Config, url string) []protocol.Service {
	ecsAPI := ecs.New(ecs.Config{Store: store, Region: cfg.Region, Account: cfg.Account, Endpoint: url})
	return []protocol.Service{
		{
			Name:      "ecs",
			API:       ecsAPI,
			Client:    reflect.TypeFor[*ecssdk.Client](),
			Unions:    state.Unions,
			Resources: ecsAPI.Resources,
		},
		{
			Name:   "sts",
			API:    sts.API{},
			Client: reflect.TypeFor[*stssdk.Client](),
		},
	}
}
