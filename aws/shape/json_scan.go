package shape

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws/smithy-go/document"
)

// jsonScanner reads JSON (RFC 8259) token by token. It rejects what is not
// UTF-8 and escapes that stand for no character, so that a string that was read
// is written back the same.
type jsonScanner struct {
	limits
	data []byte
	pos  int
}

// broken returns the error for text that is not JSON at the scanner's position.
func (s *jsonScanner) broken(what string) error {
	if s.pos >= len(s.data) {
		return &Error{Message: "Unexpected end of input"}
	}
	return &Error{Message: fmt.Sprintf("%s at byte %d of the message", what, s.pos)}
}

// peek skips white space and returns the next byte without reading it, or 0 at
// the end.
func (s *jsonScanner) peek() byte {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// expect reads the byte c, after white space.
func (s *jsonScanner) expect(c byte) error {
	if s.peek() != c {
		return s.broken(fmt.Sprintf("Expected '%c'", c))
	}
	s.pos++
	return nil
}

// more reports whether another element or member follows in the list or object
// that ends with end; n counts those before it. It reads the comma or the end.
func (s *jsonScanner) more(end byte, n int) (bool, error) {
	c := s.peek()
	switch {
	case c == end:
		s.pos++
		s.leave()
		return false, nil
	case n == 0:
		return true, nil
	case c != ',':
		return false, s.broken(fmt.Sprintf("Expected ',' or '%c'", end))
	}
	s.pos++
	if s.peek() == end {
		return false, s.broken("Unexpected ','")
	}
	return true, nil
}

// key reads a member's name and the colon after it. The bytes are valid until
// the next call.
func (s *jsonScanner) key() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.broken("Expected a member's name")
	}
	k, err := s.text()
	if err != nil {
		return nil, err
	}
	return k, s.expect(':')
}

// literal reads word if it is next.
func (s *jsonScanner) literal(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// number reads a number and returns its text.
func (s *jsonScanner) number() ([]byte, error) {
	start := s.pos
	digits := func() bool {
		from := s.pos
		for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
			s.pos++
		}
		return s.pos > from
	}
	is := func(chars string) bool {
		for i := range len(chars) {
			if s.pos < len(s.data) && s.data[s.pos] == chars[i] {
				s.pos++
				return true
			}
		}
		return false
	}
	is("-")
	zero := is("0")
	if !zero && !digits() {
		return nil, s.broken("Expected a digit")
	}
	if is(".") && !digits() {
		return nil, s.broken("Expected a digit")
	}
	if is("eE") {
		if is("+-"); !digits() {
			return nil, s.broken("Expected a digit")
		}
	}
	return s.data[start:s.pos], nil
}

// text reads a string, whose opening quote is next. The bytes are part of the
// message, or a copy where it has escapes.
func (s *jsonScanner) text() ([]byte, error) {
	s.pos++
	start, ascii := s.pos, true
	for i := start; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			if raw := s.data[start:i]; ascii || utf8.Valid(raw) {
				return raw, nil
			}
			return nil, errNotUTF8
		case c == '\\':
			s.pos = i
			return s.escaped(start)
		case c < ' ':
			s.pos = i
			return nil, s.broken("Unescaped control character")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.pos = len(s.data)
	return nil, s.broken("")
}

// escaped reads the rest of a string that started at start and has its first
// escape at the scanner's position.
func (s *jsonScanner) escaped(start int) ([]byte, error) {
	out := append(make([]byte, 0, 2*(s.pos-start)+16), s.data[start:s.pos]...)
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		switch {
		case c == '"':
			s.pos++
			if !utf8.Valid(out) {
				return nil, errNotUTF8
			}
			return out, nil
		case c < ' ':
			return nil, s.broken("Unescaped control character")
		case c != '\\':
			out = append(out, c)
			s.pos++
			continue
		}
		r, err := s.escape()
		if err != nil {
			return nil, err
		}
		out = utf8.AppendRune(out, r)
	}
	return nil, s.broken("")
}

// escape reads one escape sequence, or the two of a surrogate pair.
func (s *jsonScanner) escape() (rune, error) {
	if s.pos+1 >= len(s.data) {
		s.pos = len(s.data)
		return 0, s.broken("")
	}
	c := s.data[s.pos+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		s.pos += 2
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	if c == 'u' {
		r, ok := s.codeUnit()
		if ok && utf16.IsSurrogate(r) {
			var low rune
			low, ok = s.codeUnit()
			r = utf16.DecodeRune(r, low)
			ok = ok && r != utf8.RuneError
		}
		if ok {
			return r, nil
		}
	}
	return 0, s.broken("Invalid escape")
}

// codeUnit reads an escape of the form \uXXXX.
func (s *jsonScanner) codeUnit() (rune, bool) {
	if len(s.data)-s.pos < 6 || s.data[s.pos] != '\\' || s.data[s.pos+1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(s.data[s.pos+2:s.pos+6]), 16, 16)
	s.pos += 6
	return rune(u), err == nil
}

// value reads any value: an object as map[string]any, a list as []any, a number
// as document.Number, or a string, bool or nil.
func (s *jsonScanner) value() (any, error) {
	switch c := s.peek(); {
	case c == '{':
		return s.object()
	case c == '[':
		return s.list()
	case c == '"':
		b, err := s.text()
		return string(b), err
	case c == '-' || '0' <= c && c <= '9':
		b, err := s.number()
		return document.Number(b), err
	case s.literal("true"):
		return true, nil
	case s.literal("false"):
		return false, nil
	case s.literal("null"):
		return nil, nil
	}
	return nil, s.broken("Expected a value")
}

func (s *jsonScanner) object() (any, error) {
	s.pos++
	if err := s.enter(); err != nil {
		return nil, err
	}
	m := map[string]any{}
	for n := 0; ; n++ {
		if more, err := s.more('}', n); !more {
			return m, err
		}
		k, err := s.key()
		if err != nil {
			return nil, err
		}
		key := string(k)
		if m[key], err = s.value(); err != nil {
			return nil, err
		}
	}
}

func (s *jsonScanner) list() (any, error) {
	s.pos++
	if err := s.enter(); err != nil {
		return nil, err
	}
	l := []any{}
	for n := 0; ; n++ {
		if more, err := s.more(']', n); !more {
			return l, err
		}
		e, err := s.value()
		if err != nil {
			return nil, err
		}
		l = append(l, e)
	}
}

// skip reads a value that nobody wants; it must be JSON all the same.
func (s *jsonScanner) skip() error {
	open := s.peek()
	if open != '{' && open != '[' {
		if open == '"' {
			_, err := s.text()
			return err
		}
		_, err := s.value()
		return err
	}
	s.pos++
	if err := s.enter(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if more, err := s.more(open+2, n); !more { // ']' and '}' stand two after their opening ones
			return err
		}
		if open == '{' {
			if _, err := s.key(); err != nil {
				return err
			}
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}
