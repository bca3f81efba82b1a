package wiretest

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"
)

// filler gives structs random contents, the same for the same seed.
type filler struct {
	*rand.Rand
	unions  []any
	all     bool // leave nothing out: clients refuse inputs without what is required
	noEmpty bool // no empty lists, maps and structures

	within map[reflect.Type]bool // the structs being filled, so that recursion ends
}

func newFiller(seed uint64, s sdk) *filler {
	return &filler{Rand: rand.New(rand.NewPCG(seed, 1)), unions: s.unions, noEmpty: s.noEmpty, within: map[reflect.Type]bool{}}
}

// make returns a filled *T for the struct type T.
func (f *filler) make(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	f.fill(v.Elem())
	return v
}

func (f *filler) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(f.Int64N(1<<min(40, v.Type().Bits()-1)) - 1000)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(f.NormFloat64() * 1e3)))
	case reflect.String:
		v.SetString(f.text())
	case reflect.Pointer:
		v.Set(f.make(v.Type().Elem()))
	case reflect.Slice:
		f.slice(v)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range f.length() {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key)
			f.fill(value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		f.structure(v)
	case reflect.Interface:
		f.behind(v)
	}
}

func (f *filler) slice(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b := make([]byte, 1+f.IntN(20))
		for i := range b {
			b[i] = byte(f.Uint32())
		}
		v.SetBytes(b)
		return
	}
	n := f.length()
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		f.fill(v.Index(i))
	}
	if list, ok := v.Interface().([]string); ok && f.noEmpty {
		slices.Sort(list) // as Go's signer does with those that go into a URL
	}
}

func (f *filler) structure(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		// Eighths of a second, up to the year 2096: some clients cut off what a
		// float does not hold exactly.
		at := time.UnixMilli(125 * f.Int64N(32e9)).UTC()
		v.Set(reflect.ValueOf(at))
		return
	}
	outer := f.within[v.Type()]
	f.within[v.Type()] = true
	defer func() { f.within[v.Type()] = outer }()
	filled := 0
	for _, sf := range reflect.VisibleFields(v.Type()) {
		if !sf.IsExported() || sf.Anonymous || sf.Name == "ResultMetadata" {
			continue
		}
		if f.recursive(sf.Type) || notFilled[v.Type().Name()+"."+sf.Name] != "" || nullable(sf.Type) && !f.all && f.IntN(3) == 0 {
			continue
		}
		f.fill(v.FieldByIndex(sf.Index))
		filled++
	}
	if filled == 0 && f.noEmpty && !f.all {
		f.all = true
		f.structure(v)
		f.all = false
	}
}

// notFilled are the members that clients make more of than a value, and what.
var notFilled = map[string]string{
	"PutEventsInput.EndpointId": "a host name to send the events to",
}

// recursive reports whether a member of type t would fill a struct within itself.
func (f *filler) recursive(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return f.recursive(t.Elem())
	case reflect.Struct, reflect.Interface:
		return f.within[t]
	}
	return false
}

func nullable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

// behind fills an interface: a union with one of its variants, a document with
// something free-form.
func (f *filler) behind(v reflect.Value) {
	outer := f.within[v.Type()]
	f.within[v.Type()] = true
	defer func() { f.within[v.Type()] = outer }()
	var variants []reflect.Type
	for _, u := range f.unions {
		switch t := reflect.TypeOf(u); {
		case t.Kind() == reflect.Func && t.Out(0) == v.Type():
			var free any
			json.Unmarshal([]byte(`{"a":[1,2.5,true,null,{}],"b":"x"}`), &free)
			v.Set(reflect.ValueOf(u).Call([]reflect.Value{reflect.ValueOf(&free).Elem()})[0])
			return
		case t.Kind() == reflect.Pointer && t.Implements(v.Type()) && !f.recursive(t.Elem().Field(0).Type):
			variants = append(variants, t)
		}
	}
	variant := f.make(variants[f.IntN(len(variants))].Elem())
	f.fill(variant.Elem().FieldByName("Value"))
	v.Set(variant)
}

func (f *filler) length() int {
	if f.noEmpty {
		return 1 + f.IntN(2)
	}
	return f.IntN(3)
}

// text makes a string that is awkward in every format.
func (f *filler) text() string {
	letters := strings.Split(`a b c D E 0 1 - _ . / + % & = ; < > " ' \ ü 😀 é`, " ")
	var s strings.Builder
	s.WriteByte('x')
	for range f.IntN(8) {
		s.WriteString(letters[f.IntN(len(letters))])
	}
	if f.IntN(8) == 0 {
		s.WriteString(" \n\tx")
	}
	return s.String()
}
