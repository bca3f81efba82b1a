// Package pattern matches log events with the filter patterns of CloudWatch
// Logs: terms (ERROR -debug ?a ?b "a phrase" %regex%), conditions on JSON
// ({ $.status = 4* && $.user IS NULL }) and on fields ([ip, ..., status >= 500]).
//
// It is pure, and knows nothing of where events come from. Used by api/logs.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
package pattern

import (
	"fmt"
	"regexp"
	"strings"
)

// Pattern says which events match.
type Pattern interface {
	Match(message string) bool
}

// Parse reads a pattern. An empty one matches every event.
func Parse(text string) (Pattern, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "{"):
		return parseJSON(text)
	case strings.HasPrefix(text, "["):
		return parseFields(text)
	}
	return parseTerms(text)
}

// terms is a pattern of words anywhere in an event.
type terms struct{ all, none, any []test }

// test is one condition on a text.
type test func(string) bool

func (t terms) Match(message string) bool {
	for _, test := range t.all {
		if !test(message) {
			return false
		}
	}
	for _, test := range t.none {
		if test(message) {
			return false
		}
	}
	// As AWS says, ?terms count only where there are no others.
	if len(t.any) == 0 || len(t.all)+len(t.none) > 0 {
		return true
	}
	for _, test := range t.any {
		if test(message) {
			return true
		}
	}
	return false
}

func parseTerms(text string) (Pattern, error) {
	var t terms
	for rest := text; rest != ""; rest = strings.TrimLeft(rest, " \t\n") {
		list := &t.all
		switch rest[0] {
		case '-':
			list, rest = &t.none, rest[1:]
		case '?':
			list, rest = &t.any, rest[1:]
		}
		var v value
		var err error
		if v, rest, err = cutValue(rest, " \t\n"); err != nil {
			return nil, err
		}
		switch {
		case v.regex != nil:
			*list = append(*list, v.regex.MatchString)
		case v.text == "":
			return nil, fmt.Errorf("a term is missing in %q", text)
		default:
			*list = append(*list, func(message string) bool { return strings.Contains(message, v.text) })
		}
	}
	return t, nil
}

// value is what a term or a condition names: a text, or a regular expression.
type value struct {
	text   string
	quoted bool
	regex  *regexp.Regexp
}

// cutValue reads a value from the start of s: "…", %…%, or all up to one of the
// characters in stop.
func cutValue(s, stop string) (v value, rest string, err error) {
	switch {
	case strings.HasPrefix(s, `"`):
		v.quoted = true
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '"':
				return v, s[i+1:], nil
			case s[i] == '\\' && i+1 < len(s):
				i++
			}
			v.text += s[i : i+1]
		}
		return v, "", fmt.Errorf("a quotation mark is not closed: %s", s)
	case strings.HasPrefix(s, "%"):
		end := strings.IndexByte(s[1:], '%')
		if end < 1 {
			return v, "", fmt.Errorf("a regular expression is not closed: %s", s)
		}
		v.regex, err = parseRegex(s[1 : end+1])
		return v, s[end+2:], err
	}
	end := strings.IndexAny(s, stop)
	if end < 0 {
		end = len(s)
	}
	return value{text: s[:end]}, s[end:], nil
}

// AWS's regular expressions are a part of Go's: these characters, and no groups.
var regexText = regexp.MustCompile(`^[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.'"<>&!~ ]*$`)

func parseRegex(text string) (*regexp.Regexp, error) {
	if !regexText.MatchString(text) {
		return nil, fmt.Errorf("a regular expression has a character that is not supported: %s", text)
	}
	r, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression %s", text)
	}
	return r, nil
}
