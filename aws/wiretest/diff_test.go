package wiretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/aws/smithy-go/document"
)

// diff says where got first differs from want, or nothing.
func diff(path string, want, got reflect.Value) string {
	if want.Kind() != got.Kind() {
		return fmt.Sprintf("%s: %v instead of %v", path, got.Kind(), want.Kind())
	}
	switch want.Kind() {
	case reflect.Pointer, reflect.Interface:
		return diffBehind(path, want, got)
	case reflect.Struct:
		if at, ok := want.Interface().(time.Time); ok {
			if got := got.Interface().(time.Time); !got.Equal(at) {
				return fmt.Sprintf("%s: %v instead of %v", path, got, at)
			}
			return ""
		}
		for _, sf := range reflect.VisibleFields(want.Type()) {
			if !sf.IsExported() || sf.Anonymous || sf.Name == "ResultMetadata" {
				continue
			}
			if d := diff(path+"."+sf.Name, want.FieldByIndex(sf.Index), got.FieldByIndex(sf.Index)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Slice:
		if want.IsNil() != got.IsNil() || want.Len() != got.Len() {
			return fmt.Sprintf("%s: %#v instead of %#v", path, got, want)
		}
		for i := range want.Len() {
			if d := diff(fmt.Sprintf("%s[%d]", path, i), want.Index(i), got.Index(i)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Map:
		if want.IsNil() != got.IsNil() || want.Len() != got.Len() {
			return fmt.Sprintf("%s: %#v instead of %#v", path, got, want)
		}
		for _, key := range want.MapKeys() {
			value := got.MapIndex(key)
			if !value.IsValid() {
				return fmt.Sprintf("%s[%q] is missing", path, key)
			}
			if d := diff(fmt.Sprintf("%s[%q]", path, key), want.MapIndex(key), value); d != "" {
				return d
			}
		}
		return ""
	case reflect.Float32, reflect.Float64:
		if math.IsNaN(want.Float()) && math.IsNaN(got.Float()) {
			return ""
		}
	}
	if !want.Equal(got) {
		return fmt.Sprintf("%s: %#v instead of %#v", path, got, want)
	}
	return ""
}

// diffBehind compares what pointers or interfaces hold.
func diffBehind(path string, want, got reflect.Value) string {
	switch {
	case want.IsNil() && got.IsNil():
		return ""
	case want.IsNil():
		return fmt.Sprintf("%s: %v instead of nothing", path, got.Elem())
	case got.IsNil():
		return fmt.Sprintf("%s: nothing instead of %v", path, want.Elem())
	}
	if d, ok := want.Interface().(document.Marshaler); ok && want.Kind() == reflect.Interface {
		a, b := canonical(d), canonical(got.Interface().(document.Marshaler))
		if !bytes.Equal(a, b) {
			return fmt.Sprintf("%s: %s instead of %s", path, b, a)
		}
		return ""
	}
	if want.Elem().Type() != got.Elem().Type() {
		return fmt.Sprintf("%s: %v instead of %v", path, got.Elem().Type(), want.Elem().Type())
	}
	return diff(path, want.Elem(), got.Elem())
}

// canonical writes a document in JSON's canonical order.
func canonical(d document.Marshaler) []byte {
	text, err := d.MarshalSmithyDocument()
	var v any
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		return []byte(err.Error())
	}
	text, _ = json.Marshal(v)
	return text
}
