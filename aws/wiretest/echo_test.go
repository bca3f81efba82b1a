package wiretest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"berth/aws/protocol"
	"berth/iam"
)

// echo stands where a service's handlers would: it keeps the input of each call
// and answers with an output of random contents, or with the exception that the
// request asks for.
type echo struct {
	sdk
	exceptions map[string]*smithy.GenericAPIError
	mu         sync.Mutex
	seed       uint64
	calls      map[string]exchange // by request id
	last       exchange
}

// exchange is one call as the server saw it: two pointers to structs.
type exchange struct{ in, out any }

// api returns a value with a handler for every operation of the service: a
// client of the SDK, whose calls end here before they reach a network.
func (e *echo) api() any {
	if e.name == "ec2" {
		return ec2{e}
	}
	cfg := aws.Config{Region: "us-east-1"}
	var client any
	cfg.APIOptions = []func(*middleware.Stack) error{func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("echo", func(
			ctx context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler,
		) (out middleware.InitializeOutput, _ middleware.Metadata, _ error) {
			if name, _ := ctx.Value(askedKey{}).(string); name != "" {
				if exception := e.exceptions[name]; exception != nil {
					return out, middleware.Metadata{}, exception
				}
				return out, middleware.Metadata{}, fmt.Errorf("the SDK has no exception %s", name)
			}
			method, _ := reflect.TypeOf(client).MethodByName(middleware.GetOperationName(ctx))
			out.Result = e.answer(ctx, in.Parameters, method.Type.Out(0).Elem())
			return out, middleware.Metadata{}, nil
		}), middleware.Before)
	}}
	client = e.client(cfg)
	return client
}

func (e *echo) answer(ctx context.Context, in any, output reflect.Type) any {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seed++
	e.last = exchange{in, newFiller(e.seed, e.sdk).make(output).Interface()}
	e.calls[protocol.CallOf(ctx).ID] = e.last
	return e.last.out
}

// askedKey is the context key of the exception that a request asks for.
type askedKey struct{}

const (
	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// serve puts echoes behind our HTTP server and returns its URL.
func serve(t *testing.T, echoes ...*echo) string {
	t.Helper()
	cfg := protocol.Config{
		Region: "us-east-1",
		Credentials: func(_ context.Context, id, _ string) (protocol.Credential, error) {
			if id != keyID {
				return protocol.Credential{}, iam.ErrUnknownKey
			}
			return protocol.Credential{Secret: secret, Principal: iam.Root("123456789012")}, nil
		},
		Authorize: func(iam.Principal, string, []string, iam.Keys) error { return nil },
		Log:       slog.New(slog.DiscardHandler),
	}
	for _, e := range echoes {
		cfg.Services = append(cfg.Services, protocol.Service{Name: e.name, API: e.api(), Unions: e.unions})
	}
	handler, err := protocol.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := context.WithValue(r.Context(), askedKey{}, r.Header.Get("Echo-Exception"))
		handler.ServeHTTP(w, r.WithContext(asked))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// clientConfig is what an SDK client needs to call the server at url, under
// whatever host name the service's endpoint rules put in front of it.
func clientConfig(url string) aws.Config {
	address := url[len("http://"):]
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
			MaxIdleConnsPerHost: 1,
		}},
	}
}
