package ec2

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/plan/vpc"
	"berth/state"
)

// DescribeSubnetsInput names subnets, or filters them.
type DescribeSubnetsInput struct {
	Filters    []Filter `ec2:"Filter"`
	SubnetIds  []string `ec2:"SubnetId"`
	MaxResults *int32
	NextToken  *string
	DryRun     *bool
}

// DescribeSubnetsOutput has a page of subnets.
type DescribeSubnetsOutput struct {
	Subnets   []Subnet
	NextToken *string
}

// Subnet is a subnet.
type Subnet struct {
	AvailabilityZone, AvailabilityZoneId, CidrBlock, OwnerId, State, SubnetArn, SubnetId, VpcId    *string
	AvailableIpAddressCount                                                                        *int32
	AssignIpv6AddressOnCreation, DefaultForAz, EnableDns64, Ipv6Native, MapCustomerOwnedIpOnLaunch *bool
	MapPublicIpOnLaunch                                                                            *bool
	Tags                                                                                           []Tag
}

// DescribeSubnets describes the subnets of the default VPC.
func (a *API) DescribeSubnets(_ context.Context, in *DescribeSubnetsInput) (*DescribeSubnetsOutput, error) {
	view := a.store.View()
	page, next, err := selected(list{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, a.network().Subnets,
		func(s state.Subnet) string { return s.ID },
		func(id string) error { return notFound("InvalidSubnetID.NotFound", "subnet", id) },
		func(s state.Subnet) fields {
			zone, cidr, free := []string{s.Zone}, []string{s.CIDR}, strconv.Itoa(vpc.Free(view, s))
			return fields{
				"subnet-id": {s.ID}, "vpc-id": {s.VPC}, "state": {"available"}, "owner-id": {a.account}, "subnet-arn": {*a.arn("subnet/" + s.ID)},
				"availability-zone": zone, "availabilityZone": zone, "availability-zone-id": {zoneID(s.Zone)}, "availabilityZoneId": {zoneID(s.Zone)},
				"cidr": cidr, "cidr-block": cidr, "cidrBlock": cidr, "default-for-az": {"true"}, "defaultForAz": {"true"},
				"map-public-ip-on-launch": {"true"}, "available-ip-address-count": {free},
			}
		})
	if err != nil {
		return nil, err
	}
	out := &DescribeSubnetsOutput{Subnets: []Subnet{}, NextToken: next}
	for _, s := range page {
		out.Subnets = append(out.Subnets, Subnet{
			AvailabilityZone: &s.Zone, AvailabilityZoneId: aws.String(zoneID(s.Zone)), CidrBlock: &s.CIDR, OwnerId: &a.account,
			State: aws.String("available"), SubnetArn: a.arn("subnet/" + s.ID), SubnetId: &s.ID, VpcId: &s.VPC,
			AvailableIpAddressCount:     aws.Int32(int32(vpc.Free(view, s))),
			AssignIpv6AddressOnCreation: aws.Bool(false), DefaultForAz: aws.Bool(true), EnableDns64: aws.Bool(false),
			Ipv6Native: aws.Bool(false), MapCustomerOwnedIpOnLaunch: aws.Bool(false), MapPublicIpOnLaunch: aws.Bool(true), Tags: []Tag{},
		})
	}
	return out, nil
}

// zoneID is the id of a zone, such as use1-az1 for us-east-1a.
func zoneID(zone string) string {
	region, letter := zone[:len(zone)-1], zone[len(zone)-1]
	part := strings.Split(region, "-")
	short := part[0]
	for _, word := range part[1 : len(part)-1] {
		short += map[string]string{"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "gov": "g"}[word]
		if len(word) <= len("central") && word != "gov" {
			short += word[:1]
		}
	}
	return fmt.Sprintf("%s%s-az%d", short, part[len(part)-1], letter-'a'+1)
}
