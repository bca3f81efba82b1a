package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Expect is what a server knows: what a good signature must be made with.
type Expect struct {
	Secret  string
	Service string   // signing name of the service the request is for
	Regions []string // the regions that a scope may name
	Now     time.Time
}

// Verify returns nil when s is the signature that want.Secret gives for r and
// body, in time and in scope, and covers everything that carries meaning: host,
// path, query, all x-amz- headers and the body. Body is what came over the
// network, still compressed. Its errors are of type [*Error].
func (s *Signature) Verify(r *http.Request, body []byte, want Expect) error {
	if err := s.checkTime(want.Now); err != nil {
		return err
	}
	if err := s.checkScope(want); err != nil {
		return err
	}
	if err := s.checkHeaders(r); err != nil {
		return err
	}
	hash, err := s.payloadHash(r, body, want.Service)
	if err != nil {
		return err
	}
	request, err := canonicalRequest(r, s.headers, hash, want.Service == "s3")
	if err != nil {
		return err
	}
	toSign := strings.Join([]string{
		algorithm, s.Time.Format(dateForm), strings.Join([]string{s.Date, s.Region, s.Service, s.term}, "/"), sha256Hex([]byte(request)),
	}, "\n")
	if !hmac.Equal([]byte(s.sign(want.Secret, toSign)), []byte(s.hex)) {
		return mismatch("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
			"The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n", request, toSign)
	}
	return nil
}

func (s *Signature) checkTime(now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	earliest, latest := now.Add(-Skew), now.Add(Skew)
	kind := Skewed
	if s.Presigned {
		earliest, kind = now.Add(-s.expires), Expired
	}
	at := s.Time.Format(dateForm)
	switch {
	case s.Time.Before(earliest):
		return &Error{Kind: kind, Message: "Signature expired: " + at + " is now earlier than " + earliest.Format(dateForm) +
			" (" + now.Format(dateForm) + " - " + minutes(now.Sub(earliest)) + ")"}
	case s.Time.After(latest):
		return &Error{Kind: Skewed, Message: "Signature not yet current: " + at + " is still later than " + latest.Format(dateForm) +
			" (" + now.Format(dateForm) + " + " + minutes(Skew) + ")"}
	}
	return nil
}

func minutes(d time.Duration) string {
	if d%time.Minute != 0 {
		return d.String()
	}
	return fmt.Sprintf("%d min.", d/time.Minute)
}

func (s *Signature) checkScope(want Expect) error {
	switch {
	case s.term != terminator:
		return mismatch("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, s.term)
	case s.Service != want.Service:
		return mismatch("Credential should be scoped to correct service: '%s'.", want.Service)
	case !slices.Contains(want.Regions, s.Region):
		return mismatch("Credential should be scoped to a valid region, not '%s'. This is region %s.", s.Region, want.Regions[0])
	case s.Date != s.Time.Format("20060102"):
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.Date, s.Time.Format("20060102"), s.Time.Format(dateForm))
	}
	return nil
}

// checkHeaders refuses a request whose meaning somebody could change without
// breaking its signature: X-Amz-Target, for one, names the operation.
func (s *Signature) checkHeaders(r *http.Request) error {
	if !slices.Contains(s.headers, "host") {
		return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.headers, name) {
			return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// payloadHash returns the last line of the canonical request. A hash that the
// request names must be its body's; only S3 may leave the body unsigned or send
// it in signed chunks, which S3's own code then checks.
func (s *Signature) payloadHash(r *http.Request, body []byte, service string) (string, error) {
	named := headerValue(r, "x-amz-content-sha256")
	if s.Presigned && named == "" {
		named = r.URL.Query().Get("X-Amz-Content-Sha256")
	}
	if service == "s3" {
		switch {
		case named == "" && s.Presigned:
			return "UNSIGNED-PAYLOAD", nil
		case named == "":
			return "", incomplete("Missing required header for this request: x-amz-content-sha256")
		case named == "UNSIGNED-PAYLOAD", strings.HasPrefix(named, "STREAMING-"):
			return named, nil
		}
	}
	actual := sha256Hex(body)
	if named != "" && named != actual {
		return "", &Error{Kind: BodyHash, Message: "The provided 'x-amz-content-sha256' header does not match what was computed."}
	}
	return actual, nil
}

func (s *Signature) sign(secret, toSign string) string {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.Date, s.Region, s.Service, s.term, toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
