// Package validate checks an input against the limits that AWS's models give
// its members, and says what is wrong in AWS's words: all of it at once.
//
// What a model does not say, how members belong together, is the handlers'.
package validate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/smithy-go"
)

// Limit is what one member of an input must keep to.
type Limit interface {
	member() string
	broken() (value string, constraints []string)
}

// Check returns nil when all limits are kept, and an error of that code that
// lists the broken ones otherwise.
func Check(code string, limits ...Limit) error {
	var found []string
	for _, limit := range limits {
		value, constraints := limit.broken()
		for _, constraint := range constraints {
			found = append(found, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: Member must %s", value, limit.member(), constraint))
		}
	}
	if found == nil {
		return nil
	}
	plural := ""
	if len(found) > 1 {
		plural = "s"
	}
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf("%d validation error%s detected: %s", len(found), plural, strings.Join(found, "; "))}
}

// Text limits a string.
type Text struct {
	Member   string // as on the wire: roleName
	Value    *string
	Required bool
	Min, Max int    // characters; a Max of 0 is none
	Pattern  string // of the whole text; empty: any
	Secret   bool   // the value must not be repeated
}

func (t Text) member() string { return t.Member }

func (t Text) broken() (value string, constraints []string) {
	if t.Value == nil {
		if t.Required {
			constraints = append(constraints, "not be null")
		}
		return "null ", constraints
	}
	if n := utf8.RuneCountInString(*t.Value); n < t.Min {
		constraints = append(constraints, fmt.Sprintf("have length greater than or equal to %d", t.Min))
	} else if t.Max > 0 && n > t.Max {
		constraints = append(constraints, fmt.Sprintf("have length less than or equal to %d", t.Max))
	}
	if t.Pattern != "" && !regexp.MustCompile(`^(?s:`+t.Pattern+`)$`).MatchString(*t.Value) {
		constraints = append(constraints, "satisfy regular expression pattern: "+t.Pattern)
	}
	if t.Secret {
		return "", constraints
	}
	return quote(*t.Value), constraints
}

// maxQuoted is how many bytes of a wrong value an error repeats.
const maxQuoted = 300

func quote(value string) string {
	if len(value) > maxQuoted {
		value = strings.ToValidUTF8(value[:maxQuoted], "") + "…"
	}
	return "'" + value + "' "
}

// Number limits a whole number.
type Number struct {
	Member   string
	Value    *int32
	Min, Max int32
}

func (n Number) member() string { return n.Member }

func (n Number) broken() (value string, constraints []string) {
	switch {
	case n.Value == nil:
		return "", nil
	case *n.Value < n.Min:
		constraints = append(constraints, fmt.Sprintf("have value greater than or equal to %d", n.Min))
	case *n.Value > n.Max:
		constraints = append(constraints, fmt.Sprintf("have value less than or equal to %d", n.Max))
	}
	return fmt.Sprintf("'%d' ", *n.Value), constraints
}

// Count limits how many members a list has.
type Count struct {
	Member   string
	Length   int
	Min, Max int
}

func (c Count) member() string { return c.Member }

func (c Count) broken() (value string, constraints []string) {
	switch {
	case c.Length < c.Min:
		constraints = append(constraints, fmt.Sprintf("have length greater than or equal to %d", c.Min))
	case c.Length > c.Max:
		constraints = append(constraints, fmt.Sprintf("have length less than or equal to %d", c.Max))
	}
	return "", constraints
}

// OneOf limits a word to those of an enumeration; an empty one is left out.
func OneOf[E ~string](member string, value E, values []E) Limit {
	return oneOf[E]{member, value, values}
}

type oneOf[E ~string] struct {
	name   string
	value  E
	values []E
}

func (o oneOf[E]) member() string { return o.name }

func (o oneOf[E]) broken() (value string, constraints []string) {
	if o.value == "" || slices.Contains(o.values, o.value) {
		return "", nil
	}
	words := make([]string, len(o.values))
	for i, word := range o.values {
		words[i] = string(word)
	}
	return quote(string(o.value)), []string{"satisfy enum value set: [" + strings.Join(words, ", ") + "]"}
}
