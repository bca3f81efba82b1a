package protocol

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// echo is one operation under the names that routes need; it repeats a name, or
// fails when that is "fail".
type echo struct{}

type EchoInput struct {
	Name    *string
	Count   *int32
	TagKeys []string
}

type EchoOutput struct {
	Name    *string
	TagKeys []string
}

// QueueDoesNotExist has a query code of its own in the catalog.
type QueueDoesNotExist struct{ Message, Queue *string }

func (e *QueueDoesNotExist) Error() string                 { return e.ErrorCode() }
func (e *QueueDoesNotExist) ErrorCode() string             { return "QueueDoesNotExist" }
func (e *QueueDoesNotExist) ErrorMessage() string          { return *e.Message }
func (e *QueueDoesNotExist) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func (echo) Echo(_ context.Context, in *EchoInput) (*EchoOutput, error) {
	if aws.ToString(in.Name) == "fail" {
		return nil, &QueueDoesNotExist{Message: aws.String("no <queue>"), Queue: aws.String("q")}
	}
	if aws.ToString(in.Name) == "missing" {
		return nil, &smithy.GenericAPIError{Code: "NoSuchEntity", Message: "none", Fault: smithy.FaultClient}
	}
	return &EchoOutput{Name: in.Name, TagKeys: in.TagKeys}, nil
}

type TaggedInput struct {
	ResourceArn *string
	TagKeys     []string
}

// tags is echo for the one REST route that has it all.
type tags struct{}

func (tags) UntagResource(ctx context.Context, in *TaggedInput) (*EchoOutput, error) {
	return (echo{}).Echo(ctx, &EchoInput{Name: in.ResourceArn, TagKeys: in.TagKeys})
}

func echoConfig() Config {
	cfg := testConfig(echo{})
	cfg.Services = []Service{{Name: "ecs", API: echo{}}, {Name: "sqs", API: echo{}}, {Name: "monitoring", API: echo{}},
		{Name: "iam", API: echo{}}, {Name: "ec2", API: echo{}}, {Name: "scheduler", API: tags{}}}
	return cfg
}

