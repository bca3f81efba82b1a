package ecs

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// DiscoverPollEndpoint tells an agent where to open its sockets: for its tasks,
// for its metrics, and for the proxy of Service Connect. An agent keeps the
// answer for twelve hours.
func (a *API) DiscoverPollEndpoint(_ context.Context, _ *ecs.DiscoverPollEndpointInput) (*ecs.DiscoverPollEndpointOutput, error) {
	base := strings.TrimSuffix(a.endpoint, "/")
	return &ecs.DiscoverPollEndpointOutput{
		Endpoint:               aws.String(base + "/acs"),
		TelemetryEndpoint:      aws.String(base + "/tcs"),
		ServiceConnectEndpoint: aws.String(base + "/sc"),
	}, nil
}
