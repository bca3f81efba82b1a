package secretsmanager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"berth/aws/validate"
	"berth/state"
)

// Quotas of Secrets Manager.
//
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
const (
	maxValue     = 65536 // bytes
	mostVersions = 100
	mostStages   = 20
)

// value is a value to be stored under the id of its version.
type value struct {
	id     string
	text   *string
	binary []byte
}

func (v value) given() bool { return v.text != nil || v.binary != nil }

// newValue checks a value, of which there may be none.
func newValue(text *string, binary []byte, token *string) (value, error) {
	v := value{id: aws.ToString(token), text: text, binary: binary}
	if text != nil && binary != nil {
		return v, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	}
	if binary != nil {
		text = aws.String(string(binary))
		if len(binary) == 0 || len(binary) > maxValue {
			return v, invalidParameter("SecretBinary must have between 1 and %d bytes.", maxValue)
		}
	} else if text != nil && len(*text) > maxValue {
		return v, invalidParameter("SecretString must have at most %d bytes.", maxValue)
	}
	if v.id == "" {
		var b [16]byte
		rand.Read(b[:]) // never fails, by its documentation
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		v.id = fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	if binary != nil {
		return v, nil
	}
	return v, check(validate.Text{Member: "secretString", Value: text, Min: 1, Secret: true})
}

// same reports whether a version holds v.
func (a *API) same(version state.SecretVersion, v value) (bool, error) {
	text, binary, err := a.open(version)
	if err != nil || (text == nil) != (v.text == nil) {
		return false, err
	}
	return aws.ToString(text) == aws.ToString(v.text) && string(binary) == string(v.binary), nil
}

// open returns what a version holds: one of the two.
func (a *API) open(version state.SecretVersion) (text *string, binary []byte, err error) {
	name := state.SecretVersionKey(version.Secret, version.ID)
	if version.Binary != "" {
		plain, err := a.cfg.Box.Open(version.Binary, name)
		return nil, []byte(plain), err
	}
	plain, err := a.cfg.Box.Open(version.Text, name)
	return &plain, nil, err
}

// add gives s another version, and moves staging labels to it. The same version
// again changes nothing; another value under its id is refused.
func (a *API) add(tx *state.Tx, s *state.Secret, v value, stages []string) (err error) {
	key := state.SecretVersionKey(s.ARN, v.id)
	if old, ok := tx.SecretVersions.Get(key); ok {
		same, err := a.same(old, v)
		if err == nil && !same {
			err = &types.ResourceExistsException{Message: aws.String("You can't use ClientRequestToken " + v.id + " because that value is already in use for a version of secret " + s.ARN + ".")}
		}
		return err
	}
	version := state.SecretVersion{Secret: s.ARN, ID: v.id, CreatedAt: tx.Now()}
	if v.text != nil {
		version.Text, err = a.cfg.Box.Seal(*v.text, key)
	} else {
		version.Binary, err = a.cfg.Box.Seal(string(v.binary), key)
	}
	if err != nil {
		return err
	}
	tx.SecretVersions.Put(tx, version)
	s.Stages = maps.Clone(s.Stages)
	if len(s.Stages) == 0 {
		s.Stages = map[string]string{}
		if !slices.Contains(stages, current) { // the first version is always the current one
			stages = append([]string{current}, stages...)
		}
	}
	for _, stage := range stages {
		move(s, stage, v.id)
	}
	dropOldest(tx, *s)
	return nil
}

// move puts a staging label on a version; AWSPREVIOUS follows AWSCURRENT.
func move(s *state.Secret, stage, id string) {
	if old := s.Stages[current]; stage == current && old != "" && old != id {
		s.Stages[previous] = old
		if s.Stages[previous] == id {
			delete(s.Stages, previous)
		}
	}
	s.Stages[stage] = id
}

// dropOldest deletes the oldest versions without labels that are too many.
func dropOldest(tx *state.Tx, s state.Secret) {
	versions := slices.SortedFunc(tx.VersionsOfSecret(s.ARN), func(a, b state.SecretVersion) int { return a.CreatedAt.Compare(b.CreatedAt) })
	extra := len(versions) - mostVersions
	for _, v := range versions {
		if extra > 0 && stagesOf(s, v.ID) == nil {
			tx.SecretVersions.Delete(tx, state.SecretVersionKey(s.ARN, v.ID))
			extra--
		}
	}
}

// PutSecretValue gives a secret another value, by default as its current one.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
func (a *API) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	err := check(versionID("clientRequestToken", in.ClientRequestToken), validate.Count{Member: "versionStages", Length: len(in.VersionStages), Max: mostStages})
	if err != nil {
		return nil, err
	}
	val, err := newValue(in.SecretString, in.SecretBinary, in.ClientRequestToken)
	switch {
	case err != nil:
		return nil, err
	case !val.given():
		return nil, invalidRequest("You must provide either SecretString or SecretBinary.")
	case in.RotationToken != nil:
		return nil, invalidParameter("RotationToken is not built in this version of Berth: leave it out.")
	}
	stages := in.VersionStages
	if stages == nil {
		stages = []string{current}
	}
	s, err := a.change(ctx, in.SecretId, func(tx *state.Tx, s *state.Secret) error { return a.add(tx, s, val, stages) })
	return &secretsmanager.PutSecretValueOutput{ARN: &s.ARN, Name: &s.Name, VersionId: &val.id, VersionStages: stagesOf(s, val.id)}, err
}

