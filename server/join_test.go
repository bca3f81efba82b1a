package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"

	"berth/api/ecr"
	"berth/aws/protocol"
	"berth/cli/join"
	"berth/cli/profile"
	"berth/state"
)

// testServer is a control plane over a store in memory, behind a real socket.
type testServer struct {
	*Server
	store *state.Store
	url   string
	root  aws.Credentials
}

func newTestServer(t *testing.T) *testServer {
	t.Helper()
	cfg := Default()
	cfg.Log = slog.New(slog.DiscardHandler)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := state.NewMemory()
	api, err := protocol.New(protocol.Config{
		Region: cfg.Region, Services: services(store, s.cfg, "", backends{ecr: ecr.New(ecr.Config{})}), Log: cfg.Log,
		Credentials: credentials(store, cfg.Account), Authorize: authorize(store),
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.rootKey(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	w := newWeb(cfg.Log)
	w.plane.Store(&plane{api: api, tokens: s.tokens(store, api), join: s.join(store), ready: func() error { return nil }})
	listening := httptest.NewServer(w.http.Handler)
	t.Cleanup(listening.Close)
	s.store.Store(store)
	close(s.ready)
	return &testServer{s, store, listening.URL, aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}}
}

// ask sends a request of ours, signed by key if it has one, and reads the
// answer into out. It returns the status and, of a refusal, the reason.
func (s *testServer) ask(t *testing.T, key aws.Credentials, method, path, body string, out any) string {
	t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(body)); key.AccessKeyID != "" {
		if err := v4.NewSigner().SignHTTP(t.Context(), key, r, hex.EncodeToString(sum[:]), "berth", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status + ": " + string(bytes.TrimSpace(text))
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return "200 OK"
}

// discover makes a call that container agents may make, and one that they may
// not, and returns the codes of their errors.
func (s *testServer) discover(t *testing.T, key aws.CredentialsProvider) (may, mayNot string) {
	t.Helper()
	client := ecs.New(ecs.Options{Region: "us-east-1", BaseEndpoint: &s.url, RetryMaxAttempts: 1, Credentials: key})
	_, err := client.DiscoverPollEndpoint(t.Context(), &ecs.DiscoverPollEndpointInput{})
	_, other := client.ListClusters(t.Context(), &ecs.ListClustersInput{})
	return code(err), code(other)
}

func code(err error) string {
	var modelled smithy.APIError
	if errors.As(err, &modelled) {
		return modelled.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// A machine joins by a token, and keeps what it gets, until that is revoked.
func TestJoin(t *testing.T) {
	s := newTestServer(t)
	var token join.Token
	if got := s.ask(t, s.root, "POST", join.TokensPath, `{"seconds":60}`, &token); got != "200 OK" {
		t.Fatal(got)
	}
	if life := token.Expires.Sub(token.Created); life != time.Minute || !strings.HasPrefix(token.Secret, token.ID+".") {
		t.Errorf("got %+v", token)
	}

	dir := t.TempDir()
	p, err := join.Join(t.Context(), dir, s.url+"/", token.Secret, "host-1")
	if err != nil {
		t.Fatal(err)
	}
	if may, mayNot := s.discover(t, keyOf(p)); may != "ok" || mayNot != "AccessDeniedException" {
		t.Errorf("an agent's calls end with %s and %s", may, mayNot)
	}
	if file, err := os.Stat(join.File(dir)); err != nil || file.Mode().Perm() != 0o600 {
		t.Errorf("its credentials are in %v, %v", file, err)
	}
	again, err := join.Join(t.Context(), dir, s.url, "", "host-1")
	if err != nil || again != p {
		t.Errorf("the second time it gets %+v, %v", again, err)
	}

	var list []join.Token
	if got := s.ask(t, s.root, "GET", join.TokensPath, "", &list); got != "200 OK" || len(list) != 1 || list[0].ID != token.ID || list[0].Secret != "" {
		t.Errorf("listed: %s %+v", got, list)
	}
	var revoked join.Revoked
	if got := s.ask(t, s.root, "POST", join.RevokePath, `{"id":"`+token.ID+`"}`, &revoked); got != "200 OK" || revoked.Agents != 0 {
		t.Errorf("revoked: %s %+v", got, revoked)
	}
	if _, err := join.Join(t.Context(), t.TempDir(), s.url, token.Secret, "host-2"); err == nil || !strings.Contains(err.Error(), "unknown, revoked or expired") {
		t.Errorf("with a revoked token: %v", err)
	}
	if may, _ := s.discover(t, keyOf(p)); may != "ok" {
		t.Errorf("who has joined by then gets %s", may)
	}
	if got := s.ask(t, s.root, "POST", join.RevokePath, `{"id":"`+token.ID+`","agents":true}`, &revoked); got != "200 OK" || revoked.Agents != 1 {
		t.Errorf("revoked: %s %+v", got, revoked)
	}
	if may, _ := s.discover(t, keyOf(p)); may != "UnrecognizedClientException" {
		t.Errorf("a revoked agent gets %s", may)
	}
}

func keyOf(p profile.Profile) aws.CredentialsProvider {
	return sdk.NewStaticCredentialsProvider(p.AccessKeyID, p.SecretKey, "")
}

func TestTokensAreForRoot(t *testing.T) {
	s := newTestServer(t)
	agent, err := s.AgentCredentials("local").Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wrong := s.root
	wrong.SecretAccessKey += "x"
	for _, tc := range []struct {
		name               string
		key                aws.Credentials
		method, path, body string
		want               string
	}{
		{"unsigned", aws.Credentials{}, "POST", join.TokensPath, "{}", "403 Forbidden: Request is missing Authentication Token"},
		{"an agent", agent, "POST", join.TokensPath, "{}", "403 Forbidden: only root may do this, not arn:aws:sts::123456789012:assumed-role/berth-agent/local"},
		{"a wrong secret", wrong, "GET", join.TokensPath, "", "403 Forbidden: The request signature"},
		{"an unsigned revocation", aws.Credentials{}, "POST", join.RevokePath, "{}", "403 Forbidden"},
		{"too long a life", s.root, "POST", join.TokensPath, `{"seconds":1000000}`, "400 Bad Request: a token can last from a second to 168h0m0s"},
		{"a misspelled member", s.root, "POST", join.TokensPath, `{"second":1}`, "400 Bad Request: the body is not as expected"},
		{"no such token", s.root, "POST", join.RevokePath, `{"id":"x"}`, "404 Not Found: there is no join token"},
		{"a bad name", aws.Credentials{}, "POST", join.Path, `{"token":"a.b","name":"a/b"}`, "400 Bad Request: invalid name"},
		{"no token", aws.Credentials{}, "POST", join.Path, `{"name":"host"}`, "403 Forbidden: the join token"},
	} {
		if got := s.ask(t, tc.key, tc.method, tc.path, tc.body, new(any)); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

// A token is of no use at its end, and goes when the next one is made.
func TestTokensExpire(t *testing.T) {
	s := newTestServer(t)
	past := time.Now().Add(-time.Minute)
	err := s.store.Update(t.Context(), func(tx *state.Tx) error {
		tx.JoinTokens.Put(tx, state.JoinToken{ID: "old", SHA256: hash("secret"), ExpiresAt: past})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, aws.Credentials{}, "POST", join.Path, `{"token":"old.secret","name":"host"}`, nil); !strings.HasPrefix(got, "403") {
		t.Errorf("joining: %s", got)
	}
	var list []join.Token
	if s.ask(t, s.root, "GET", join.TokensPath, "", &list); len(list) != 0 {
		t.Errorf("listed: %+v", list)
	}
	var token join.Token
	s.ask(t, s.root, "POST", join.TokensPath, "{}", &token)
	if n := s.store.View().JoinTokens.Len(); n != 1 {
		t.Errorf("%d tokens are left", n)
	}
}

// An agent in this process needs no token, and nothing of it is stored.
func TestAgentCredentials(t *testing.T) {
	s := newTestServer(t)
	before := s.store.Revision()
	if may, mayNot := s.discover(t, s.AgentCredentials("local")); may != "ok" || mayNot != "AccessDeniedException" {
		t.Errorf("its calls end with %s and %s", may, mayNot)
	}
	if s.store.Revision() != before {
		t.Error("something was stored")
	}
	unready, err := New(Default())
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := unready.AgentCredentials("local").Retrieve(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("before the server is ready: %v", err)
	}
}
