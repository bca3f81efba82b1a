package sts

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"berth/aws/protocol"
	"berth/aws/validate"
	"berth/iam"
	"berth/plan/access"
	"berth/state"
)

// chained is the longest session that a session can get.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
const chained = time.Hour

// maxPolicy bounds the characters of a session's policy, and mostPolicies the
// number of managed ones.
const (
	maxPolicy    = 2048
	mostPolicies = 10
)

// AssumeRole gives who calls a session of a role that trusts it.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (a *API) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if err := checkAssumeRole(in); err != nil {
		return nil, err
	}
	v, now := a.store.View(), time.Now()
	call := protocol.CallOf(ctx)
	keys := iam.Keys{"sts:rolesessionname": {*in.RoleSessionName}}
	if in.ExternalId != nil {
		keys["sts:externalid"] = []string{*in.ExternalId}
	}
	for key, values := range call.Keys {
		keys[key] = values
	}
	p, err := access.AssumeRole(v, now, call.Principal, *in.RoleArn, *in.RoleSessionName, keys)
	if err != nil {
		return nil, err
	}
	life, err := duration(v, call.Principal, in)
	if err != nil {
		return nil, err
	}
	p.Policy = aws.ToString(in.Policy)
	for _, policy := range in.PolicyArns {
		p.PolicyARNs = append(p.PolicyARNs, aws.ToString(policy.Arn))
	}
	t, err := access.Issue(v, p, now, now.Add(life))
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: &p.ARN, AssumedRoleId: &p.UserID},
		Credentials:     &types.Credentials{AccessKeyId: &t.AccessKeyID, SecretAccessKey: &t.SecretKey, SessionToken: &t.Token, Expiration: &t.Expiration},
	}, nil
}

func checkAssumeRole(in *sts.AssumeRoleInput) error {
	err := validate.Check("ValidationError",
		validate.Text{Member: "roleArn", Value: in.RoleArn, Required: true, Min: 20, Max: 2048},
		validate.Text{Member: "roleSessionName", Value: in.RoleSessionName, Required: true, Min: 2, Max: 64, Pattern: `[\w+=,.@-]*`},
		validate.Number{Member: "durationSeconds", Value: in.DurationSeconds, Min: 900, Max: 43200},
		validate.Text{Member: "policy", Value: in.Policy, Min: 1, Max: maxPolicy},
		validate.Text{Member: "externalId", Value: in.ExternalId, Min: 2, Max: 1224, Pattern: `[\w+=,.@:/-]*`},
		validate.Count{Member: "policyArns", Length: len(in.PolicyArns), Max: mostPolicies},
	)
	if err != nil {
		return err
	}
	if in.Policy != nil {
		if _, err := iam.ParsePolicy(*in.Policy); err != nil {
			return &types.MalformedPolicyDocumentException{Message: aws.String(err.Error())}
		}
	}
	for member, given := range map[string]bool{
		"Tags": in.Tags != nil, "TransitiveTagKeys": in.TransitiveTagKeys != nil, "SourceIdentity": in.SourceIdentity != nil,
		"SerialNumber": in.SerialNumber != nil, "TokenCode": in.TokenCode != nil, "ProvidedContexts": in.ProvidedContexts != nil,
	} {
		if given {
			return invalid("%s is not built yet in this version of Berth: leave it out.", member)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// duration is how long the session lasts, by default an hour.
func duration(v *state.View, who iam.Principal, in *sts.AssumeRoleInput) (time.Duration, error) {
	role, _ := v.RoleOf(*in.RoleArn)
	life := time.Duration(cmp.Or(aws.ToInt32(in.DurationSeconds), 3600)) * time.Second
	if life > time.Duration(role.MaxSession)*time.Second && in.DurationSeconds != nil {
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if who.Role != "" && life > chained {
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	return life, nil
}