// GetSecretValue returns a value of a secret: by default the current one.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func (a *API) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	err := check(versionID("versionId", in.VersionId), validate.Text{Member: "versionStage", Value: in.VersionStage, Min: 1, Max: 256})
	if err != nil {
		return nil, err
	}
	v := a.cfg.Store.View()
	s, err := usable(v, time.Now(), in.SecretId)
	if err != nil {
		return nil, err
	}
	stage := aws.ToString(in.VersionStage)
	if stage == "" && in.VersionId == nil {
		stage = current
	}
	id := aws.ToString(in.VersionId)
	what := "VersionId: " + id
	if id == "" {
		id, what = s.Stages[stage], "staging label: "+stage
	}
	version, ok := v.SecretVersions.Get(state.SecretVersionKey(s.ARN, id))
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret value for " + what)}
	}
	if stage != "" && s.Stages[stage] != id {
		return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	out := &secretsmanager.GetSecretValueOutput{
		ARN: &s.ARN, Name: &s.Name, VersionId: &version.ID, VersionStages: stagesOf(s, id), CreatedDate: &version.CreatedAt,
	}
	out.SecretString, out.SecretBinary, err = a.open(version)
	return out, err
}

// BatchGetSecretValue returns the current values of secrets that a list or
// filters name, and says of which there is none, and why.
func (a *API) BatchGetSecretValue(ctx context.Context, in *secretsmanager.BatchGetSecretValueInput) (*secretsmanager.BatchGetSecretValueOutput, error) {
	if (in.SecretIdList == nil) == (in.Filters == nil) {
		return nil, invalidParameter("Give either SecretIdList or Filters.")
	}
	if err := check(validate.Count{Member: "secretIdList", Length: len(in.SecretIdList), Max: 20}); err != nil {
		return nil, err
	}
	out := &secretsmanager.BatchGetSecretValueOutput{SecretValues: []types.SecretValueEntry{}, Errors: []types.APIErrorType{}}
	ids := in.SecretIdList
	if in.Filters != nil {
		listed, next, err := a.list(in.Filters, false, "", "", in.NextToken, in.MaxResults, 20)
		if err != nil {
			return nil, err
		}
		for _, s := range listed {
			ids = append(ids, s.ARN)
		}
		out.NextToken = next
	} else if in.MaxResults != nil {
		return nil, invalidParameter("MaxResults is for Filters, not for SecretIdList.")
	}
	for _, id := range ids {
		got, err := a.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		var modelled smithy.APIError
		switch {
		case errors.As(err, &modelled):
			out.Errors = append(out.Errors, types.APIErrorType{
				SecretId: &id, ErrorCode: aws.String(modelled.ErrorCode()), Message: aws.String(modelled.ErrorMessage())})
		case err != nil:
			return nil, err
		default:
			out.SecretValues = append(out.SecretValues, types.SecretValueEntry{
				ARN: got.ARN, Name: got.Name, VersionId: got.VersionId, SecretString: got.SecretString, SecretBinary: got.SecretBinary,
				VersionStages: got.VersionStages, CreatedDate: got.CreatedDate})
		}
	}
	return out, nil
}

// UpdateSecretVersionStage moves a staging label from one version to another,
// or takes it off.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
func (a *API) UpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	err := check(
		validate.Text{Member: "versionStage", Value: in.VersionStage, Required: true, Min: 1, Max: 256},
		versionID("removeFromVersionId", in.RemoveFromVersionId), versionID("moveToVersionId", in.MoveToVersionId),
	)
	if err != nil {
		return nil, err
	}
	stage, from, to := *in.VersionStage, aws.ToString(in.RemoveFromVersionId), aws.ToString(in.MoveToVersionId)
	s, err := a.change(ctx, in.SecretId, func(tx *state.Tx, s *state.Secret) error {
		now := s.Stages[stage]
		switch {
		case from == "" && to == "":
			return invalidParameter("Give RemoveFromVersionId, MoveToVersionId, or both.")
		case to != "" && !tx.SecretVersions.Has(state.SecretVersionKey(s.ARN, to)):
			return &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret value for VersionId: " + to)}
		case from != "" && from != now:
			return invalidParameter("The parameter RemoveFromVersionId is not valid: staging label %s is not attached to version %s.", stage, from)
		case from == "" && now != "" && now != to:
			return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, now)
		case to == "" && stage == current:
			return invalidParameter("You can only move staging label %s to a different secret version. It can't be completely removed.", current)
		}
		s.Stages = maps.Clone(s.Stages)
		if to == "" {
			delete(s.Stages, stage)
		} else {
			move(s, stage, to)
		}
		return nil
	})
	return &secretsmanager.UpdateSecretVersionStageOutput{ARN: &s.ARN, Name: &s.Name}, err
}

// ListSecretVersionIds returns the versions of a secret that have labels, and
// with IncludeDeprecated the others.
func (a *API) ListSecretVersionIds(_ context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	v := a.cfg.Store.View()
	s, err := find(v, time.Now(), in.SecretId)
	if err != nil {
		return nil, err
	}
	var found []state.SecretVersion
	for version := range v.VersionsOfSecret(s.ARN) {
		if aws.ToBool(in.IncludeDeprecated) || stagesOf(s, version.ID) != nil {
			found = append(found, version)
		}
	}
	found, next, err := page(found, func(v state.SecretVersion) string { return v.ID }, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b state.SecretVersion) int { return strings.Compare(a.ID, b.ID) })
	out := &secretsmanager.ListSecretVersionIdsOutput{ARN: &s.ARN, Name: &s.Name, Versions: []types.SecretVersionsListEntry{}, NextToken: next}
	for _, version := range found {
		out.Versions = append(out.Versions, types.SecretVersionsListEntry{
			VersionId: aws.String(version.ID), VersionStages: stagesOf(s, version.ID), CreatedDate: aws.Time(version.CreatedAt)})
	}
	return out, nil
}
