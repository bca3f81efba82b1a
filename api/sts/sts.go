// Package sts serves the AWS Security Token Service: who is calling, and
// sessions of roles.
//
// Each operation is a method of [API] that takes and returns the SDK's structs.
// Who may assume what is decided by plan/access; what the credentials of a
// session are, by iam. An operation without a method is answered as not built.
package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"berth/aws/protocol"
	"berth/state"
)

// Config says what an API serves. All fields are required.
type Config struct {
	Store *state.Store
}

// API has a method for each operation that is built.
type API struct{ store *state.Store }

// New returns the API.
func New(cfg Config) *API { return &API{store: cfg.Store} }

// GetCallerIdentity says who signed the request. It needs no permission.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (a *API) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := protocol.CallOf(ctx).Principal
	return &sts.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.UserID}, nil
}
