package ec2

import (
	"context"
	"net/netip"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/plan/vpc"
	"berth/state"
)

// DescribeNetworkInterfacesInput names network interfaces, or filters them.
type DescribeNetworkInterfacesInput struct {
	Filters             []Filter `ec2:"Filter"`
	NetworkInterfaceIds []string `ec2:"NetworkInterfaceId"`
	MaxResults          *int32
	NextToken           *string
	DryRun              *bool
}

// DescribeNetworkInterfacesOutput has a page of network interfaces.
type DescribeNetworkInterfacesOutput struct {
	NetworkInterfaces []NetworkInterface
	NextToken         *string
}

// NetworkInterface is a network interface.
type NetworkInterface struct {
	Attachment                                                                      *NetworkInterfaceAttachment
	AvailabilityZone, Description, InterfaceType, MacAddress, NetworkInterfaceId    *string
	OwnerId, PrivateDnsName, PrivateIpAddress, RequesterId, Status, SubnetId, VpcId *string
	Groups                                                                          []GroupIdentifier
	PrivateIpAddresses                                                              []PrivateIpAddress `ec2:",privateIpAddressesSet"`
	RequesterManaged, SourceDestCheck                                               *bool
	TagSet                                                                          []Tag `ec2:",tagSet"`
}

type (
	// NetworkInterfaceAttachment is what an interface is attached to.
	NetworkInterfaceAttachment struct {
		AttachTime                            *time.Time
		AttachmentId, InstanceOwnerId, Status *string
		DeleteOnTermination                   *bool
		DeviceIndex                           *int32
	}

	// GroupIdentifier names a security group.
	GroupIdentifier struct{ GroupId, GroupName *string }

	// PrivateIpAddress is an address of an interface.
	PrivateIpAddress struct {
		Primary                          *bool
		PrivateDnsName, PrivateIpAddress *string
	}
)

// DescribeNetworkInterfaces describes the network interfaces that tasks have.
func (a *API) DescribeNetworkInterfaces(_ context.Context, in *DescribeNetworkInterfacesInput) (*DescribeNetworkInterfacesOutput, error) {
	var all []state.NetworkInterface
	view, network := a.store.View(), a.network()
	for n := range view.NetworkInterfaces.All() {
		all = append(all, n)
	}
	page, next, err := selected(list{in.NetworkInterfaceIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun}, all,
		func(n state.NetworkInterface) string { return n.ID },
		func(id string) error {
			return notFound("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)
		},
		func(n state.NetworkInterface) fields {
			zone := zoneOf(network, n)
			return fields{
				"network-interface-id": {n.ID}, "subnet-id": {n.Subnet}, "vpc-id": {network.VPC.ID}, "availability-zone": {zone},
				"private-ip-address": {n.Address}, "addresses.private-ip-address": {n.Address}, "mac-address": {n.MAC},
				"private-dns-name": {a.dnsName(n)}, "group-id": n.SecurityGroups, "group-name": {network.SecurityGroup.Name},
				"owner-id": {a.account}, "status": {"in-use"}, "interface-type": {"interface"}, "description": {a.description(n)},
				"attachment.status": {"attached"}, "attachment.attachment-id": {attachmentID(n)}, "requester-managed": {"true"},
			}
		})
	if err != nil {
		return nil, err
	}
	out := &DescribeNetworkInterfacesOutput{NetworkInterfaces: []NetworkInterface{}, NextToken: next}
	for _, n := range page {
		out.NetworkInterfaces = append(out.NetworkInterfaces, a.describeInterface(network, n))
	}
	return out, nil
}

func (a *API) describeInterface(network vpc.Network, n state.NetworkInterface) NetworkInterface {
	out := NetworkInterface{
		Attachment: &NetworkInterfaceAttachment{AttachTime: &n.CreatedAt, AttachmentId: aws.String(attachmentID(n)), InstanceOwnerId: &a.account,
			Status: aws.String("attached"), DeleteOnTermination: aws.Bool(false), DeviceIndex: aws.Int32(1)},
		AvailabilityZone: aws.String(zoneOf(network, n)), Description: aws.String(a.description(n)), InterfaceType: aws.String("interface"),
		MacAddress: &n.MAC, NetworkInterfaceId: &n.ID, OwnerId: &a.account, PrivateDnsName: aws.String(a.dnsName(n)),
		PrivateIpAddress: &n.Address, RequesterId: &a.account, Status: aws.String("in-use"), SubnetId: &n.Subnet, VpcId: &network.VPC.ID,
		PrivateIpAddresses: []PrivateIpAddress{{aws.Bool(true), aws.String(a.dnsName(n)), &n.Address}},
		RequesterManaged:   aws.Bool(true), SourceDestCheck: aws.Bool(true), TagSet: []Tag{}, Groups: []GroupIdentifier{},
	}
	for _, id := range n.SecurityGroups {
		out.Groups = append(out.Groups, GroupIdentifier{&id, &network.SecurityGroup.Name})
	}
	return out
}

func zoneOf(network vpc.Network, n state.NetworkInterface) string {
	s, _ := network.Subnet(n.Subnet)
	return s.Zone
}

// description is what ECS writes on the interfaces that it makes: its attachment.
func (a *API) description(n state.NetworkInterface) string {
	return "arn:aws:ecs:" + a.region + ":" + a.account + ":attachment/" + n.Attachment
}

func attachmentID(n state.NetworkInterface) string { return "ela-attach-" + n.ID[len("eni-"):] }

func (a *API) dnsName(n state.NetworkInterface) string {
	return vpc.PrivateDNSName(netip.MustParseAddr(n.Address), a.region)
}
