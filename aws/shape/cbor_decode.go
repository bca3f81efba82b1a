package shape

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// DecodeCBOR reads data, a message of rpc-v2-cbor, into v, a pointer to a
// struct. Its rules and errors are those of [Codec.DecodeJSON].
func (c *Codec) DecodeCBOR(data []byte, v any) (Members, error) {
	p, rv, err := c.target(v)
	if err != nil {
		return nil, err
	}
	d := cborDecoder{cborScanner{data: data}}
	present := Members{}
	h, err := d.head()
	if err != nil {
		return nil, err
	}
	if err := d.structure(h, p, rv, present); err != nil {
		return nil, err
	}
	if d.pos < len(data) {
		return nil, &Error{Message: fmt.Sprintf("Unexpected data after the message, at byte %d", d.pos)}
	}
	return present, nil
}

type cborDecoder struct{ cborScanner }

// value reads the next item, which is not null, into v.
func (d *cborDecoder) value(p *plan, v reflect.Value) error {
	if p.kind == pointerKind {
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		e := reflect.New(p.elem.typ)
		v.Set(e)
		return d.value(p.elem, e.Elem())
	}
	h, err := d.head()
	if err != nil {
		return err
	}
	switch p.kind {
	case structKind:
		return d.structure(h, p, v, nil)
	case listKind:
		return d.list(h, p, v)
	case mapKind:
		return d.mapping(h, p, v)
	case unionKind:
		return d.union(h, p, v)
	case documentKind:
		return &Error{Message: "Documents can not be sent in rpc-v2-cbor"}
	case stringKind:
		if h.major != cborText {
			return d.mismatch(h, "a String")
		}
		s, err := d.text(h)
		v.SetString(string(s))
		return err
	case blobKind:
		if h.major != cborBytes {
			return d.mismatch(h, "a Blob")
		}
		b, err := d.bytes(h)
		v.SetBytes(append([]byte{}, b...))
		return err
	case boolKind:
		if b := h.major | h.info; b == cborTrue || b == cborFalse {
			v.SetBool(b == cborTrue)
			return nil
		}
		return d.mismatch(h, "a Boolean")
	}
	return d.numeric(h, p, v)
}

func (d *cborDecoder) structure(h cborHead, p *plan, v reflect.Value, present Members) error {
	if h.major != cborMap {
		return d.unexpected(h, "Expected null")
	}
	if err := d.enter(); err != nil {
		return err
	}
	for n := 0; d.more(h, n); n++ {
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
	return nil
}

func (d *cborDecoder) list(h cborHead, p *plan, v reflect.Value) error {
	if h.major != cborList {
		return d.unexpected(h, "Expected list or null")
	}
	if err := d.enter(); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	for n := 0; d.more(h, n); n++ {
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
	return nil
}

func (d *cborDecoder) mapping(h cborHead, p *plan, v reflect.Value) error {
	if h.major != cborMap {
		return d.unexpected(h, "Expected map or null")
	}
	if err := d.enter(); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(p.typ))
	for n := 0; d.more(h, n); n++ {
		k, err := d.key()
		if err != nil {
			return err
		}
		if d.null() {
			continue
		}
		key := string(k)
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		e := reflect.New(p.elem.typ).Elem()
		if err := d.value(p.elem, e); err != nil {
			return inMember(err, key)
		}
		p.put(v, key, e)
	}
	return nil
}

func (d *cborDecoder) union(h cborHead, p *plan, v reflect.Value) error {
	if h.major != cborMap {
		return d.unexpected(h, "Expected null")
	}
	if err := d.enter(); err != nil {
		return err
	}
	v.SetZero()
	for n := 0; d.more(h, n); n++ {
		key, err := d.key()
		if err != nil {
			return err
		}
		if d.null() {
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
	return oneVariant(p, v)
}

// numeric sets v, a number or a time, to the number that h is.
func (d *cborDecoder) numeric(h cborHead, p *plan, v reflect.Value) error {
	text := ""
	switch h.major {
	case cborUint:
		text = strconv.FormatUint(h.arg, 10)
	case cborNeg:
		text = "-" + strconv.FormatUint(h.arg, 10)
		if h.arg <= math.MaxInt64 {
			text = strconv.FormatInt(^int64(h.arg), 10)
		}
	default:
		f, ok := h.float()
		if !ok {
			return d.mismatch(h, p.noun())
		}
		if p.kind == floatKind && !v.OverflowFloat(f) {
			v.SetFloat(f)
			return nil
		}
		text = strconv.FormatFloat(f, 'g', -1, 64)
	}
	return p.setNumber(v, text)
}

// unexpected is the error for an item that is no collection of the kind that
// the target is; expected says so of a scalar.
func (d *cborDecoder) unexpected(h cborHead, expected string) error {
	if h.major == cborList || h.major == cborMap {
		return d.mismatch(h, "")
	}
	return &Error{Message: expected}
}

// mismatch is the error for an item of another type than the target's, in the
// words that AWS has for JSON.
func (d *cborDecoder) mismatch(h cborHead, target string) error {
	_, number := h.float()
	switch {
	case h.major == cborList:
		return errList
	case h.major == cborMap:
		return errMap
	case h.major == cborText:
		return mismatch("STRING_VALUE", target)
	case h.major == cborBytes:
		return mismatch("BLOB_VALUE", target)
	case h.major|h.info == cborTrue:
		return mismatch("TRUE_VALUE", target)
	case h.major|h.info == cborFalse:
		return mismatch("FALSE_VALUE", target)
	case number || h.major == cborUint || h.major == cborNeg:
		return mismatch("NUMBER_VALUE", target)
	}
	return d.broken()
}
