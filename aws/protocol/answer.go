package protocol

import (
	"cmp"
	"encoding/json"
	"errors"
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
	}
	f := fault{reply: reply{cmp.Or(x.service.ServerError, "InternalFailure"), http.StatusInternalServerError}, message: "internal error", server: true}
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
	if status := x.service.Statuses[x.service.queryCode(f.code)]; status != 0 {
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
	case CBOR:
		a.header, a.body = cborHeader(), x.errorCBOR(f)
	default:
		a.header, a.body = contentType(jsonType(x.wire)), x.errorJSON(f)
	}
	a.header.Set("X-Amzn-ErrorType", f.code)
	if x.service.Shapes != "" && x.wire != Query {
		kind := "Sender"
		if f.server {
			kind = "Receiver"
		}
		a.header.Set("X-Amzn-Query-Error", x.service.queryCode(f.code)+";"+kind)
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
	members["__type"] = x.errorType(f)
	if f.message != "" {
		members["message"] = f.message
	}
	body, err := json.Marshal(members)
	if err != nil { // strings and what was JSON before always marshal
		return []byte(`{}`)
	}
	return body
}

// errorCBOR writes what clients read of any error.
func (x *exchange) errorCBOR(f fault) []byte {
	type body struct{ Type, Message string }
	names := shape.Names{Lower: true, Except: map[string]string{"body.Type": "__type"}}
	encoded, err := shape.New(names).EncodeCBOR(body{x.errorType(f), f.message})
	if err != nil { // two strings always encode
		return []byte{0xa0}
	}
	return encoded
}

// errorType is the name of the error's shape, as absolute as the service writes it.
func (x *exchange) errorType(f fault) string {
	if x.service.Shapes != "" {
		return x.service.Shapes + "#" + f.code
	}
	return f.code
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
