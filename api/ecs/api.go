// Package ecs serves the Amazon ECS API.
//
// Each operation is a method of [API] that takes and returns the SDK's structs:
// it checks the input, runs one transaction or reads one view, and describes
// records as API types. The method set is the routing table: an operation
// without a method is answered as not built. Decisions are in plan.
package ecs

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/aws/protocol"
	"berth/state"
)

// Config says what an API serves. All fields but VPC are required.
type Config struct {
	Store    *state.Store
	Region   string
	Account  string
	VPC      string // range of the default VPC; see vpc.Default
	Endpoint string // URL at which clients and agents reach this control plane
}

// API has a method for each operation that is built.
type API struct {
	store    *state.Store
	region   string
	account  string
	cidr     string
	endpoint string
}

// New returns the API of one region and account.
func New(cfg Config) *API {
	return &API{store: cfg.Store, region: cfg.Region, account: cfg.Account, cidr: cfg.VPC, endpoint: cfg.Endpoint}
}

// arn names one of our resources, such as cluster/default.
func (a *API) arn(resource string) string {
	return arn.ARN{Partition: "aws", Service: "ecs", Region: a.region, Account: a.account, Resource: resource}.String()
}

// caller is the ARN of who makes the request.
func caller(ctx context.Context) string { return protocol.CallOf(ctx).Principal.ARN }

func invalid(message string) error { return &types.InvalidParameterException{Message: &message} }

func clientError(message string) error { return &types.ClientException{Message: &message} }

// clusterARN turns a cluster's name or ARN into its ARN; empty means default.
func (a *API) clusterARN(nameOrARN string) string {
	switch {
	case nameOrARN == "":
		return a.arn("cluster/default")
	case arn.Is(nameOrARN):
		return nameOrARN
	}
	return a.arn("cluster/" + nameOrARN)
}

// activeCluster finds the cluster that a name or ARN means.
func (a *API) activeCluster(v *state.View, nameOrARN string) (state.Cluster, error) {
	c, ok := v.Clusters.Get(a.clusterARN(nameOrARN))
	if !ok {
		return state.Cluster{}, clusterNotFound()
	}
	if c.Status == "INACTIVE" {
		message := "The referenced cluster was inactive."
		return state.Cluster{}, &types.ClusterNotFoundException{Message: &message}
	}
	return c, nil
}

func clusterNotFound() error {
	message := "Cluster not found."
	return &types.ClusterNotFoundException{Message: &message}
}

// lastPart is what stands behind the last slash of an ARN or name.
func lastPart(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }
