package ec2

import (
	"cmp"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Filter selects what is described. What is described has one of the values, in
// which * stands for any text and ? for any character.
type Filter struct {
	Name   *string
	Values []string `ec2:"Value"`
}

// list is what all operations that describe things ask for.
type list struct {
	ids        []string // all where there are none
	filters    []Filter
	maxResults *int32
	nextToken  *string
	dryRun     *bool
}

// fields are the values of one thing by the names of filters.
type fields map[string][]string

// selected returns the page of things that l asks for, in the order of their ids.
func selected[T any](l list, things []T, id func(T) string, missing func(id string) error, of func(T) fields) (page []T, next *string, err error) {
	if aws.ToBool(l.dryRun) {
		return nil, nil, failure("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	for _, wanted := range l.ids {
		if !slices.ContainsFunc(things, func(t T) bool { return id(t) == wanted }) {
			return nil, nil, missing(wanted)
		}
	}
	filters, err := compile(l.filters)
	if err != nil {
		return nil, nil, err
	}
	page = []T{}
	for _, t := range things {
		ok, err := filters.match(of(t))
		if err != nil {
			return nil, nil, err
		}
		if ok && (len(l.ids) == 0 || slices.Contains(l.ids, id(t))) {
			page = append(page, t)
		}
	}
	slices.SortFunc(page, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return cut(l, page, id)
}

// cut leaves what is on the page that l asks for.
func cut[T any](l list, things []T, id func(T) string) ([]T, *string, error) {
	if token := aws.ToString(l.nextToken); token != "" {
		start, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, nil, failure("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", token)
		}
		from, _ := slices.BinarySearchFunc(things, string(start), func(t T, start string) int { return cmp.Compare(id(t), start) })
		things = things[from:]
	}
	if l.maxResults == nil || len(things) <= int(*l.maxResults) {
		return things, nil, nil
	}
	if *l.maxResults < 5 {
		return nil, nil, failure("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value of at least 5.", *l.maxResults)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(id(things[*l.maxResults])))
	return things[:*l.maxResults], &token, nil
}

// filters are compiled filters, all of which must match.
type filters []struct {
	name   string
	values []*regexp.Regexp
}

func compile(list []Filter) (out filters, err error) {
	for _, f := range list {
		if aws.ToString(f.Name) == "" || len(f.Values) == 0 {
			return nil, failure("InvalidParameterValue", "A filter needs a name and values.")
		}
		var values []*regexp.Regexp
		for _, v := range f.Values {
			pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(v))
			values = append(values, regexp.MustCompile("^(?s:"+pattern+")$"))
		}
		out = append(out, struct {
			name   string
			values []*regexp.Regexp
		}{*f.Name, values})
	}
	return out, nil
}

func (all filters) match(of fields) (bool, error) {
	matches := true
	for _, f := range all {
		texts, known := of[f.name]
		if !known && f.name != "tag-key" && f.name != "tag-value" && !strings.HasPrefix(f.name, "tag:") {
			return false, failure("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		matches = matches && slices.ContainsFunc(f.values, func(v *regexp.Regexp) bool { return slices.ContainsFunc(texts, v.MatchString) })
	}
	return matches, nil
}
