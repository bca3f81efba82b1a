package sigv4

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var noon = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func expect(service string) Expect {
	return Expect{Secret: secret, Service: service, Regions: []string{"us-east-1"}, Now: noon}
}

func newRequest(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sign signs r as the SDK does.
func sign(t testing.TB, r *http.Request, body, service string) {
	t.Helper()
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret}, r,
		sha256Hex([]byte(body)), service, "us-east-1", noon, forService(service))
	if err != nil {
		t.Fatal(err)
	}
}

// presign returns r as the SDK presigns it, good for a minute.
func presign(t testing.TB, r *http.Request, payloadHash, service string) *http.Request {
	t.Helper()
	query := r.URL.Query()
	query.Set("X-Amz-Expires", "60")
	r.URL.RawQuery = query.Encode()
	url, header, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret, SessionToken: "a/token="}, r,
		payloadHash, service, "us-east-1", noon, forService(service))
	if err != nil {
		t.Fatal(err)
	}
	signed := newRequest(t, r.Method, url, "")
	signed.Header = header
	signed.Header.Del("Host")
	return signed
}

func forService(service string) func(*v4.SignerOptions) {
	return func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }
}

func verify(r *http.Request, body string, want Expect) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	return s.Verify(r, []byte(body), want)
}

// requests are what clients send to different services.
var requests = []struct {
	name, method, url, body, service string
	header                           map[string]string
}{
	{"json", "POST", "http://127.0.0.1:8080/", `{"clusterName":"web"}`, "ecs",
		map[string]string{"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateCluster", "Content-Type": "application/x-amz-json-1.1"}},
	{"headers of the SDK for JavaScript", "POST", "http://127.0.0.1:8080/", `{}`, "ecs", map[string]string{
		"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters", "X-Amz-User-Agent": "aws-sdk-js/3.1164.0", "Content-Type": "application/x-amz-json-1.1",
		"Amz-Sdk-Invocation-Id": "b6c2", "Amz-Sdk-Request": "attempt=1; max=3", "Content-Length": "2"}},
	{"query", "POST", "http://localhost/", "Action=GetCallerIdentity&Version=2011-06-15", "sts", nil},
	{"get", "GET", "http://localhost/?Version=2011-06-15&Action=GetCallerIdentity&a=%20%2B%2F&b=&b=1&B=", "", "sts", nil},
	{"path", "GET", "http://localhost/tags/arn%3Aaws%3Ascheduler%2Fx%20y", "", "scheduler", nil},
	{"s3", "PUT", "http://localhost/bucket//a/../b%2Fc%20d", "data", "s3", map[string]string{"X-Amz-Content-Sha256": sha256Hex([]byte("data"))}},
	{"s3, unicode", "GET", "http://localhost/bucket/%E1%88%B4~", "", "s3", map[string]string{"X-Amz-Content-Sha256": sha256Hex(nil)}},
	{"spaces", "POST", "http://localhost/", "x", "ecs", map[string]string{"X-Amz-Meta": "  a   b  "}},
}

