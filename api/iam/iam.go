// Package iam serves the part of the AWS IAM API that tasks need: roles, with
// their policies and tags, and managed policies.
//
// Each operation is a method of [API] that takes and returns the SDK's structs.
// What policies mean is package iam's at the root; here they are kept and
// described. There are no users, groups or instance profiles.
package iam

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"berth/aws/validate"
	"berth/state"
)

// Config says what an API serves. All fields are required.
type Config struct {
	Store   *state.Store
	Account string
}

// API has a method for each operation that is built.
type API struct {
	store   *state.Store
	account string
}

// New returns the API of one account.
func New(cfg Config) *API { return &API{store: cfg.Store, account: cfg.Account} }

// Quotas of IAM.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	mostAttached  = 20    // managed policies of a role
	mostVersions  = 5     // of a managed policy
	mostTags      = 50    // of a role or policy
	maxInline     = 10240 // characters in all inline policies of a role
	maxManaged    = 6144  // characters of a managed policy
	maxTrust      = 4096  // characters of a trust policy
	documentChars = `[\t\n\r -ÿ]+`
	nameChars     = `[\w+=,.@-]+`
)

func check(limits ...validate.Limit) error { return validate.Check("ValidationError", limits...) }

func roleName(value *string) validate.Limit {
	return validate.Text{Member: "roleName", Value: value, Required: true, Min: 1, Max: 64, Pattern: nameChars}
}

func policyName(value *string) validate.Limit {
	return validate.Text{Member: "policyName", Value: value, Required: true, Min: 1, Max: 128, Pattern: nameChars}
}

func policyARN(value *string) validate.Limit {
	return validate.Text{Member: "policyArn", Value: value, Required: true, Min: 20, Max: 2048}
}

func document(member string, value *string) validate.Limit {
	return validate.Text{Member: member, Value: value, Required: true, Min: 1, Max: 131072, Pattern: documentChars}
}

func path(member string, value *string) validate.Limit {
	return validate.Text{Member: member, Value: value, Min: 1, Max: 512, Pattern: `/|/[!-~]+/`}
}

// pathPrefix may also lack its last slash.
func pathPrefix(value *string) validate.Limit {
	return validate.Text{Member: "pathPrefix", Value: value, Min: 1, Max: 512, Pattern: `/[!-~]*`}
}

func missing(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func exists(format string, args ...any) error {
	return &types.EntityAlreadyExistsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func conflict(message string) error { return &types.DeleteConflictException{Message: &message} }

func exceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func malformed(err error) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(err.Error())}
}

// newID makes the unique id of a role (AROA) or policy (ANPA).
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
func newID(prefix string) string {
	var b [11]byte
	rand.Read(b[:]) // never fails, by its documentation
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17]
}

// encoded is a policy document as IAM returns it: URL-encoded by RFC 3986.
func encoded(document string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// page takes one page of list, whose keys are in order, from marker on.
func page[T any](list []T, key func(T) string, marker *string, maxItems *int32) (items []T, truncated bool, next *string, err error) {
	limits := []validate.Limit{
		validate.Text{Member: "marker", Value: marker, Min: 1, Max: 1024},
		validate.Number{Member: "maxItems", Value: maxItems, Min: 1, Max: 1000},
	}
	if err := check(limits...); err != nil {
		return nil, false, nil, err
	}
	if marker != nil {
		from, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, false, nil, &types.InvalidInputException{Message: aws.String("Invalid Marker.")}
		}
		start := slices.IndexFunc(list, func(item T) bool { return key(item) >= string(from) })
		if start < 0 {
			start = len(list)
		}
		list = list[start:]
	}
	limit := 100
	if maxItems != nil {
		limit = int(*maxItems)
	}
	if len(list) <= limit {
		return list, false, nil, nil
	}
	return list[:limit], true, aws.String(base64.RawURLEncoding.EncodeToString([]byte(key(list[limit])))), nil
}
