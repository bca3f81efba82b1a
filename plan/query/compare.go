package query

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operator is a comparison in its canonical spelling.
type operator string

const (
	equal        operator = "=="
	notEqual     operator = "!="
	greater      operator = ">"
	greaterEqual operator = ">="
	less         operator = "<"
	lessEqual    operator = "<="
	exists       operator = "exists"
	notExists    operator = "not_exists"
	in           operator = "in"
	notIn        operator = "not_in"
	matches      operator = "=~"
	notMatches   operator = "!~"
)

// spellings lists how each operator may be written; where one is a prefix of
// another, the longer comes first.
var spellings = []struct {
	text string
	op   operator
}{
	{"==", equal}, {"!=", notEqual}, {">=", greaterEqual}, {"<=", lessEqual}, {">", greater}, {"<", less},
	{"=~", matches}, {"!~", notMatches}, {"!exists", notExists}, {"!in", notIn},
	{"equals", equal}, {"not_equals", notEqual}, {"greater_than_equal", greaterEqual}, {"greater_than", greater},
	{"less_than_equal", lessEqual}, {"less_than", less}, {"exists", exists}, {"not_exists", notExists},
	{"in", in}, {"not_in", notIn}, {"matches", matches}, {"not_matches", notMatches},
}

// negative reports whether the operator holds where its counterpart does not.
func (op operator) negative() bool {
	return op == notEqual || op == notExists || op == notIn || op == notMatches
}

func (op operator) list() bool    { return op == in || op == notIn }
func (op operator) pattern() bool { return op == matches || op == notMatches }

var (
	names   = []operator{equal, notEqual, in, notIn, matches, notMatches}
	ordered = []operator{equal, notEqual, greater, greaterEqual, less, lessEqual}
)

const (
	attribute = "attribute:"
	taskGroup = "task:group"
)

// kind says how the values of a field compare.
type kind struct {
	operators []operator // those that AWS documents for it; all if nil
	expects   string     // what a value looks like, for error messages
	order     func(a, b string) (sign int, ok bool)
}

var anything = kind{expects: "a value", order: texts}

// kinds are the fields of the language beside attributes.
var kinds = map[string]kind{
	"agentConnected":    {names, "true or false", booleans},
	"agentVersion":      {ordered, "a version such as 1.14.5", versions},
	"ec2InstanceId":     {names, "an instance id", texts},
	"registeredAt":      {ordered, "a date such as 2018-06-18, 2018-06-18T22:28:28 or 2018-06-18T22:28:28Z", dates},
	"runningTasksCount": {ordered, "a whole number", counts},
	taskGroup:           anything,
}

// compile completes c for a field of kind k. Its error does not say where.
func (c *comparison) compile(k kind) error {
	if k.operators != nil && !slices.Contains(k.operators, c.op) {
		return fmt.Errorf("%s cannot be compared with %s", c.field, c.op)
	}
	switch c.op {
	case exists, notExists:
		c.holds = func(string) bool { return true }
		return nil
	case matches, notMatches:
		re, err := regexp.Compile(c.values[0])
		if err != nil {
			return fmt.Errorf("expected a regular expression (RE2: no look-around, back-references or possessive quantifiers): %w", err)
		}
		// The whole value must match, as with Java's Pattern.matches.
		re.Longest()
		c.holds = func(value string) bool {
			at := re.FindStringIndex(value)
			return at != nil && at[0] == 0 && at[1] == len(value)
		}
		return nil
	}
	for _, v := range c.values {
		if _, ok := k.order(v, v); !ok {
			return fmt.Errorf("expected %s, found %q", k.expects, v)
		}
	}
	c.holds = func(value string) bool {
		return slices.ContainsFunc(c.values, func(want string) bool {
			sign, ok := k.order(value, want)
			return ok && c.op.admits(sign)
		})
	}
	return nil
}

// admits reports whether an operator, or the counterpart of a negative one,
// holds for a value that is less (-1), equal (0) or greater (+1).
func (op operator) admits(sign int) bool {
	switch op {
	case greater:
		return sign > 0
	case greaterEqual:
		return sign >= 0
	case less:
		return sign < 0
	case lessEqual:
		return sign <= 0
	}
	return sign == 0
}

// texts orders numbers as numbers and everything else as text.
func texts(a, b string) (int, bool) {
	if sign, ok := counts(a, b); ok && sign != 0 {
		return sign, true
	}
	return strings.Compare(a, b), true
}

func booleans(a, b string) (int, bool) {
	return strings.Compare(a, b), b == "true" || b == "false"
}

func counts(a, b string) (int, bool) {
	x, errA := strconv.ParseInt(a, 10, 64)
	y, errB := strconv.ParseInt(b, 10, 64)
	return cmp.Compare(x, y), errA == nil && errB == nil
}

// versions orders by the dotted numbers; what follows them, as in
// 1.14.0-1.windows.1, does not count.
func versions(a, b string) (int, bool) {
	x, okA := numbers(a)
	y, okB := numbers(b)
	for len(x) < len(y) {
		x = append(x, 0)
	}
	for len(y) < len(x) {
		y = append(y, 0)
	}
	return slices.Compare(x, y), okA && okB
}

func numbers(version string) (parts []int64, ok bool) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return nil, false
		}
		parts = append(parts, int64(n))
	}
	return parts, true
}

func dates(a, b string) (int, bool) {
	x, okA := date(a)
	y, okB := date(b)
	return x.Compare(y), okA && okB
}

// date reads the formats that AWS documents. Without a zone it is UTC, without
// a time midnight.
func date(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
