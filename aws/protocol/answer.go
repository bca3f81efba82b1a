package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"

	"berth/aws/shape"
	"berth/aws/sigv4"
	"berth/iam"
)

// answer is a response before it is written.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of the error, or empty
}

// fault is an error in the words of the service it is answered for.
type fault struct {
	reply
	message string
	server  bool
	source  error // an SDK exception, whose other members are answered too
}

// succeed encodes an operation's output.
func (x *exchange) succeed(output any) (answer, error) {
	switch x.wire {
	case JSON10, JSON11:
		body, err := x.service.codec.EncodeJSON(output)
		return answer{status: http.StatusOK, header: contentType(jsonType(x.wire)), body: body}, err
	}
	return answer{}, fmt.Errorf("protocol: %s cannot be encoded", x.wire)
}

// explain is the only place where an error becomes what a client sees. An error
// that the API models keeps its code and message. An error with a method Public
// shows that text. Any other is ours: it is logged whole by the caller, and the
// client learns nothing but that it was.
func (x *exchange) explain(err error) fault {
	var (
		modelled  smithy.APIError // every exception type of the SDK is one
		refused   *problem
		signature *sigv4.Error
		forbidden *iam.Denied
		unread    *shape.Error
		public    interface{ Public() string }
	)
	switch {
	case errors.As(err, &modelled):
		return x.modelled(modelled)
	case errors.As(err, &refused):
		return fault{reply: repliesOf(x.wire)[refused.kind], message: refused.message}
	case errors.As(err, &signature):
		return fault{reply: repliesOf(x.wire)[problemOf[signature.Kind]], message: signature.Message}
	case errors.As(err, &forbidden):
		return fault{reply: repliesOf(x.wire)[denied], message: forbidden.Error()}
	case errors.As(err, &unread):
		return fault{reply: repliesOf(x.wire)[malformed], message: unread.Error()}
	}
	f := fault{reply: reply{"InternalFailure", http.StatusInternalServerError}, message: "internal error", server: true}
	if x.service != nil && x.service.ServerError != "" {
		f.code = x.service.ServerError
	}
	if errors.As(err, &public) {
		f.message = public.Public()
	}
	return f
}

var problemOf = map[sigv4.Kind]problemKind{
	sigv4.Missing: unsigned, sigv4.Incomplete: unreadableSignature, sigv4.Mismatch: badSignature,
	sigv4.Skewed: skewed, sigv4.Expired: expired, sigv4.BodyHash: badBodyHash,
}

func (x *exchange) modelled(err smithy.APIError) fault {
	f := fault{
		reply:   reply{err.ErrorCode(), http.StatusBadRequest},
		message: err.ErrorMessage(), server: err.ErrorFault() == smithy.FaultServer, source: err,
	}
	if f.server {
		f.status = http.StatusInternalServerError
	}
	if status := x.service.Statuses[f.code]; status != 0 {
		f.status = status
	}
	return f
}

// fail writes a fault in the protocol of the request.
func (x *exchange) fail(f fault) answer {
	a := answer{status: f.status, code: f.code}
	switch x.wire {
	case Query, EC2Query, RestXML:
		a.header, a.body = contentType("text/xml"), x.errorXML(f)
	default:
		a.header, a.body = contentType(jsonType(x.wire)), x.errorJSON(f)
		a.header.Set("X-Amzn-ErrorType", f.code)
	}
	if x.service != nil && x.service.Shapes != "" && x.wire != Query {
		kind := "Sender"
		if f.server {
			kind = "Receiver"
		}
		a.header.Set("X-Amzn-Query-Error", x.queryCode(f)+";"+kind)
	}
	return a
}

// errorJSON writes all members of a modelled error. Clients read message in
// either case; AWS's own services write it small.
func (x *exchange) errorJSON(f fault) []byte {
	members := x.errorMembers(f)
	for name := range members {
		if strings.EqualFold(name, "message") {
			delete(members, name)
		}
	}
	shapes := ""
	if x.service != nil && x.service.Shapes != "" {
		shapes = x.service.Shapes + "#"
	}
	members["__type"] = shapes + f.code
	if f.message != "" {
		members["message"] = f.message
	}
	body, err := json.Marshal(members)
	if err != nil { // strings and what was JSON before always marshal
		return []byte(`{}`)
	}
	return body
}

// errorMembers are the members of an SDK exception, such as the resourceIds of
// a ConflictException.
func (x *exchange) errorMembers(f fault) map[string]any {
	members := map[string]any{}
	v := reflect.ValueOf(f.source)
	if _, plain := f.source.(*smithy.GenericAPIError); plain || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return members
	}
	body, err := x.service.codec.EncodeJSON(f.source)
	if err != nil || json.Unmarshal(body, &members) != nil {
		return map[string]any{}
	}
	return members
}

// queryCode is what the query protocol calls f in a service that has left it.
func (x *exchange) queryCode(f fault) string {
	if x.service != nil {
		if code := x.service.QueryCodes[f.code]; code != "" {
			return code
		}
	}
	return f.code
}

func contentType(kind string) http.Header { return http.Header{"Content-Type": {kind}} }

func jsonType(wire Wire) string {
	switch wire {
	case JSON10:
		return "application/x-amz-json-1.0"
	case RestJSON:
		return "application/json"
	}
	return "application/x-amz-json-1.1"
}
