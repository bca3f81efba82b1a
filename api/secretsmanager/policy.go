package secretsmanager

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"berth/aws/validate"
	"berth/iam"
	"berth/state"
)

// PutResourcePolicy keeps a policy with a secret. It is not evaluated: only the
// policies of identities count in this version of Berth.
func (a *API) PutResourcePolicy(ctx context.Context, in *secretsmanager.PutResourcePolicyInput) (*secretsmanager.PutResourcePolicyOutput, error) {
	err := check(validate.Text{Member: "resourcePolicy", Value: in.ResourcePolicy, Required: true, Min: 1, Max: 20480})
	if err != nil {
		return nil, err
	}
	if _, err := iam.ParseResourcePolicy(*in.ResourcePolicy); err != nil {
		return nil, &types.MalformedPolicyDocumentException{Message: aws.String("This resource policy contains invalid Json: " + err.Error())}
	}
	s, err := a.change(ctx, in.SecretId, func(_ *state.Tx, s *state.Secret) error {
		s.Policy = *in.ResourcePolicy
		return nil
	})
	return &secretsmanager.PutResourcePolicyOutput{ARN: &s.ARN, Name: &s.Name}, err
}

// GetResourcePolicy returns the policy of a secret, if it has one.
func (a *API) GetResourcePolicy(_ context.Context, in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	s, err := usable(a.cfg.Store.View(), time.Now(), in.SecretId)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.GetResourcePolicyOutput{ARN: &s.ARN, Name: &s.Name}
	if s.Policy != "" {
		out.ResourcePolicy = &s.Policy
	}
	return out, nil
}

// DeleteResourcePolicy takes the policy of a secret away.
func (a *API) DeleteResourcePolicy(ctx context.Context, in *secretsmanager.DeleteResourcePolicyInput) (*secretsmanager.DeleteResourcePolicyOutput, error) {
	s, err := a.change(ctx, in.SecretId, func(_ *state.Tx, s *state.Secret) error {
		s.Policy = ""
		return nil
	})
	return &secretsmanager.DeleteResourcePolicyOutput{ARN: &s.ARN, Name: &s.Name}, err
}
