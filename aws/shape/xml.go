package shape

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// EncodeXML writes the members of v, a struct or a pointer to one, as elements
// of the query protocol; the element around them is the caller's. What is left
// out is as in [Codec.EncodeJSON].
func (c *Codec) EncodeXML(w io.Writer, v any) error { return c.encodeXML(w, v, false) }

// EncodeEC2XML is [Codec.EncodeXML] for ec2's protocol, which has other names.
func (c *Codec) EncodeEC2XML(w io.Writer, v any) error { return c.encodeXML(w, v, true) }

func (c *Codec) encodeXML(w io.Writer, v any, ec2 bool) error {
	p, rv, err := c.source(v)
	if err != nil {
		return err
	}
	e := xmlEncoder{ec2: ec2}
	if err := e.members(p, rv); err != nil {
		return err
	}
	_, err = w.Write(e.out)
	return err
}

type xmlEncoder struct {
	out []byte
	ec2 bool
}

// Write appends text that was escaped.
func (e *xmlEncoder) Write(b []byte) (int, error) {
	e.out = append(e.out, b...)
	return len(b), nil
}

func (e *xmlEncoder) open(name string)  { e.out = append(append(append(e.out, '<'), name...), '>') }
func (e *xmlEncoder) close(name string) { e.out = append(append(append(e.out, "</"...), name...), '>') }

// text writes s escaped. What XML has no character for becomes U+FFFD.
func (e *xmlEncoder) text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '&' || c == '<' || c == '>' || c == '\'' || c == '"' {
			e.out = append(e.out, s[:i]...)
			xml.EscapeText(e, []byte(s[i:])) // e takes everything
			return
		}
	}
	e.out = append(e.out, s...)
}

// members writes the members of v, a struct.
func (e *xmlEncoder) members(p *plan, v reflect.Value) error {
	for i := range p.fields {
		f := &p.fields[i]
		value := f.in(v)
		if f.plan.absent(value) {
			continue
		}
		name, element := f.name, f.element
		if e.ec2 {
			name, element = f.answer, "item"
		}
		if err := e.element(name, element, f.plan, value); err != nil {
			return err
		}
	}
	return nil
}

// element writes v as an element called name; item is what a list in it calls
// its elements.
func (e *xmlEncoder) element(name, item string, p *plan, v reflect.Value) error {
	if p.kind == pointerKind {
		if v.IsNil() {
			return nil
		}
		return e.element(name, item, p.elem, v.Elem())
	}
	e.open(name)
	defer e.close(name)
	switch p.kind {
	case structKind:
		return e.members(p, v)
	case listKind:
		for i := range v.Len() {
			if err := e.element(item, item, p.elem, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case mapKind:
		for _, key := range sortedKeys(v) {
			e.open("entry")
			e.open("key")
			e.text(key.String())
			e.close("key")
			if err := e.element("value", item, p.elem, v.MapIndex(key)); err != nil {
				return err
			}
			e.close("entry")
		}
		return nil
	case unionKind:
		f, value, err := p.variant(v)
		if err != nil {
			return err
		}
		return e.element(f.name, f.element, f.plan, value)
	case documentKind:
		return fmt.Errorf("shape: XML has no form for documents such as %s", p.typ)
	case stringKind:
		e.text(v.String())
		return nil
	}
	e.out = appendText(e.out, p, v)
	return nil
}

// appendText writes a scalar, other than a string, as the protocols write it
// outside of JSON and CBOR.
func appendText(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case boolKind:
		return strconv.AppendBool(b, v.Bool())
	case intKind:
		return strconv.AppendInt(b, v.Int(), 10)
	case uintKind:
		return strconv.AppendUint(b, v.Uint(), 10)
	case floatKind:
		return appendFloat(b, v.Float(), p.typ.Bits())
	case timeKind:
		return timeIn(v).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	case blobKind:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	}
	panic("shape: not a scalar")
}
