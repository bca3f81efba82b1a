package secretsmanager

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"berth/aws/validate"
	"berth/state"
)

// ListSecrets returns the secrets that pass filters, without their values.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
func (a *API) ListSecrets(_ context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	listed, next, err := a.list(in.Filters, aws.ToBool(in.IncludePlannedDeletion), in.SortBy, in.SortOrder, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretsOutput{SecretList: []types.SecretListEntry{}, NextToken: next}
	for _, s := range listed {
		out.SecretList = append(out.SecretList, describe(s))
	}
	return out, nil
}

// list returns a page of the secrets that pass filters, by default the newest first.
func (a *API) list(filters []types.Filter, deleted bool, by types.SortByType, order types.SortOrderType, token *string, maxResults *int32, most int32) ([]state.Secret, *string, error) {
	limits := []validate.Limit{
		validate.OneOf("sortBy", by, by.Values()), validate.OneOf("sortOrder", order, order.Values()),
		validate.Count{Member: "filters", Length: len(filters), Max: 10},
	}
	for _, f := range filters {
		limits = append(limits, validate.OneOf("filters.key", f.Key, f.Key.Values()), validate.Count{Member: "filters.values", Length: len(f.Values), Min: 1, Max: 10})
	}
	if err := check(limits...); err != nil {
		return nil, nil, err
	}
	var found []state.Secret
	for s := range a.cfg.Store.View().Secrets.All() {
		if gone(s, time.Now()) || !deleted && !s.DeletedAt.IsZero() {
			continue
		}
		if !slices.ContainsFunc(filters, func(f types.Filter) bool { return !passes(f, s) }) {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b state.Secret) int {
		switch by {
		case types.SortByTypeName:
			return strings.Compare(a.Name, b.Name)
		case types.SortByTypeLastChangedDate:
			return a.ChangedAt.Compare(b.ChangedAt)
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	if order == types.SortOrderTypeDesc || order == "" && by != types.SortByTypeName {
		slices.Reverse(found)
	}
	return page(found, func(s state.Secret) string { return s.Name }, token, maxResults, most)
}

// passes reports whether one of the filter's values matches s. One that starts
// with ! matches what the rest does not.
func passes(f types.Filter, s state.Secret) bool {
	return slices.ContainsFunc(f.Values, func(value string) bool {
		value, negated := strings.CutPrefix(value, "!")
		return matches(f.Key, value, s) != negated
	})
}

func matches(key types.FilterNameStringType, value string, s state.Secret) bool {
	lower := strings.ToLower(value)
	switch key {
	case types.FilterNameStringTypeName:
		return strings.HasPrefix(s.Name, value)
	case types.FilterNameStringTypeDescription:
		return strings.HasPrefix(strings.ToLower(s.Description), lower)
	case types.FilterNameStringTypeTagKey:
		return slices.ContainsFunc(s.Tags, func(t state.Tag) bool { return strings.HasPrefix(t.Key, value) })
	case types.FilterNameStringTypeTagValue:
		return slices.ContainsFunc(s.Tags, func(t state.Tag) bool { return strings.HasPrefix(t.Value, value) })
	case types.FilterNameStringTypeAll:
		all := s.Name + " " + s.Description
		for _, t := range s.Tags {
			all += " " + t.Key + " " + t.Value
		}
		for word := range strings.FieldsSeq(lower) {
			if !strings.Contains(strings.ToLower(all), word) {
				return false
			}
		}
		return true
	}
	return false // no secret is another Region's or service's
}

// page takes one page of list from a token on, which names its first item.
func page[T any](list []T, key func(T) string, token *string, maxResults *int32, most int32) ([]T, *string, error) {
	if err := check(validate.Number{Member: "maxResults", Value: maxResults, Min: 1, Max: most}); err != nil {
		return nil, nil, err
	}
	if aws.ToString(token) != "" {
		from, err := base64.RawURLEncoding.DecodeString(*token)
		start := slices.IndexFunc(list, func(item T) bool { return key(item) == string(from) })
		if err != nil || start < 0 {
			return nil, nil, &types.InvalidNextTokenException{Message: aws.String("The NextToken value is invalid.")}
		}
		list = list[start:]
	}
	limit := int(cmp.Or(aws.ToInt32(maxResults), most))
	if len(list) <= limit {
		return list, nil, nil
	}
	return list[:limit], aws.String(base64.RawURLEncoding.EncodeToString([]byte(key(list[limit])))), nil
}