// send sends a request that is signed for service.
func send(t *testing.T, url, service, method, path, headers, body string) *http.Response {
	t.Helper()
	response, err := http.DefaultClient.Do(signed(t, url, service, method, path, headers, body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// signed returns a request signed for service, or unsigned for none. Headers
// are "Name: value" lines.
func signed(t *testing.T, url, service, method, path, headers, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Set(name, strings.TrimSpace(value))
	}
	if service != "" {
		hash := sha256.Sum256([]byte(body))
		credentials := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), service, "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	ecsEcho  = "Content-Type: application/x-amz-json-1.1\nX-Amz-Target: AmazonEC2ContainerServiceV20141113.Echo"
	sqsEcho  = "Content-Type: application/x-amz-json-1.0\nX-Amz-Target: AmazonSQS.Echo"
	formType = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
	cborType = "Smithy-Protocol: rpc-v2-cbor\nContent-Type: application/cbor"
	cborPath = "/service/GraniteServiceVersion20100801/operation/Echo"
)

// Each protocol, with an answer and with an error, as it goes over the wire.
func TestWires(t *testing.T) {
	url := serve(t, echoConfig()).URL
	for _, tc := range []struct {
		name, service, method, path, headers, body string

		status   int
		kind     string // content type
		want     string // body, with ID for the request id
		queryErr string // x-amzn-query-error
	}{
		{"json 1.1", "ecs", "POST", "/", ecsEcho, `{"name":"web"}`,
			200, "application/x-amz-json-1.1", `{"name":"web"}`, ""},
		{"json 1.1, no input", "ecs", "POST", "/", ecsEcho, ``,
			200, "application/x-amz-json-1.1", `{}`, ""},
		{"json 1.1, error", "ecs", "POST", "/", ecsEcho, `{"name":"fail"}`,
			400, "application/x-amz-json-1.1", `{"__type":"QueueDoesNotExist","message":"no \u003cqueue\u003e","queue":"q"}`, ""},
		{"json 1.0", "sqs", "POST", "/", sqsEcho, `{"Name":"web"}`,
			200, "application/x-amz-json-1.0", `{"Name":"web"}`, ""},
		{"json 1.0, error", "sqs", "POST", "/", sqsEcho, `{"Name":"fail"}`,
			400, "application/x-amz-json-1.0", `{"Queue":"q","__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no \u003cqueue\u003e"}`,
			"AWS.SimpleQueueService.NonExistentQueue;Sender"},
		{"cbor", "monitoring", "POST", cborPath, cborType, "\xbf\x64Name\x63web\xff",
			200, "application/cbor", "\xbf\x64Name\x63web\xff", ""},
		{"cbor, error", "monitoring", "POST", cborPath, cborType, "\xa1\x64Name\x64fail",
			400, "application/cbor", "\xbf\x66__type\x78\x2acom.amazonaws.cloudwatch#QueueDoesNotExist\x67message\x6ano <queue>\xff", "QueueDoesNotExist;Sender"},
		{"query", "iam", "POST", "/", formType, "Action=Echo&Version=2010-05-08&Name=web&TagKeys.member.1=a",
			200, "text/xml", `<EchoResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><EchoResult><Name>web</Name><TagKeys><member>a</member></TagKeys></EchoResult>` +
				`<ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></EchoResponse>`, ""},
		{"query by GET", "iam", "GET", "/?Action=Echo&Version=2010-05-08", "", "",
			200, "text/xml", `<EchoResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><EchoResult></EchoResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></EchoResponse>`, ""},
		{"query, error", "iam", "POST", "/", formType, "Action=Echo&Version=2010-05-08&Name=fail",
			400, "text/xml", `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>QueueDoesNotExist</Code>` +
				`<Message>no &lt;queue&gt;</Message></Error><RequestId>ID</RequestId></ErrorResponse>`, ""},
		{"query, error with a status of its own", "iam", "POST", "/", formType, "Action=Echo&Version=2010-05-08&Name=missing",
			404, "text/xml", `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>` +
				`<Message>none</Message></Error><RequestId>ID</RequestId></ErrorResponse>`, ""},
		{"query of a service with three protocols", "monitoring", "POST", "/", formType, "Action=Echo&Version=2010-08-01&Name=web",
			200, "text/xml", `<EchoResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><EchoResult><Name>web</Name></EchoResult>` +
				`<ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></EchoResponse>`, ""},
		{"ec2 query", "ec2", "POST", "/", formType, "Action=Echo&Version=2016-11-15&Name=web&TagKeys.1=a",
			200, "text/xml", `<EchoResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>ID</requestId><name>web</name><tagKeySet><item>a</item></tagKeySet></EchoResponse>`, ""},
		{"ec2 query, error", "ec2", "POST", "/", formType, "Action=Echo&Version=2016-11-15&Name=fail",
			400, "text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>QueueDoesNotExist</Code><Message>no &lt;queue&gt;</Message></Error></Errors>" +
				"<RequestID>ID</RequestID></Response>", ""},
		{"rest-json", "scheduler", "DELETE", "/tags/arn:aws:scheduler:x%2Fy?TagKeys=a&TagKeys=b", "", "",
			200, "application/json", `{"Name":"arn:aws:scheduler:x/y","TagKeys":["a","b"]}`, ""},
		{"rest-json, error", "scheduler", "DELETE", "/tags/fail", "", "",
			400, "application/json", `{"Queue":"q","__type":"QueueDoesNotExist","message":"no \u003cqueue\u003e"}`, ""},
		{"rest-json, not served", "lambda", "GET", "/2015-03-31/functions", "", "",
			400, "application/json", `{"__type":"UnsupportedOperationException","message":"lambda is not built yet in this version of Berth. docs/compat.md lists what is."}`, ""},
		{"rest-xml, not served", "s3", "GET", "/bucket/key", "X-Amz-Content-Sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "",
			501, "text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>s3 is not built yet in this version of Berth. docs/compat.md lists what is.</Message>" +
				"<Resource>/bucket/key</Resource><RequestId>ID</RequestId></Error>", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response := send(t, url, tc.service, tc.method, tc.path, tc.headers, tc.body)
			id := response.Header.Get("X-Amzn-Requestid")
			if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
				t.Errorf("request id %q", id)
			}
			got := strings.ReplaceAll(text(t, response), id, "ID")
			if response.StatusCode != tc.status || response.Header.Get("Content-Type") != tc.kind || got != tc.want {
				t.Errorf("got  %d %s %s\nwant %d %s %s", response.StatusCode, response.Header.Get("Content-Type"), got, tc.status, tc.kind, tc.want)
			}
			if got := response.Header.Get("X-Amzn-Query-Error"); got != tc.queryErr {
				t.Errorf("query error %q, want %q", got, tc.queryErr)
			}
			if isError, named := response.StatusCode != 200, response.Header.Get("X-Amzn-Errortype") != ""; isError != named {
				t.Errorf("x-amzn-ErrorType: %q", response.Header.Get("X-Amzn-Errortype"))
			}
		})
	}
}

