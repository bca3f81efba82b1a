package secretsmanager

import (
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"berth/aws/validate"
	"berth/state"
)

var secretName = regexp.MustCompile(`^[\w/+=.@!-]+$`)

// CreateSecret creates a secret, with its first value if one is given.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
func (a *API) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	err := check(
		validate.Text{Member: "name", Value: in.Name, Required: true, Min: 1, Max: 512}, versionID("clientRequestToken", in.ClientRequestToken),
		validate.Text{Member: "description", Value: in.Description, Max: 2048}, validate.Text{Member: "kmsKeyId", Value: in.KmsKeyId, Max: 2048},
	)
	switch {
	case err != nil:
		return nil, err
	case !secretName.MatchString(*in.Name):
		return nil, invalid("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	case in.AddReplicaRegions != nil:
		return nil, invalidParameter("AddReplicaRegions is not built: Berth is one Region.")
	case in.Type != nil:
		return nil, invalidParameter("Type is not built in this version of Berth: leave it out.")
	}
	val, err := newValue(in.SecretString, in.SecretBinary, in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.CreateSecretOutput{Name: in.Name}
	err = a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		purge(tx)
		if old, ok := tx.Secrets.Get(*in.Name); ok {
			return a.createAgain(tx, old, val, out)
		}
		s := state.Secret{
			Name: *in.Name, ARN: a.arn(*in.Name + "-" + suffix()), Description: aws.ToString(in.Description), KeyID: aws.ToString(in.KmsKeyId),
			Tags: tags, CreatedAt: tx.Now(), ChangedAt: tx.Now(),
		}
		if val.given() {
			if err := a.add(tx, &s, val, []string{current}); err != nil {
				return err
			}
			out.VersionId = &val.id
		}
		out.ARN = &s.ARN
		tx.Secrets.Put(tx, s)
		return nil
	})
	return out, err
}

// createAgain answers who creates a secret that exists: well if it is a second
// try of the same request, by its token and value.
func (a *API) createAgain(tx *state.Tx, old state.Secret, val value, out *secretsmanager.CreateSecretOutput) error {
	if !old.DeletedAt.IsZero() {
		return invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	version, ok := tx.SecretVersions.Get(state.SecretVersionKey(old.ARN, val.id))
	if same, err := a.same(version, val); !ok || err != nil || !same {
		return &types.ResourceExistsException{Message: aws.String("The operation failed because the secret " + old.Name + " already exists.")}
	}
	out.ARN, out.VersionId = &old.ARN, &val.id
	return nil
}

// change applies fn to the secret that an id means, and notes the change.
func (a *API) change(ctx context.Context, id *string, fn func(tx *state.Tx, s *state.Secret) error) (s state.Secret, err error) {
	err = a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		if s, err = usable(tx.View, tx.Now(), id); err != nil {
			return err
		}
		if err := fn(tx, &s); err != nil {
			return err
		}
		s.ChangedAt = tx.Now()
		tx.Secrets.Put(tx, s)
		return nil
	})
	return s, err
}

// UpdateSecret changes what is said about a secret, and gives it another value
// if there is one.
func (a *API) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	err := check(
		versionID("clientRequestToken", in.ClientRequestToken),
		validate.Text{Member: "description", Value: in.Description, Max: 2048}, validate.Text{Member: "kmsKeyId", Value: in.KmsKeyId, Max: 2048},
	)
	if err != nil {
		return nil, err
	}
	if in.Type != nil {
		return nil, invalidParameter("Type is not built in this version of Berth: leave it out.")
	}
	val, err := newValue(in.SecretString, in.SecretBinary, in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.UpdateSecretOutput{}
	s, err := a.change(ctx, in.SecretId, func(tx *state.Tx, s *state.Secret) error {
		if in.Description != nil {
			s.Description = *in.Description
		}
		if in.KmsKeyId != nil {
			s.KeyID = *in.KmsKeyId
		}
		if !val.given() {
			return nil
		}
		out.VersionId = &val.id
		return a.add(tx, s, val, []string{current})
	})
	out.ARN, out.Name = &s.ARN, &s.Name
	return out, err
}

// DescribeSecret returns what there is to know of a secret but its values.
func (a *API) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	s, err := find(a.cfg.Store.View(), time.Now(), in.SecretId)
	if err != nil {
		return nil, err
	}
	d := describe(s)
	return &secretsmanager.DescribeSecretOutput{
		ARN: d.ARN, Name: d.Name, Description: d.Description, KmsKeyId: d.KmsKeyId, Tags: d.Tags, RotationEnabled: d.RotationEnabled,
		CreatedDate: d.CreatedDate, LastChangedDate: d.LastChangedDate, DeletedDate: d.DeletedDate, VersionIdsToStages: d.SecretVersionsToStages,
	}, nil
}

func describe(s state.Secret) types.SecretListEntry {
	d := types.SecretListEntry{
		ARN: &s.ARN, Name: &s.Name, CreatedDate: &s.CreatedAt, LastChangedDate: &s.ChangedAt, Tags: describeTags(s.Tags),
	}
	if s.Description != "" {
		d.Description = &s.Description
	}
	if s.KeyID != "" {
		d.KmsKeyId = &s.KeyID
	}
	if !s.DeletedAt.IsZero() {
		d.DeletedDate = &s.DeletedAt
	}
	for _, id := range s.Stages {
		if d.SecretVersionsToStages == nil {
			d.SecretVersionsToStages = map[string][]string{}
		}
		d.SecretVersionsToStages[id] = stagesOf(s, id)
	}
	return d
}

// The recovery window of a deleted secret, in days.
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

// DeleteSecret deletes a secret: at once, or at the end of a window in which it
// can be restored.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
func (a *API) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	force, days := aws.ToBool(in.ForceDeleteWithoutRecovery), int64(defaultWindow)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
		if force {
			return nil, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		if days < minWindow || days > maxWindow {
			return nil, invalidParameter("The RecoveryWindowInDays value must be between %d and %d days (inclusive).", minWindow, maxWindow)
		}
	}
	out := &secretsmanager.DeleteSecretOutput{}
	err := a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		purge(tx)
		s, err := find(tx.View, tx.Now(), in.SecretId)
		switch {
		case err != nil:
			return err
		case force:
			s.DeleteAt = tx.Now()
			remove(tx, s)
		case !s.DeletedAt.IsZero():
			return invalidRequest("You tried to perform the operation on a secret that's currently marked deleted.")
		default:
			s.DeletedAt, s.DeleteAt = tx.Now(), tx.Now().Add(time.Duration(days)*24*time.Hour)
			tx.Secrets.Put(tx, s)
		}
		out.ARN, out.Name, out.DeletionDate = &s.ARN, &s.Name, &s.DeleteAt
		return nil
	})
	return out, err
}

// RestoreSecret takes a deletion back, within its window.
func (a *API) RestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	out := &secretsmanager.RestoreSecretOutput{}
	err := a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		s, err := find(tx.View, tx.Now(), in.SecretId)
		if err != nil {
			return err
		}
		s.DeletedAt, s.DeleteAt = time.Time{}, time.Time{}
		tx.Secrets.Put(tx, s)
		out.ARN, out.Name = &s.ARN, &s.Name
		return nil
	})
	return out, err
}
