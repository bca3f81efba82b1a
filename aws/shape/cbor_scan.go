package shape

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// cborScanner reads CBOR (RFC 8949) item by item.
type cborScanner struct {
	limits
	data []byte
	pos  int
}

// cborHead is the initial byte of an item with its argument.
type cborHead struct {
	major byte // one of cborUint to cborOther
	info  byte // 31: indefinite length, or break
	arg   uint64
}

var errCBOREnd = &Error{Message: "Unexpected end of input"}

// head reads the head of the next item. Tags say no more than the target's type
// does and are passed over.
func (s *cborScanner) head() (cborHead, error) {
	for {
		if s.pos >= len(s.data) {
			return cborHead{}, errCBOREnd
		}
		first := s.data[s.pos]
		s.pos++
		h := cborHead{major: first & 0xE0, info: first & 0x1F}
		switch {
		case h.info < 24:
			h.arg = uint64(h.info)
		case h.info <= 27:
			size := 1 << (h.info - 24)
			if len(s.data)-s.pos < size {
				return h, errCBOREnd
			}
			for _, b := range s.data[s.pos : s.pos+size] {
				h.arg = h.arg<<8 | uint64(b)
			}
			s.pos += size
		case h.info < cborIndefinite || h.major == cborUint || h.major == cborNeg || h.major == cborTag:
			return h, s.broken()
		}
		if h.major != cborTag {
			return h, nil
		}
	}
}

func (s *cborScanner) broken() error {
	return &Error{Message: fmt.Sprintf("The message is not valid CBOR at byte %d", s.pos-1)}
}

// null reads a null if it is next.
func (s *cborScanner) null() bool {
	if s.pos < len(s.data) && (s.data[s.pos] == cborNull || s.data[s.pos] == cborUndefined) {
		s.pos++
		return true
	}
	return false
}

// more reports whether another element follows in the collection that starts
// with h, after n.
func (s *cborScanner) more(h cborHead, n int) bool {
	more := uint64(n) < h.arg
	if h.info == cborIndefinite {
		more = s.pos >= len(s.data) || s.data[s.pos] != cborBreak
		if !more {
			s.pos++
		}
	}
	if !more {
		s.leave()
	}
	return more
}

// bytes reads the rest of a byte or text string that starts with h.
func (s *cborScanner) bytes(h cborHead) ([]byte, error) {
	if h.info != cborIndefinite {
		if h.arg > uint64(len(s.data)-s.pos) {
			return nil, errCBOREnd
		}
		b := s.data[s.pos : s.pos+int(h.arg)]
		s.pos += int(h.arg)
		return b, nil
	}
	all := []byte{}
	for {
		chunk, err := s.head()
		if err != nil {
			return nil, err
		}
		if chunk.major == cborOther && chunk.info == cborIndefinite {
			return all, nil
		}
		if chunk.major != h.major || chunk.info == cborIndefinite {
			return nil, s.broken()
		}
		b, err := s.bytes(chunk)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
}

// text reads a text string, which is part of the message or a copy.
func (s *cborScanner) text(h cborHead) ([]byte, error) {
	b, err := s.bytes(h)
	if err == nil && !utf8.Valid(b) {
		err = errNotUTF8
	}
	return b, err
}

// key reads a member's name.
func (s *cborScanner) key() ([]byte, error) {
	h, err := s.head()
	if err != nil {
		return nil, err
	}
	if h.major != cborText {
		return nil, &Error{Message: "The name of a member must be a text string"}
	}
	return s.text(h)
}

// float returns the float that h is.
func (h cborHead) float() (float64, bool) {
	switch h.major | h.info {
	case cborFloat64:
		return math.Float64frombits(h.arg), true
	case cborFloat32:
		return float64(math.Float32frombits(uint32(h.arg))), true
	case cborFloat16:
		return half(uint16(h.arg)), true
	}
	return 0, false
}

// half returns the value of a half precision float (RFC 8949, appendix D).
func half(bits uint16) float64 {
	exponent, mantissa := int(bits>>10&0x1F), float64(bits&0x3FF)
	var f float64
	switch {
	case exponent == 0:
		f = math.Ldexp(mantissa, -24)
	case exponent != 31:
		f = math.Ldexp(mantissa+1024, exponent-25)
	case mantissa == 0:
		f = math.Inf(1)
	default:
		f = math.NaN()
	}
	if bits&0x8000 != 0 {
		f = -f
	}
	return f
}

// skip reads an item that nobody wants; it must be CBOR all the same.
func (s *cborScanner) skip() error {
	h, err := s.head()
	if err != nil {
		return err
	}
	switch h.major {
	case cborBytes, cborText:
		_, err := s.bytes(h)
		return err
	case cborList, cborMap:
		if err := s.enter(); err != nil {
			return err
		}
		for n := 0; s.more(h, n); n++ {
			if h.major == cborMap {
				if _, err := s.key(); err != nil {
					return err
				}
			}
			if err := s.skip(); err != nil {
				return err
			}
		}
	case cborOther:
		if h.info == cborIndefinite {
			return s.broken()
		}
	}
	return nil
}
