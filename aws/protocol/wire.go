package protocol

import (
	"errors"
	"fmt"
	"net/http"

	"berth/aws/shape"
)

// decode reads the input of the call, and says which of its members were there.
func (x *exchange) decode(body []byte, input any) (shape.Members, error) {
	present, err := x.members(body, input)
	if unread := (*shape.Error)(nil); errors.As(err, &unread) {
		return nil, &problem{malformed, unread.Error()}
	}
	return present, err
}

func (x *exchange) members(body []byte, input any) (shape.Members, error) {
	codec := x.service.codec
	switch x.wire {
	case JSON10, JSON11, CBOR:
		if len(body) == 0 { // some clients send nothing for an operation without input
			return shape.Members{}, nil
		}
		if x.wire == CBOR {
			return codec.DecodeCBOR(body, input)
		}
		return codec.DecodeJSON(body, input)
	case Query:
		return codec.DecodeQuery(x.form, input)
	case EC2Query:
		return codec.DecodeEC2Query(x.form, input)
	case RestJSON:
		return codec.DecodeREST(shape.RESTRequest{
			Path: x.labels, Query: x.r.URL.Query(), Header: x.r.Header, Body: body,
		}, x.bindings(), input)
	}
	return nil, fmt.Errorf("protocol: %s has no decoder", x.wire)
}

// bindings are where the members of a REST call are that are not in its body.
func (x *exchange) bindings() shape.Bindings {
	labels := map[string]string{}
	for name := range x.labels {
		labels[name] = name
	}
	return shape.Bindings{Path: labels, Query: x.route.Query}
}

// succeed encodes an operation's output.
func (x *exchange) succeed(output any) (a answer, err error) {
	a.status = http.StatusOK
	codec := x.service.codec
	switch x.wire {
	case JSON10, JSON11, RestJSON:
		a.header = contentType(jsonType(x.wire))
		a.body, err = codec.EncodeJSON(output)
	case CBOR:
		a.header = cborHeader()
		a.body, err = codec.EncodeCBOR(output)
	case Query, EC2Query:
		a.header = contentType("text/xml")
		a.body, err = x.resultXML(output)
	default:
		err = fmt.Errorf("protocol: %s has no encoder", x.wire)
	}
	return a, err
}

func contentType(kind string) http.Header { return http.Header{"Content-Type": {kind}} }

func cborHeader() http.Header {
	return http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}
}

func jsonType(wire Wire) string {
	switch wire {
	case JSON10:
		return "application/x-amz-json-1.0"
	case RestJSON:
		return "application/json"
	}
	return "application/x-amz-json-1.1"
}
