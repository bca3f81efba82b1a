// Package secretsmanager serves the AWS Secrets Manager API.
//
// Each operation is a method of [API] that takes and returns the SDK's structs.
// Values are in the state only sealed, by state/seal; there is no KMS, and key
// ids are remembered for who asks. Nothing is rotated or replicated: those
// operations are answered as not built.
package secretsmanager

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"berth/aws/arn"
	"berth/aws/validate"
	"berth/state"
	"berth/state/seal"
)

// Config says what an API serves. All fields are required.
type Config struct {
	Store   *state.Store
	Box     *seal.Box
	Region  string
	Account string
}

// API has a method for each operation that is built.
type API struct{ cfg Config }

// New returns the API of one region and account.
func New(cfg Config) *API { return &API{cfg} }

// The staging labels that Secrets Manager itself moves.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

func check(limits ...validate.Limit) error { return validate.Check("ValidationException", limits...) }

func secretID(value *string) validate.Limit {
	return validate.Text{Member: "secretId", Value: value, Required: true, Min: 1, Max: 2048}
}

func versionID(member string, value *string) validate.Limit {
	return validate.Text{Member: member, Value: value, Min: 32, Max: 64}
}

func invalid(message string) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: message}
}

func invalidParameter(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidRequest(message string) error { return &types.InvalidRequestException{Message: &message} }

func notFound() error {
	return &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret.")}
}

func (a *API) arn(name string) string {
	return arn.ARN{Partition: "aws", Service: "secretsmanager", Region: a.cfg.Region, Account: a.cfg.Account, Resource: "secret:" + name}.String()
}

const suffixLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// suffix makes the six characters that tell a secret from a later one of its name.
func suffix() string {
	b := make([]byte, 6)
	rand.Read(b) // never fails, by its documentation
	for i := range b {
		b[i] = suffixLetters[int(b[i])%len(suffixLetters)]
	}
	return string(b)
}

// find returns the secret that a name, an ARN, or an ARN without its last six
// characters means. One whose recovery window is over is not there any more.
func find(v *state.View, now time.Time, id *string) (state.Secret, error) {
	if err := check(secretID(id)); err != nil {
		return state.Secret{}, err
	}
	name := *id
	if arn.Is(name) {
		if parts := strings.SplitN(name, ":", 7); len(parts) == 7 {
			name = parts[6]
		}
	}
	tries := []string{name}
	if i := len(name) - 7; arn.Is(*id) && i > 0 && name[i] == '-' {
		tries = append(tries, name[:i])
	}
	for _, try := range tries {
		s, ok := v.Secrets.Get(try)
		if !ok || gone(s, now) || arn.Is(*id) && s.ARN != *id && s.ARN[:len(s.ARN)-7] != *id {
			continue
		}
		return s, nil
	}
	return state.Secret{}, notFound()
}

func gone(s state.Secret, now time.Time) bool { return !s.DeleteAt.IsZero() && !now.Before(s.DeleteAt) }

// usable is find for who wants to use a secret, which must not be deleted.
func usable(v *state.View, now time.Time, id *string) (state.Secret, error) {
	s, err := find(v, now, id)
	if err == nil && !s.DeletedAt.IsZero() {
		return s, invalidRequest("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return s, err
}

// remove deletes a secret for good, with all its values.
func remove(tx *state.Tx, s state.Secret) {
	for v := range tx.VersionsOfSecret(s.ARN) {
		tx.SecretVersions.Delete(tx, state.SecretVersionKey(v.Secret, v.ID))
	}
	tx.Secrets.Delete(tx, s.Name)
}

// purge removes the secrets whose recovery windows are over.
func purge(tx *state.Tx) {
	for s := range tx.Secrets.All() {
		if gone(s, tx.Now()) {
			remove(tx, s)
		}
	}
}

// stagesOf are the staging labels of a version, in order.
func stagesOf(s state.Secret, id string) (stages []string) {
	for stage, version := range s.Stages {
		if version == id {
			stages = append(stages, stage)
		}
	}
	slices.Sort(stages)
	return stages
}

// Resources returns the ARNs that an operation is authorized on.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
func (a *API) Resources(_ string, input any) (arns []string) {
	in := reflect.Indirect(reflect.ValueOf(input))
	var ids []string
	for _, field := range []string{"SecretId", "Name"} {
		if v := reflect.Indirect(in.FieldByName(field)); v.IsValid() {
			ids = append(ids, v.String())
		}
	}
	if v := in.FieldByName("SecretIdList"); v.IsValid() {
		ids = append(ids, v.Interface().([]string)...)
	}
	for _, id := range ids {
		if s, err := find(a.cfg.Store.View(), time.Time{}, &id); err == nil {
			id = s.ARN
		} else if !arn.Is(id) {
			id = a.arn(id + "-??????") // matches what a policy says of the secret to come
		}
		arns = append(arns, id)
	}
	return arns
}
