// Package shape moves Go structs on and off the wire in the formats of the AWS
// protocols: JSON, CBOR, and the query protocols' forms and XML.
//
// The structs are the AWS SDK's own Input, Output and types structs, or others
// built like them. One reflective [Codec] serves all; it knows no service: how
// members are named, and what stands behind interfaces, comes with [Names].
// It checks types only: required members, enums and lengths are the caller's.
// Package protocol uses it for messages, the state's journal for its records.
package shape

import (
	"bytes"
	"reflect"
	"sync"
)

// Names says how a service writes its members. Reading ignores case.
type Names struct {
	Lower  bool              // members start with a lower-case letter (ecs, logs, ecr, codedeploy)
	Except map[string]string // "Struct.Field" to the wire name that no rule gives; a list's to "name/element" where its elements have one, too

	// Unions lists what can stand behind the interfaces among the SDK's types:
	// pointers to the variants of each union, such as
	// (*types.SharingStrategyMemberNvidiaMps)(nil), and for free-form documents
	// the constructor of the service's document package, NewLazyDocument.
	Unions []any
}

// Codec encodes and decodes for one set of names. It is safe for concurrent use.
type Codec struct {
	names Names
	plans sync.Map  // reflect.Type to *plan
	rooms sync.Pool // *[]byte to encode into
}

// New returns the codec for names.
func New(names Names) *Codec { return &Codec{names: names} }

// Members is the set of top-level members that a message carried, by Go field
// name: the only way to tell an absent number or bool from its zero value.
type Members map[string]bool

// target returns the plan and the settable struct behind v, which must be a
// pointer to a struct.
func (c *Codec) target(v any) (*plan, reflect.Value, error) {
	p, rv, err := c.source(v)
	if err == nil && !rv.CanSet() {
		err = errNotStruct(v)
	}
	return p, rv, err
}

// source returns the plan and the struct behind v, a struct or a pointer to one.
func (c *Codec) source(v any) (*plan, reflect.Value, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Struct {
		return nil, rv, errNotStruct(v)
	}
	p, err := c.planOf(rv.Type())
	return p, rv, err
}

// maxRoom is how large an encoding may be whose memory is kept for the next, in
// bytes.
const maxRoom = 1 << 20

// encode returns what write appends for v, in memory of exactly that size.
func (c *Codec) encode(v any, write func([]byte, *plan, reflect.Value) ([]byte, error)) ([]byte, error) {
	p, rv, err := c.source(v)
	if err != nil {
		return nil, err
	}
	room, ok := c.rooms.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	b, err := write((*room)[:0], p, rv)
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(b)
	if cap(b) <= maxRoom {
		*room = b
		c.rooms.Put(room)
	}
	return out, nil
}
