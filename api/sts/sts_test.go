package sts_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	berthsts "berth/api/sts"
	"berth/aws/protocol"
	"berth/iam"
	"berth/plan/access"
	"berth/state"
)

// newClient returns the SDK's client of a server that knows root's key and
// those of sessions, and the server's URL.
func newClient(t *testing.T, key iam.AccessKey) (*sts.Client, string) {
	t.Helper()
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		tx.AccessKeys.Put(tx, state.AccessKey{ID: key.ID, Secret: key.Secret, Principal: iam.Root(account).ARN})
		tx.SigningKeys.Put(tx, state.SigningKey{ID: access.SessionsKey, Key: make([]byte, iam.IssuerKeySize)})
		for name, principal := range map[string]string{"web": iam.Root(account).ARN, "second": "arn:aws:iam::123456789012:role/web", "secret": "*"} {
			condition := ""
			if name == "secret" {
				condition = `"Condition":{"StringEquals":{"sts:ExternalId":"letmein"}},`
			}
			tx.Roles.Put(tx, state.Role{
				Name: name, ARN: "arn:aws:iam::123456789012:role/" + name, ID: "AROA" + name, MaxSession: 7200,
				Trust: `{"Version":"2012-10-17","Statement":[{` + condition + `"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + principal + `"}}]}`,
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := protocol.New(protocol.Config{
		Region: "eu-west-1",
		Services: []protocol.Service{{Name: "sts", API: berthsts.New(berthsts.Config{Store: store}),
			Operations: []string{"AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "GetSessionToken"}}},
		Credentials: func(_ context.Context, id, token string) (protocol.Credential, error) {
			secret, p, err := access.Credential(store.View(), time.Now(), account, id, token)
			return protocol.Credential{Secret: secret, Principal: p}, err
		},
		Authorize: func(p iam.Principal, action string, _ []string, _ iam.Keys) error {
			return &iam.Denied{Principal: p, Action: action} // GetCallerIdentity needs no permission
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return sts.New(sts.Options{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	}), server.URL
}

const account = "123456789012"

func TestGetCallerIdentity(t *testing.T) {
	client, _ := newClient(t, iam.NewAccessKey())
	out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	got := aws.ToString(out.Account) + " " + aws.ToString(out.Arn) + " " + aws.ToString(out.UserId)
	if want := "123456789012 arn:aws:iam::123456789012:root 123456789012"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Root gets a session of a role, and with it that of another which trusts the first.
func TestAssumeRole(t *testing.T) {
	client, _ := newClient(t, iam.NewAccessKey())
	role, want := "web", "arn:aws:sts::123456789012:assumed-role/web/one AROAweb:one"
	as := func(*sts.Options) {}
	for range 2 {
		out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::123456789012:role/" + role), RoleSessionName: aws.String("one"), DurationSeconds: aws.Int32(900),
		}, as)
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.AssumedRoleUser.Arn + " " + *out.AssumedRoleUser.AssumedRoleId; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		key := out.Credentials
		if life := time.Until(*key.Expiration); life > 15*time.Minute || life < 14*time.Minute {
			t.Errorf("it lasts %v", life)
		}
		as = func(o *sts.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, *key.SessionToken)
		}
		who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}, as)
		if err != nil || *who.Arn+" "+*who.UserId != want {
			t.Errorf("got %v %v, want %s", who, err, want)
		}
		role, want = "second", "arn:aws:sts::123456789012:assumed-role/second/one AROAsecond:one"
	}
}

func TestAssumeRoleRefuses(t *testing.T) {
	client, _ := newClient(t, iam.NewAccessKey())
	for _, tc := range []struct {
		change     func(in *sts.AssumeRoleInput)
		code, text string
	}{
		{func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/none") }, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/none"},
		{func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/second") }, "AccessDenied", "is not authorized"}, // trusts web only
		{func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/secret") }, "AccessDenied", "is not authorized"},
		{func(in *sts.AssumeRoleInput) {
			in.RoleArn, in.ExternalId = aws.String("arn:aws:iam::123456789012:role/secret"), aws.String("letmein,please")
		}, "AccessDenied", "is not authorized"},
		{func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a/b") }, "ValidationError", "at 'roleSessionName'"},
		{func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(60) }, "ValidationError", "at 'durationSeconds'"},
		{func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7201) }, "ValidationError", "exceeds the MaxSessionDuration"},
		{func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{}") }, "MalformedPolicyDocument", "at least one statement"},
		{func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("ann") }, "ValidationError", "SourceIdentity is not built"},
	} {
		in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/web"), RoleSessionName: aws.String("one")}
		tc.change(in)
		_, err := client.AssumeRole(t.Context(), in)
		if code(err) != tc.code || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("got %v, want %s %q", err, tc.code, tc.text)
		}
	}
	out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/web"), RoleSessionName: aws.String("one")})
	if err != nil {
		t.Fatal(err)
	}
	key := out.Credentials
	for token, want := range map[string]string{"": "InvalidClientTokenId", *key.SessionToken + "A": "InvalidClientTokenId"} {
		_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}, func(o *sts.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, token)
		})
		if code(err) != want {
			t.Errorf("with the token %q: got %v, want %s", token, err, want)
		}
	}
}

// Clients sign calls of global services for us-east-1 wherever they are.
func TestGetCallerIdentityElsewhere(t *testing.T) {
	client, _ := newClient(t, iam.NewAccessKey())
	for region, want := range map[string]string{"us-east-1": "", "ap-south-1": "SignatureDoesNotMatch"} {
		_, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.Region = region })
		if code(err) != want {
			t.Errorf("%s: got %v, want %q", region, err, want)
		}
	}
}

// Tools prove who they are to each other by a presigned GetCallerIdentity.
func TestGetCallerIdentityPresigned(t *testing.T) {
	client, _ := newClient(t, iam.NewAccessKey())
	signed, err := sts.NewPresignClient(client).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(signed.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "<Arn>arn:aws:iam::123456789012:root</Arn>") {
		t.Errorf("got %d %s %v", response.StatusCode, body, err)
	}
}

func TestNotBuilt(t *testing.T) {
	client, url := newClient(t, iam.NewAccessKey())
	_, signed := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	_, unsigned := client.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::1:role/r"), RoleSessionName: aws.String("s"), WebIdentityToken: aws.String("t")})
	for _, err := range []error{signed, unsigned} {
		if code(err) != "UnsupportedOperation" {
			t.Errorf("got %v", err)
		}
	}
	response, err := http.Get(url + "/?Action=GetCallerIdentity&Version=2011-06-15")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("unsigned: got %d", response.StatusCode)
	}
}

// code is that of an AWS error, or what an error without one says.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
