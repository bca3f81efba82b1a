package iam

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"berth/aws/validate"
	rules "berth/iam"
	"berth/state"
)

// CreatePolicy creates a managed policy.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
func (a *API) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	err := check(
		policyName(in.PolicyName), document("policyDocument", in.PolicyDocument),
		validate.Text{Member: "path", Value: in.Path, Min: 1, Max: 512, Pattern: `((/[A-Za-z0-9.,+@=_-]+)*)/`},
		validate.Text{Member: "description", Value: in.Description, Max: 1000},
	)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	p := state.Policy{
		Name: *in.PolicyName, ID: newID("ANPA"), Path: cmp.Or(aws.ToString(in.Path), "/"),
		Description: aws.ToString(in.Description), Tags: tags,
	}
	p.ARN = a.arn("policy" + p.Path + p.Name)
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		for other := range tx.Policies.All() {
			if strings.EqualFold(other.Name, p.Name) {
				return exists("A policy called %s already exists. Duplicate names are not allowed.", p.Name)
			}
		}
		p.CreatedAt = tx.Now()
		if err := addVersion(tx, &p, *in.PolicyDocument, true); err != nil {
			return err
		}
		tx.Policies.Put(tx, p)
		return nil
	})
	out := describePolicy(a.store.View(), p)
	out.Description = nil // GetPolicy has it
	return &iam.CreatePolicyOutput{Policy: out}, err
}

// addVersion gives p another document.
func addVersion(tx *state.Tx, p *state.Policy, document string, asDefault bool) error {
	if len(document) > maxManaged {
		return exceeded("Cannot exceed quota for PolicySize: %d", maxManaged)
	}
	if _, err := rules.ParsePolicy(document); err != nil {
		return malformed(err)
	}
	if len(p.Versions) == mostVersions {
		return exceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", mostVersions)
	}
	p.Last++
	p.UpdatedAt = tx.Now()
	v := state.PolicyVersion{ID: fmt.Sprintf("v%d", p.Last), Document: document, CreatedAt: tx.Now()}
	p.Versions = append(slices.Clone(p.Versions), v)
	if asDefault {
		p.Default = v.ID
	}
	return nil
}

// describePolicy counts what uses p in v.
func describePolicy(v *state.View, p state.Policy) *types.Policy {
	attached, bounds := uses(v, p.ARN)
	out := &types.Policy{
		Arn: &p.ARN, PolicyName: &p.Name, PolicyId: &p.ID, Path: &p.Path, DefaultVersionId: &p.Default,
		IsAttachable: true, AttachmentCount: aws.Int32(int32(len(attached))), PermissionsBoundaryUsageCount: aws.Int32(int32(len(bounds))),
		CreateDate: &p.CreatedAt, UpdateDate: &p.UpdatedAt, Tags: describeTags(p.Tags),
	}
	if p.Description != "" {
		out.Description = &p.Description
	}
	return out
}

// uses returns the roles to which a policy is attached, and those it bounds.
func uses(v *state.View, arn string) (attached, bounds []state.Role) {
	for r := range v.Roles.All() {
		if slices.Contains(r.Attached, arn) {
			attached = append(attached, r)
		}
		if r.Boundary == arn {
			bounds = append(bounds, r)
		}
	}
	return attached, bounds
}

// ofAWS is a policy that AWS manages in the form of one of ours.
func ofAWS(m rules.ManagedPolicy) state.Policy {
	return state.Policy{
		Name: nameOf(m.ARN), ARN: m.ARN, ID: m.ID, Path: pathOf(m.ARN), Default: m.Version, CreatedAt: m.Created, UpdatedAt: m.Updated,
		Versions: []state.PolicyVersion{{ID: m.Version, Document: string(m.Document), CreatedAt: m.Updated}},
	}
}

func hasPolicy(v *state.View, arn string) bool {
	_, ofAWS := rules.Managed(arn)
	return ofAWS || v.Policies.Has(arn)
}

// findPolicy finds a policy, ours or AWS's, by its ARN.
func findPolicy(v *state.View, arn *string) (state.Policy, error) {
	if err := check(policyARN(arn)); err != nil {
		return state.Policy{}, err
	}
	if m, ok := rules.Managed(*arn); ok {
		return ofAWS(m), nil
	}
	p, ok := v.Policies.Get(*arn)
	if !ok {
		return p, missing("Policy %s was not found.", *arn)
	}
	return p, nil
}

