package ssm

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"berth/aws/validate"
	"berth/state"
)

// mostNames is how many parameters one call names.
const mostNames = 10

// GetParameter returns the newest version of a parameter, or the one that
// follows its name: name:3 or name:label.
//
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (a *API) GetParameter(_ context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	if err := check(named(in.Name)); err != nil {
		return nil, err
	}
	p, err := a.get(a.cfg.Store.View(), *in.Name, aws.ToBool(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterOutput{Parameter: &p}, nil
}

// get finds and describes the parameter that a name means, with its selector.
func (a *API) get(v *state.View, name string, decrypt bool) (types.Parameter, error) {
	rest, selected := selector(strings.TrimSpace(name))
	p, err := a.find(v, rest)
	if err != nil {
		return types.Parameter{}, err
	}
	version, err := selectVersion(v, p, selected)
	if err != nil {
		return types.Parameter{}, err
	}
	out, err := a.describe(version, decrypt)
	if selected != "" {
		out.Selector = aws.String(":" + selected)
	}
	return out, err
}

// selectVersion finds a version by its number or label; empty is the newest.
func selectVersion(v *state.View, p state.Parameter, selected string) (state.ParameterVersion, error) {
	number, err := strconv.ParseInt(selected, 10, 64)
	switch {
	case selected == "":
		number = p.Newest
	case err != nil:
		var ok bool
		if number, ok = p.Labels[selected]; !ok {
			return state.ParameterVersion{}, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf(
				"Systems Manager could not find version %s of %s. Verify the version and try again.", selected, p.Name))}
		}
	}
	return versionOf(v, p, number)
}

func versionOf(v *state.View, p state.Parameter, number int64) (state.ParameterVersion, error) {
	version, ok := v.ParameterVersions.Get(state.ParameterVersionKey(p.Name, number))
	if !ok {
		return version, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf(
			"Systems Manager could not find version %d of %s. Verify the version and try again.", number, p.Name))}
	}
	return version, nil
}

// value is what a version holds; of a SecureString that is not to be decrypted,
// the ciphertext.
func (a *API) value(v state.ParameterVersion, decrypt bool) (string, error) {
	switch {
	case v.Sealed == "":
		return v.Value, nil
	case !decrypt:
		return string(v.Sealed), nil
	}
	return a.cfg.Box.Open(v.Sealed, state.ParameterVersionKey(v.Name, v.Number))
}

func (a *API) describe(v state.ParameterVersion, decrypt bool) (types.Parameter, error) {
	value, err := a.value(v, decrypt)
	return types.Parameter{
		Name: &v.Name, ARN: aws.String(a.arn(v.Name)), Type: types.ParameterType(v.Type), Value: &value,
		Version: v.Number, DataType: &v.DataType, LastModifiedDate: &v.PutAt,
	}, err
}

// GetParameters returns some parameters in the order of the request, and says
// which of the names mean none.
func (a *API) GetParameters(_ context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	if err := check(validate.Count{Member: "names", Length: len(in.Names), Min: 1, Max: mostNames}); err != nil {
		return nil, err
	}
	v := a.cfg.Store.View()
	out := &ssm.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	for i, name := range in.Names {
		if slices.Contains(in.Names[:i], name) {
			return nil, invalid("Duplicate parameter names are not allowed: " + name)
		}
		p, err := a.get(v, name, aws.ToBool(in.WithDecryption))
		switch {
		case unknown(err):
			out.InvalidParameters = append(out.InvalidParameters, name)
		case err != nil:
			return nil, err
		default:
			out.Parameters = append(out.Parameters, p)
		}
	}
	return out, nil
}

// unknown reports whether err says that a parameter or version is not there.
func unknown(err error) bool {
	switch err.(type) {
	case *types.ParameterNotFound, *types.ParameterVersionNotFound:
		return true
	}
	return false
}

// GetParametersByPath returns the parameters below a path, by default those
// directly below it.
func (a *API) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	if err := check(validate.Text{Member: "path", Value: in.Path, Required: true, Min: 1, Max: 2048}); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(*in.Path, "/") {
		return nil, invalid("The parameter path must begin with a slash (/): " + *in.Path)
	}
	filters, err := parseFilters(in.ParameterFilters, "Type", "KeyId", "Label")
	if err != nil {
		return nil, err
	}
	v := a.cfg.Store.View()
	var names []string
	chosen := map[string]state.ParameterVersion{}
	for p := range v.Parameters.Prefix(strings.TrimSuffix(*in.Path, "/") + "/") {
		rest := strings.TrimPrefix(p.Name, strings.TrimSuffix(*in.Path, "/")+"/")
		version, ok := filters.choose(v, p)
		if ok && (aws.ToBool(in.Recursive) || !strings.Contains(rest, "/")) {
			names = append(names, p.Name)
			chosen[p.Name] = version
		}
	}
	names, next, err := page(names, in.NextToken, in.MaxResults, mostNames)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParametersByPathOutput{Parameters: []types.Parameter{}, NextToken: next}
	for _, name := range names {
		p, err := a.describe(chosen[name], aws.ToBool(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, p)
	}
	return out, nil
}

