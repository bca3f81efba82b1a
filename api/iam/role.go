package iam

import (
	"cmp"
	"context"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"berth/aws/arn"
	"berth/aws/validate"
	rules "berth/iam"
	"berth/state"
)

const descriptionChars = `[\t\n\r -~¡-ÿ]*`

// CreateRole creates a role that those may assume whom its trust policy names.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
func (a *API) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	err := check(
		path("path", in.Path), roleName(in.RoleName), document("assumeRolePolicyDocument", in.AssumeRolePolicyDocument),
		validate.Text{Member: "description", Value: in.Description, Max: 1000, Pattern: descriptionChars},
		validate.Number{Member: "maxSessionDuration", Value: in.MaxSessionDuration, Min: 3600, Max: 43200},
		validate.Text{Member: "permissionsBoundary", Value: in.PermissionsBoundary, Min: 20, Max: 2048},
	)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	r := state.Role{
		Name: *in.RoleName, Path: cmp.Or(aws.ToString(in.Path), "/"), Description: aws.ToString(in.Description), ID: newID("AROA"),
		Trust: *in.AssumeRolePolicyDocument, MaxSession: cmp.Or(aws.ToInt32(in.MaxSessionDuration), 3600), Boundary: aws.ToString(in.PermissionsBoundary), Tags: tags,
	}
	r.ARN = a.arn("role" + r.Path + r.Name)
	if err := checkTrust(r.Trust); err != nil {
		return nil, err
	}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		if tx.Roles.Has(state.RoleKey(r.Name)) || strings.EqualFold(r.Name, rules.AgentRole) {
			return exists("Role with name %s already exists.", r.Name)
		}
		if r.Boundary != "" && !hasPolicy(tx.View, r.Boundary) {
			return missing("Scope ARN: %s does not exist or is not attachable.", r.Boundary)
		}
		r.CreatedAt = tx.Now()
		tx.Roles.Put(tx, r)
		return nil
	})
	return &iam.CreateRoleOutput{Role: describeRole(r)}, err
}

// arn names a resource of this account, such as role/web.
func (a *API) arn(resource string) string {
	return arn.ARN{Partition: "aws", Service: "iam", Account: a.account, Resource: resource}.String()
}

func checkTrust(document string) error {
	if len(document) > maxTrust {
		return exceeded("Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	if _, err := rules.ParseTrust(document); err != nil {
		return malformed(err)
	}
	return nil
}

func describeRole(r state.Role) *types.Role {
	out := &types.Role{
		RoleName: &r.Name, Arn: &r.ARN, RoleId: &r.ID, Path: &r.Path, CreateDate: &r.CreatedAt,
		AssumeRolePolicyDocument: encoded(r.Trust), MaxSessionDuration: &r.MaxSession, Tags: describeTags(r.Tags),
	}
	if r.Description != "" {
		out.Description = &r.Description
	}
	if r.Boundary != "" {
		out.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: &r.Boundary, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	return out
}

// role finds a role by its name.
func role(v *state.View, name *string) (state.Role, error) {
	if err := check(roleName(name)); err != nil {
		return state.Role{}, err
	}
	r, ok := v.Roles.Get(state.RoleKey(*name))
	if !ok {
		return r, missing("The role with name %s cannot be found.", *name)
	}
	return r, nil
}

// change applies fn to the role of that name.
func (a *API) change(ctx context.Context, name *string, fn func(tx *state.Tx, r *state.Role) error) (r state.Role, err error) {
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		if r, err = role(tx.View, name); err != nil {
			return err
		}
		if err := fn(tx, &r); err != nil {
			return err
		}
		tx.Roles.Put(tx, r)
		return nil
	})
	return r, err
}

// GetRole returns a role.
func (a *API) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, err := role(a.store.View(), in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: describeRole(r)}, nil
}

// ListRoles returns the roles below a path. Their tags and boundaries are left
// out, as IAM leaves them out.
func (a *API) ListRoles(_ context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	if err := check(pathPrefix(in.PathPrefix)); err != nil {
		return nil, err
	}
	var found []state.Role
	for r := range a.store.View().Roles.All() {
		if strings.HasPrefix(r.Path, aws.ToString(in.PathPrefix)) {
			found = append(found, r)
		}
	}
	found, truncated, next, err := page(found, func(r state.Role) string { return state.RoleKey(r.Name) }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: []types.Role{}, IsTruncated: truncated, Marker: next}
	for _, r := range found {
		r.Tags, r.Boundary = nil, ""
		out.Roles = append(out.Roles, *describeRole(r))
	}
	return out, nil
}