// changePolicy applies fn to the policy of that ARN, which must be ours.
func (a *API) changePolicy(ctx context.Context, arn *string, fn func(tx *state.Tx, p *state.Policy) error) error {
	return a.store.Update(ctx, func(tx *state.Tx) error {
		p, err := ownPolicy(tx.View, arn)
		if err != nil {
			return err
		}
		if err := fn(tx, &p); err != nil {
			return err
		}
		tx.Policies.Put(tx, p)
		return nil
	})
}

// ownPolicy is findPolicy for who wants to change it.
func ownPolicy(v *state.View, arn *string) (state.Policy, error) {
	p, err := findPolicy(v, arn)
	if err == nil && !v.Policies.Has(p.ARN) {
		err = invalidInput("AWS managed policies can not be changed: " + p.ARN)
	}
	return p, err
}

// GetPolicy returns a managed policy, without its document.
func (a *API) GetPolicy(_ context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	v := a.store.View()
	p, err := findPolicy(v, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetPolicyOutput{Policy: describePolicy(v, p)}, nil
}

// ListPolicies returns the managed policies, ours and AWS's, below a path.
func (a *API) ListPolicies(_ context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	err := check(
		pathPrefix(in.PathPrefix), validate.OneOf("scope", in.Scope, in.Scope.Values()),
		validate.OneOf("policyUsageFilter", in.PolicyUsageFilter, in.PolicyUsageFilter.Values()),
	)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	var all []state.Policy
	if in.Scope != types.PolicyScopeTypeAws {
		all = slices.Collect(v.Policies.All())
	}
	if in.Scope != types.PolicyScopeTypeLocal {
		for _, m := range rules.AllManaged() {
			all = append(all, ofAWS(m))
		}
	}
	all = slices.DeleteFunc(all, func(p state.Policy) bool {
		attached, bounds := uses(v, p.ARN)
		switch {
		case !strings.HasPrefix(p.Path, aws.ToString(in.PathPrefix)):
			return true
		case in.OnlyAttached && len(attached) == 0:
			return true
		case in.PolicyUsageFilter == types.PolicyUsageTypePermissionsPolicy:
			return len(attached) == 0
		case in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary:
			return len(bounds) == 0
		}
		return false
	})
	slices.SortFunc(all, func(a, b state.Policy) int { return strings.Compare(a.ARN, b.ARN) })
	all, truncated, next, err := page(all, func(p state.Policy) string { return p.ARN }, in.Marker, in.MaxItems)
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}, IsTruncated: truncated, Marker: next}
	for _, p := range all {
		p.Tags, p.Description = nil, "" // IAM leaves them out
		out.Policies = append(out.Policies, *describePolicy(v, p))
	}
	return out, err
}

// DeletePolicy deletes a managed policy that nothing uses and whose versions
// other than the default one are deleted.
func (a *API) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return &iam.DeletePolicyOutput{}, a.store.Update(ctx, func(tx *state.Tx) error {
		p, err := ownPolicy(tx.View, in.PolicyArn)
		if err != nil {
			return err
		}
		attached, bounds := uses(tx.View, p.ARN)
		switch {
		case len(attached)+len(bounds) > 0:
			return conflict("Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		tx.Policies.Delete(tx, p.ARN)
		return nil
	})
}

// ListEntitiesForPolicy returns the roles that use a policy. There are no users
// and groups.
func (a *API) ListEntitiesForPolicy(_ context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	err := check(
		pathPrefix(in.PathPrefix), validate.OneOf("entityFilter", in.EntityFilter, in.EntityFilter.Values()),
		validate.OneOf("policyUsageFilter", in.PolicyUsageFilter, in.PolicyUsageFilter.Values()),
	)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	p, err := findPolicy(v, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	attached, bounds := uses(v, p.ARN)
	switch in.PolicyUsageFilter {
	case "":
		attached = append(attached, slices.DeleteFunc(bounds, func(r state.Role) bool { return slices.Contains(r.Attached, p.ARN) })...)
	case types.PolicyUsageTypePermissionsBoundary:
		attached = bounds
	}
	attached = slices.DeleteFunc(attached, func(r state.Role) bool {
		return !strings.HasPrefix(r.Path, aws.ToString(in.PathPrefix)) || in.EntityFilter != "" && in.EntityFilter != types.EntityTypeRole
	})
	slices.SortFunc(attached, func(a, b state.Role) int { return strings.Compare(a.Name, b.Name) })
	attached, truncated, next, err := page(attached, func(r state.Role) string { return r.Name }, in.Marker, in.MaxItems)
	out := &iam.ListEntitiesForPolicyOutput{PolicyRoles: []types.PolicyRole{}, IsTruncated: truncated, Marker: next}
	for _, r := range attached {
		out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: aws.String(r.Name), RoleId: aws.String(r.ID)})
	}
	return out, err
}
