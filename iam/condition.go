package iam

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator taken apart.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	test     func(value, want string) bool // want may have wildcards; nil for Null
	negated  bool                          // true when no value passes the test
	ifExists bool
	set      string // ForAllValues, ForAnyValue, or empty
}

// parseOperator reads a name such as ForAnyValue:StringLikeIfExists.
func parseOperator(name string) (o operator, ok bool) {
	if set, rest, found := strings.Cut(name, ":"); found {
		if set != "ForAllValues" && set != "ForAnyValue" {
			return o, false
		}
		o.set, name = set, rest
	}
	if name == "Null" {
		return o, true
	}
	name, o.ifExists = strings.CutSuffix(name, "IfExists")
	for _, kind := range []string{"StringNot", "NumericNot", "DateNot", "ArnNot", "Not"} {
		if strings.HasPrefix(name, kind) {
			name, o.negated = strings.Replace(name, "Not", "", 1), true
			break
		}
	}
	o.test, ok = tests[name]
	return o, ok
}

var tests = map[string]func(value, want string) bool{
	"StringEquals":             func(v, w string) bool { return v == unexpanded(w) },
	"StringEqualsIgnoreCase":   func(v, w string) bool { return strings.EqualFold(v, unexpanded(w)) },
	"StringLike":               func(v, w string) bool { return glob(w, v) },
	"ArnEquals":                func(v, w string) bool { return matchARN(w, v) },
	"ArnLike":                  func(v, w string) bool { return matchARN(w, v) },
	"Bool":                     func(v, w string) bool { return strings.EqualFold(v, w) },
	"IpAddress":                inRange,
	"BinaryEquals":             sameBytes,
	"NumericEquals":            compared(number, func(c int) bool { return c == 0 }),
	"NumericLessThan":          compared(number, func(c int) bool { return c < 0 }),
	"NumericLessThanEquals":    compared(number, func(c int) bool { return c <= 0 }),
	"NumericGreaterThan":       compared(number, func(c int) bool { return c > 0 }),
	"NumericGreaterThanEquals": compared(number, func(c int) bool { return c >= 0 }),
	"DateEquals":               compared(date, func(c int) bool { return c == 0 }),
	"DateLessThan":             compared(date, func(c int) bool { return c < 0 }),
	"DateLessThanEquals":       compared(date, func(c int) bool { return c <= 0 }),
	"DateGreaterThan":          compared(date, func(c int) bool { return c > 0 }),
	"DateGreaterThanEquals":    compared(date, func(c int) bool { return c >= 0 }),
}

// unexpanded is a pattern as plain text.
func unexpanded(pattern string) string {
	return strings.NewReplacer(plainStar, "*", plainQuestion, "?").Replace(pattern)
}

func number(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// date reads a time in a form of ISO 8601, or in seconds since 1970.
func date(s string) (float64, bool) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			return float64(t.UnixMilli()) / 1000, true
		}
	}
	return number(s)
}

// compared is a test of how two values compare that read understands.
func compared(read func(string) (float64, bool), passes func(int) bool) func(value, want string) bool {
	return func(value, want string) bool {
		v, ok := read(value)
		w, alsoOK := read(want)
		return ok && alsoOK && passes(cmp.Compare(v, w))
	}
}

func inRange(value, want string) bool {
	address, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	if single, err := netip.ParseAddr(want); err == nil {
		return single.Unmap() == address.Unmap()
	}
	network, err := netip.ParsePrefix(want)
	return err == nil && network.Contains(address.Unmap())
}

func sameBytes(value, want string) bool {
	v, err := base64.StdEncoding.DecodeString(value)
	w, alsoErr := base64.StdEncoding.DecodeString(want)
	return err == nil && alsoErr == nil && slices.Equal(v, w)
}

// meets reports whether all conditions of a statement hold for r. One on a key
// that Berth does not know keeps an Allow from applying, and makes a Deny apply.
func (p *Policy) meets(s statement, r Request) bool {
	for name, conditions := range s.Condition {
		o, _ := parseOperator(name) // it was checked when the policy was read
		for key, wants := range conditions {
			key = strings.ToLower(key)
			values, present := r.Keys[key]
			if !present && !knownKey(key) {
				if s.Effect == "Deny" {
					continue
				}
				return false
			}
			if !p.holds(o, values, wants, r.Keys) {
				return false
			}
		}
	}
	return true
}

// holds reports whether one condition holds for the values of its key, of which
// there are none when the request lacks the key.
func (p *Policy) holds(o operator, values []string, wants texts, keys Keys) bool {
	if o.test == nil { // Null
		absent := strconv.FormatBool(len(values) == 0)
		return slices.ContainsFunc(wants, func(want string) bool { return strings.EqualFold(want, absent) })
	}
	passes := func(value string) bool {
		any := slices.ContainsFunc(wants, func(want string) bool {
			expanded, ok := p.expand(want, keys)
			return ok && o.test(value, expanded)
		})
		return any != o.negated
	}
	switch {
	case len(values) == 0 && o.set == "":
		return o.ifExists || o.negated
	case len(values) == 0:
		return o.ifExists || o.set == "ForAllValues"
	case o.set == "ForAllValues", o.set == "" && o.negated:
		return !slices.ContainsFunc(values, func(value string) bool { return !passes(value) })
	}
	return slices.ContainsFunc(values, passes)
}

// knownKey reports whether Berth gives requests that key where it has a value,
// so that its absence means something.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func knownKey(key string) bool {
	switch key {
	case "aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn", "aws:principaltype",
		"aws:requestedregion", "aws:securetransport", "aws:sourceip", "aws:tokenissuetime", "aws:useragent",
		"aws:userid", "aws:username", "sts:externalid", "sts:rolesessionname":
		return true
	}
	return false
}
