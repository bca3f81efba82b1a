package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/state"
)

// DescribeVpcsInput names VPCs, or filters them.
type DescribeVpcsInput struct {
	Filters    []Filter `ec2:"Filter"`
	VpcIds     []string `ec2:"VpcId"`
	MaxResults *int32
	NextToken  *string
	DryRun     *bool
}

// DescribeVpcsOutput has a page of VPCs.
type DescribeVpcsOutput struct {
	Vpcs      []Vpc
	NextToken *string
}

// Vpc is a VPC.
type Vpc struct {
	CidrBlock, DhcpOptionsId, InstanceTenancy, OwnerId, State, VpcId *string
	CidrBlockAssociationSet                                          []VpcCidrBlockAssociation `ec2:",cidrBlockAssociationSet"`
	IsDefault                                                        *bool
	Tags                                                             []Tag
}

// VpcCidrBlockAssociation is a range of addresses of a VPC.
type VpcCidrBlockAssociation struct {
	AssociationId, CidrBlock *string
	CidrBlockState           *VpcCidrBlockState
}

// VpcCidrBlockState is whether a range of addresses can be used.
type VpcCidrBlockState struct{ State *string }

// DescribeVpcs describes the default VPC.
func (a *API) DescribeVpcs(_ context.Context, in *DescribeVpcsInput) (*DescribeVpcsOutput, error) {
	page, next, err := selected(list{in.VpcIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun},
		[]state.VPC{a.network().VPC}, func(v state.VPC) string { return v.ID }, noVPC,
		func(v state.VPC) fields {
			return fields{
				"vpc-id": {v.ID}, "cidr": {v.CIDR}, "cidr-block-association.cidr-block": {v.CIDR}, "state": {"available"},
				"is-default": {"true"}, "isDefault": {"true"}, "owner-id": {a.account}, "dhcp-options-id": {"default"},
			}
		})
	if err != nil {
		return nil, err
	}
	out := &DescribeVpcsOutput{Vpcs: []Vpc{}, NextToken: next}
	for _, v := range page {
		out.Vpcs = append(out.Vpcs, Vpc{
			CidrBlock: &v.CIDR, DhcpOptionsId: aws.String("default"), InstanceTenancy: aws.String("default"),
			OwnerId: &a.account, State: aws.String("available"), VpcId: &v.ID, IsDefault: aws.Bool(true), Tags: []Tag{},
			CidrBlockAssociationSet: []VpcCidrBlockAssociation{{
				AssociationId: aws.String("vpc-cidr-assoc-" + v.ID[len("vpc-"):]), CidrBlock: &v.CIDR,
				CidrBlockState: &VpcCidrBlockState{aws.String("associated")},
			}},
		})
	}
	return out, nil
}

func noVPC(id string) error { return notFound("InvalidVpcID.NotFound", "vpc", id) }

// DescribeVpcAttributeInput names an attribute of a VPC.
type DescribeVpcAttributeInput struct {
	Attribute, VpcId *string
	DryRun           *bool
}

// DescribeVpcAttributeOutput has the attribute that was asked for.
type DescribeVpcAttributeOutput struct {
	EnableDnsHostnames, EnableDnsSupport, EnableNetworkAddressUsageMetrics *AttributeBooleanValue
	VpcId                                                                  *string
}

// AttributeBooleanValue is the value of an attribute.
type AttributeBooleanValue struct{ Value *bool }

// DescribeVpcAttribute describes one attribute of the default VPC.
func (a *API) DescribeVpcAttribute(_ context.Context, in *DescribeVpcAttributeInput) (*DescribeVpcAttributeOutput, error) {
	if id := aws.ToString(in.VpcId); id != a.network().VPC.ID {
		return nil, noVPC(id)
	}
	out := &DescribeVpcAttributeOutput{VpcId: in.VpcId}
	on, off := &AttributeBooleanValue{aws.Bool(true)}, &AttributeBooleanValue{aws.Bool(false)}
	switch aws.ToString(in.Attribute) {
	case "enableDnsHostnames":
		out.EnableDnsHostnames = on
	case "enableDnsSupport":
		out.EnableDnsSupport = on
	case "enableNetworkAddressUsageMetrics":
		out.EnableNetworkAddressUsageMetrics = off
	default:
		return nil, failure("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", aws.ToString(in.Attribute))
	}
	return out, nil
}
