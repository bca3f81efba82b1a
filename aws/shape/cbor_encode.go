package shape

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// The parts of CBOR's initial bytes (RFC 8949, section 3).
const (
	cborUint  = 0 << 5
	cborNeg   = 1 << 5
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborList  = 4 << 5
	cborMap   = 5 << 5
	cborTag   = 6 << 5
	cborOther = 7 << 5

	cborIndefinite = 31
	cborBreak      = cborOther | cborIndefinite
	cborFalse      = cborOther | 20
	cborTrue       = cborOther | 21
	cborNull       = cborOther | 22
	cborUndefined  = cborOther | 23
	cborEpoch      = cborTag | 1
	cborFloat16    = cborOther | 25
	cborFloat32    = cborOther | 26
	cborFloat64    = cborOther | 27
)

// EncodeCBOR writes v, a struct or a pointer to one, as rpc-v2-cbor has it:
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html. What is
// left out is as in [Codec.EncodeJSON].
func (c *Codec) EncodeCBOR(v any) ([]byte, error) {
	return c.encode(v, appendCBOR)
}

func appendCBOR(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	switch p.kind {
	case boolKind:
		if v.Bool() {
			return append(b, cborTrue), nil
		}
		return append(b, cborFalse), nil
	case intKind:
		if i := v.Int(); i < 0 {
			return appendCBORHead(b, cborNeg, uint64(^i)), nil
		}
		return appendCBORHead(b, cborUint, uint64(v.Int())), nil
	case uintKind:
		return appendCBORHead(b, cborUint, v.Uint()), nil
	case floatKind:
		if v.Type().Bits() == 32 {
			return binary.BigEndian.AppendUint32(append(b, cborFloat32), math.Float32bits(float32(v.Float()))), nil
		}
		return appendCBORDouble(b, v.Float()), nil
	case stringKind:
		return appendCBORString(b, v.String()), nil
	case timeKind:
		ms := timeIn(v).UnixMilli()
		return appendCBORDouble(append(b, cborEpoch), float64(ms)/1000), nil
	case blobKind:
		return append(appendCBORHead(b, cborBytes, uint64(v.Len())), v.Bytes()...), nil
	case pointerKind:
		if v.IsNil() {
			return append(b, cborNull), nil
		}
		return appendCBOR(b, p.elem, v.Elem())
	case listKind:
		return appendCBORList(b, p, v)
	case mapKind:
		return appendCBORMap(b, p, v)
	case structKind:
		return appendCBORStruct(b, p, v)
	case unionKind:
		f, value, err := p.variant(v)
		if err != nil {
			return b, err
		}
		return appendCBOR(append(append(b, cborMap|1), f.cborKey...), f.plan, value)
	}
	return b, fmt.Errorf("shape: rpc-v2-cbor has no form for documents such as %s", p.typ)
}

func appendCBORStruct(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	b = append(b, cborMap|cborIndefinite)
	for i := range p.fields {
		f := &p.fields[i]
		value := f.in(v)
		if f.plan.absent(value) {
			continue
		}
		var err error
		if b, err = appendCBOR(append(b, f.cborKey...), f.plan, value); err != nil {
			return b, err
		}
	}
	return append(b, cborBreak), nil
}

func appendCBORList(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	b = appendCBORHead(b, cborList, uint64(v.Len()))
	for i := range v.Len() {
		var err error
		if b, err = appendCBOR(b, p.elem, v.Index(i)); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendCBORMap(b []byte, p *plan, v reflect.Value) ([]byte, error) {
	b = appendCBORHead(b, cborMap, uint64(v.Len()))
	for _, key := range sortedKeys(v) {
		var err error
		if b, err = appendCBOR(appendCBORString(b, key.String()), p.elem, v.MapIndex(key)); err != nil {
			return b, err
		}
	}
	return b, nil
}

// appendCBORHead writes the initial byte of major with its argument, as short as
// it can be.
func appendCBORHead(b []byte, major byte, arg uint64) []byte {
	switch {
	case arg < 24:
		return append(b, major|byte(arg))
	case arg <= math.MaxUint8:
		return append(b, major|24, byte(arg))
	case arg <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(arg))
	case arg <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), arg)
}

func appendCBORDouble(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, cborFloat64), math.Float64bits(f))
}

// appendCBORString writes s. What is not UTF-8 becomes U+FFFD.
func appendCBORString(b []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return append(appendCBORHead(b, cborText, uint64(len(s))), s...)
}
