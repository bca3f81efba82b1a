package protocol

import "net/http"

// problem is why the server itself refuses a request, before a handler saw it.
type problem struct {
	kind    problemKind
	message string
}

func (p *problem) Error() string { return p.message }

type problemKind int

const (
	unknownOperation problemKind = iota
	notBuilt
	unsigned
	unreadableSignature
	badSignature
	skewed
	expired
	badBodyHash
	unknownKey
	expiredToken
	denied
	malformed
	tooLarge
)

// reply is an error's code and HTTP status.
type reply struct {
	code   string
	status int
}

// replies are the words of a family of protocols for each kind of problem.
type replies [tooLarge + 1]reply

// repliesOf returns the words of wire. All but the not-built ones and those of
// too large bodies are from the Common Errors page of the service families.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func repliesOf(wire Wire) replies {
	switch wire {
	case Query:
		return queryReplies
	case EC2Query:
		return ec2Replies
	case RestXML:
		return s3Replies
	case RestJSON:
		return restReplies()
	}
	return jsonReplies
}

var jsonReplies = replies{
	unknownOperation:    {"UnknownOperationException", http.StatusNotFound},
	notBuilt:            {"UnsupportedOperationException", http.StatusBadRequest},
	unsigned:            {"MissingAuthenticationTokenException", http.StatusBadRequest},
	unreadableSignature: {"IncompleteSignatureException", http.StatusBadRequest},
	badSignature:        {"InvalidSignatureException", http.StatusBadRequest},
	skewed:              {"InvalidSignatureException", http.StatusBadRequest},
	expired:             {"InvalidSignatureException", http.StatusBadRequest},
	badBodyHash:         {"InvalidSignatureException", http.StatusBadRequest},
	unknownKey:          {"UnrecognizedClientException", http.StatusBadRequest},
	expiredToken:        {"ExpiredTokenException", http.StatusBadRequest},
	denied:              {"AccessDeniedException", http.StatusBadRequest},
	malformed:           {"SerializationException", http.StatusBadRequest},
	tooLarge:            {"RequestEntityTooLargeException", http.StatusRequestEntityTooLarge},
}

var queryReplies = replies{
	unknownOperation:    {"InvalidAction", http.StatusBadRequest},
	notBuilt:            {"UnsupportedOperation", http.StatusBadRequest},
	unsigned:            {"MissingAuthenticationToken", http.StatusForbidden},
	unreadableSignature: {"IncompleteSignature", http.StatusBadRequest},
	badSignature:        {"SignatureDoesNotMatch", http.StatusForbidden},
	skewed:              {"SignatureDoesNotMatch", http.StatusForbidden},
	expired:             {"SignatureDoesNotMatch", http.StatusForbidden},
	badBodyHash:         {"SignatureDoesNotMatch", http.StatusForbidden},
	unknownKey:          {"InvalidClientTokenId", http.StatusForbidden},
	expiredToken:        {"ExpiredToken", http.StatusForbidden},
	denied:              {"AccessDenied", http.StatusForbidden},
	malformed:           {"MalformedInput", http.StatusBadRequest},
	tooLarge:            {"RequestEntityTooLarge", http.StatusRequestEntityTooLarge},
}

var ec2Replies = replies{
	unknownOperation:    {"InvalidAction", http.StatusBadRequest},
	notBuilt:            {"UnsupportedOperation", http.StatusBadRequest},
	unsigned:            {"MissingAuthenticationToken", http.StatusForbidden},
	unreadableSignature: {"AuthFailure", http.StatusUnauthorized},
	badSignature:        {"AuthFailure", http.StatusUnauthorized},
	skewed:              {"AuthFailure", http.StatusUnauthorized},
	expired:             {"RequestExpired", http.StatusBadRequest},
	badBodyHash:         {"AuthFailure", http.StatusUnauthorized},
	unknownKey:          {"AuthFailure", http.StatusUnauthorized},
	expiredToken:        {"RequestExpired", http.StatusBadRequest},
	denied:              {"UnauthorizedOperation", http.StatusForbidden},
	malformed:           {"MalformedQueryString", http.StatusBadRequest},
	tooLarge:            {"RequestEntityTooLarge", http.StatusRequestEntityTooLarge},
}

var s3Replies = replies{
	unknownOperation:    {"MethodNotAllowed", http.StatusMethodNotAllowed},
	notBuilt:            {"NotImplemented", http.StatusNotImplemented},
	unsigned:            {"AccessDenied", http.StatusForbidden},
	unreadableSignature: {"AuthorizationHeaderMalformed", http.StatusBadRequest},
	badSignature:        {"SignatureDoesNotMatch", http.StatusForbidden},
	skewed:              {"RequestTimeTooSkewed", http.StatusForbidden},
	expired:             {"AccessDenied", http.StatusForbidden},
	badBodyHash:         {"XAmzContentSHA256Mismatch", http.StatusBadRequest},
	unknownKey:          {"InvalidAccessKeyId", http.StatusForbidden},
	expiredToken:        {"ExpiredToken", http.StatusBadRequest},
	denied:              {"AccessDenied", http.StatusForbidden},
	malformed:           {"MalformedXML", http.StatusBadRequest},
	tooLarge:            {"EntityTooLarge", http.StatusBadRequest},
}

// restReplies are the codes of JSON under the statuses that REST gives them.
func restReplies() replies {
	r := jsonReplies
	for kind := unsigned; kind <= denied; kind++ {
		r[kind].status = http.StatusForbidden
	}
	return r
}
