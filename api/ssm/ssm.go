// Package ssm serves Parameter Store, the part of the AWS Systems Manager API
// that tasks take configuration and secrets from.
//
// Each operation is a method of [API] that takes and returns the SDK's structs.
// The values of SecureStrings are in the state only sealed, by state/seal;
// there is no KMS, and key ids are remembered for who asks.
package ssm

import (
	"encoding/base64"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
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

func check(limits ...validate.Limit) error { return validate.Check("ValidationException", limits...) }

func invalid(message string) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: message}
}

func named(value *string) validate.Limit {
	return validate.Text{Member: "name", Value: value, Required: true, Min: 1, Max: 2048}
}

// arn is the name of a parameter in policies and answers; a leading slash is
// that of the ARN.
func (a *API) arn(name string) string {
	return arn.ARN{Partition: "aws", Service: "ssm", Region: a.cfg.Region, Account: a.cfg.Account,
		Resource: "parameter/" + strings.TrimPrefix(name, "/")}.String()
}

// Resources returns the ARNs that an operation is authorized on.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
func (a *API) Resources(_ string, input any) (arns []string) {
	in := reflect.Indirect(reflect.ValueOf(input))
	var names []string
	for _, field := range []string{"Name", "Path", "ResourceId"} {
		if v := reflect.Indirect(in.FieldByName(field)); v.IsValid() {
			names = append(names, v.String())
		}
	}
	if v := in.FieldByName("Names"); v.IsValid() {
		names = append(names, v.Interface().([]string)...)
	}
	for _, name := range names {
		name, _ = selector(name)
		if !arn.Is(name) {
			name = a.arn(name)
		}
		arns = append(arns, name)
	}
	return arns
}

// selector splits what follows a name off it: a version or a label.
func selector(name string) (rest, selected string) {
	prefix := ""
	if arn.Is(name) {
		if i := strings.Index(name, ":parameter/"); i >= 0 {
			prefix, name = name[:i+1], name[i+1:]
		}
	}
	rest, selected, _ = strings.Cut(name, ":")
	return prefix + rest, selected
}

// find returns the parameter that a name or ARN means.
func (a *API) find(v *state.View, name string) (state.Parameter, error) {
	tries := []string{name}
	if arn.Is(name) {
		rest, ok := strings.CutPrefix(name, a.arn(""))
		tries = nil
		if ok {
			tries = []string{rest, "/" + rest}
		}
	}
	for _, try := range tries {
		if p, ok := v.Parameters.Get(try); ok {
			return p, nil
		}
	}
	return state.Parameter{}, &types.ParameterNotFound{Message: aws.String("Parameter " + name + " not found.")}
}

// tokenMark tells a token of ours from any other text that happens to be base64.
const tokenMark = "next:"

// page takes one page of keys, which are in order, from a token on.
func page(keys []string, token *string, maxResults *int32, most int32) (out []string, next *string, err error) {
	if err := check(validate.Number{Member: "maxResults", Value: maxResults, Min: 1, Max: most}); err != nil {
		return nil, nil, err
	}
	from := ""
	if aws.ToString(token) != "" {
		b, err := base64.RawURLEncoding.DecodeString(*token)
		text, ours := strings.CutPrefix(string(b), tokenMark)
		if err != nil || !ours {
			return nil, nil, &types.InvalidNextToken{Message: aws.String("The specified token isn't valid.")}
		}
		from = text
	}
	limit := most
	if maxResults != nil {
		limit = *maxResults
	}
	for _, key := range keys {
		switch {
		case key < from:
		case len(out) == int(limit):
			return out, aws.String(base64.RawURLEncoding.EncodeToString([]byte(tokenMark + key))), nil
		default:
			out = append(out, key)
		}
	}
	return out, nil, nil
}
