package shape

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// extend lengthens v, a slice, by one element and returns that.
func extend(v reflect.Value) reflect.Value {
	n := v.Len()
	if n == v.Cap() {
		v.Grow(1)
	}
	v.SetLen(n + 1)
	return v.Index(n)
}

// put sets the entry of v, a map, for key.
func (p *plan) put(v reflect.Value, key string, value reflect.Value) {
	k := reflect.New(p.typ.Key()).Elem()
	k.SetString(key)
	v.SetMapIndex(k, value)
}

// timeIn returns the time that v is, without a copy on the heap where it can.
func timeIn(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

// setNumber sets v, a number or a time, to what text says.
func (p *plan) setNumber(v reflect.Value, text string) error {
	switch p.kind {
	case intKind:
		i, err := strconv.ParseInt(text, 10, 64)
		ok := err == nil
		if !ok {
			i, ok = integral(text)
		}
		return p.setInt(v, i, ok, text)
	case uintKind:
		u, err := strconv.ParseUint(text, 10, 64)
		if err == nil && !v.OverflowUint(u) {
			v.SetUint(u)
			return nil
		}
		i, ok := integral(text)
		return p.setInt(v, i, ok, text)
	case floatKind:
		f, err := strconv.ParseFloat(text, p.typ.Bits())
		if err != nil {
			return outOfRange(text, p)
		}
		v.SetFloat(f)
	case timeKind:
		f, err := strconv.ParseFloat(text, 64)
		t, ok := timeOf(f)
		if err != nil || !ok {
			return &Error{Message: text + " is not a timestamp of the years 1 to 9999"}
		}
		v.Set(reflect.ValueOf(t))
	}
	return nil
}

// setInt sets v, of an integer type, to i, which stands for text if ok.
func (p *plan) setInt(v reflect.Value, i int64, ok bool, text string) error {
	switch {
	case ok && p.kind == intKind && !v.OverflowInt(i):
		v.SetInt(i)
		return nil
	case ok && p.kind == uintKind && i >= 0 && !v.OverflowUint(uint64(i)):
		v.SetUint(uint64(i))
		return nil
	}
	return outOfRange(text, p)
}

// choose makes v, a union, hold the variant that is called name on the wire.
func (p *plan) choose(v reflect.Value, name []byte) (*field, error) {
	if !v.IsNil() {
		return nil, &Error{Message: "Only one member of a union may be set"}
	}
	f := p.find(name)
	if f == nil {
		return nil, inMember(&Error{Message: "Unknown member of a union"}, string(name))
	}
	v.Set(reflect.New(f.typ))
	return f, nil
}

// oneVariant is the error for a union that was left without a member.
func oneVariant(p *plan, v reflect.Value) error {
	if v.IsNil() {
		return &Error{Message: "Exactly one member of a union must be set"}
	}
	return nil
}

// setText sets v, a scalar, to what text says outside of JSON and CBOR; layout
// is the form of a time there, besides which seconds since the epoch will do.
func (p *plan) setText(v reflect.Value, text, layout string) error {
	switch p.kind {
	case stringKind:
		if !utf8.ValidString(text) {
			return errNotUTF8
		}
		v.SetString(text)
	case boolKind:
		if text != "true" && text != "false" {
			return notA(text, "a boolean: true or false")
		}
		v.SetBool(text == "true")
	case blobKind:
		return setBase64(v, []byte(text))
	case timeKind:
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 0 {
			v.Set(reflect.ValueOf(t.UTC().Round(time.Millisecond)))
			return nil
		}
		if !isNumber(text) {
			return notA(text, "a timestamp such as 2026-01-31T12:00:00Z")
		}
		return p.setNumber(v, text)
	default:
		if f, ok := namedFloat(text); ok && p.kind == floatKind {
			v.SetFloat(f)
			return nil
		}
		if !isNumber(text) {
			return notA(text, "a number")
		}
		return p.setNumber(v, text)
	}
	return nil
}

// isNumber reports whether text is a number as JSON writes them.
func isNumber(text string) bool {
	s := jsonScanner{data: []byte(text)}
	_, err := s.number()
	return err == nil && s.pos == len(text)
}

// setBase64 sets v, a blob, to what text stands for.
func setBase64(v reflect.Value, text []byte) error {
	b, err := base64.StdEncoding.AppendDecode([]byte{}, text)
	if err != nil {
		return &Error{Message: "The blob is not valid base64"}
	}
	v.SetBytes(b)
	return nil
}
