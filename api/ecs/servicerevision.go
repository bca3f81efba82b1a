package ecs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// DescribeServiceRevisions describes up to twenty service revisions.
func (a *API) DescribeServiceRevisions(_ context.Context, in *ecs.DescribeServiceRevisionsInput) (*ecs.DescribeServiceRevisionsOutput, error) {
	if err := a.checkHistory("serviceRevisionArns", "service-revision", in.ServiceRevisionArns); err != nil {
		return nil, err
	}
	v := a.store.View()
	out := &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{}, Failures: []types.Failure{}}
	for _, name := range in.ServiceRevisionArns {
		if r, ok := v.ServiceRevisions.Get(name); ok {
			out.ServiceRevisions = append(out.ServiceRevisions, a.describeServiceRevision(v, r))
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: &name, Reason: aws.String("MISSING")})
		}
	}
	return out, nil
}

func (a *API) describeServiceRevision(v *state.View, r state.ServiceRevision) types.ServiceRevision {
	connect := r.Connect
	if connect == nil {
		connect = &types.ServiceConnectConfiguration{Enabled: false}
	}
	version, family := platform(r.Workload)
	return types.ServiceRevision{
		ServiceRevisionArn: &r.ARN, ServiceArn: &r.Service, ClusterArn: a.clusterOf(r.ARN), TaskDefinition: &r.Definition,
		LaunchType: types.LaunchType(r.LaunchType), CapacityProviderStrategy: r.CapacityProviders,
		PlatformVersion: version, PlatformFamily: family, NetworkConfiguration: r.Network,
		LoadBalancers: r.LoadBalancers, ServiceRegistries: r.Registries, VolumeConfigurations: r.Volumes,
		ServiceConnectConfiguration: connect, ContainerImages: append([]types.ContainerImage{}, r.Images...),
		ResolvedConfiguration: &types.ResolvedConfiguration{LoadBalancers: []types.ServiceRevisionLoadBalancer{}},
		CreatedAt:             &r.CreatedAt,
	}
}

// platform is the Fargate platform that a workload runs on, whichever it asked
// for; nil where it does not run on Fargate.
func platform(w state.Workload) (version, family *string) {
	if w.Runs() != "FARGATE" {
		return nil, nil
	}
	return aws.String("1.4.0"), aws.String("Linux")
}
