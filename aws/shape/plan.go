package shape

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/smithy-go/document"
)

// kind is what a Go type means on the wire.
type kind uint8

const (
	boolKind kind = iota
	intKind
	uintKind
	floatKind
	stringKind
	blobKind // []byte
	timeKind
	pointerKind
	listKind
	mapKind
	structKind
	unionKind    // an interface with variants
	documentKind // an interface whose values are free-form
)

// plan is all that encoding and decoding need to know of a Go type. It is made
// once per type.
type plan struct {
	kind kind
	typ  reflect.Type
	elem *plan // what a pointer points to, what a list or map holds

	// Of a struct, its members in Go's order; of a union, its variants, each
	// with the plan of its Value.
	fields []field
	byName map[string]*field // by wire name, exact and in lower case

	newDocument reflect.Value // of a document: makes one from an any
}

// field is a member of a struct or a variant of a union.
type field struct {
	plan  *plan
	index []int        // path to it among the Go fields, through embedded structs
	typ   reflect.Type // of a variant: its struct

	goName  string
	name    string // on the wire
	element string // name of a list's elements in forms and XML
	answer  string // name in ec2's answers

	jsonKey string // `"name":`
	cborKey string
}

// in returns the field of v, a struct, that f describes.
func (f *field) in(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	return v.FieldByIndex(f.index)
}

// find returns the field that is called name on the wire, ignoring case unless
// two names differ in nothing else.
func (p *plan) find(name []byte) *field {
	if f := p.byName[string(name)]; f != nil {
		return f
	}
	var buf [64]byte
	if len(name) > len(buf) {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buf[i] = b
	}
	return p.byName[string(buf[:len(name)])]
}

// planOf returns the plan for t.
func (c *Codec) planOf(t reflect.Type) (*plan, error) {
	if p, ok := c.plans.Load(t); ok {
		return p.(*plan), nil
	}
	b := planner{names: &c.names, plans: map[reflect.Type]*plan{}}
	p, err := b.plan(t)
	if err != nil {
		return nil, fmt.Errorf("shape: %s: %w", t, err)
	}
	for t, p := range b.plans { // whole, so that none is seen half made
		c.plans.LoadOrStore(t, p)
	}
	return p, nil
}

// planner makes the plans of a type and of all that it is built of.
type planner struct {
	names *Names
	plans map[reflect.Type]*plan
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	documentType = reflect.TypeFor[document.Unmarshaler]()
)

func (b *planner) plan(t reflect.Type) (*plan, error) {
	if p, ok := b.plans[t]; ok {
		return p, nil // done, or begun by a type that contains itself
	}
	p := &plan{typ: t}
	b.plans[t] = p
	var err error
	switch t.Kind() {
	case reflect.Bool:
		p.kind = boolKind
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.kind = intKind
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.kind = uintKind
	case reflect.Float32, reflect.Float64:
		p.kind = floatKind
	case reflect.String:
		p.kind = stringKind
	case reflect.Pointer:
		p.kind = pointerKind
		p.elem, err = b.plan(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			p.kind = blobKind
			break
		}
		p.kind = listKind
		p.elem, err = b.plan(t.Elem())
	case reflect.Map:
		p.kind = mapKind
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("%s: the keys of a map must be strings", t)
		}
		p.elem, err = b.plan(t.Elem())
	case reflect.Struct:
		if t == timeType {
			p.kind = timeKind
			break
		}
		p.kind = structKind
		err = b.structure(p)
	case reflect.Interface:
		err = b.behind(p)
	default:
		err = fmt.Errorf("%s has no form on the wire", t)
	}
	return p, err
}

// structure fills in the members of a struct; those of embedded ones count as
// its own.
func (b *planner) structure(p *plan) error {
	for _, sf := range reflect.VisibleFields(p.typ) {
		if plain := sf.Type.Kind() == reflect.Struct && sf.Type != timeType; sf.Anonymous && !plain {
			return fmt.Errorf("%s.%s: only plain structs may be embedded", p.typ.Name(), sf.Name)
		}
		if sf.Anonymous || !sf.IsExported() || notOnTheWire[sf.Name] {
			continue
		}
		member, err := b.plan(sf.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", p.typ.Name(), sf.Name, err)
		}
		owner := p.typ
		if n := len(sf.Index); n > 1 {
			owner = p.typ.FieldByIndex(sf.Index[:n-1]).Type
		}
		f := field{plan: member, index: sf.Index, goName: sf.Name}
		b.names.fill(&f, owner.Name(), sf.Name, sf.Tag)
		p.fields = append(p.fields, f)
	}
	p.indexNames()
	return nil
}

// notOnTheWire are the fields that the SDK adds to the modelled members.
var notOnTheWire = map[string]bool{"ResultMetadata": true, "ErrorCodeOverride": true}

// behind finds out what an interface type stands for.
func (b *planner) behind(p *plan) error {
	if p.typ.Implements(documentType) {
		return b.document(p)
	}
	p.kind = unionKind
	for _, u := range b.names.Unions {
		t := reflect.TypeOf(u)
		if t.Kind() != reflect.Pointer || p.typ.NumMethod() == 0 || !t.Implements(p.typ) {
			continue
		}
		value, ok := t.Elem().FieldByName("Value")
		name, named := strings.CutPrefix(t.Elem().Name(), p.typ.Name()+"Member")
		if !ok || !named {
			return fmt.Errorf("%s is no variant of %s", t, p.typ)
		}
		v, err := b.plan(value.Type)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		f := field{plan: v, typ: t.Elem(), index: value.Index, goName: name}
		b.names.fill(&f, p.typ.Name(), name, "")
		p.fields = append(p.fields, f)
	}
	if len(p.fields) == 0 {
		return fmt.Errorf("no variant of the union %s is registered", p.typ)
	}
	p.indexNames()
	return nil
}

// document finds the registered constructor of documents of p's type.
func (b *planner) document(p *plan) error {
	p.kind = documentKind
	for _, u := range b.names.Unions {
		f := reflect.ValueOf(u)
		if t := f.Type(); t.Kind() == reflect.Func && t.NumIn() == 1 && t.NumOut() == 1 && t.Out(0) == p.typ {
			p.newDocument = f
			return nil
		}
	}
	return fmt.Errorf("no constructor of the document %s is registered", p.typ)
}

// variant returns the field for the variant that v, a union, holds.
func (p *plan) variant(v reflect.Value) (*field, reflect.Value, error) {
	if s := v.Elem(); s.Kind() == reflect.Pointer && !s.IsNil() {
		for i := range p.fields {
			if f := &p.fields[i]; f.typ == s.Type().Elem() {
				return f, f.in(s.Elem()), nil
			}
		}
	}
	return nil, v, fmt.Errorf("shape: %T is not a registered variant of %s", v.Interface(), p.typ)
}

func (p *plan) indexNames() {
	p.byName = make(map[string]*field, 2*len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		p.byName[f.name] = f
	}
	for i := range p.fields {
		f := &p.fields[i]
		if lower := strings.ToLower(f.name); p.byName[lower] == nil {
			p.byName[lower] = f
		}
	}
}

// absent reports whether a member with this value is left out of a message:
// nil, an enum without a value, a time that never was.
func (p *plan) absent(v reflect.Value) bool {
	switch p.kind {
	case pointerKind, listKind, mapKind, blobKind, unionKind, documentKind:
		return v.IsNil()
	case stringKind:
		return v.Len() == 0
	case timeKind:
		return timeIn(v).IsZero()
	}
	return false
}

func errNotStruct(v any) error {
	return fmt.Errorf("shape: %T is neither a struct nor a pointer to one", v)
}
