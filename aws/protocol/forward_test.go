package protocol

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// notLeader is what a follower's store answers to a write.
type notLeader string

func (n notLeader) Error() string  { return "not the leader" }
func (n notLeader) Leader() string { return string(n) }

func follower(leader string) *clusters {
	return &clusters{create: func(context.Context, *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
		return nil, fmt.Errorf("create: %w", notLeader(leader))
	}}
}

func TestFollowerPassesWritesOn(t *testing.T) {
	boom := &clusters{create: func(_ context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
		if aws.ToString(in.ClusterName) == "bad" {
			return nil, &types.InvalidParameterException{Message: aws.String("bad name")}
		}
		return &ecs.CreateClusterOutput{Cluster: &types.Cluster{ClusterName: in.ClusterName}}, nil
	}}
	leaderConfig := testConfig(boom)
	leaderConfig.Revision = func() int64 { return 42 }
	leader := serve(t, leaderConfig)

	var waited []int64
	cfg := testConfig(follower(leader.URL))
	cfg.CaughtUp = func(_ context.Context, revision int64) error {
		waited = append(waited, revision)
		return errors.New("still behind, which is no error of the call")
	}
	client := ecsClient(serve(t, cfg).URL, testSecret)

	out, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("web")})
	if err != nil || aws.ToString(out.Cluster.ClusterName) != "web" {
		t.Errorf("got %+v, %v", out, err)
	}
	var invalid *types.InvalidParameterException
	if _, err = client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("bad")}); !errors.As(err, &invalid) {
		t.Errorf("got %v, want the leader's exception", err)
	}
	if fmt.Sprint(waited) != "[42 42]" || boom.calls != 2 {
		t.Errorf("waited for revisions %v after %d calls", waited, boom.calls)
	}
}

// A request's URL cannot choose the host that it is passed on to.
func TestPassedToTheLeaderAlone(t *testing.T) {
	api := &clusters{}
	leader, other := serve(t, testConfig(api)), serve(t, testConfig(&clusters{}))
	s, err := New(testConfig(follower(leader.URL)))
	if err != nil {
		t.Fatal(err)
	}
	r := signed(t, "http://berth", "ecs", "POST", "/", "X-Amz-Target: AmazonEC2ContainerServiceV20141113.CreateCluster", "{}")
	r.URL = &url.URL{Scheme: "x", Opaque: "@" + other.Listener.Addr().String()} // as in POST x:@127.0.0.1:80 HTTP/1.1
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	if answer.Code != 200 || api.calls != 1 {
		t.Errorf("got %d %s; the leader had %d calls", answer.Code, answer.Body, api.calls)
	}
}

func TestFollowerWithoutLeader(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	var loop *httptest.Server
	loop = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := New(testConfig(follower(loop.URL)))
		if err != nil {
			t.Error(err)
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(loop.Close)
	for _, tc := range []struct{ name, leader, message string }{
		{"none", "", "No server leads at the moment. Try again."},
		{"unreachable", gone.URL, "The leader cannot be reached: "},
		{"in a circle", loop.URL, "The leader is changing. Try again."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := ecsClient(serve(t, testConfig(follower(tc.leader))).URL, testSecret)
			_, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{})
			var got smithy.APIError
			if !errors.As(err, &got) || got.ErrorCode() != "ServerException" || len(got.ErrorMessage()) < len(tc.message) || got.ErrorMessage()[:len(tc.message)] != tc.message {
				t.Errorf("got %v", err)
			}
		})
	}
}
