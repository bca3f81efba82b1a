package protocol

import (
	"bytes"
	"cmp"
	"encoding/xml"
)

// errorXML writes f as the three families of XML protocols do.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
// https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#operation-error-serialization
// https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html#operation-error-serialization
func (x *exchange) errorXML(f fault) []byte {
	code, message := element("Code", x.queryCode(f)), element("Message", f.message)
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
	return []byte(`<ErrorResponse xmlns="` + x.namespace() + `"><Error>` + element("Type", kind) + code + message + "</Error>" +
		element("RequestId", x.call.ID) + "</ErrorResponse>")
}

func (x *exchange) namespace() string {
	if x.service == nil {
		return ""
	}
	return cmp.Or(x.service.Namespace, "")
}

func element(name, text string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(text)) // a bytes.Buffer takes everything
	return "<" + name + ">" + b.String() + "</" + name + ">"
}
