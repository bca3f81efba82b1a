package protocol

import (
	"bytes"
	"encoding/xml"
)

// errorXML writes f as the three families of XML protocols do.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
// https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#operation-error-serialization
// https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html#operation-error-serialization
func (x *exchange) errorXML(f fault) []byte {
	code, message := element("Code", x.service.queryCode(f.code)), element("Message", f.message)
	switch x.wire {
	case RestXML:
		return []byte(xml.Header + "<Error>" + code + message +
			element("Resource", x.r.URL.Path) + element("RequestId", x.call.ID) + "</Error>")
	case EC2Query:
		return []byte(xml.Header + "<Response><Errors><Error>" + code + message + "</Error></Errors>" +
			element("RequestID", x.call.ID) + "</Response>")
	}
	kind := "Sender"
	if f.server {
		kind = "Receiver"
	}
	return []byte(`<ErrorResponse xmlns="` + x.service.Namespace + `"><Error>` + element("Type", kind) + code + message + "</Error>" +
		element("RequestId", x.call.ID) + "</ErrorResponse>")
}

// resultXML wraps an operation's output as the query protocols do. The result
// is there even without members: clients want it where the model has an output.
func (x *exchange) resultXML(output any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("<" + x.operation + `Response xmlns="` + x.service.Namespace + `">`)
	if x.wire == EC2Query {
		b.WriteString(element("requestId", x.call.ID))
		if err := x.service.codec.EncodeEC2XML(&b, output); err != nil {
			return nil, err
		}
	} else {
		b.WriteString("<" + x.operation + "Result>")
		if err := x.service.codec.EncodeXML(&b, output); err != nil {
			return nil, err
		}
		b.WriteString("</" + x.operation + "Result>")
		b.WriteString("<ResponseMetadata>" + element("RequestId", x.call.ID) + "</ResponseMetadata>")
	}
	b.WriteString("</" + x.operation + "Response>")
	return b.Bytes(), nil
}

func element(name, text string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(text)) // a bytes.Buffer takes everything
	return "<" + name + ">" + b.String() + "</" + name + ">"
}
