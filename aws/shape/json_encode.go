package shape

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/aws/smithy-go/document"
)

// EncodeJSON writes v, a struct or a pointer to one. Members that are nil,
// empty enums and zero times are left out; map keys are in order.
func (c *Codec) EncodeJSON(v any) ([]byte, error) {
	return c.encode(v, appendJSON)
}

func appendJSON(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	switch p.kind {
	case boolKind:
		return strconv.AppendBool(b, v.Bool()), nil
	case intKind:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case uintKind:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case floatKind:
		return appendJSONFloat(b, v), nil
	case stringKind:
		return appendJSONString(b, v.String()), nil
	case timeKind:
		return appendSeconds(b, timeIn(v)), nil
	case blobKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"'), nil
	case pointerKind:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendJSON(b, p.elem, v.Elem())
	case listKind:
		return appendJSONList(b, p, v)
	case mapKind:
		return appendJSONMap(b, p, v)
	case structKind:
		return appendJSONStruct(b, p, v)
	case unionKind:
		f, value, err := p.variant(v)
		if err != nil {
			return b, err
		}
		b = append(append(b, '{'), f.jsonKey...)
		b, err = appendJSON(b, f.plan, value)
		return append(b, '}'), err
	case documentKind:
		return appendDocument(b, v)
	}
	panic("shape: unknown kind")
}

func appendJSONStruct(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	b = append(b, '{')
	first := true
	for i := range p.fields {
		f := &p.fields[i]
		value := f.in(v)
		if f.plan.absent(value) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.jsonKey...)
		var err error
		if b, err = appendJSON(b, f.plan, value); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendJSONList(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, p.elem, v.Index(i)); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendJSONMap(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	b = append(b, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, key.String()), ':')
		var err error
		if b, err = appendJSON(b, p.elem, v.MapIndex(key)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return keys
}

func appendJSONFloat(b []byte, v reflect.Value) []byte {
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(appendFloat(append(b, '"'), f, 64), '"')
	}
	return appendFloat(b, f, v.Type().Bits())
}

// appendDocument writes a free-form document.
func appendDocument(b []byte, v reflect.Value) ([]byte, error) {
	d, ok := v.Interface().(document.Marshaler)
	if !ok {
		return b, fmt.Errorf("shape: %s cannot be encoded", v.Type())
	}
	text, err := d.MarshalSmithyDocument()
	return append(b, text...), err
}

const hexDigits = "0123456789abcdef"

// appendJSONString writes s quoted. What is not UTF-8 becomes U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		ch := s[i]
		if ch < utf8.RuneSelf {
			if ch >= ' ' && ch != '"' && ch != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch ch {
			case '"', '\\':
				b = append(b, '\\', ch)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[ch>>4], hexDigits[ch&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(append(b, s[start:i]...), "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}
