package ecs

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// checkEnums returns an error for the first member of input, at any depth, that
// has a value which its enum does not list. Empty members are left alone.
func checkEnums(input any) error { return checkEnum("", reflect.ValueOf(input)) }

func checkEnum(path string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return checkEnum(path, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if err := checkEnum(join(path, f.Name), v.Field(i)); err != nil {
					return err
				}
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkEnum(fmt.Sprintf("%s[%d]", path, i), v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.String:
		return checkEnumValue(path, v)
	}
	return nil
}

// checkEnumValue uses that every enum of the SDK has a method Values.
func checkEnumValue(path string, v reflect.Value) error {
	values := v.MethodByName("Values")
	if !values.IsValid() || v.String() == "" {
		return nil
	}
	var names []string
	for all, i := values.Call(nil)[0], 0; i < all.Len(); i++ {
		if all.Index(i).String() == v.String() {
			return nil
		}
		names = append(names, all.Index(i).String())
	}
	return invalid(fmt.Sprintf("%s should be one of [%s]", path, strings.Join(names, ",")))
}

// join appends a Go field name to path as the member is named on the wire.
func join(path, field string) string {
	r := []rune(field)
	r[0] = unicode.ToLower(r[0])
	if path == "" {
		return string(r)
	}
	return path + "." + string(r)
}
