// Package shape moves Go structs on and off the wire in the formats of the AWS
// protocols: JSON, CBOR, and the query protocols' forms and XML.
//
// The structs are the AWS SDK's own Input, Output and types structs, or others
// built like them. One reflective [Codec] serves all; it knows no service: how
// members are named, and which variants a union has, comes with [Names].
package shape

import "reflect"

// Names says how a service writes its members. Reading ignores case.
type Names struct {
	Lower  bool              // members start with a lower-case letter (ecs, logs, ecr, codedeploy)
	Except map[string]string // "Struct.Field" to the wire name that no rule gives

	// Unions lists the variants of each union interface of the SDK's types
	// package: pointers to its Member structs, such as
	// (*types.SharingStrategyMemberTimeSlicing)(nil).
	Unions []any
}

// Codec encodes and decodes for one set of names. It is safe for concurrent use.
type Codec struct {
	names Names
}

// New returns the codec for names.
func New(names Names) *Codec { return &Codec{names: names} }

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

// Members is the set of top-level members that a message carried, by Go field
// name: the only way to tell an absent number or bool from its zero value.
type Members map[string]bool

// EncodeJSON writes v, a struct or a pointer to one.
func (c *Codec) EncodeJSON(v any) ([]byte, error) { panic("shape: not written yet") }

// DecodeJSON reads data into v, a pointer to a struct.
func (c *Codec) DecodeJSON(data []byte, v any) (Members, error) { panic("shape: not written yet") }

var _ = reflect.TypeFor[Codec]
