package iam

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Errors of credentials that are no longer, or never were, good.
var (
	ErrUnknownKey = errors.New("The security token included in the request is invalid.")
	ErrExpired    = errors.New("The security token included in the request is expired")
)

// Temporary is what a session signs requests with.
type Temporary struct {
	AccessKeyID string // ASIA and 16 letters or digits
	SecretKey   string
	Token       string // to be sent with each request
	Expiration  time.Time
}

// Issuer gives out temporary credentials and recognizes them. It remembers
// none: the token says whose they are, the key makes that true, and the secret
// follows from both. Any server that has the key can check them.
type Issuer struct{ key []byte }

// IssuerKeySize is the length of an issuer's key in bytes.
const IssuerKeySize = 32

// NewIssuer returns the issuer that has key.
func NewIssuer(key []byte) (*Issuer, error) {
	if len(key) != IssuerKeySize {
		return nil, fmt.Errorf("iam: the issuer's key has %d bytes, want %d", len(key), IssuerKeySize)
	}
	return &Issuer{key}, nil
}

// claims are what a token says. Its members are short, as agents and SDKs send
// them with every request.
type claims struct {
	KeyID      string   `json:"k"`
	Account    string   `json:"a"`
	ARN        string   `json:"p"`
	UserID     string   `json:"u"`
	Role       string   `json:"r"`
	Issued     int64    `json:"i"` // Unix seconds, as AWS's times of tokens are
	Expires    int64    `json:"e"`
	Policy     string   `json:"s,omitempty"`
	PolicyARNs []string `json:"m,omitempty"`
}

// Issue gives p credentials until a time, in whole seconds.
func (i *Issuer) Issue(p Principal, now, until time.Time) Temporary {
	var id [10]byte
	rand.Read(id[:]) // never fails, by its documentation
	c := claims{
		KeyID:   "ASIA" + base32.StdEncoding.EncodeToString(id[:]),
		Account: p.Account, ARN: p.ARN, UserID: p.UserID, Role: p.Role,
		Issued: now.Unix(), Expires: until.Unix(), Policy: p.Policy, PolicyARNs: p.PolicyARNs,
	}
	text, err := json.Marshal(c)
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	return Temporary{
		AccessKeyID: c.KeyID,
		SecretKey:   i.secret(text),
		Token:       base64.StdEncoding.EncodeToString(append(i.mac("token", text), text...)),
		Expiration:  time.Unix(c.Expires, 0).UTC(),
	}
}

// Verify returns the secret that belongs to a token and whom it stands for. Its
// errors are ErrUnknownKey and ErrExpired.
func (i *Issuer) Verify(accessKeyID, token string, now time.Time) (secret string, p Principal, err error) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < sha256.Size {
		return "", p, ErrUnknownKey
	}
	signature, text := raw[:sha256.Size], raw[sha256.Size:]
	var c claims
	if !hmac.Equal(signature, i.mac("token", text)) || json.Unmarshal(text, &c) != nil || c.KeyID != accessKeyID {
		return "", p, ErrUnknownKey
	}
	if now.Unix() >= c.Expires {
		return "", p, ErrExpired
	}
	return i.secret(text), Principal{
		Account: c.Account, ARN: c.ARN, UserID: c.UserID, Role: c.Role,
		Issued: time.Unix(c.Issued, 0).UTC(), Policy: c.Policy, PolicyARNs: c.PolicyARNs,
	}, nil
}

// secret has 40 characters, as AWS's have. The token does not give it away.
func (i *Issuer) secret(claims []byte) string {
	return base64.StdEncoding.EncodeToString(i.mac("secret", claims)[:30])
}

func (i *Issuer) mac(use string, text []byte) []byte {
	h := hmac.New(sha256.New, i.key)
	h.Write([]byte(use + "\x00"))
	h.Write(text)
	return h.Sum(nil)
}
