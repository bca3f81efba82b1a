package payload

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/api/acs/message"
	"berth/aws/arn"
	"berth/state"
)

// interfaces are the network interfaces that the task's attachments name. Their
// details are those that DescribeTasks shows.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attachment.html
func (c Config) interfaces(t state.Task) (all []message.ENI) {
	for _, a := range t.Attachments {
		if aws.ToString(a.Type) != "ElasticNetworkInterface" {
			continue
		}
		details := pairs(a.Details)
		all = append(all, message.ENI{
			AttachmentARN:  arn.ARN{Partition: "aws", Service: "ecs", Region: c.Region, Account: c.Account, Resource: "attachment/" + aws.ToString(a.Id)}.String(),
			EC2ID:          details["networkInterfaceId"],
			MACAddress:     details["macAddress"],
			IPv4Addresses:  []message.IPv4Address{{Primary: true, PrivateAddress: details["privateIPv4Address"]}},
			PrivateDNSName: details["privateDnsName"],
			Association:    "veth",
		})
	}
	return all
}
