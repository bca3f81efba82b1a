package shape

import (
	"cmp"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DecodeQuery reads a form of the query protocol into v, a pointer to a struct,
// and returns which of its members were there. Structures are A.B=, lists
// L.member.N=, maps M.entry.N.key= and .value=; numbers only give the order.
// A list that is sent as L= is empty.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
func (c *Codec) DecodeQuery(form url.Values, v any) (Members, error) {
	return c.decodeForm(form, v, false)
}

// DecodeEC2Query is [Codec.DecodeQuery] for ec2's protocol, whose lists are L.N=.
//
// https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
func (c *Codec) DecodeEC2Query(form url.Values, v any) (Members, error) {
	return c.decodeForm(form, v, true)
}

func (c *Codec) decodeForm(form url.Values, v any, flat bool) (Members, error) {
	p, rv, err := c.target(v)
	if err != nil {
		return nil, err
	}
	pairs := make([]pair, 0, len(form))
	for name, values := range form {
		if strings.Count(name, ".") > maxDepth {
			return nil, errDepth
		}
		pairs = append(pairs, pair{name, values[0]})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return compareNames(a.name, b.name) })
	present := Members{}
	d := formDecoder{flat: flat}
	return present, d.structure(p, rv, pairs, present)
}

// pair is a parameter of a form: what is left of its name at some depth, and
// its value.
type pair struct{ name, value string }

// compareNames orders names so that those below one stay together, after it.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '.':
			return -1
		case b[i] == '.':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

type formDecoder struct {
	limits
	flat bool // lists have no level of their own, as in ec2
}

// each calls do for each name that starts pairs, with the pairs below it.
func each(pairs []pair, do func(name string, below []pair) error) error {
	for len(pairs) > 0 {
		name, _, _ := strings.Cut(pairs[0].name, ".")
		var below []pair
		for len(pairs) > 0 {
			first, rest, _ := strings.Cut(pairs[0].name, ".")
			if first != name {
				break
			}
			below = append(below, pair{rest, pairs[0].value})
			pairs = pairs[1:]
		}
		if err := do(name, below); err != nil {
			return err
		}
	}
	return nil
}

// value reads what pairs, at least one, say into v. The first may be without a
// name and so be the value itself, as in L= for an empty list.
func (d *formDecoder) value(f *field, p *plan, v reflect.Value, pairs []pair) error {
	if p.kind == pointerKind {
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		e := reflect.New(p.elem.typ)
		v.Set(e)
		return d.value(f, p.elem, e.Elem(), pairs)
	}
	own, text, below := pairs[0].name == "", pairs[0].value, pairs
	if own {
		below = pairs[1:]
	}
	switch p.kind {
	case structKind, unionKind, listKind, mapKind:
		if own && text != "" {
			return &Error{Message: "Expected members below it, not a value"}
		}
		return d.container(f, p, v, below)
	case documentKind:
		return &Error{Message: "Documents can not be sent in a form"}
	}
	if !own || len(below) > 0 {
		return errMap
	}
	return p.setText(v, text, time.RFC3339Nano)
}

func (d *formDecoder) container(f *field, p *plan, v reflect.Value, pairs []pair) error {
	switch p.kind {
	case structKind:
		return d.structure(p, v, pairs, nil)
	case unionKind:
		return d.union(p, v, pairs)
	case listKind:
		return d.list(f, p, v, pairs)
	}
	return d.mapping(f, p, v, pairs)
}

func (d *formDecoder) structure(p *plan, v reflect.Value, pairs []pair, present Members) error {
	return each(pairs, func(name string, below []pair) error {
		f := p.find([]byte(name))
		if f == nil {
			return nil
		}
		if err := d.value(f, f.plan, f.in(v), below); err != nil {
			return inMember(err, f.name)
		}
		if present != nil {
			present[f.goName] = true
		}
		return nil
	})
}

func (d *formDecoder) union(p *plan, v reflect.Value, pairs []pair) error {
	v.SetZero()
	err := each(pairs, func(name string, below []pair) error {
		f, err := p.choose(v, []byte(name))
		if err != nil {
			return err
		}
		return inMember(d.value(f, f.plan, f.in(v.Elem().Elem()), below), f.name)
	})
	if err != nil {
		return err
	}
	return oneVariant(p, v)
}

func (d *formDecoder) list(f *field, p *plan, v reflect.Value, pairs []pair) error {
	element := ""
	if !d.flat {
		element = f.element
	}
	v.Set(reflect.MakeSlice(p.typ, 0, 0))
	return numbered(pairs, element, func(n int, below []pair) error {
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		return inElement(d.value(f, p.elem, extend(v), below), n)
	})
}

func (d *formDecoder) mapping(f *field, p *plan, v reflect.Value, pairs []pair) error {
	v.Set(reflect.MakeMap(p.typ))
	return numbered(pairs, "entry", func(n int, below []pair) error {
		if err := d.take(p.elem.typ); err != nil {
			return err
		}
		key, hasKey := "", false
		e := reflect.New(p.elem.typ).Elem()
		err := each(below, func(name string, below []pair) error {
			switch name {
			case "key", "Name": // sns says Name and Value
				key, hasKey = below[0].value, true
			case "value", "Value":
				return d.value(f, p.elem, e, below)
			}
			return nil
		})
		if err == nil && !hasKey {
			err = &Error{Message: "The entry of a map must have a key"}
		}
		if err != nil {
			return inElement(err, n)
		}
		p.put(v, key, e)
		return nil
	})
}

// numbered calls do for each element that pairs have below a name, or without
// one if that is empty, in the order of their numbers; n counts them from 0.
func numbered(pairs []pair, element string, do func(n int, below []pair) error) error {
	type item struct {
		number uint64
		below  []pair
	}
	var items []item
	collect := func(number string, below []pair) error {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return inMember(&Error{Message: "The elements of a list must be numbered"}, number)
		}
		items = append(items, item{n, below})
		return nil
	}
	err := each(pairs, func(name string, below []pair) error {
		if name == element {
			return each(below, collect)
		}
		return collect(name, below)
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.number, b.number) })
	for n, i := range items {
		if err := do(n, i.below); err != nil {
			return err
		}
	}
	return nil
}
