// Package ec2 serves what the network of tasks needs of the Amazon EC2 API: the
// default VPC with its subnets, security group and zones, and the network
// interfaces of tasks.
//
// Its structs are its own: the SDK's package of EC2 takes minutes to compile.
// They have the names of the SDK's, and where the protocol has other ones, a tag.
package ec2

import (
	"fmt"

	"github.com/aws/smithy-go"

	"berth/aws/arn"
	"berth/plan/vpc"
	"berth/state"
)

// Config says what an API serves. All fields are required.
type Config struct {
	Store   *state.Store
	Region  string
	Account string
	VPC     string // range of the default VPC; see vpc.Default
}

// API has a method for each operation that is built.
type API struct {
	store   *state.Store
	region  string
	account string
	vpc     string
}

// New returns the API of one region and account.
func New(cfg Config) *API { return &API{cfg.Store, cfg.Region, cfg.Account, cfg.VPC} }

func (a *API) network() vpc.Network { return vpc.Default(a.account, a.region, a.vpc) }

func (a *API) arn(resource string) *string {
	name := arn.ARN{Partition: "aws", Service: "ec2", Region: a.region, Account: a.account, Resource: resource}.String()
	return &name
}

// failure is an error in EC2's words.
//
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html
func failure(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// notFound says that a kind of thing, such as subnet, has none with that ID.
func notFound(code, kind, id string) error {
	return failure(code, "The %s ID '%s' does not exist", kind, id)
}

// Tag is a tag of a resource. None has any yet.
type Tag struct{ Key, Value *string }
