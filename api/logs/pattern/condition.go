package pattern

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// condition is a tree of comparisons. find gives the values of an operand: none
// if there is no such thing in the event.
type condition func(find func(operand string) []any) bool

// parser reads conditions: comparisons joined by && and ||, in parentheses.
type parser struct {
	text    string // what was not read yet
	operand func(*parser) (string, error)
}

func (p *parser) skip() { p.text = strings.TrimLeft(p.text, " \t\n") }

// take reads token if it comes next.
func (p *parser) take(token string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.text, token)
	if ok {
		p.text = rest
	}
	return ok
}

func (p *parser) or() (condition, error) {
	return p.joined("||", p.and, func(a, b condition) condition {
		return func(find func(string) []any) bool { return a(find) || b(find) }
	})
}

func (p *parser) and() (condition, error) {
	return p.joined("&&", p.one, func(a, b condition) condition {
		return func(find func(string) []any) bool { return a(find) && b(find) }
	})
}

func (p *parser) joined(by string, next func() (condition, error), join func(a, b condition) condition) (condition, error) {
	left, err := next()
	for err == nil && p.take(by) {
		var right condition
		if right, err = next(); err == nil {
			left = join(left, right)
		}
	}
	return left, err
}

func (p *parser) one() (condition, error) {
	if p.take("(") {
		c, err := p.or()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed before %q", p.text)
		}
		return c, err
	}
	p.skip()
	operand, err := p.operand(p)
	if err != nil {
		return nil, err
	}
	test, err := p.comparison()
	if err != nil {
		return nil, err
	}
	return func(find func(string) []any) bool { return test(find(operand)) }, nil
}

// words are the comparisons that are spelled.
var words = []struct {
	word *regexp.Regexp
	test func([]any) bool
}{
	{regexp.MustCompile(`(?i)^NOT\s+EXISTS\b`), func(values []any) bool { return len(values) == 0 }},
	{regexp.MustCompile(`(?i)^EXISTS\b`), func(values []any) bool { return len(values) > 0 }},
	{regexp.MustCompile(`(?i)^IS\s+NULL\b`), func(values []any) bool { return slices.Contains(values, nil) }},
	{regexp.MustCompile(`(?i)^IS\s+TRUE\b`), func(values []any) bool { return slices.Contains(values, any(true)) }},
	{regexp.MustCompile(`(?i)^IS\s+FALSE\b`), func(values []any) bool { return slices.Contains(values, any(false)) }},
}

// comparison reads what stands behind an operand.
func (p *parser) comparison() (func([]any) bool, error) {
	p.skip()
	for _, w := range words {
		if at := w.word.FindStringIndex(p.text); at != nil {
			p.text = p.text[at[1]:]
			return w.test, nil
		}
	}
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} { // the longer first
		if !p.take(op) {
			continue
		}
		p.skip()
		v, rest, err := cutValue(p.text, " \t\n)&|,]}")
		if err != nil {
			return nil, err
		}
		if p.text = rest; v.text == "" && !v.quoted && v.regex == nil {
			return nil, fmt.Errorf("a value is missing after %s", op)
		}
		return compare(op, v)
	}
	return nil, fmt.Errorf("a comparison is missing before %q", p.text)
}

// compare returns the test of a value with an operator.
func compare(op string, v value) (func([]any) bool, error) {
	if op == "=" || op == "!=" {
		same := equals(v)
		if op == "=" {
			return func(values []any) bool { return slices.ContainsFunc(values, same) }, nil
		}
		return func(values []any) bool { return len(values) > 0 && !slices.ContainsFunc(values, same) }, nil
	}
	limit, err := strconv.ParseFloat(v.text, 64)
	if err != nil || v.quoted {
		return nil, fmt.Errorf("%s compares with a number, not with %q", op, v.text)
	}
	return func(values []any) bool {
		return slices.ContainsFunc(values, func(x any) bool {
			n, ok := numberOf(x)
			if !ok {
				return false
			}
			switch op {
			case "<":
				return n < limit
			case "<=":
				return n <= limit
			case ">":
				return n > limit
			}
			return n >= limit
		})
	}, nil
}

// equals returns whether a value of an event is the one that v says: a number,
// a text in which * stands for any other, or a regular expression.
func equals(v value) func(any) bool {
	if v.regex != nil {
		return func(x any) bool {
			text, ok := textOf(x)
			return ok && v.regex.MatchString(text)
		}
	}
	if n, err := strconv.ParseFloat(v.text, 64); err == nil && !v.quoted {
		return func(x any) bool {
			m, ok := numberOf(x)
			return ok && m == n
		}
	}
	like := glob(v.text)
	return func(x any) bool {
		text, ok := textOf(x)
		return ok && like(text)
	}
}

func glob(text string) func(string) bool {
	if !strings.Contains(text, "*") {
		return func(s string) bool { return s == text }
	}
	r := regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*") + "$")
	return r.MatchString
}

func numberOf(x any) (float64, bool) {
	text, ok := textOf(x)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

func textOf(x any) (string, bool) {
	switch x := x.(type) {
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	case bool:
		return strconv.FormatBool(x), true
	}
	return "", false
}
