package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"berth/aws/validate"
	"berth/state"
)

func versionID(value *string) validate.Limit {
	return validate.Text{Member: "versionId", Value: value, Required: true, Pattern: `v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`}
}

func noVersion(arn, id string) error {
	return missing("Policy %s version %s does not exist or is not attachable.", arn, id)
}

func describeVersion(p state.Policy, v state.PolicyVersion) types.PolicyVersion {
	return types.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: v.ID == p.Default, CreateDate: &v.CreatedAt}
}

// findVersion finds a version by its id.
func findVersion(p state.Policy, id *string) (i int, err error) {
	if err := check(versionID(id)); err != nil {
		return 0, err
	}
	i = slices.IndexFunc(p.Versions, func(v state.PolicyVersion) bool { return v.ID == *id })
	if i < 0 {
		return 0, noVersion(p.ARN, *id)
	}
	return i, nil
}

// CreatePolicyVersion gives a policy another document.
func (a *API) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := check(document("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	var made types.PolicyVersion
	err := a.changePolicy(ctx, in.PolicyArn, func(tx *state.Tx, p *state.Policy) error {
		if err := addVersion(tx, p, *in.PolicyDocument, in.SetAsDefault); err != nil {
			return err
		}
		made = describeVersion(*p, p.Versions[len(p.Versions)-1])
		return nil
	})
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &made}, err
}

// GetPolicyVersion returns a version of a policy with its document.
func (a *API) GetPolicyVersion(_ context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, err := findPolicy(a.store.View(), in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := findVersion(p, in.VersionId)
	if err != nil {
		return nil, err
	}
	out := describeVersion(p, p.Versions[i])
	out.Document = encoded(p.Versions[i].Document)
	return &iam.GetPolicyVersionOutput{PolicyVersion: &out}, nil
}

// ListPolicyVersions returns the versions of a policy, newest first, without
// their documents.
func (a *API) ListPolicyVersions(_ context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, err := findPolicy(a.store.View(), in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPolicyVersionsOutput{Versions: []types.PolicyVersion{}}
	for _, v := range slices.Backward(p.Versions) { // five at most: always one page
		out.Versions = append(out.Versions, describeVersion(p, v))
	}
	return out, nil
}

// SetDefaultPolicyVersion puts a version of a policy into effect.
func (a *API) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return &iam.SetDefaultPolicyVersionOutput{}, a.changePolicy(ctx, in.PolicyArn, func(tx *state.Tx, p *state.Policy) error {
		if _, err := findVersion(*p, in.VersionId); err != nil {
			return err
		}
		p.Default, p.UpdatedAt = aws.ToString(in.VersionId), tx.Now()
		return nil
	})
}

// DeletePolicyVersion deletes a version of a policy that is not in effect.
func (a *API) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return &iam.DeletePolicyVersionOutput{}, a.changePolicy(ctx, in.PolicyArn, func(_ *state.Tx, p *state.Policy) error {
		i, err := findVersion(*p, in.VersionId)
		if err != nil {
			return err
		}
		if p.Versions[i].ID == p.Default {
			return conflict("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.Delete(slices.Clone(p.Versions), i, i+1)
		return nil
	})
}
