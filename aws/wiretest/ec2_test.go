package wiretest

import (
	"context"
	"reflect"
)

// ec2 has structs of its own, since the SDK's package takes minutes to compile.
// These stand for all that the protocol can say: lists with regular and with
// irregular names, nested ones, and structures on both ways.
type ec2 struct{ *echo }

type (
	AuthorizeSecurityGroupIngressInput struct {
		CidrIp, IpProtocol, GroupId, GroupName              *string
		SourceSecurityGroupName, SourceSecurityGroupOwnerId *string
		FromPort, ToPort                                    *int32
		IpPermissions                                       []ipPermission
		TagSpecifications                                   []tagSpecification `ec2:"TagSpecification"`
		DryRun                                              *bool
	}
	AuthorizeSecurityGroupIngressOutput struct {
		Return             *bool
		SecurityGroupRules []securityGroupRule
	}
	DescribeInternetGatewaysInput struct {
		Filters            []filter `ec2:"Filter"`
		InternetGatewayIds []string `ec2:"InternetGatewayId"`
		MaxResults         *int32
		NextToken          *string
		DryRun             *bool
	}
	DescribeInternetGatewaysOutput struct {
		InternetGateways []internetGateway
		NextToken        *string
	}

	ipPermission struct {
		IpProtocol       *string
		FromPort         *int32
		ToPort           *int32
		IpRanges         []ipRange         `ec2:",ipRanges"`
		Ipv6Ranges       []ipv6Range       `ec2:",ipv6Ranges"`
		PrefixListIds    []prefixListId    `ec2:",prefixListIds"`
		UserIdGroupPairs []userIdGroupPair `ec2:"Groups,groups"`
	}
	ipRange         struct{ CidrIp, Description *string }
	ipv6Range       struct{ CidrIpv6, Description *string }
	prefixListId    struct{ PrefixListId, Description *string }
	userIdGroupPair struct {
		Description, UserId, GroupName, GroupId, VpcId, VpcPeeringConnectionId, PeeringStatus *string
	}
	tagSpecification struct {
		ResourceType string
		Tags         []tag `ec2:"Tag"`
	}
	tag               struct{ Key, Value *string }
	securityGroupRule struct {
		SecurityGroupRuleId, GroupId, GroupOwnerId, IpProtocol, CidrIpv4, CidrIpv6, PrefixListId, Description, SecurityGroupRuleArn *string
		IsEgress                                                                                                                    *bool
		FromPort, ToPort                                                                                                            *int32
		ReferencedGroupInfo                                                                                                         *referencedSecurityGroup
		Tags                                                                                                                        []tag
	}
	referencedSecurityGroup struct {
		GroupId, PeeringStatus, UserId, VpcId, VpcPeeringConnectionId *string
	}
	filter struct {
		Name   *string
		Values []string `ec2:"Value"`
	}
	internetGateway struct {
		Attachments                []attachment
		InternetGatewayId, OwnerId *string
		Tags                       []tag
	}
	attachment struct {
		State string
		VpcId *string
	}
)

func (e ec2) AuthorizeSecurityGroupIngress(ctx context.Context, in *AuthorizeSecurityGroupIngressInput) (*AuthorizeSecurityGroupIngressOutput, error) {
	return echoed[AuthorizeSecurityGroupIngressOutput](ctx, e.echo, in)
}

func (e ec2) DescribeInternetGateways(ctx context.Context, in *DescribeInternetGatewaysInput) (*DescribeInternetGatewaysOutput, error) {
	return echoed[DescribeInternetGatewaysOutput](ctx, e.echo, in)
}

func echoed[O any](ctx context.Context, e *echo, in any) (*O, error) {
	return e.answer(ctx, in, reflect.TypeFor[O]()).(*O), nil
}
