// Package query is the cluster query language: expressions that select
// container instances, such as
//
//	attribute:ecs.instance-type =~ t2.* and not(task:group == databases)
//
// It knows no records: the caller gives what to match as a [Subject]. Used for
// ListContainerInstances' filter and for memberOf placement constraints.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html
package query

import (
	"slices"
	"strings"
)

// Subject gives a container instance's values of a field, by the field's name
// in the language:
//
//	agentConnected     true or false
//	agentVersion       1.105.1
//	attribute:<name>   the attribute's value, "" where it has none
//	ec2InstanceId      i-1234567890abcdef0
//	registeredAt       2018-06-18T22:28:28Z (RFC 3339)
//	runningTasksCount  3
//	task:group         the groups of the tasks on the instance, one value each
//
// No values means that the instance lacks the field.
type Subject func(field string) []string

// Expr is a parsed expression. It never changes.
type Expr struct{ root condition }

// Match reports whether the expression holds for s.
//
// A comparison with a field that the instance lacks never holds, whatever its
// operator: attribute:stack != prod selects the instances that have the
// attribute, unless its value is prod. The field task:group is never lacking,
// only empty: task:group != db selects every instance without a task of db.
func (e *Expr) Match(s Subject) bool { return e.root.match(s) }

// String returns the expression in its canonical form, which parses to an
// equal expression.
func (e *Expr) String() string { return e.root.String() }

type condition interface {
	match(Subject) bool
	String() string
}

// and and or have two terms or more.
type (
	and []condition
	or  []condition
	not struct{ condition }
)

func (n and) match(s Subject) bool {
	return !slices.ContainsFunc(n, func(term condition) bool { return !term.match(s) })
}

func (n or) match(s Subject) bool {
	return slices.ContainsFunc(n, func(term condition) bool { return term.match(s) })
}

func (n not) match(s Subject) bool { return !n.condition.match(s) }

func (n and) String() string { return join(n, " and ") }
func (n or) String() string  { return join(n, " or ") }

func (n not) String() string {
	if _, simple := n.condition.(*comparison); simple {
		return "not " + n.condition.String()
	}
	return "not(" + n.condition.String() + ")"
}

// join prints terms, in parentheses where they bind no tighter than operator.
func join(terms []condition, operator string) string {
	text := make([]string, len(terms))
	for i, term := range terms {
		text[i] = term.String()
		_, isAnd := term.(and)
		_, isOr := term.(or)
		if isOr || isAnd && operator == " and " {
			text[i] = "(" + text[i] + ")"
		}
	}
	return strings.Join(text, operator)
}

// comparison is a condition on one field.
type comparison struct {
	field  string
	op     operator
	values []string // one; none of exists, one or more of in

	holds func(value string) bool // whether a value of the field fits
}

func (c *comparison) match(s Subject) bool {
	values := s(c.field)
	if len(values) == 0 && c.field != taskGroup {
		return c.op == notExists
	}
	return slices.ContainsFunc(values, c.holds) != c.op.negative()
}

func (c *comparison) String() string {
	text := c.field + " " + string(c.op)
	if c.op.list() {
		quoted := make([]string, len(c.values))
		for i, v := range c.values {
			quoted[i] = quote(v, isWord)
		}
		return text + " [" + strings.Join(quoted, ", ") + "]"
	}
	for _, v := range c.values {
		bare := isWord
		if c.op.pattern() {
			bare = isPattern
		}
		text += " " + quote(v, bare)
	}
	return text
}

// quote returns s as the language writes it. No parsed value has both quotes.
func quote(s string, bare func(string) bool) string {
	switch {
	case bare(s):
		return s
	case strings.Contains(s, "'"):
		return `"` + s + `"`
	}
	return "'" + s + "'"
}
