package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/state"
)

// DescribeSecurityGroupsInput names security groups, or filters them.
type DescribeSecurityGroupsInput struct {
	Filters    []Filter `ec2:"Filter"`
	GroupIds   []string `ec2:"GroupId"`
	GroupNames []string `ec2:"GroupName"`
	MaxResults *int32
	NextToken  *string
	DryRun     *bool
}

// DescribeSecurityGroupsOutput has a page of security groups.
type DescribeSecurityGroupsOutput struct {
	SecurityGroups []SecurityGroup `ec2:",securityGroupInfo"`
	NextToken      *string
}

// SecurityGroup is a security group.
type SecurityGroup struct {
	Description                                          *string `ec2:",groupDescription"`
	GroupId, GroupName, OwnerId, SecurityGroupArn, VpcId *string
	IpPermissions                                        []IpPermission `ec2:",ipPermissions"`
	IpPermissionsEgress                                  []IpPermission `ec2:",ipPermissionsEgress"`
	Tags                                                 []Tag
}

// IpPermission is who may reach, or be reached by, the members of a group.
type IpPermission struct {
	IpProtocol       *string
	FromPort, ToPort *int32
	IpRanges         []IpRange         `ec2:",ipRanges"`
	Ipv6Ranges       []Ipv6Range       `ec2:",ipv6Ranges"`
	PrefixListIds    []PrefixListId    `ec2:",prefixListIds"`
	UserIdGroupPairs []UserIdGroupPair `ec2:"Groups,groups"`
}

type (
	// IpRange is a range of IPv4 addresses.
	IpRange struct{ CidrIp, Description *string }

	// Ipv6Range is a range of IPv6 addresses.
	Ipv6Range struct{ CidrIpv6, Description *string }

	// PrefixListId names a prefix list.
	PrefixListId struct{ PrefixListId, Description *string }

	// UserIdGroupPair names a security group of an account.
	UserIdGroupPair struct{ Description, GroupId, GroupName, UserId, VpcId *string }
)

// DescribeSecurityGroups describes the default security group. Until there are
// others, nothing filters between tasks: it lets everything in and out.
func (a *API) DescribeSecurityGroups(_ context.Context, in *DescribeSecurityGroupsInput) (*DescribeSecurityGroupsOutput, error) {
	group := a.network().SecurityGroup
	for _, name := range in.GroupNames {
		if name != group.Name {
			return nil, failure("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, group.VPC)
		}
	}
	page, next, err := selected(list{in.GroupIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, []state.SecurityGroup{group},
		func(g state.SecurityGroup) string { return g.ID },
		func(id string) error {
			return failure("InvalidGroup.NotFound", "The security group '%s' does not exist", id)
		},
		func(g state.SecurityGroup) fields {
			return fields{"group-id": {g.ID}, "group-name": {g.Name}, "vpc-id": {g.VPC}, "owner-id": {a.account}, "description": {groupDescription}}
		})
	if err != nil {
		return nil, err
	}
	out := &DescribeSecurityGroupsOutput{SecurityGroups: []SecurityGroup{}, NextToken: next}
	for _, g := range page {
		out.SecurityGroups = append(out.SecurityGroups, SecurityGroup{
			Description: aws.String(groupDescription), GroupId: &g.ID, GroupName: &g.Name, OwnerId: &a.account,
			SecurityGroupArn: a.arn("security-group/" + g.ID), VpcId: &g.VPC, Tags: []Tag{},
			IpPermissions: everything(), IpPermissionsEgress: everything(),
		})
	}
	return out, nil
}

const groupDescription = "default VPC security group"

func everything() []IpPermission {
	return []IpPermission{{
		IpProtocol: aws.String("-1"), IpRanges: []IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
		Ipv6Ranges: []Ipv6Range{}, PrefixListIds: []PrefixListId{}, UserIdGroupPairs: []UserIdGroupPair{},
	}}
}