// UpdateRole changes a role's description and the longest life of its sessions.
func (a *API) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	err := check(
		roleName(in.RoleName),
		validate.Text{Member: "description", Value: in.Description, Max: 1000, Pattern: descriptionChars},
		validate.Number{Member: "maxSessionDuration", Value: in.MaxSessionDuration, Min: 3600, Max: 43200},
	)
	if err != nil {
		return nil, err
	}
	_, err = a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
	return &iam.UpdateRoleOutput{}, err
}

// UpdateRoleDescription changes a role's description, in IAM's older way.
func (a *API) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	err := check(
		roleName(in.RoleName),
		validate.Text{Member: "description", Value: in.Description, Required: true, Max: 1000, Pattern: descriptionChars},
	)
	if err != nil {
		return nil, err
	}
	r, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		r.Description = *in.Description
		return nil
	})
	return &iam.UpdateRoleDescriptionOutput{Role: describeRole(r)}, err
}

// UpdateAssumeRolePolicy replaces a role's trust policy.
func (a *API) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	if err := check(roleName(in.RoleName), document("policyDocument", in.PolicyDocument)); err != nil {
		return nil, err
	}
	if err := checkTrust(*in.PolicyDocument); err != nil {
		return nil, err
	}
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		r.Trust = *in.PolicyDocument
		return nil
	})
	return &iam.UpdateAssumeRolePolicyOutput{}, err
}

// DeleteRole deletes a role that has no policies. Its sessions can do nothing
// from then on.
func (a *API) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return &iam.DeleteRoleOutput{}, a.store.Update(ctx, func(tx *state.Tx) error {
		r, err := role(tx.View, in.RoleName)
		switch {
		case err != nil:
			return err
		case len(r.Attached) > 0:
			return conflict("Cannot delete entity, must detach all policies first.")
		case len(r.Inline) > 0:
			return conflict("Cannot delete entity, must delete policies first.")
		}
		tx.Roles.Delete(tx, state.RoleKey(r.Name))
		return nil
	})
}

// PutRolePermissionsBoundary sets the policy that bounds what a role may do.
func (a *API) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	err := check(roleName(in.RoleName),
		validate.Text{Member: "permissionsBoundary", Value: in.PermissionsBoundary, Required: true, Min: 20, Max: 2048})
	if err != nil {
		return nil, err
	}
	_, err = a.change(ctx, in.RoleName, func(tx *state.Tx, r *state.Role) error {
		if !hasPolicy(tx.View, *in.PermissionsBoundary) {
			return missing("Scope ARN: %s does not exist or is not attachable.", *in.PermissionsBoundary)
		}
		r.Boundary = *in.PermissionsBoundary
		return nil
	})
	return &iam.PutRolePermissionsBoundaryOutput{}, err
}

// DeleteRolePermissionsBoundary takes a role's boundary away.
func (a *API) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	_, err := a.change(ctx, in.RoleName, func(_ *state.Tx, r *state.Role) error {
		r.Boundary = ""
		return nil
	})
	return &iam.DeleteRolePermissionsBoundaryOutput{}, err
}

// ListInstanceProfilesForRole returns none: Berth has no instance profiles.
func (a *API) ListInstanceProfilesForRole(_ context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	if _, err := role(a.store.View(), in.RoleName); err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, nil
}

// Resources returns the ARNs that an operation is authorized on.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func (a *API) Resources(_ string, input any) []string {
	in := reflect.Indirect(reflect.ValueOf(input))
	text := func(field string) string {
		if v := reflect.Indirect(in.FieldByName(field)); v.IsValid() {
			return v.String()
		}
		return ""
	}
	if name := text("RoleName"); name != "" {
		if r, ok := a.store.View().Roles.Get(state.RoleKey(name)); ok {
			return []string{r.ARN}
		}
		return []string{a.arn("role" + cmp.Or(text("Path"), "/") + name)}
	}
	if name := text("PolicyName"); name != "" {
		return []string{a.arn("policy" + cmp.Or(text("Path"), "/") + name)}
	}
	if policy := text("PolicyArn"); policy != "" {
		return []string{policy}
	}
	return nil
}
