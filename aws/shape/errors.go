package shape

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Error says which member of a message could not be decoded, and why.
type Error struct {
	Path    string // such as containerDefinitions[0].cpu; empty for the message as a whole
	Message string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// inMember returns err with its path starting at the member called name.
func inMember(err error, name string) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	dot := "."
	if e.Path == "" || strings.HasPrefix(e.Path, "[") {
		dot = ""
	}
	return &Error{name + dot + e.Path, e.Message}
}

// inElement returns err with its path starting at the element with that index.
func inElement(err error, index int) error {
	return inMember(err, "["+strconv.Itoa(index)+"]")
}

// AWS's words for a collection in the wrong place.
var (
	errList = &Error{Message: "Start of list found where not expected"}
	errMap  = &Error{Message: "Start of structure or map found where not expected."}
)

var errNotUTF8 = &Error{Message: "The text is not valid UTF-8"}

func mismatch(found, target string) error {
	return &Error{Message: fmt.Sprintf("%s can not be converted to %s", found, target)}
}

// noun is what AWS calls a number's or a time's type in its errors.
func (p *plan) noun() string {
	switch {
	case p.kind == timeKind:
		return "milliseconds since epoch"
	case p.kind == floatKind && p.typ.Bits() == 32:
		return "a Float"
	case p.kind == floatKind:
		return "a Double"
	case p.typ.Bits() == 64:
		return "a Long"
	}
	return "an Integer"
}

func outOfRange(text string, p *plan) error {
	if f, err := strconv.ParseFloat(text, 64); err == nil && p.kind != floatKind && f != math.Trunc(f) {
		return &Error{Message: text + " is not an integer"}
	}
	return &Error{Message: text + " is out of range for " + p.noun()}
}

func notA(text, what string) error {
	return &Error{Message: fmt.Sprintf("%q is not %s", text, what)}
}
