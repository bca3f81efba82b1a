package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error says where an expression is wrong, and what would be right.
type Error struct {
	Column  int // of the character, from 1
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// maxDepth bounds how deep parentheses may nest.
const maxDepth = 100

// Parse reads an expression. Its error is an [*Error].
//
//	or         = and { ( "||" | "or" ) and }
//	and        = term { ( "&&" | "and" ) term }
//	term       = ( "!" | "not" ) term | "(" or ")" | comparison
//	comparison = field operator [ argument ]
//	argument   = value | "[" value { "," value } "]"
//
// A value is a word, or anything in single or double quotes; between quotes no
// character is special but the closing quote. A pattern without quotes may have
// all the characters of a regular expression but spaces and quotes; parentheses
// in pairs.
func Parse(expression string) (*Expr, error) {
	p := &parser{in: expression}
	root, err := p.or()
	if err == nil {
		if p.space(); p.at < len(p.in) {
			err = p.expected("and, or, or the end")
		}
	}
	if err != nil {
		return nil, err
	}
	return &Expr{root}, nil
}

type parser struct {
	in    string
	at    int // byte offset of the next character
	depth int
}

func (p *parser) or() (condition, error) {
	first, err := p.and()
	terms := or{first}
	for err == nil && (p.symbol("||") || p.word("or")) {
		var term condition
		term, err = p.and()
		terms = append(terms, term)
	}
	if err != nil || len(terms) == 1 {
		return first, err
	}
	return terms, nil
}

func (p *parser) and() (condition, error) {
	first, err := p.term()
	terms := and{first}
	for err == nil && (p.symbol("&&") || p.word("and")) {
		var term condition
		term, err = p.term()
		terms = append(terms, term)
	}
	if err != nil || len(terms) == 1 {
		return first, err
	}
	return terms, nil
}

func (p *parser) term() (condition, error) {
	negated := false
	for p.symbol("!") || p.word("not") {
		negated = !negated
	}
	parse := p.comparison
	if p.symbol("(") {
		parse = p.parentheses
	}
	term, err := parse()
	if negated && err == nil {
		return not{term}, nil
	}
	return term, err
}

// parentheses reads what follows an opening one.
func (p *parser) parentheses() (condition, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail("parentheses nest more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	inner, err := p.or()
	if err == nil && !p.symbol(")") {
		err = p.expected("and, or, or a closing parenthesis")
	}
	return inner, err
}

func (p *parser) comparison() (condition, error) {
	p.space()
	start := p.at
	c := &comparison{field: p.take(isField)}
	k, ok := kinds[c.field]
	if name, found := strings.CutPrefix(c.field, attribute); found && name != "" {
		k, ok = anything, true
	}
	if !ok {
		p.at = start
		return nil, p.expected("a field (" + strings.Join(slices.Sorted(maps.Keys(kinds)), ", ") + " or attribute:name)")
	}

	p.space()
	start = p.at
	if c.op, ok = p.operator(); !ok {
		return nil, p.expected("an operator such as ==, !=, >, exists, in or =~")
	}
	if err := p.argument(c); err != nil {
		return nil, err
	}
	if err := c.compile(k); err != nil {
		p.at = start
		return nil, p.fail("%w", err)
	}
	return c, nil
}

func (p *parser) operator() (operator, bool) {
	for _, s := range spellings {
		if isLetter(s.text[len(s.text)-1]) {
			if p.word(s.text) {
				return s.op, true
			}
		} else if p.symbol(s.text) {
			return s.op, true
		}
	}
	return "", false
}

// argument reads the values that c's operator takes.
func (p *parser) argument(c *comparison) error {
	switch {
	case c.op == exists || c.op == notExists:
		return nil
	case c.op.pattern():
		return p.value(c, "a regular expression, in quotes if it has spaces", patternLen)
	case !c.op.list():
		return p.value(c, "a value", wordLen)
	}
	if !p.symbol("[") {
		return p.expected("a list such as [a, b]")
	}
	for {
		if err := p.value(c, "a value", wordLen); err != nil {
			return err
		}
		if p.symbol("]") {
			return nil
		}
		if !p.symbol(",") {
			return p.expected("a comma or a closing bracket")
		}
	}
}

// value reads one value of c: in quotes, or the bare start of what comes.
func (p *parser) value(c *comparison, what string, bare func(string) int) error {
	p.space()
	for _, quote := range []string{"'", `"`} {
		if !strings.HasPrefix(p.in[p.at:], quote) {
			continue
		}
		text, _, closed := strings.Cut(p.in[p.at+1:], quote)
		if !closed {
			return p.fail("expected a closing quote for %s", p.in[p.at:])
		}
		p.at += len(text) + 2
		c.values = append(c.values, text)
		return nil
	}
	n := bare(p.in[p.at:])
	if n == 0 {
		return p.expected(what)
	}
	c.values = append(c.values, p.in[p.at:p.at+n])
	p.at += n
	return nil
}

// symbol skips s, which ends in no letter, if it comes next.
func (p *parser) symbol(s string) bool {
	p.space()
	if !strings.HasPrefix(p.in[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

// word skips s if it comes next and no longer word does.
func (p *parser) word(s string) bool {
	start := p.at
	if p.symbol(s) {
		if p.at == len(p.in) || !isLetter(p.in[p.at]) {
			return true
		}
	}
	p.at = start
	return false
}

// take reads the characters that fit.
func (p *parser) take(fits func(rune) bool) string {
	rest := p.in[p.at:]
	if end := strings.IndexFunc(rest, func(r rune) bool { return !fits(r) }); end >= 0 {
		rest = rest[:end]
	}
	p.at += len(rest)
	return rest
}

func (p *parser) space() { p.take(unicode.IsSpace) }

func (p *parser) expected(what string) error {
	p.space()
	found := "the end"
	if rest := p.in[p.at:]; rest != "" {
		word := rest
		if end := strings.IndexFunc(rest, func(r rune) bool { return !isWordRune(r) }); end > 0 {
			word = rest[:end]
		} else if end == 0 {
			_, size := utf8.DecodeRuneInString(rest)
			word = rest[:size]
		}
		found = fmt.Sprintf("%q", word)
	}
	return p.fail("expected %s, found %s", what, found)
}

func (p *parser) fail(format string, args ...any) error {
	return &Error{Column: utf8.RuneCountInString(p.in[:p.at]) + 1, Message: fmt.Errorf(format, args...).Error()}
}

// isLetter reports whether c continues a word such as an operator's name.
func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isField reports whether r may stand in a field. AWS allows letters, digits
// and -_./\ in the name of an attribute.
func isField(r rune) bool {
	return r < utf8.RuneSelf && (isLetter(byte(r)) || '0' <= r && r <= '9' || strings.ContainsRune(`:-./\`, r))
}

// isWordRune reports whether r may stand in a value without quotes.
func isWordRune(r rune) bool {
	return !unicode.IsSpace(r) && !strings.ContainsRune(`()'"[],=!<>~&|`, r)
}

// wordLen is how much of s a value without quotes takes.
func wordLen(s string) int {
	if end := strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) }); end >= 0 {
		return end
	}
	return len(s)
}

// patternLen is how much of s a pattern without quotes takes: all up to a space,
// a quote, && or ||, or a parenthesis that closes none of its own.
func patternLen(s string) int {
	depth, last := 0, rune(0)
	for i, r := range s {
		switch {
		case unicode.IsSpace(r), r == '\'', r == '"':
			return i
		case r == last && (r == '&' || r == '|'):
			return i - 1
		case r == '(':
			depth++
		case r == ')':
			if depth--; depth < 0 {
				return i
			}
		}
		last = r
	}
	return len(s)
}

func isWord(s string) bool { return s != "" && wordLen(s) == len(s) }

func isPattern(s string) bool {
	return s != "" && patternLen(s) == len(s) && strings.Count(s, "(") == strings.Count(s, ")")
}
