package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	rules "berth/iam"
	"berth/state"
)

// PutRolePolicy adds an inline policy to a role, or replaces it.
func (a *API) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	if err := check(roleName(in.RoleName), policyName(in.PolicyName), document("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	if _, err := rules.ParsePolicy(*in.PolicyDocument); err != nil {
		return nil, malformed(err)
	}
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		inline := map[string]string{*in.PolicyName: *in.PolicyDocument}
		size := len(*in.PolicyDocument)
		for name, document := range r.Inline {
			if name != *in.PolicyName {
				inline[name] = document
				size += len(document)
			}
		}
		if size > maxInline {
			return exceeded("Maximum policy size of %d bytes exceeded for role %s", maxInline, r.Name)
		}
		r.Inline = inline
		return nil
	})
	return &iam.PutRolePolicyOutput{}, err
}

func noInline(name string) error {
	return missing("The role policy with name %s cannot be found.", name)
}

// GetRolePolicy returns an inline policy of a role.
func (a *API) GetRolePolicy(_ context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	if err := check(roleName(in.RoleName), policyName(in.PolicyName)); err != nil {
		return nil, err
	}
	r, err := role(a.store.View(), in.RoleName)
	if err != nil {
		return nil, err
	}
	document, ok := r.Inline[*in.PolicyName]
	if !ok {
		return nil, noInline(*in.PolicyName)
	}
	return &iam.GetRolePolicyOutput{RoleName: &r.Name, PolicyName: in.PolicyName, PolicyDocument: encoded(document)}, nil
}

// DeleteRolePolicy deletes an inline policy of a role.
func (a *API) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	if err := check(roleName(in.RoleName), policyName(in.PolicyName)); err != nil {
		return nil, err
	}
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		if _, ok := r.Inline[*in.PolicyName]; !ok {
			return noInline(*in.PolicyName)
		}
		r.Inline = maps.Clone(r.Inline)
		delete(r.Inline, *in.PolicyName)
		return nil
	})
	return &iam.DeleteRolePolicyOutput{}, err
}

// ListRolePolicies returns the names of a role's inline policies.
func (a *API) ListRolePolicies(_ context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	r, err := role(a.store.View(), in.RoleName)
	if err != nil {
		return nil, err
	}
	names, truncated, next, err := page(slices.Sorted(maps.Keys(r.Inline)), func(name string) string { return name }, in.Marker, in.MaxItems)
	return &iam.ListRolePoliciesOutput{PolicyNames: append([]string{}, names...), IsTruncated: truncated, Marker: next}, err
}

// AttachRolePolicy attaches a managed policy to a role. It does not matter
// whether it was attached before.
func (a *API) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	if err := check(roleName(in.RoleName), policyARN(in.PolicyArn)); err != nil {
		return nil, err
	}
	_, err := a.change(ctx, in.RoleName, func(tx *state.Tx, r *state.Role) error {
		switch {
		case !hasPolicy(tx.View, *in.PolicyArn):
			return missing("Policy %s does not exist or is not attachable.", *in.PolicyArn)
		case slices.Contains(r.Attached, *in.PolicyArn):
			return nil
		case len(r.Attached) == mostAttached:
			return exceeded("Cannot exceed quota for PoliciesPerRole: %d", mostAttached)
		}
		r.Attached = append(slices.Clone(r.Attached), *in.PolicyArn)
		return nil
	})
	return &iam.AttachRolePolicyOutput{}, err
}

// DetachRolePolicy detaches a managed policy from a role.
func (a *API) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	if err := check(roleName(in.RoleName), policyARN(in.PolicyArn)); err != nil {
		return nil, err
	}
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		i := slices.Index(r.Attached, *in.PolicyArn)
		if i < 0 {
			return missing("Policy %s was not found.", *in.PolicyArn)
		}
		r.Attached = slices.Delete(slices.Clone(r.Attached), i, i+1)
		return nil
	})
	return &iam.DetachRolePolicyOutput{}, err
}

// ListAttachedRolePolicies returns the managed policies of a role.
func (a *API) ListAttachedRolePolicies(_ context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	if err := check(pathPrefix(in.PathPrefix)); err != nil {
		return nil, err
	}
	r, err := role(a.store.View(), in.RoleName)
	if err != nil {
		return nil, err
	}
	below := slices.DeleteFunc(slices.Sorted(slices.Values(r.Attached)), func(arn string) bool {
		return !strings.HasPrefix(pathOf(arn), aws.ToString(in.PathPrefix))
	})
	arns, truncated, next, err := page(below, func(arn string) string { return arn }, in.Marker, in.MaxItems)
	out := &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: []types.AttachedPolicy{}, IsTruncated: truncated, Marker: next}
	for _, arn := range arns {
		out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(nameOf(arn))})
	}
	return out, err
}

// pathOf is the path in the ARN of a policy: / or /service-role/.
func pathOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":policy")
	return rest[:strings.LastIndexByte(rest, '/')+1]
}

// nameOf is the name in an ARN.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
