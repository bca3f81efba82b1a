package state

import "time"

// AccessKey is a long-lived pair of credentials.
type AccessKey struct {
	ID        string // AKIA…
	Secret    string
	Principal string // ARN of the identity it belongs to
	CreatedAt time.Time
}

var accessKeys = kind[AccessKey]{name: "access-keys", key: func(k *AccessKey) string { return k.ID }}

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
