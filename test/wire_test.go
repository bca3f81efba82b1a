package test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	api "berth/api/ecs"
)

const target = "AmazonEC2ContainerServiceV20141113."

// request is a signed call of ECS as it goes over the wire, with no client
// between that would check or change anything.
func (b *berth) request(t *testing.T, operation, body string, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target+operation)
	key, err := b.key.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(hash[:]), "ecs", region, at); err != nil {
		t.Fatal(err)
	}
	return r
}

// call sends a request and returns the document that comes back, or of an
// error its code and message.
func (b *berth) call(t *testing.T, operation, body string) string {
	t.Helper()
	return send(t, b.request(t, operation, body, time.Now()))
}

func send(t *testing.T, r *http.Request) string {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/x-amz-json-1.1" || answer.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%s: content type %q, request id %q", r.Header.Get("X-Amz-Target"), kind, answer.Header.Get("X-Amzn-Requestid"))
	}
	if answer.StatusCode == http.StatusOK {
		return string(text)
	}
	var problem struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &problem); err != nil {
		t.Errorf("status %d with %q: %v", answer.StatusCode, text, err)
	}
	return problem.Type + ": " + problem.Message
}

// TestOperations calls all that the SDK's client knows, with nothing in the
// call: what is not built says so, and nothing fails as a server would.
func TestOperations(t *testing.T) {
	t.Parallel()
	b := up(t)
	built := reflect.TypeFor[*api.API]()
	unbuilt := 0
	for m := range reflect.TypeFor[*ecs.Client]().Methods() {
		if m.Type.NumIn() < 3 || !strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
			continue
		}
		got := b.call(t, m.Name, `{}`)
		want := "UnsupportedOperationException: " + m.Name + " is not built yet in this version of Berth. docs/compat.md lists what is."
		if _, ok := built.MethodByName(m.Name); ok {
			if strings.HasPrefix(got, "Unsupported") || strings.HasPrefix(got, "Server") {
				t.Errorf("%s, which is built: %s", m.Name, got)
			}
			continue
		}
		if unbuilt++; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if unbuilt == 0 {
		t.Error("found nothing that is not built: update this test")
	}
	if got := b.call(t, "MakeCoffee", `{}`); !strings.HasPrefix(got, "UnknownOperationException: ") {
		t.Errorf("an operation that does not exist: %s", got)
	}
}

// TestWrongBodies sends what no client would.
func TestWrongBodies(t *testing.T) {
	t.Parallel()
	b := up(t)
	deep := strings.Repeat(`{"configuration":`, 100_000)
	for _, tc := range []struct{ name, body, want string }{
		{"nothing", ``, `{"cluster":`},
		{"white space", " \n\t", "SerializationException: "},
		{"null", `null`, "SerializationException: "},
		{"a list", `[]`, "SerializationException: "},
		{"half a document", `{"clusterName":"a"`, "SerializationException: "},
		{"two documents", `{}{}`, "SerializationException: "},
		{"something behind", `{"clusterName":"a"} x`, "SerializationException: "},
		{"no JSON", `clusterName=a`, "SerializationException: "},
		{"no UTF-8", "{\"clusterName\":\"\xff\"}", "SerializationException: clusterName: "},
		{"a zero byte", `{"clusterName":"a\u0000b"}`, "InvalidParameterException: Invalid cluster name"},
		{"deep nesting", deep, "SerializationException: "},
		{"an unknown member", `{"clusterName":"a","nothing":[{}]}`, `{"cluster":`},
		{"another case", `{"ClusterName":"b"}`, `"clusterName":"b"`},
		{"a wrong type, far inside", `{"configuration":{"executeCommandConfiguration":{"logConfiguration":{"s3EncryptionEnabled":"yes"}}}}`,
			"SerializationException: "},
		{"too much", `{"clusterName":"` + strings.Repeat("a", 32<<20) + `"}`, "RequestEntityTooLargeException: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := b.call(t, "CreateCluster", tc.body); !strings.Contains(got, tc.want) {
				t.Errorf("got %.300s, want %s", got, tc.want)
			}
		})
	}
	if got := b.call(t, "ListClusters", `{}`); !strings.Contains(got, "cluster/a") {
		t.Errorf("afterwards: %s", got)
	}
}

// TestSignatures breaks one thing of a signed request at a time.
func TestSignatures(t *testing.T) {
	t.Parallel()
	b := up(t)
	for _, tc := range []struct {
		name   string
		signed time.Duration // before or after now
		change func(*http.Request)
		want   string
	}{
		{"none", 0, func(*http.Request) {}, `{"clusterArns":[]}`},
		{"a clock 14 minutes slow", -14 * time.Minute, func(*http.Request) {}, `{"clusterArns":[]}`},
		{"a clock 16 minutes slow", -16 * time.Minute, func(*http.Request) {}, "InvalidSignatureException: Signature expired: "},
		{"a clock 16 minutes fast", 16 * time.Minute, func(*http.Request) {}, "InvalidSignatureException: Signature not yet current: "},
		{"another body", 0, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`[]`)) },
			"InvalidSignatureException: The request signature we calculated does not match"},
		{"another operation", 0, func(r *http.Request) { r.Header.Set("X-Amz-Target", target+"CreateCluster") },
			"InvalidSignatureException: The request signature we calculated does not match"},
		{"another host", 0, func(r *http.Request) { r.Host = "ecs.example.com" },
			"InvalidSignatureException: The request signature we calculated does not match"},
		{"no signature", 0, func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException: "},
		{"half a signature", 0, func(r *http.Request) {
			r.Header.Set("Authorization", strings.TrimSuffix(r.Header.Get("Authorization"), "0123456789abcdef")[:80])
		}, "IncompleteSignatureException: "},
		{"another service's scope", 0, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/ecs/", "/ec2/", 1))
		}, "InvalidSignatureException: Credential should be scoped to correct service: 'ecs'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := b.request(t, "ListClusters", `{}`, time.Now().Add(tc.signed))
			tc.change(r)
			if got := send(t, r); !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %.300s, want %s", got, tc.want)
			}
		})
	}
}
