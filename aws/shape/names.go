package shape

import (
	"cmp"
	"reflect"
	"strings"
)

// fill sets the names by which the Go field or variant name of owner goes on
// the wire.
//
// In Except a list may name its elements too, after a slash: "Reference/item".
// In ec2 the answers have names of their own: the first letter is lower, and a
// list of Vpcs is a vpcSet. Structs made for it carry the names that no rule
// gives in a tag: `ec2:"request,answer"`, where either may be empty.
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
	f.answer = lowerFirst(name)
	if f.plan.kind == listKind {
		f.answer = strings.TrimSuffix(f.answer, "s") + "Set"
	}
	request, answer, _ := strings.Cut(tag.Get("ec2"), ",")
	f.name = cmp.Or(request, f.name)
	f.answer = cmp.Or(answer, f.answer)

	f.jsonKey = string(appendJSONString(nil, f.name)) + ":"
	f.cborKey = string(appendCBORString(nil, f.name))
}

// lowerFirst lowers the first letter, as in vCpuCount, or all of a name that is
// capitals throughout, such as ARN, which none of the SDK's is.
func lowerFirst(s string) string {
	if s == strings.ToUpper(s) {
		return strings.ToLower(s)
	}
	return strings.ToLower(s[:1]) + s[1:]
}
