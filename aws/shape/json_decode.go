package shape

import (
	"reflect"
)

// DecodeJSON reads data into v, a pointer to a struct, and returns which of its
// members were there. Unknown members are skipped, null is the same as absent
// (also in lists, as AWS has it). An error is an [*Error], in AWS's words where
// those are known.
func (c *Codec) DecodeJSON(data []byte, v any) (Members, error) {
	p, rv, err := c.target(v)
	if err != nil {
		return nil, err
	}
	d := jsonDecoder{jsonScanner{data: data}}
	present := Members{}
	if c := d.peek(); c != '{' && c != '[' {
		return nil, d.broken("Expected '{'")
	}
	if err := d.structure(p, rv, present); err != nil {
		return nil, err
	}
	if d.peek(); d.pos < len(data) {
		return nil, d.broken("Unexpected text after the message")
	}
	return present, nil
}

type jsonDecoder struct{ jsonScanner }

// value reads the next value, which is not null, into v.
func (d *jsonDecoder) value(p *plan, v reflect.Value) error {
	switch p.kind {
	case pointerKind:
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		e := reflect.New(p.elem.typ)
		v.Set(e)
		return d.value(p.elem, e.Elem())
	case structKind:
		return d.structure(p, v, nil)
	case listKind:
		return d.list(p, v)
	case mapKind:
		return d.mapping(p, v)
	case unionKind:
		return d.union(p, v)
	case documentKind:
		return d.document(p, v)
	case boolKind:
		return d.boolean(v)
	case stringKind:
		if d.peek() != '"' {
			return d.mismatch("a String")
		}
		s, err := d.text()
		v.SetString(string(s))
		return err
	case blobKind:
		return d.blob(v)
	}
	return d.numeric(p, v)
}

// null reads a null if it is next.
func (d *jsonDecoder) null() bool { return d.peek() == 'n' && d.literal("null") }

// open reads the bracket that starts an object or a list; expected is what AWS
// says where there is a scalar instead.
func (d *jsonDecoder) open(bracket byte, expected string) error {
	switch d.peek() {
	case bracket:
		d.pos++
		return d.enter()
	case '{', '[':
		return d.mismatch("")
	}
	if err := d.skip(); err != nil {
		return err
	}
	return &Error{Message: expected}
}

func (d *jsonDecoder) structure(p *plan, v reflect.Value, present Members) error {
	if err := d.open('{', "Expected null"); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if more, err := d.more('}', n); !more {
			return err
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		f := p.find(key)
		if f == nil {
			if err := d.skip(); err != nil {
				return inMember(err, string(key))
			}
			continue
		}
		if d.null() {
			continue
		}
		if err := d.value(f.plan, f.in(v)); err != nil {
			return inMember(err, f.name)
		}
		if present != nil {
			present[f.goName] = true
		}
	}
}

func (d *jsonDecoder) list(p *plan, v reflect.Value) error {
	if err := d.open('[', "Expected list or null"); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	for n := 0; ; n++ {
		if more, err := d.more(']', n); !more {
			return err
		}
		if d.null() {
			continue
		}
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		if err := d.value(p.elem, extend(v)); err != nil {
			return inElement(err, n)
		}
	}
}

func (d *jsonDecoder) mapping(p *plan, v reflect.Value) error {
	if err := d.open('{', "Expected map or null"); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(p.typ))
	for n := 0; ; n++ {
		if more, err := d.more('}', n); !more {
			return err
		}
		k, err := d.key()
		if err != nil {
			return err
		}
		key := string(k)
		if d.null() {
			continue
		}
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		e := reflect.New(p.elem.typ).Elem()
		if err := d.value(p.elem, e); err != nil {
			return inMember(err, key)
		}
		p.put(v, key, e)
	}
}

// union reads an object with one member, which names the variant.
func (d *jsonDecoder) union(p *plan, v reflect.Value) error {
	if err := d.open('{', "Expected null"); err != nil {
		return err
	}
	v.SetZero()
	for n := 0; ; n++ {
		more, err := d.more('}', n)
		if err != nil {
			return err
		}
		if !more {
			return oneVariant(p, v)
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		if d.null() {
			continue
		}
		if string(key) == "__type" { // the union's own type, which AWS may add
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		f, err := p.choose(v, key)
		if err != nil {
			return err
		}
		if err := d.value(f.plan, f.in(v.Elem().Elem())); err != nil {
			return inMember(err, f.name)
		}
	}
}

// document reads a free-form value.
func (d *jsonDecoder) document(p *plan, v reflect.Value) error {
	value, err := d.jsonScanner.value()
	if err != nil {
		return err
	}
	v.Set(p.newDocument.Call([]reflect.Value{reflect.ValueOf(&value).Elem()})[0])
	return nil
}

func (d *jsonDecoder) boolean(v reflect.Value) error {
	switch d.peek() {
	case 't':
		if d.literal("true") {
			v.SetBool(true)
			return nil
		}
	case 'f':
		if d.literal("false") {
			v.SetBool(false)
			return nil
		}
	}
	return d.mismatch("a Boolean")
}

func (d *jsonDecoder) blob(v reflect.Value) error {
	if d.peek() != '"' {
		return d.mismatch("a Blob")
	}
	text, err := d.text()
	if err != nil {
		return err
	}
	return setBase64(v, text)
}

// numeric reads a number, or the time that it stands for.
func (d *jsonDecoder) numeric(p *plan, v reflect.Value) error {
	switch c := d.peek(); {
	case c == '-' || '0' <= c && c <= '9':
		text, err := d.number()
		if err != nil {
			return err
		}
		return p.setNumber(v, string(text))
	case c == '"' && p.kind == floatKind:
		text, err := d.text()
		if f, ok := namedFloat(string(text)); ok {
			v.SetFloat(f)
			return nil
		}
		if err != nil {
			return err
		}
		return mismatch("STRING_VALUE", p.noun())
	}
	return d.mismatch(p.noun())
}

// mismatch is the error for a value of another type than the target's. Where
// the next value is no JSON, that is the error.
func (d *jsonDecoder) mismatch(target string) error {
	c := d.peek()
	if err := d.skip(); err != nil {
		return err
	}
	switch {
	case c == '[':
		return errList
	case c == '{':
		return errMap
	case c == '"':
		return mismatch("STRING_VALUE", target)
	case c == 't':
		return mismatch("TRUE_VALUE", target)
	case c == 'f':
		return mismatch("FALSE_VALUE", target)
	case c == 'n':
		return mismatch("NULL_VALUE", target)
	}
	return mismatch("NUMBER_VALUE", target)
}
