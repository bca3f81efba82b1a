package ssm

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"berth/aws/protocol"
	"berth/aws/validate"
	"berth/state"
)

// Quotas of Parameter Store.
//
// https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
const (
	maxStandard  = 4096 // bytes of a value
	maxAdvanced  = 8192
	mostVersions = 100
	mostLevels   = 15
	maxName      = 1011 // characters of the ARN
)

const defaultKey = "alias/aws/ssm"

// PutParameter creates a parameter, or gives it another version.
//
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (a *API) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	if err := a.checkPut(in); err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	var made state.ParameterVersion
	err = a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		name := strings.TrimSpace(*in.Name)
		p, exists := tx.Parameters.Get(name)
		switch {
		case exists && !aws.ToBool(in.Overwrite):
			return &types.ParameterAlreadyExists{Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")}
		case !exists:
			p = state.Parameter{Name: name, Tags: tags}
		}
		old, _ := tx.ParameterVersions.Get(state.ParameterVersionKey(name, p.Newest))
		if made, err = nextVersion(old, in); err != nil {
			return err
		}
		p.Newest++
		made.Name, made.Number, made.PutAt, made.User = name, p.Newest, tx.Now(), protocol.CallOf(ctx).Principal.ARN
		if made.Type == string(types.ParameterTypeSecureString) {
			if made.Sealed, err = a.cfg.Box.Seal(*in.Value, state.ParameterVersionKey(name, p.Newest)); err != nil {
				return err
			}
			made.Value = ""
		}
		if err := dropOldest(tx, p); err != nil {
			return err
		}
		tx.ParameterVersions.Put(tx, made)
		tx.Parameters.Put(tx, p)
		return nil
	})
	return &ssm.PutParameterOutput{Version: made.Number, Tier: types.ParameterTier(made.Tier)}, err
}

// checkPut checks what can be checked without knowing the parameter.
func (a *API) checkPut(in *ssm.PutParameterInput) error {
	err := check(
		named(in.Name), validate.Text{Member: "value", Value: in.Value, Required: true, Min: 1, Secret: true},
		validate.OneOf("type", in.Type, in.Type.Values()), validate.OneOf("tier", in.Tier, in.Tier.Values()),
		validate.Text{Member: "description", Value: in.Description, Max: 1024}, validate.Text{Member: "allowedPattern", Value: in.AllowedPattern, Max: 1024},
		validate.Text{Member: "keyId", Value: in.KeyId, Min: 1, Max: 256, Pattern: `([a-zA-Z0-9:/_-]+)`},
	)
	if err != nil {
		return err
	}
	switch {
	case in.Tags != nil && aws.ToBool(in.Overwrite):
		return invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case aws.ToString(in.Policies) != "" && strings.TrimSpace(*in.Policies) != "[]":
		return invalid("Parameter policies are not built yet in this version of Berth: leave Policies out.")
	case in.DataType != nil && *in.DataType != "text":
		return invalid(fmt.Sprintf("The data type %q is not built in this version of Berth. Use text.", *in.DataType))
	case strings.Contains(*in.Value, "{{") && strings.Contains(*in.Value, "}}"):
		return invalid("Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.")
	}
	return a.checkName(strings.TrimSpace(*in.Name))
}

var path = regexp.MustCompile(`^(/[\w.-]+)+$`)

func (a *API) checkName(name string) error {
	first := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return invalid("Parameter name must be a fully qualified name.")
	case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"), !path.MatchString("/" + strings.TrimPrefix(name, "/")):
		return invalid(`Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`)
	case strings.Count(name, "/") > mostLevels:
		return &types.HierarchyLevelLimitExceededException{Message: aws.String(fmt.Sprintf("A parameter name hierarchy can have a maximum of %d levels. Reduce the number of levels of %s.", mostLevels, name))}
	case len(a.arn(name)) > maxName:
		return invalid(fmt.Sprintf("The parameter's ARN has %d characters, with its name; it can have at most %d.", len(a.arn(name)), maxName))
	}
	return nil
}

// nextVersion is the version that in makes after old, which is empty for a new
// parameter. What in leaves out stays, except the pattern and the key.
func nextVersion(old state.ParameterVersion, in *ssm.PutParameterInput) (state.ParameterVersion, error) {
	v := state.ParameterVersion{
		Value: *in.Value, Description: old.Description, DataType: "text", KeyID: aws.ToString(in.KeyId),
		Type: cmp.Or(string(in.Type), old.Type), AllowedPattern: aws.ToString(in.AllowedPattern), Tier: cmp.Or(string(in.Tier), old.Tier, "Standard"),
	}
	if in.Description != nil {
		v.Description = *in.Description
	}
	secure := v.Type == string(types.ParameterTypeSecureString)
	switch {
	case v.Type == "":
		return v, invalid("A parameter type is required when you create a parameter.")
	case old.Type != "" && v.Type != old.Type:
		return v, &types.HierarchyTypeMismatchException{Message: aws.String(fmt.Sprintf(
			"Parameter Store doesn't support changing a parameter type: %s is a %s. You must create a new, unique parameter.", old.Name, old.Type))}
	case v.KeyID != "" && !secure:
		return v, invalid("KeyId is required for SecureString type parameter only.")
	case old.Tier == "Advanced" && in.Tier == types.ParameterTierStandard:
		return v, invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	}
	if secure {
		v.KeyID = cmp.Or(v.KeyID, defaultKey)
	}
	if v.Tier == string(types.ParameterTierIntelligentTiering) {
		v.Tier = "Standard"
		if len(v.Value) > maxStandard || old.Tier == "Advanced" {
			v.Tier = "Advanced"
		}
	}
	if len(v.Value) > maxStandard && v.Tier == "Standard" {
		return v, invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
	}
	if len(v.Value) > maxAdvanced {
		return v, invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	}
	return v, checkPattern(v)
}

func checkPattern(v state.ParameterVersion) error {
	if v.AllowedPattern == "" {
		return nil
	}
	allowed, err := regexp.Compile(v.AllowedPattern)
	if err != nil {
		return &types.InvalidAllowedPatternException{Message: aws.String("The request does not meet the regular expression requirement: " + err.Error())}
	}
	values := []string{v.Value}
	if v.Type == string(types.ParameterTypeStringList) {
		values = strings.Split(v.Value, ",")
	}
	for _, value := range values {
		if !allowed.MatchString(value) {
			return &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + v.AllowedPattern)}
		}
	}
	return nil
}

// dropOldest deletes the version that is one too many for p's newest.
func dropOldest(tx *state.Tx, p state.Parameter) error {
	oldest := p.Newest - mostVersions
	for label, number := range p.Labels {
		if number == oldest {
			return &types.ParameterMaxVersionLimitExceeded{Message: aws.String(fmt.Sprintf(
				"You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it: %s. Move the label to another version of the parameter, and try again.",
				p.Name, oldest, label))}
		}
	}
	tx.ParameterVersions.Delete(tx, state.ParameterVersionKey(p.Name, oldest))
	return nil
}
