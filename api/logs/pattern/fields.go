package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// fieldsPattern has a condition for each field of an event. Fields are parted
// by spaces; what stands in "…" or […] is one.
type fieldsPattern struct {
	first, last []condition // before and after the ellipsis
	open        bool        // there is an ellipsis
}

func parseFields(text string) (Pattern, error) {
	var f fieldsPattern
	into := &f.first
	p := parser{text: text[1:]}
	for {
		switch {
		case p.take("..."):
			if f.open {
				return nil, fmt.Errorf("a pattern can have only one ellipsis")
			}
			f.open, into = true, &f.last
		default:
			c, err := p.field()
			if err != nil {
				return nil, err
			}
			*into = append(*into, c)
		}
		if p.take(",") {
			continue
		}
		if !p.take("]") || strings.TrimSpace(p.text) != "" {
			return nil, fmt.Errorf("a comma or ] is expected, not %q", p.text)
		}
		return f, nil
	}
}

var fieldName = regexp.MustCompile(`^[A-Za-z0-9_$@.\-]+`)

// field reads a field's name, or conditions on it.
func (p *parser) field() (condition, error) {
	p.skip()
	name := fieldName.FindString(p.text)
	if rest := strings.TrimLeft(p.text[len(name):], " \t\n"); name != "" && (rest == "" || strings.ContainsAny(rest[:1], ",]")) {
		p.text = rest
		return func(func(string) []any) bool { return true }, nil
	}
	p.operand = func(p *parser) (string, error) {
		other := fieldName.FindString(p.text)
		if other == "" {
			return "", fmt.Errorf("the name of a field is expected, not %q", p.text)
		}
		if name == "" { // it stood behind a parenthesis
			name = other
		}
		if other != name {
			return "", fmt.Errorf("the conditions of one field name %s and %s", name, other)
		}
		p.text = p.text[len(other):]
		return other, nil
	}
	return p.or()
}

func (f fieldsPattern) Match(message string) bool {
	fields := split(message)
	n := len(f.first) + len(f.last)
	if len(fields) < n || len(fields) > n && !f.open {
		return false
	}
	matches := func(conditions []condition, fields []string) bool {
		for i, c := range conditions {
			if !c(func(string) []any { return []any{fields[i]} }) {
				return false
			}
		}
		return true
	}
	return matches(f.first, fields) && matches(f.last, fields[len(fields)-len(f.last):])
}

// closing is what ends a field that begins with a bracket or a quotation mark.
var closing = map[byte]string{'"': `"`, '[': "]"}

func split(message string) (fields []string) {
	for rest := strings.TrimSpace(message); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		if end, ok := closing[rest[0]]; ok {
			if inside, behind, ok := strings.Cut(rest[1:], end); ok {
				fields, rest = append(fields, inside), behind
				continue
			}
		}
		end := strings.IndexAny(rest, " \t\r\n")
		if end < 0 {
			end = len(rest)
		}
		fields, rest = append(fields, rest[:end]), rest[end:]
	}
	return slices.Clip(fields)
}
