package shape

import (
	"reflect"
	"strings"
)

// fill sets the names by which the Go field or variant name of owner goes on
// the wire.
//
// In Except a list may name its elements too, after a slash: "Reference/item".
// Structs made for ec2 carry the names that its rules do not give in a tag:
// `ec2:"request,answer"`, where either may be empty.
func (n *Names) fill(f *field, owner, name string, tag reflect.StructTag) {
	name = strings.TrimSuffix(name, "_") // String_, where Go's method is in the way
	f.name, f.element = name, "member"
	if n.Lower {
		f.name = lowerFirst(name)
	}
	if except, ok := n.Except[owner+"."+f.goName]; ok {
		wire, element, named := strings.Cut(except, "/")
		f.name = wire
		if named {
			f.element = element
		}
	}
	f.jsonKey = string(appendJSONString(nil, f.name)) + ":"

	f.request, f.answer = name, lowerFirst(name)
	if f.plan.kind == listKind {
		f.answer = strings.TrimSuffix(f.answer, "s") + "Set"
	}
	request, answer, _ := strings.Cut(tag.Get("ec2"), ",")
	if request != "" {
		f.request = request
	}
	if answer != "" {
		f.answer = answer
	}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
