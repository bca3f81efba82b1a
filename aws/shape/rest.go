package shape

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Bindings say which members of an operation's input are not in the body, by Go
// field name, and what they are called where they are.
//
// https://smithy.io/2.0/spec/http-bindings.html
type Bindings struct {
	Path   map[string]string // to the label in the path: {Name}
	Query  map[string]string // to the parameter
	Header map[string]string // to the header
}

// RESTRequest is a request of the restJson protocol, taken apart.
type RESTRequest struct {
	Path   map[string]string // labels, unescaped
	Query  url.Values
	Header http.Header
	Body   []byte // empty where no member is in the body
}

// DecodeREST reads r into v, a pointer to a struct, and returns which of its
// members were there. Members in the body are as in [Codec.DecodeJSON].
func (c *Codec) DecodeREST(r RESTRequest, bind Bindings, v any) (Members, error) {
	p, rv, err := c.target(v)
	if err != nil {
		return nil, err
	}
	present := Members{}
	if len(r.Body) > 0 {
		if present, err = c.DecodeJSON(r.Body, v); err != nil {
			return nil, err
		}
	}
	for i := range p.fields {
		f := &p.fields[i]
		texts, layout, bound := bind.find(f.goName, r)
		if !bound {
			continue
		}
		f.in(rv).SetZero() // whatever the body says
		delete(present, f.goName)
		if len(texts) == 0 {
			continue
		}
		if err := setTexts(f.plan, f.in(rv), texts, layout); err != nil {
			return nil, inMember(err, f.name)
		}
		present[f.goName] = true
	}
	return present, nil
}

// find returns what r says of a member, the form of times there, and whether
// the member is bound to a place outside the body.
func (b Bindings) find(member string, r RESTRequest) (texts []string, layout string, bound bool) {
	if label, ok := b.Path[member]; ok {
		if text, ok := r.Path[label]; ok {
			texts = []string{text}
		}
		return texts, time.RFC3339Nano, true
	}
	if parameter, ok := b.Query[member]; ok {
		return r.Query[parameter], time.RFC3339Nano, true
	}
	if header, ok := b.Header[member]; ok {
		return r.Header.Values(header), http.TimeFormat, true
	}
	return nil, "", false
}

// setTexts sets v, a scalar or a list of them, to what texts say. A list in a
// header may also be one text with commas.
func setTexts(p *plan, v reflect.Value, texts []string, layout string) error {
	switch p.kind {
	case pointerKind:
		e := reflect.New(p.elem.typ)
		v.Set(e)
		return setTexts(p.elem, e.Elem(), texts, layout)
	case listKind:
		if layout == http.TimeFormat && p.elem.kind != timeKind {
			texts = slices.Collect(strings.SplitSeq(strings.Join(texts, ","), ","))
		}
		v.Set(reflect.MakeSlice(p.typ, 0, len(texts)))
		for i, text := range texts {
			if err := setTexts(p.elem, extend(v), []string{strings.TrimSpace(text)}, layout); err != nil {
				return inElement(err, i)
			}
		}
		return nil
	case mapKind, structKind, unionKind, documentKind:
		return errMap
	}
	return p.setText(v, texts[0], layout)
}
