package state

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Unions lists the variants of the ECS unions and the constructor of its
// documents, for the codec (see shape.Names).
var Unions = []any{
	document.NewLazyDocument,
	(*types.DescribeGatewayConfigurationMemberHostSharedAlb)(nil),
	(*types.GatewayConfigurationMemberHostSharedAlb)(nil),
	(*types.GatewayConnectionResourcesMemberHostSharedAlb)(nil),
	(*types.GatewayElbAccessLogDestinationMemberS3)(nil),
	(*types.GatewayInfrastructureResourcesMemberHostSharedAlb)(nil),
	(*types.GatewayRouteResourcesMemberHostSharedAlb)(nil),
	(*types.ServiceConnectContainerConfigurationMemberLogLevel)(nil),
	(*types.SharingStrategyMemberNvidiaMps)(nil),
	(*types.UpdateGatewayConfigurationMemberHostSharedAlb)(nil),
}