// DescribeParameters returns what there is to know of parameters but their values.
func (a *API) DescribeParameters(_ context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	if in.Filters != nil && in.ParameterFilters != nil {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	if aws.ToBool(in.Shared) {
		return nil, invalid("Shared parameters are not built in this version of Berth: leave Shared out.")
	}
	wanted := in.ParameterFilters
	for _, f := range in.Filters {
		wanted = append(wanted, types.ParameterStringFilter{Key: aws.String(string(f.Key)), Values: f.Values, Option: aws.String("BeginsWith")})
	}
	filters, err := parseFilters(wanted, "Name", "Type", "KeyId", "Path", "Tier", "DataType", "tag")
	if err != nil {
		return nil, err
	}
	v := a.cfg.Store.View()
	var names []string
	for p := range v.Parameters.All() {
		if _, ok := filters.choose(v, p); ok {
			names = append(names, p.Name)
		}
	}
	names, next, err := page(names, in.NextToken, in.MaxResults, 50)
	out := &ssm.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}, NextToken: next}
	for _, name := range names {
		p, _ := v.Parameters.Get(name)
		d, err := versionOf(v, p, p.Newest)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, types.ParameterMetadata{
			Name: &d.Name, ARN: aws.String(a.arn(name)), Type: types.ParameterType(d.Type), KeyId: optional(d.KeyID), LastModifiedDate: &d.PutAt,
			LastModifiedUser: &d.User, Description: optional(d.Description), AllowedPattern: optional(d.AllowedPattern), Version: d.Number,
			Tier: types.ParameterTier(d.Tier), Policies: []types.ParameterInlinePolicy{}, DataType: &d.DataType,
		})
	}
	return out, err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// GetParameterHistory returns all versions of a parameter, oldest first.
func (a *API) GetParameterHistory(_ context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	if err := check(named(in.Name)); err != nil {
		return nil, err
	}
	v := a.cfg.Store.View()
	p, err := a.find(v, strings.TrimSpace(*in.Name))
	if err != nil {
		return nil, err
	}
	versions := map[string]state.ParameterVersion{}
	var keys []string
	for version := range v.VersionsOfParameter(p.Name) {
		key := state.ParameterVersionKey(p.Name, version.Number)
		keys, versions[key] = append(keys, key), version
	}
	keys, next, err := page(keys, in.NextToken, in.MaxResults, 50)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{}, NextToken: next}
	for _, key := range keys {
		d := versions[key]
		value, err := a.value(d, aws.ToBool(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: &d.Name, Type: types.ParameterType(d.Type), KeyId: optional(d.KeyID), LastModifiedDate: &d.PutAt, LastModifiedUser: &d.User,
			Description: optional(d.Description), Value: &value, AllowedPattern: optional(d.AllowedPattern), Version: d.Number,
			Labels: labelsOf(p, d.Number), Tier: types.ParameterTier(d.Tier), Policies: []types.ParameterInlinePolicy{}, DataType: &d.DataType,
		})
	}
	return out, nil
}

// DeleteParameter deletes a parameter with all its versions.
func (a *API) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	if err := check(named(in.Name)); err != nil {
		return nil, err
	}
	return &ssm.DeleteParameterOutput{}, a.cfg.Store.Update(ctx, func(tx *state.Tx) error { return a.delete(tx, *in.Name) })
}

func (a *API) delete(tx *state.Tx, name string) error {
	p, err := a.find(tx.View, strings.TrimSpace(name))
	if err != nil {
		return err
	}
	for version := range tx.VersionsOfParameter(p.Name) {
		tx.ParameterVersions.Delete(tx, state.ParameterVersionKey(p.Name, version.Number))
	}
	tx.Parameters.Delete(tx, p.Name)
	return nil
}

// DeleteParameters deletes some parameters, and says which of the names mean none.
func (a *API) DeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	if err := check(validate.Count{Member: "names", Length: len(in.Names), Min: 1, Max: mostNames}); err != nil {
		return nil, err
	}
	out := &ssm.DeleteParametersOutput{}
	err := a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		out.DeletedParameters, out.InvalidParameters = []string{}, []string{}
		for _, name := range in.Names {
			if err := a.delete(tx, name); err != nil {
				out.InvalidParameters = append(out.InvalidParameters, name)
			} else {
				out.DeletedParameters = append(out.DeletedParameters, name)
			}
		}
		return nil
	})
	return out, err
}
