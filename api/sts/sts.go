// Package sts serves the AWS Security Token Service: who is calling.
//
// Each operation is a method of [API] that takes and returns the SDK's structs.
// Temporary credentials are not given out yet; an operation without a method is
// answered as not built.
package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"berth/aws/protocol"
)

// API has a method for each operation that is built. It needs nothing but the
// call itself.
type API struct{}

// GetCallerIdentity says who signed the request. It needs no permission.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (API) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := protocol.CallOf(ctx).Principal
	return &sts.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}
