package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"berth/aws/shape"
	"berth/iam"
)

const (
	testKey    = "AKIAIOSFODNN7EXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// clusters is a small API: what each operation does is in its test's hands.
type clusters struct {
	create func(context.Context, *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error)
	calls  int
}

func (c *clusters) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	c.calls++
	if c.create != nil {
		return c.create(ctx, in)
	}
	return &ecs.CreateClusterOutput{Cluster: &types.Cluster{ClusterName: in.ClusterName}}, nil
}

func (c *clusters) DeleteCluster(context.Context, *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	c.calls++
	return &ecs.DeleteClusterOutput{}, nil
}

func testConfig(api any) Config {
	return Config{
		Region:   "us-east-1",
		Services: []Service{{Name: "ecs", API: api, Operations: []string{"CreateCluster", "DeleteCluster", "ListServices", "RunTask"}}},
		Credentials: func(_ context.Context, id, _ string) (Credential, error) {
			if id != testKey {
				return Credential{}, iam.ErrUnknownKey
			}
			return Credential{Secret: testSecret, Principal: iam.Root("123456789012")}, nil
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

func serve(t *testing.T, cfg Config) *httptest.Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

func ecsClient(url, secret string) *ecs.Client {
	return ecs.New(ecs.Options{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(testKey, secret, ""),
	})
}

func TestCall(t *testing.T) {
	client := ecsClient(serve(t, testConfig(&clusters{})).URL, testSecret)
	out, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("web")})
	if err != nil || aws.ToString(out.Cluster.ClusterName) != "web" {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		name, code, message string
		err                 error
		status              int
	}{
		{"modelled", "ClusterNotFoundException", "Cluster not found.", &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}, 400},
		{"modelled, the server's", "ServerException", "later", &types.ServerException{Message: aws.String("later")}, 500},
		{"unmodelled", "ValidationException", "no", &smithy.GenericAPIError{Code: "ValidationException", Message: "no"}, 400},
		{"ours", "ServerException", "internal error", errors.New("secret detail"), 500},
		{"ours, from a codec", "ServerException", "internal error", fmt.Errorf("record: %w", &shape.Error{Path: "secret", Message: "detail"}), 500},
		{"ours, public", "ServerException", "disk full", unavailable("disk full"), 500},
		{"denied", "AccessDeniedException", "User: u is not authorized to perform: ecs:CreateCluster on resource: * because no identity-based policy allows the ecs:CreateCluster action",
			&iam.Denied{Principal: iam.Principal{ARN: "u"}, Action: "ecs:CreateCluster", Resource: "*"}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			api := &clusters{create: func(context.Context, *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) { return nil, tc.err }}
			_, err := ecsClient(serve(t, testConfig(api)).URL, testSecret).CreateCluster(t.Context(), &ecs.CreateClusterInput{})
			var got smithy.APIError
			var http interface{ HTTPStatusCode() int }
			if !errors.As(err, &got) || !errors.As(err, &http) {
				t.Fatalf("got %v", err)
			}
			if got.ErrorCode() != tc.code || got.ErrorMessage() != tc.message || http.HTTPStatusCode() != tc.status {
				t.Errorf("got %d %s: %s", http.HTTPStatusCode(), got.ErrorCode(), got.ErrorMessage())
			}
		})
	}
}

func TestSessionToken(t *testing.T) {
	cfg := testConfig(&clusters{})
	cfg.Credentials = func(_ context.Context, _, token string) (Credential, error) {
		switch token {
		case "token":
			return Credential{Secret: testSecret, Principal: iam.Root("123456789012")}, nil
		case "old":
			return Credential{}, iam.ErrExpired
		}
		return Credential{}, iam.ErrUnknownKey
	}
	url := serve(t, cfg).URL
	for token, want := range map[string]string{
		"token": "", "old": "ExpiredTokenException", "another": "UnrecognizedClientException", "": "UnrecognizedClientException",
	} {
		client := ecs.New(ecs.Options{
			Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, token),
		})
		_, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{})
		var got smithy.APIError
		if errors.As(err, &got); (want == "") != (err == nil) || err != nil && got.ErrorCode() != want {
			t.Errorf("token %q: got %v, want %q", token, err, want)
		}
	}
}

// An operation of a service, as the authorizer and the handler see it.
func TestWhatIsAuthorized(t *testing.T) {
	api := &clusters{create: func(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
		call := CallOf(ctx)
		if !call.Present["ClusterName"] || call.Present["Tags"] || call.Operation != "CreateCluster" || !call.Principal.Root || call.ID == "" {
			t.Errorf("got call %+v", call)
		}
		return &ecs.CreateClusterOutput{}, nil
	}}
	cfg := testConfig(api)
	cfg.Services[0].Resources = func(operation string, input any) []string {
		if in, ok := input.(*ecs.CreateClusterInput); ok && operation == "CreateCluster" {
			return []string{"cluster/" + aws.ToString(in.ClusterName)}
		}
		return nil
	}
	var asked []string
	cfg.Authorize = func(_ iam.Principal, action string, resources []string, _ iam.Keys) error {
		asked = append(asked, fmt.Sprint(action, resources))
		return nil
	}
	client := ecsClient(serve(t, cfg).URL, testSecret)
	client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("web")})
	client.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("web")})
	if got := fmt.Sprint(asked); got != "[ecs:CreateCluster[cluster/web] ecs:DeleteCluster[*]]" {
		t.Errorf("asked %s", got)
	}
}

func TestDenyAll(t *testing.T) {
	api := &clusters{}
	cfg := testConfig(api)
	cfg.Authorize = func(p iam.Principal, action string, resources []string, _ iam.Keys) error {
		return &iam.Denied{Principal: p, Action: action, Resource: resources[0]}
	}
	client := ecsClient(serve(t, cfg).URL, testSecret)
	_, create := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{})
	_, remove := client.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("web")})
	for _, err := range []error{create, remove} {
		var denied *types.AccessDeniedException
		if !errors.As(err, &denied) {
			t.Errorf("got %v", err)
		}
	}
	if api.calls != 0 {
		t.Errorf("%d handlers ran", api.calls)
	}
}

func TestGreeting(t *testing.T) {
	response, err := http.Get(serve(t, testConfig(&clusters{})).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 || len(body) == 0 {
		t.Errorf("got %d %q", response.StatusCode, body)
	}
}