func TestSDKSignatures(t *testing.T) {
	for _, tc := range requests {
		t.Run(tc.name, func(t *testing.T) {
			r := newRequest(t, tc.method, tc.url, tc.body)
			for name, value := range tc.header {
				r.Header.Set(name, value)
			}
			sign(t, r, tc.body, tc.service)
			if err := verify(r, tc.body, expect(tc.service)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPresigned(t *testing.T) {
	const caller = "http://localhost/?Action=GetCallerIdentity&Version=2011-06-15"
	for _, tc := range []struct {
		name, url, service, payloadHash string
		now                             time.Duration // after the signing
		want                            Kind          // zero: it verifies
	}{
		{"sts", caller, "sts", sha256Hex(nil), 0, 0},
		{"at its end", caller, "sts", sha256Hex(nil), time.Minute, 0},
		{"past its end", caller, "sts", sha256Hex(nil), time.Minute + time.Second, Expired},
		{"from the future", caller, "sts", sha256Hex(nil), -Skew - time.Second, Skewed},
		{"s3", "http://localhost/bucket/a//b", "s3", "UNSIGNED-PAYLOAD", 0, 0},
		{"body left unsigned", caller, "sts", "UNSIGNED-PAYLOAD", 0, Mismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := presign(t, newRequest(t, "GET", tc.url, ""), tc.payloadHash, tc.service)
			want := expect(tc.service)
			want.Now = noon.Add(tc.now)
			if got := kindOf(verify(r, "", want)); got != tc.want {
				t.Errorf("got kind %d, want %d: %v", got, tc.want, verify(r, "", want))
			}
		})
	}
	s, err := Parse(presign(t, newRequest(t, "GET", caller, ""), sha256Hex(nil), "sts"))
	if err != nil || s.Token != "a/token=" || s.AccessKeyID != "AKIDEXAMPLE" || !s.Presigned {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestMinutes(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 min.", Skew: "15 min.", maxExpires: "10080 min.", 90 * time.Second: "1m30s"} {
		if got := minutes(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestPresignedRefused(t *testing.T) {
	const good = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request" +
		"&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	if _, err := Parse(newRequest(t, "GET", "http://localhost/?"+good, "")); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ old, new, text string }{
		{"Expires=60", "Expires=604801", "X-Amz-Expires must be a number of seconds between 0 and a week (604800)."},
		{"Expires=60", "Expires=-1", "X-Amz-Expires must be"},
		{"Expires=60", "Expires=1m", "X-Amz-Expires must be"},
		{"Expires=60", "Expires=60&X-Amz-Expires=600", "'X-Amz-Expires' was given twice"},
		{"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'"},
		{"&X-Amz-SignedHeaders=host", "", "must include 'X-Amz-SignedHeaders'"},
		{"&X-Amz-Date=20150830T123600Z", "", "must include 'X-Amz-Date'"},
		{"AKIDEXAMPLE/", "/", "Credential must have exactly 5 slash-delimited elements"},
	} {
		r := newRequest(t, "GET", "http://localhost/?"+strings.Replace(good, tc.old, tc.new, 1), "")
		if _, err := Parse(r); kindOf(err) != Incomplete || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %v", tc.new, err)
		}
	}
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// Whatever changes the meaning of a signed request makes it another request.
func TestRefused(t *testing.T) {
	const body = `{"clusterName":"web"}`
	for _, tc := range []struct {
		name   string
		change func(r *http.Request, want *Expect, body *string)
		kind   Kind
		text   string // in the message
	}{
		{"another secret", func(r *http.Request, want *Expect, body *string) { want.Secret = "x" }, Mismatch, "does not match the signature you provided"},
		{"another body", func(r *http.Request, want *Expect, body *string) { *body = "{}" }, Mismatch, ""},
		{"another method", func(r *http.Request, want *Expect, body *string) { r.Method = "PUT" }, Mismatch, "'PUT\n/\n"},
		{"another path", func(r *http.Request, want *Expect, body *string) { r.URL.Path = "/x" }, Mismatch, ""},
		{"another query", func(r *http.Request, want *Expect, body *string) { r.URL.RawQuery = "a=b" }, Mismatch, ""},
		{"another host", func(r *http.Request, want *Expect, body *string) { r.Host = "elsewhere" }, Mismatch, ""},
		{"another target", func(r *http.Request, want *Expect, body *string) { r.Header.Set("X-Amz-Target", "DeleteCluster") }, Mismatch, ""},
		{"a second target", func(r *http.Request, want *Expect, body *string) { r.Header.Add("X-Amz-Target", "DeleteCluster") }, Mismatch, ""},
		{"an unsigned header", func(r *http.Request, want *Expect, body *string) { r.Header.Set("X-Amz-Security-Token", "x") }, Mismatch,
			"'x-amz-security-token' must be a 'SignedHeader'"},
		{"host not signed", func(r *http.Request, want *Expect, body *string) { edit(r, "host;", "") }, Mismatch, "'Host' or ':authority' must be a 'SignedHeader'"},
		{"hash of another body", func(r *http.Request, want *Expect, body *string) { resign(t, r, sha256Hex(nil), "ecs") }, BodyHash, "x-amz-content-sha256"},
		{"body left unsigned", func(r *http.Request, want *Expect, body *string) { resign(t, r, "UNSIGNED-PAYLOAD", "ecs") }, BodyHash, ""},
		{"service", func(r *http.Request, want *Expect, body *string) { want.Service = "sts" }, Mismatch, "Credential should be scoped to correct service: 'sts'."},
		{"region", func(r *http.Request, want *Expect, body *string) { want.Regions = []string{"eu-west-1"} }, Mismatch,
			"Credential should be scoped to a valid region, not 'us-east-1'."},
		{"terminator", func(r *http.Request, want *Expect, body *string) { edit(r, "aws4_request", "aws5_request") }, Mismatch, "valid terminator: 'aws4_request', not 'aws5_request'"},
		{"date of the scope", func(r *http.Request, want *Expect, body *string) { edit(r, "/20150830/", "/20150829/") }, Mismatch,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'."},
		{"too old", func(r *http.Request, want *Expect, body *string) { want.Now = noon.Add(Skew + time.Second) }, Skewed,
			"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"},
		{"too new", func(r *http.Request, want *Expect, body *string) { want.Now = noon.Add(-Skew - time.Second) }, Skewed,
			"Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"},
		{"no date", func(r *http.Request, want *Expect, body *string) { r.Header.Del("X-Amz-Date") }, Incomplete, "requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"two dates", func(r *http.Request, want *Expect, body *string) { r.Header.Add("X-Amz-Date", "20150830T123601Z") }, Incomplete, "ISO-8601 'basic format'"},
		{"no signature", func(r *http.Request, want *Expect, body *string) { r.Header.Del("Authorization") }, Missing, "Request is missing Authentication Token"},
		{"half a signature", func(r *http.Request, want *Expect, body *string) { edit(r, "Signature=", "S=") }, Incomplete, "requires 'Signature' parameter."},
		{"short credential", func(r *http.Request, want *Expect, body *string) { edit(r, "/us-east-1", "") }, Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/ecs/aws4_request'"},
		{"another algorithm", func(r *http.Request, want *Expect, body *string) {
			edit(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")
		}, Incomplete,
			"Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"},
		{"two signatures", func(r *http.Request, want *Expect, body *string) { r.URL.RawQuery = "X-Amz-Signature=x" }, Incomplete, "Only one auth mechanism allowed"},
		{"broken query", func(r *http.Request, want *Expect, body *string) { r.URL.RawQuery = "a=%zz" }, Incomplete, "The query string is malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, want, body := newRequest(t, "POST", "http://localhost/", body), expect("ecs"), body
			r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.CreateCluster")
			sign(t, r, body, "ecs")
			if err := verify(r, body, want); err != nil {
				t.Fatal(err)
			}
			tc.change(r, &want, &body)
			err := verify(r, body, want)
			if kindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got kind %d, want %d: %v", kindOf(err), tc.kind, err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("the message holds the secret")
			}
		})
	}
}

func edit(r *http.Request, old, new string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
}

// Only S3 lets a client sign something else than the body's hash.
func TestS3Payloads(t *testing.T) {
	for hash, want := range map[string]Kind{
		sha256Hex([]byte("data")):            0,
		"UNSIGNED-PAYLOAD":                   0,
		"STREAMING-UNSIGNED-PAYLOAD-TRAILER": 0,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": 0,
		sha256Hex([]byte("other data")):      BodyHash,
		"UNSIGNED":                           BodyHash,
	} {
		r := newRequest(t, "PUT", "http://localhost/bucket/key", "data")
		resign(t, r, hash, "s3")
		if err := verify(r, "data", expect("s3")); kindOf(err) != want {
			t.Errorf("%s: got %v", hash, err)
		}
	}
	r := newRequest(t, "PUT", "http://localhost/bucket/key", "data")
	sign(t, r, "data", "s3")
	if err := verify(r, "data", expect("s3")); kindOf(err) != Incomplete {
		t.Errorf("no hash: got %v", err)
	}
}

// resign signs r again with a body hash that it names.
func resign(t testing.TB, r *http.Request, payloadHash, service string) {
	t.Helper()
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Content-Sha256", payloadHash)
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret}, r,
		payloadHash, service, "us-east-1", noon, forService(service))
	if err != nil {
		t.Fatal(err)
	}
}
