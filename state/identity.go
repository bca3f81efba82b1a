package state

import "time"

// AccessKey is a long-lived pair of credentials.
type AccessKey struct {
	ID        string // AKIA…
	Secret    string
	Principal string // ARN of the identity it belongs to
	Token     string // id of the join token that it was given for, or empty
	CreatedAt time.Time
}

var accessKeys = kind[AccessKey]{name: "access-keys", key: func(k *AccessKey) string { return k.ID }}

// SigningKey makes temporary credentials true.
type SigningKey struct {
	ID        string // what it is for: sessions
	Key       []byte
	CreatedAt time.Time
}

var signingKeys = kind[SigningKey]{name: "signing-keys", key: func(k *SigningKey) string { return k.ID }}

// JoinToken lets machines get the credentials of a container agent until it
// expires. Of its secret only the hash is kept.
type JoinToken struct {
	ID        string
	SHA256    string // of the secret, in hexadecimal digits
	CreatedAt time.Time
	ExpiresAt time.Time
}

var joinTokens = kind[JoinToken]{name: "join-tokens", key: func(t *JoinToken) string { return t.ID }}

// AccountSetting is one ECS account setting of a principal, or the account's
// default for it.
type AccountSetting struct {
	Name      string // containerInsights
	Value     string
	Principal string // ARN; empty for the account's default
}

// AccountSettingKey is the key of an account setting.
func AccountSettingKey(name, principal string) string { return name + "/" + principal }

var accountSettings = kind[AccountSetting]{
	name: "account-settings",
	key:  func(s *AccountSetting) string { return AccountSettingKey(s.Name, s.Principal) },
}
