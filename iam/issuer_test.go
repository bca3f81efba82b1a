package iam

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"regexp"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newTestIssuer(t *testing.T, key byte) *Issuer {
	t.Helper()
	i, err := NewIssuer(bytes.Repeat([]byte{key}, IssuerKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestIssue(t *testing.T) {
	issuer := newTestIssuer(t, 1)
	p := RoleSession("123456789012", "web", "AROAWEB", "one")
	p.Policy, p.PolicyARNs = `{"Version":"2012-10-17"}`, []string{"arn:aws:iam::aws:policy/x"}
	a := issuer.Issue(p, noon, noon.Add(time.Hour))
	if !regexp.MustCompile(`^ASIA[A-Z2-7]{16}$`).MatchString(a.AccessKeyID) || !regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(a.SecretKey) {
		t.Errorf("malformed: %s, secret of %d characters", a.AccessKeyID, len(a.SecretKey))
	}
	if b := issuer.Issue(p, noon, noon.Add(time.Hour)); a.AccessKeyID == b.AccessKeyID || a.SecretKey == b.SecretKey || a.Token == b.Token {
		t.Error("two sessions share something")
	}
	secret, got, err := issuer.Verify(a.AccessKeyID, a.Token, noon.Add(time.Hour-time.Second))
	p.Issued = noon
	if err != nil || secret != a.SecretKey || !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v %v, want %+v", got, err, p)
	}
	if !a.Expiration.Equal(noon.Add(time.Hour)) {
		t.Errorf("expires at %v", a.Expiration)
	}
}

func TestVerifyRefuses(t *testing.T) {
	issuer := newTestIssuer(t, 1)
	a := issuer.Issue(RoleSession("123456789012", "web", "AROAWEB", "one"), noon, noon.Add(time.Hour))
	b := issuer.Issue(RoleSession("123456789012", "web", "AROAWEB", "one"), noon, noon.Add(time.Hour))
	changed := func(at int) string {
		raw, _ := base64.StdEncoding.DecodeString(a.Token)
		raw[(at+len(raw))%len(raw)] ^= 1
		return base64.StdEncoding.EncodeToString(raw)
	}
	for name, tc := range map[string]struct {
		issuer    *Issuer
		id, token string
		at        time.Time
		want      error
	}{
		"good":                     {issuer, a.AccessKeyID, a.Token, noon, nil},
		"at its end":               {issuer, a.AccessKeyID, a.Token, noon.Add(time.Hour), ErrExpired},
		"with another's key id":    {issuer, b.AccessKeyID, a.Token, noon, ErrUnknownKey},
		"with a changed mark":      {issuer, a.AccessKeyID, changed(0), noon, ErrUnknownKey},
		"with a changed claim":     {issuer, a.AccessKeyID, changed(-5), noon, ErrUnknownKey},
		"of another control plane": {newTestIssuer(t, 2), a.AccessKeyID, a.Token, noon, ErrUnknownKey},
		"nonsense":                 {issuer, a.AccessKeyID, "nonsense", noon, ErrUnknownKey},
		"empty":                    {issuer, a.AccessKeyID, "", noon, ErrUnknownKey},
		"changed and expired":      {issuer, a.AccessKeyID, changed(-5), noon.Add(2 * time.Hour), ErrUnknownKey},
	} {
		if _, _, err := tc.issuer.Verify(tc.id, tc.token, tc.at); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
	if _, err := NewIssuer([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
