package protocol

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// ServeHTTP answers one AWS request, logs it and counts it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isVisit(r) {
		s.greet(w)
		return
	}
	x := &exchange{r: r, call: &Call{ID: newID()}, start: time.Now(), target: target{service: &service{}, wire: JSON11}}
	s.Metrics.begin()
	a := s.answer(w, x)
	gone := r.Context().Err() != nil && a.status != http.StatusOK
	if gone {
		a = answer{status: 499, code: "RequestCanceled"} // nginx's word for a client that left
	} else {
		a.write(w, x)
	}
	s.Metrics.end(x, a)
	s.log(x, a)
	if gone { // who has only closed its sending side must not read an empty success
		panic(http.ErrAbortHandler)
	}
}

// answer never panics: a bug in a handler costs its own call and nothing else.
func (s *Server) answer(w http.ResponseWriter, x *exchange) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.ErrorContext(x.r.Context(), "panic", "request_id", x.call.ID, "operation", x.operation,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			a = x.fail(x.explain(fmt.Errorf("panic: %v", p)))
		}
	}()
	output, err := s.handle(w, x)
	if err == nil {
		a, err = x.succeed(output)
	}
	if err == nil {
		return s.stamp(a)
	}
	var elsewhere interface{ Leader() string }
	if errors.As(err, &elsewhere) {
		if a, err = s.pass(x, elsewhere.Leader()); err == nil {
			return a
		}
	}
	x.err = err
	return s.stamp(x.fail(x.explain(err)))
}

const revisionHeader = "Berth-Revision"

// stamp marks an answer with the revision that it may be based on.
func (s *Server) stamp(a answer) answer {
	if s.Revision != nil {
		a.header.Set(revisionHeader, strconv.FormatInt(s.Revision(), 10))
	}
	return a
}

func (a answer) write(w http.ResponseWriter, x *exchange) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("X-Amzn-RequestId", x.call.ID)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if x.r.Method != http.MethodHead {
		w.Write(a.body) // the client may be gone; nobody is left to tell
	}
}

// maxLogged bounds each text in a log line, in bytes: some are a stranger's.
const maxLogged = 1000

// log writes the request's line. What there is nothing to say of is left out.
// What programs do all the time, and can do, is for debugging.
func (s *Server) log(x *exchange, a answer) {
	level, cause := slog.LevelInfo, ""
	if a.status >= 500 && x.err != nil {
		level, cause = slog.LevelError, x.err.Error()
	} else if a.status < 400 && (x.call.Principal.IsAgent() || x.service != nil && slices.Contains(x.service.busy, x.operation)) {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("request_id", x.call.ID),
		slog.String("service", x.call.Service),
		slog.String("operation", x.call.Operation),
		slog.Int("status", a.status),
		slog.String("code", a.code),
		slog.Duration("duration", time.Since(x.start)),
		slog.Int("bytes_in", len(x.body)),
		slog.Int("bytes_out", len(a.body)),
		slog.String("principal", x.call.Principal.ARN),
		slog.String("access_key_id", x.key),
		slog.String("remote", x.r.RemoteAddr),
		slog.String("passed_from", x.r.Header.Get(passedHeader)),
		slog.String("passed_to", x.passedTo),
		slog.String("err", cause),
	}
	attrs = slices.DeleteFunc(attrs, func(a slog.Attr) bool { return a.Value.Kind() == slog.KindString && a.Value.String() == "" })
	for i, a := range attrs {
		if text := a.Value.String(); len(text) > maxLogged {
			attrs[i].Value = slog.StringValue(text[:maxLogged] + "…")
		}
	}
	s.Log.LogAttrs(context.WithoutCancel(x.r.Context()), level, "request", attrs...)
}

// isVisit tells a person who opens the endpoint in a browser from a client.
func isVisit(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == "/" && r.URL.RawQuery == "" && r.Header.Get("Authorization") == ""
}

func (s *Server) greet(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "This is Berth, Amazon ECS that you run yourself: an endpoint for AWS clients in region "+s.Region+`.

Point a client here with AWS_ENDPOINT_URL and the keys that "berth env" prints, then try:

    aws ecs list-clusters
`)
}

// newID makes a request id: a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
