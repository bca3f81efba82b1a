package state

import "github.com/aws/aws-sdk-go-v2/service/ecs/types"

// Unions lists the variants of the ECS unions, for the codec (see shape.Names).
var Unions = []any{
	(*types.DescribeGatewayConfigurationMemberHostSharedAlb)(nil),
	(*types.GatewayConfigurationMemberHostSharedAlb)(nil),
	(*types.GatewayConnectionResourcesMemberHostSharedAlb)(nil),
	(*types.GatewayInfrastructureResourcesMemberHostSharedAlb)(nil),
	(*types.GatewayRouteResourcesMemberHostSharedAlb)(nil),
	(*types.ServiceConnectContainerConfigurationMemberLogLevel)(nil),
	(*types.SharingStrategyMemberNvidiaMps)(nil),
	(*types.UpdateGatewayConfigurationMemberHostSharedAlb)(nil),
}
