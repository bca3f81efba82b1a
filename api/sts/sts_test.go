package sts_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	berthsts "berth/api/sts"
	"berth/aws/protocol"
	"berth/iam"
)

// newClient returns the SDK's client of a server that knows one key, and the
// server's URL.
func newClient(t *testing.T, key iam.AccessKey) (*sts.Client, string) {
	t.Helper()
	handler, err := protocol.New(protocol.Config{
		Region:   "eu-west-1",
		Services: []protocol.Service{{Name: "sts", API: berthsts.API{}, Client: reflect.TypeFor[*sts.Client]()}},
		Credentials: func(_ context.Context, id, _ string) (protocol.Credential, error) {
			if id != key.ID {
				return protocol.Credential{}, iam.ErrUnknownKey
			}
			return protocol.Credential{Secret: key.Secret, Principal: iam.Root("123456789012")}, nil
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
	_, signed := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::1:role/r"), RoleSessionName: aws.String("s")})
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
