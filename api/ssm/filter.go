package ssm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"berth/state"
)

// filters are those of one request; all must let a parameter pass.
type filters []filter

type filter struct {
	key    string // without tag:
	tag    string // key of a tag
	option string
	values []string
}

// parseFilters checks filters whose keys may be only some.
//
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
func parseFilters(in []types.ParameterStringFilter, keys ...string) (out filters, err error) {
	for _, f := range in {
		parsed := filter{key: aws.ToString(f.Key), values: f.Values}
		if tag, ok := strings.CutPrefix(parsed.key, "tag:"); ok {
			parsed.key, parsed.tag = "tag", tag
		}
		options := []string{"Equals", "BeginsWith"}
		switch parsed.key {
		case "Name":
			options = append(options, "Contains")
		case "Path":
			options = []string{"OneLevel", "Recursive"}
		case "Label":
			options = []string{"Equals"}
		}
		parsed.option = options[0]
		if f.Option != nil {
			parsed.option = *f.Option
		}
		switch {
		case !slices.Contains(keys, parsed.key):
			return nil, &types.InvalidFilterKey{Message: aws.String(fmt.Sprintf("The filter key %q isn't valid. Valid keys include: [%s].", aws.ToString(f.Key), strings.Join(keys, ", ")))}
		case !slices.Contains(options, parsed.option):
			return nil, &types.InvalidFilterOption{Message: aws.String(fmt.Sprintf("The following filter option is not valid: %s. Valid options include: [%s].", parsed.option, strings.Join(options, ", ")))}
		case len(f.Values) == 0 && parsed.key != "tag", len(f.Values) > 50:
			return nil, &types.InvalidFilterValue{Message: aws.String(fmt.Sprintf("The filter %s needs between 1 and 50 values.", parsed.key))}
		case parsed.key == "Path" && slices.ContainsFunc(f.Values, func(s string) bool { return !strings.HasPrefix(s, "/") }):
			return nil, &types.InvalidFilterValue{Message: aws.String("The parameter path must begin with a slash (/).")}
		}
		out = append(out, parsed)
	}
	return out, nil
}

// choose returns the version of p that passes all filters: the newest, or the
// one that a filter's label names.
func (all filters) choose(v *state.View, p state.Parameter) (chosen state.ParameterVersion, ok bool) {
	chosen, ok = v.ParameterVersions.Get(state.ParameterVersionKey(p.Name, p.Newest))
	for _, f := range all {
		if f.key != "Label" {
			continue
		}
		i := slices.IndexFunc(f.values, func(label string) bool { _, has := p.Labels[label]; return has })
		if i < 0 {
			return chosen, false
		}
		chosen, ok = v.ParameterVersions.Get(state.ParameterVersionKey(p.Name, p.Labels[f.values[i]]))
	}
	return chosen, ok && !slices.ContainsFunc(all, func(f filter) bool { return !f.passes(p, chosen) })
}

func (f filter) passes(p state.Parameter, v state.ParameterVersion) bool {
	switch f.key {
	case "Name":
		return f.any(p.Name) || f.any(strings.TrimPrefix(p.Name, "/"))
	case "Type":
		return f.any(v.Type)
	case "KeyId":
		return f.any(v.KeyID)
	case "Tier":
		return f.any(v.Tier)
	case "DataType":
		return f.any(v.DataType)
	case "Path":
		return slices.ContainsFunc(f.values, func(path string) bool {
			rest, below := strings.CutPrefix(p.Name, strings.TrimSuffix(path, "/")+"/")
			return below && (f.option == "Recursive" || !strings.Contains(rest, "/"))
		})
	case "tag":
		return slices.ContainsFunc(p.Tags, func(t state.Tag) bool { return t.Key == f.tag && (len(f.values) == 0 || f.any(t.Value)) })
	}
	return true // Label has chosen the version
}

// any reports whether one of the filter's values matches text.
func (f filter) any(text string) bool {
	return slices.ContainsFunc(f.values, func(value string) bool {
		switch f.option {
		case "BeginsWith":
			return strings.HasPrefix(text, value)
		case "Contains":
			return strings.Contains(text, value)
		}
		return text == value
	})
}
