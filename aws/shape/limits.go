package shape

import (
	"fmt"
	"reflect"
)

const (
	// maxDepth bounds how deep a message may nest; the deepest that AWS's models
	// allow for is far below.
	maxDepth = 100

	// maxMemory bounds what a message may turn into, in bytes: three bytes of JSON
	// can stand for a structure of hundreds.
	maxMemory = 128 << 20
)

// limits count what a message costs while it is read.
type limits struct {
	depth  int
	memory uintptr
}

// enter notes that what is read next lies one level deeper; leave takes it back.
func (l *limits) enter() error {
	if l.depth++; l.depth > maxDepth {
		return errDepth
	}
	return nil
}

func (l *limits) leave() { l.depth-- }

// take notes that a value of type t is made.
func (l *limits) take(t reflect.Type) error {
	if l.memory += t.Size(); l.memory > maxMemory {
		return errMemory
	}
	return nil
}

var (
	errDepth  = &Error{Message: fmt.Sprintf("The message is nested deeper than %d levels", maxDepth)}
	errMemory = &Error{Message: fmt.Sprintf("The message takes more than %d MiB of memory", maxMemory>>20)}
)
