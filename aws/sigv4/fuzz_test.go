package sigv4

import (
	"bytes"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
)

// changes are ways to make a request another one without signing it again.
var changes = []func(r *http.Request, body *string, want *Expect){
	func(r *http.Request, _ *string, _ *Expect) { r.Method += "X" },
	func(r *http.Request, _ *string, _ *Expect) { r.URL = r.URL.JoinPath("x") },
	func(r *http.Request, _ *string, _ *Expect) { r.URL.RawQuery += "&x=y" },
	func(r *http.Request, _ *string, _ *Expect) { r.Host += "x" },
	func(r *http.Request, _ *string, _ *Expect) { r.Header.Add("X-Amz-Target", "x") },
	func(r *http.Request, _ *string, _ *Expect) { r.Header.Set("X-Amz-Meta-New", "x") },
	func(_ *http.Request, body *string, _ *Expect) { *body += "x" },
	func(_ *http.Request, _ *string, want *Expect) { want.Secret += "x" },
	func(_ *http.Request, _ *string, want *Expect) { want.Regions = []string{"eu-west-1"} },
	func(_ *http.Request, _ *string, want *Expect) { want.Service = "iam" },
	func(_ *http.Request, _ *string, want *Expect) { want.Now = noon.Add(time.Hour) },
	func(r *http.Request, _ *string, _ *Expect) { r.Header.Set("X-Amz-Date", "20150830T123601Z") },
	func(r *http.Request, _ *string, _ *Expect) { // another last digit
		a, digit := r.Header.Get("Authorization"), "0"
		if strings.HasSuffix(a, "0") {
			digit = "1"
		}
		r.Header.Set("Authorization", a[:len(a)-1]+digit)
	},
}

// Whatever the SDK signs verifies, and nothing else does.
func FuzzVerify(f *testing.F) {
	f.Add("/", "a", "b", "ecs.Create", "{}", uint8(0))
	f.Add("/tags/arn%3Aaws%2Fx y", "Action", "a b+c/~*", "  a   b ", "", uint8(6))
	f.Add("/a/./b//c", "", "%", "é", "\x00", uint8(255))
	f.Fuzz(func(t *testing.T, at, name, value, target, body string, change uint8) {
		u := url.URL{Scheme: "http", Host: "localhost", Path: at, RawQuery: url.Values{name: {value}}.Encode()}
		r, err := http.NewRequest("POST", u.String(), strings.NewReader(body))
		if err != nil || !headerText(target) || path.Clean(r.URL.EscapedPath()) != r.URL.EscapedPath() || strings.HasPrefix(name, "X-Amz-") {
			return // the SDK does not normalise paths; a client would not send the rest
		}
		r.Header.Set("X-Amz-Target", target)
		sign(t, r, body, "ecs")
		want := expect("ecs")
		if err := verify(r, body, want); err != nil {
			t.Fatalf("the SDK's signature does not verify: %v", err)
		}
		if int(change) < len(changes) {
			changes[change](r, &body, &want)
			if verify(r, body, want) == nil {
				t.Fatalf("change %d still verifies", change)
			}
		}
	})
}

// headerText reports whether s is what can arrive as a header's value.
func headerText(s string) bool {
	return s != "" && !bytes.ContainsFunc([]byte(s), func(c rune) bool { return c < ' ' || c == 0x7f })
}

// No claim makes the reader of claims panic, nor is any true by chance.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "", "20150830T123600Z")
	f.Add("", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20150830/us-east-1/ecs/aws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60", "")
	f.Fuzz(func(t *testing.T, authorization, query, date string) {
		r := newRequest(t, "POST", "http://localhost/", "")
		r.URL.RawQuery = query
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if Signed(r); verify(r, "", expect("ecs")) == nil {
			t.Fatal("verified without the secret")
		}
	})
}
