package ecs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ListServices lists the active services of a cluster, ten at a time unless more
// are wanted.
func (a *API) ListServices(_ context.Context, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	limit, err := servicePage(in.MaxResults)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	c, err := a.activeCluster(v, aws.ToString(in.Cluster))
	if err != nil {
		return nil, err
	}
	arns, next, err := page(func(yield func(string) bool) {
		if in.ResourceManagementType == types.ResourceManagementTypeEcs {
			return // those of express mode
		}
		for s := range v.ServicesOf(c.ARN) {
			matches := s.Status == "ACTIVE" &&
				(in.SchedulingStrategy == "" || s.Scheduling == in.SchedulingStrategy) &&
				(in.LaunchType == "" || v.LaunchTypeOf(s) == string(in.LaunchType))
			if matches && !yield(s.ARN) {
				return
			}
		}
	}, in.NextToken, limit)
	return &ecs.ListServicesOutput{ServiceArns: arns, NextToken: next}, err
}

// servicePage checks maxResults of a list of services.
func servicePage(maxResults *int32) (int, error) {
	if maxResults == nil {
		return 10, nil
	}
	return pageSize(maxResults, 100)
}
