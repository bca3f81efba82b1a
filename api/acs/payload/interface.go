package payload

import (
	"fmt"
	"net/netip"
	"strings"

	"berth/api/acs/message"
	"berth/aws/arn"
	"berth/plan/vpc"
	"berth/state"
)

// interfaces are the task's network interfaces: one in the network mode awsvpc.
func (c Config) interfaces(v *state.View, t state.Task) ([]message.ENI, error) {
	n, ok := v.InterfaceOf(t.ARN)
	if !ok {
		return nil, nil
	}
	subnet, ok := vpc.Default(c.Account, c.Region, c.VPC).Subnet(n.Subnet)
	if !ok {
		return nil, fmt.Errorf("there is no subnet %s for the network interface %s", n.Subnet, n.ID)
	}
	gateway := vpc.Gateway(subnet)
	privateName := vpc.PrivateDNSName(netip.MustParseAddr(n.Address), c.Region)
	_, domain, _ := strings.Cut(privateName, ".")
	return []message.ENI{{
		AttachmentARN: arn.ARN{Partition: "aws", Service: "ecs", Region: c.Region, Account: c.Account, Resource: "attachment/" + n.Attachment}.String(),
		EC2ID:         n.ID, MACAddress: n.MAC,
		IPv4Addresses: []message.IPv4Address{{Primary: true, PrivateAddress: n.Address}},
		Gateway:       gateway.String(), PrivateDNSName: privateName, DomainName: []string{domain},
		Association: "veth", AssignPublicIP: n.PublicIP,
	}}, nil
}