// What goes to no operation is refused in the words of the protocol that it
// comes nearest to.
func TestLost(t *testing.T) {
	url := serve(t, echoConfig()).URL
	for _, tc := range []struct {
		name, service, method, path, headers, body string
		status                                     int
		code, message                              string
	}{
		{"unknown operation", "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113.Nonsense", "{}",
			404, "UnknownOperationException", `ecs has no operation`},
		{"no operation", "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113", "{}", 404, "UnknownOperationException", ""},
		{"unknown target", "ecs", "POST", "/", "X-Amz-Target: Nowhere.Echo", "{}", 404, "UnknownOperationException", "no service has the name"},
		{"json by GET", "ecs", "GET", "/", ecsEcho, "", 404, "UnknownOperationException", "called by POST, not GET"},
		{"json below the root", "ecs", "POST", "/prefix", ecsEcho, "{}", 404, "UnknownOperationException", "the endpoint URL must have no path"},
		{"no mark", "ecs", "POST", "/", "", "{}", 404, "UnknownOperationException", ""},
		{"nothing at all", "", "PUT", "/bucket", "", "", 404, "UnknownOperationException", "names no AWS operation"},
		{"unknown action", "iam", "POST", "/", formType, "Action=Nonsense&Version=2010-05-08", 400, "InvalidAction", "Could not find operation Nonsense for version 2010-05-08"},
		{"unknown version", "", "POST", "/", formType, "Action=Echo&Version=1999-01-01", 400, "InvalidAction", ""},
		{"unknown version, known scope", "iam", "POST", "/", formType, "Action=Echo&Version=1999-01-01", 200, "", ""},
		{"query by PUT", "iam", "PUT", "/", formType, "Action=Echo&Version=2010-05-08", 400, "InvalidAction", "called by POST or GET"},
		{"broken form", "iam", "POST", "/", formType, "Action=%zz", 400, "MalformedInput", "not a valid form"},
		{"query to a json service", "ecs", "POST", "/", formType, "Action=Echo", 400, "InvalidAction", "ecs does not speak query"},
		{"cbor to a json service", "ecs", "POST", "/service/AmazonEC2ContainerServiceV20141113/operation/Echo", cborType, "\xa0", 404, "UnknownOperationException", ""},
		{"cbor elsewhere", "monitoring", "POST", "/operation/Echo", cborType, "\xa0", 404, "UnknownOperationException", ""},
		{"another smithy protocol", "monitoring", "POST", cborPath, "Smithy-Protocol: rpc-v9", "\xa0", 404, "UnknownOperationException", ""},
		{"service not served", "logs", "POST", "/", "X-Amz-Target: Logs_20140328.PutLogEvents", "{}", 400, "UnsupportedOperationException", "logs is not built yet"},
		{"query service not served", "elasticloadbalancing", "POST", "/", formType, "Action=X&Version=2015-12-01", 400, "UnsupportedOperation", "elasticloadbalancing is not built yet"},
		{"rest path", "scheduler", "GET", "/nowhere", "", "", 404, "UnknownOperationException", ""},
		{"unsigned json", "", "POST", "/", ecsEcho, "{}", 400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
		{"unsigned query", "", "POST", "/", formType, "Action=Echo&Version=2010-05-08", 403, "MissingAuthenticationToken", ""},
		{"unsigned ec2", "", "POST", "/", formType, "Action=Echo&Version=2016-11-15", 403, "MissingAuthenticationToken", ""},
		{"unreadable signature", "", "POST", "/", ecsEcho + "\nAuthorization: AWS4-HMAC-SHA256 x", "{}", 400, "IncompleteSignatureException", ""},
		{"badly signed where no signature is needed", "", "POST", "/", formType + "\nAuthorization: AWS4-HMAC-SHA256 x", "Action=AssumeRoleWithSAML&Version=2011-06-15",
			400, "IncompleteSignature", ""},
		{"unsigned where no signature is needed", "", "POST", "/", formType, "Action=AssumeRoleWithSAML&Version=2011-06-15", 400, "UnsupportedOperation", "sts is not built yet"},
		{"signed for another service", "sts", "POST", "/", ecsEcho, "{}", 400, "InvalidSignatureException", "Credential should be scoped to correct service: 'ecs'."},
		{"signed for another service, query", "sts", "POST", "/", formType, "Action=Echo&Version=2010-05-08", 403, "SignatureDoesNotMatch", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response := send(t, url, tc.service, tc.method, tc.path, tc.headers, tc.body)
			body := text(t, response)
			if response.StatusCode != tc.status || response.Header.Get("X-Amzn-Errortype") != tc.code || !strings.Contains(body, tc.message) {
				t.Errorf("got %d %s\nwant %d %s: %s", response.StatusCode, body, tc.status, tc.code, tc.message)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	cfg := echoConfig()
	cfg.MaxBody = 1000
	url := serve(t, cfg).URL
	long := `{"name":"` + strings.Repeat("x", 1000) + `"}`
	for _, tc := range []struct {
		name, headers, body string
		status              int
		code, want          string
	}{
		{"gzip", "Content-Encoding: gzip", packed(`{"name":"web"}`), 200, "", `{"name":"web"}`},
		{"too long", "", long, 413, "RequestEntityTooLargeException", "HTTP content length exceeded 1000 bytes."},
		{"too long once unpacked", "Content-Encoding: gzip", packed(long), 413, "RequestEntityTooLargeException", ""},
		{"not gzip", "Content-Encoding: gzip", "{}", 400, "SerializationException", "not valid gzip"},
		{"half a gzip", "Content-Encoding: gzip", packed(`{"name":"web"}`)[:20], 400, "SerializationException", "not valid gzip"},
		{"another encoding", "Content-Encoding: br", "{}", 400, "SerializationException", "use gzip or none"},
		{"broken json", "", `{"name":`, 400, "SerializationException", ""},
		{"trailing garbage", "", `{}{}`, 400, "SerializationException", ""},
		{"no object", "", `[1]`, 400, "SerializationException", ""},
		{"wrong type", "", `{"count":"many"}`, 400, "SerializationException", "count"},
		{"unknown member", "", `{"what":{"ever":[1]},"name":"web"}`, 200, "", `{"name":"web"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response := send(t, url, "ecs", "POST", "/", ecsEcho+"\n"+tc.headers, tc.body)
			body := text(t, response)
			if response.StatusCode != tc.status || response.Header.Get("X-Amzn-Errortype") != tc.code || !strings.Contains(body, tc.want) {
				t.Errorf("got %d %s\nwant %d %s %s", response.StatusCode, body, tc.status, tc.code, tc.want)
			}
		})
	}
}

// Strangers cannot fill the memory, nor make us wait for what is too long.
func TestBodyLimits(t *testing.T) {
	url := serve(t, echoConfig()).URL
	body := `{"name":"` + strings.Repeat("x", maxStranger) + `"}`
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"ours", func(*http.Request) {}, 200},
		{"unsigned", func(r *http.Request) { r.Header.Del("Authorization") }, 413},
		{"another's", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, "AKIAANOTHER", 1))
		}, 413},
		{"another's, in chunks", func(r *http.Request) { r.Header.Del("Authorization"); r.ContentLength = -1 }, 413},
		{"too long, and yet to come", func(r *http.Request) {
			r.ContentLength, r.Body = 1<<40, io.NopCloser(blockedReader(t.Context().Done()))
		}, 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := signed(t, url, "ecs", "POST", "/", ecsEcho, body)
			tc.change(r)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != tc.status {
				t.Errorf("got %d, want %d", response.StatusCode, tc.status)
			}
		})
	}
}

// blockedReader has nothing to read until it is closed.
type blockedReader <-chan struct{}

func (b blockedReader) Read([]byte) (int, error) { <-b; return 0, io.EOF }

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}
