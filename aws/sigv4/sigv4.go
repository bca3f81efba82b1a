// Package sigv4 verifies AWS Signature Version 4 on requests a server receives.
//
// [Parse] reads what a request claims (key, scope, time) from its Authorization
// header or, when presigned, from its query; [Signature.Verify] checks the claim
// against the secret. The package knows no keys and no services beyond S3's own
// rules, and leaves the choice of error codes to its caller.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	dateForm   = "20060102T150405Z"

	// Skew is how far a client's clock may be off.
	Skew = 15 * time.Minute
	// maxExpires is the longest life of a presigned request.
	maxExpires = 7 * 24 * time.Hour
)

// Signature is what a request claims about who signed it. Nothing of it is
// true until Verify has returned nil.
type Signature struct {
	AccessKeyID string
	Token       string // session token of temporary credentials, or empty
	Date        string // credential scope: 20060102
	Region      string // credential scope
	Service     string // credential scope: the signing name
	Presigned   bool
	Time        time.Time

	term    string
	expires time.Duration
	headers []string // signed headers: lower case, sorted
	hex     string   // the signature
}

// Signed reports whether r carries a signature of any kind and form, well
// formed or not.
func Signed(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.URL.Query().Has("X-Amz-Signature") || r.URL.Query().Has("X-Amz-Algorithm")
}

// Parse reads the signature of r, which must be [Signed]. Its errors are of
// type [*Error].
func Parse(r *http.Request) (*Signature, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, incomplete("The query string is malformed: %v", err)
	}
	authorization := r.Header.Values("Authorization")
	presigned := query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature")
	switch {
	case presigned && len(authorization) > 0, len(authorization) > 1:
		return nil, incomplete("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case presigned:
		return parseQuery(query)
	case len(authorization) == 0:
		return nil, &Error{Kind: Missing, Message: "Request is missing Authentication Token"}
	}
	return parseHeader(r, authorization[0])
}

func parseHeader(r *http.Request, authorization string) (*Signature, error) {
	kind, rest, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if kind != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'. Berth verifies %s.", kind, algorithm)
	}
	params := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || params[name] != "" {
			return nil, incomplete("'%s' not a valid key=value pair (missing equal-sign, or given twice) in Authorization header.", part)
		}
		params[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if params[name] == "" {
			missing = append(missing, "Authorization header requires '"+name+"' parameter.")
		}
	}
	date := headerValue(r, "x-amz-date")
	if date == "" {
		date = headerValue(r, "date")
	}
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, incomplete("%s Authorization=%s", strings.Join(missing, " "), kind)
	}
	s := &Signature{hex: params["Signature"], headers: signedHeaders(params["SignedHeaders"]), Token: headerValue(r, "x-amz-security-token")}
	return s, s.parse(params["Credential"], date)
}

func parseQuery(query url.Values) (*Signature, error) {
	for name, values := range query {
		if len(values) > 1 && strings.HasPrefix(name, "X-Amz-") {
			return nil, incomplete("AWS query-string parameter '%s' was given twice.", name)
		}
	}
	if kind := query.Get("X-Amz-Algorithm"); kind != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'. Berth verifies %s.", kind, algorithm)
	}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if query.Get(name) == "" {
			return nil, incomplete("AWS query-string parameters must include '%s'. Re-examine the query-string parameters.", name)
		}
	}
	s := &Signature{
		Presigned: true,
		hex:       query.Get("X-Amz-Signature"),
		headers:   signedHeaders(query.Get("X-Amz-SignedHeaders")),
		Token:     query.Get("X-Amz-Security-Token"),
		expires:   Skew, // what STS grants a URL that does not say
	}
	if query.Has("X-Amz-Expires") {
		seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
		if err != nil || seconds < 0 || seconds > int(maxExpires/time.Second) {
			return nil, incomplete("X-Amz-Expires must be a number of seconds between 0 and a week (604800).")
		}
		s.expires = time.Duration(seconds) * time.Second
	}
	return s, s.parse(query.Get("X-Amz-Credential"), query.Get("X-Amz-Date"))
}

// parse takes the credential and the time apart.
func (s *Signature) parse(credential, date string) error {
	part := strings.Split(credential, "/")
	if len(part) != 5 || part[0] == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", credential)
	}
	s.AccessKeyID, s.Date, s.Region, s.Service, s.term = part[0], part[1], part[2], part[3], part[4]

	for _, form := range []string{dateForm, http.TimeFormat} {
		if t, err := time.Parse(form, date); err == nil {
			s.Time = t
			return nil
		}
	}
	return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
}

func signedHeaders(list string) []string {
	headers := strings.Split(strings.ToLower(list), ";")
	slices.Sort(headers)
	return headers
}

// Kind says what is wrong with a signature; every service family has its own
// error code for each.
type Kind int

const (
	Missing    Kind = iota + 1 // the request is not signed
	Incomplete                 // the signature cannot be read
	Mismatch                   // the signature is not the one the secret gives, or is for another scope
	Skewed                     // the time of a signed request is too far from ours
	Expired                    // a presigned request is past its time
	BodyHash                   // X-Amz-Content-Sha256 is not the hash of the body
)

// Error is why a request is not authentic. Its message is AWS's where known,
// and never holds a secret.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return e.Message }

func incomplete(format string, args ...any) *Error {
	return &Error{Kind: Incomplete, Message: fmt.Sprintf(format, args...)}
}

func mismatch(format string, args ...any) *Error {
	return &Error{Kind: Mismatch, Message: fmt.Sprintf(format, args...)}
}
