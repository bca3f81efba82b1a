package protocol

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// target is where a request goes and in which protocol it is answered. That of
// a request that goes nowhere is a service without a name.
type target struct {
	service   *service
	wire      Wire
	operation string
	form      url.Values        // of the query protocols
	route     Route             // of rest-json
	labels    map[string]string // in the path of rest-json, unescaped
}

// route finds r's target by the marks that each protocol puts on a request,
// surest first. Its error is to be answered in the target's protocol, which is
// a best guess then.
//
// The host says nothing, as all services share it; nor does the signature's
// scope, where there is a better mark: unsigned calls have none.
func (s *Server) route(r *http.Request, body []byte) (t target, err error) {
	defer func() {
		if t.service == nil {
			t.service = &service{}
		}
	}()
	if r.Header.Get("Smithy-Protocol") != "" {
		return s.routeCBOR(r)
	}
	if mark := r.Header.Get("X-Amz-Target"); mark != "" {
		return s.routeJSON(r, mark)
	}
	if isForm(r) || r.URL.Query().Has("Action") {
		return s.routeQuery(r, body)
	}
	return s.routeRest(r)
}

// routeCBOR reads POST /service/{service}/operation/{operation}.
func (s *Server) routeCBOR(r *http.Request) (target, error) {
	t := target{wire: CBOR}
	if mark := r.Header.Get("Smithy-Protocol"); mark != "rpc-v2-cbor" {
		return t, unknown("Smithy-Protocol %q is not supported", mark)
	}
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if len(part) != 4 || part[0] != "service" || part[2] != "operation" {
		return t, unknown("rpc-v2-cbor calls go to /service/{service}/operation/{operation}, not to %s", r.URL.Path)
	}
	t.service, t.operation = s.byTarget[part[1]], part[3]
	return t, t.check(r, part[1], http.MethodPost)
}

// routeJSON reads X-Amz-Target: {target}.{operation}.
func (s *Server) routeJSON(r *http.Request, mark string) (target, error) {
	t := target{wire: JSON11}
	prefix, operation, _ := strings.Cut(mark, ".")
	t.service, t.operation = s.byTarget[prefix], operation
	if t.service != nil && slices.Contains(t.service.Wires, JSON10) {
		t.wire = JSON10
	}
	if err := atRoot(r); err != nil {
		return t, err
	}
	return t, t.check(r, mark, http.MethodPost)
}

// routeQuery reads Action and Version, from the body or from the query string.
func (s *Server) routeQuery(r *http.Request, body []byte) (target, error) {
	t := target{wire: Query}
	form := r.URL.Query()
	if isForm(r) {
		posted, err := url.ParseQuery(string(body))
		if err != nil {
			return t, &problem{malformed, "The request body is not a valid form: " + err.Error()}
		}
		for name, values := range posted {
			form[name] = values
		}
	}
	t.form, t.operation = form, form.Get("Action")
	t.service = s.byVersion[form.Get("Version")]
	if t.service == nil {
		t.service = s.bySigning[scope(r)]
	}
	if t.service != nil && slices.Contains(t.service.Wires, EC2Query) {
		t.wire = EC2Query
	}
	if err := atRoot(r); err != nil {
		return t, err
	}
	return t, t.check(r, "Version "+form.Get("Version"), http.MethodPost, http.MethodGet)
}

// routeRest finds the service by the signature's scope.
func (s *Server) routeRest(r *http.Request) (target, error) {
	name := scope(r)
	t := target{wire: JSON11, service: s.bySigning[name]}
	if t.service == nil {
		return t, unknown("This request names no AWS operation: it has no X-Amz-Target, no Action, and no credential scope of a service with paths")
	}
	t.wire = t.service.Wires[0]
	for _, route := range t.service.Routes {
		if labels, ok := route.match(r); ok {
			t.route, t.labels, t.operation = route, labels, route.Operation
			return t, nil
		}
	}
	if !t.service.served && (t.wire == RestJSON || t.wire == RestXML) {
		return t, nil // to be answered as not built
	}
	return t, unknown("%s %s names no operation of %s", r.Method, r.URL.Path, name)
}

// match compares r with the route, segment by segment, so that an escaped slash
// in a label stays in it.
func (route Route) match(r *http.Request) (labels map[string]string, ok bool) {
	want, got := strings.Split(route.Path, "/"), strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/")
	if r.Method != route.Method || len(want) != len(got) {
		return nil, false
	}
	labels = map[string]string{}
	for i, segment := range want {
		if name, isLabel := strings.CutPrefix(segment, "{"); isLabel {
			text, err := url.PathUnescape(got[i])
			if err != nil || text == "" {
				return nil, false
			}
			labels[strings.TrimSuffix(name, "}")] = text
		} else if segment != got[i] {
			return nil, false
		}
	}
	return labels, true
}

// check refuses a target that does not exist, does not speak the request's
// protocol, or is not reached by its method.
func (t target) check(r *http.Request, mark string, methods ...string) error {
	switch {
	case t.service == nil:
		return unknown("no service has the name %q", mark)
	case !slices.Contains(t.service.Wires, t.wire):
		return unknown("%s does not speak %s", t.service.Name, t.wire)
	case !slices.Contains(methods, r.Method):
		return unknown("%s is called by %s, not %s", t.service.Name, strings.Join(methods, " or "), r.Method)
	}
	return nil
}

func atRoot(r *http.Request) error {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return unknown("This call goes to the path /, not to %s: the endpoint URL must have no path", r.URL.Path)
	}
	return nil
}

func isForm(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/x-www-form-urlencoded"
}

func unknown(format string, args ...any) error {
	return &problem{unknownOperation, fmt.Sprintf(format, args...)}
}

// scope is the service in the credential scope, unverified.
func scope(r *http.Request) string {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
	}
	part := strings.Split(credential, "/")
	if len(part) != 5 {
		return ""
	}
	return part[3]
}
