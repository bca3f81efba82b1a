package pattern

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// jsonPattern is a condition on an event that is a JSON object.
type jsonPattern struct {
	condition condition
	selectors map[string][]step // by what they are called in the condition
}

func parseJSON(text string) (Pattern, error) {
	pattern := jsonPattern{selectors: map[string][]step{}}
	p := parser{text: text[1:], operand: func(p *parser) (string, error) {
		name, steps, err := cutSelector(&p.text)
		pattern.selectors[name] = steps
		return name, err
	}}
	var err error
	if pattern.condition, err = p.or(); err != nil {
		return nil, err
	}
	if !p.take("}") || strings.TrimSpace(p.text) != "" {
		return nil, fmt.Errorf("} is expected at the end, not %q", p.text)
	}
	return pattern, nil
}

func (p jsonPattern) Match(message string) bool {
	if !strings.HasPrefix(strings.TrimLeft(message, " \t\r\n"), "{") {
		return false
	}
	d := json.NewDecoder(strings.NewReader(message))
	d.UseNumber() // keeps the text of numbers
	var event any
	if d.Decode(&event) != nil {
		return false
	}
	return p.condition(func(name string) []any { return choose([]any{event}, p.selectors[name]) })
}

// step goes from a value to what is in it: a member, or an element of a list.
type step struct {
	member string
	index  int
	isList bool
	all    bool // every member or element
}

var stepText = regexp.MustCompile(`^(?:\.?\[\s*(?:(\d+)|(\*)|"([^"]+)"|'([^']+)')\s*\]|\.(\*)|\.([^\s.\[\]()=!<>&|{}"]+))`)

// cutSelector reads a selector such as $.a.b[0].c, ['x y'] or [*].
func cutSelector(text *string) (name string, steps []step, err error) {
	rest, ok := strings.CutPrefix(*text, "$")
	if !ok {
		return "", nil, fmt.Errorf("a selector that begins with $. is expected, not %q", *text)
	}
	for {
		m := stepText.FindStringSubmatch(rest)
		if m == nil {
			break
		}
		rest = rest[len(m[0]):]
		s := step{member: m[3] + m[4] + m[6], isList: m[1]+m[2] != "", all: m[2]+m[5] != ""}
		if s.index, err = strconv.Atoi("0" + m[1]); err != nil {
			return "", nil, fmt.Errorf("invalid index in %q", *text)
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return "", nil, fmt.Errorf("a selector that begins with $. is expected, not %q", *text)
	}
	name = (*text)[:len(*text)-len(rest)]
	*text = rest
	return name, steps, nil
}

// choose follows steps from values.
func choose(values []any, steps []step) []any {
	for _, s := range steps {
		var next []any
		for _, v := range values {
			switch v := v.(type) {
			case map[string]any:
				if s.all && !s.isList {
					for _, member := range v {
						next = append(next, member)
					}
				} else if member, ok := v[s.member]; ok && !s.isList {
					next = append(next, member)
				}
			case []any:
				switch {
				case s.isList && s.all:
					next = append(next, v...)
				case s.isList && s.index < len(v):
					next = append(next, v[s.index])
				}
			}
		}
		values = next
	}
	return values
}
