package state

import (
	"fmt"
	"iter"
	"time"

	"berth/state/seal"
)

// Parameter is a parameter of Systems Manager. What was put is in its versions.
type Parameter struct {
	Name   string
	Newest int64            // number of the version that counts when none is named
	Labels map[string]int64 // names of versions
	Tags   []Tag
}

var parameters = kind[Parameter]{name: "parameters", key: func(p *Parameter) string { return p.Name }}

// ParameterVersion is what one PutParameter left. It never changes.
type ParameterVersion struct {
	Name           string // of the parameter
	Number         int64
	Type           string     // String, StringList, SecureString
	Value          string     // empty in a SecureString
	Sealed         seal.Value // of a SecureString, under the name that is the record's key
	KeyID          string     // of KMS, as given; it is only remembered
	Description    string
	AllowedPattern string
	Tier           string // Standard, Advanced
	DataType       string // text
	User           string // ARN of who put it
	PutAt          time.Time
}

// ParameterVersionKey is the key of a version, in whose order they are.
func ParameterVersionKey(name string, number int64) string {
	return fmt.Sprintf("%s:%010d", name, number)
}

var parameterVersions = kind[ParameterVersion]{
	name: "parameter-versions",
	key:  func(v *ParameterVersion) string { return ParameterVersionKey(v.Name, v.Number) },
}

// VersionsOfParameter yields the versions of a parameter, oldest first.
func (v *View) VersionsOfParameter(name string) iter.Seq[ParameterVersion] {
	return v.ParameterVersions.Prefix(name + ":")
}

// Secret is a secret of Secrets Manager. Its values are in its versions.
type Secret struct {
	Name        string
	ARN         string // its name and 6 random characters: a secret made later has others
	Description string
	KeyID       string            // of KMS, as given; it is only remembered
	Policy      string            // resource policy, or empty
	Stages      map[string]string // AWSCURRENT, AWSPREVIOUS, AWSPENDING, or the user's, to ids of versions
	Tags        []Tag
	CreatedAt   time.Time
	ChangedAt   time.Time
	DeletedAt   time.Time // when its deletion was asked for; zero: it is not deleted
	DeleteAt    time.Time // when it goes for good
}

var secrets = kind[Secret]{name: "secrets", key: func(s *Secret) string { return s.Name }}

// SecretVersion is one value of a secret. It never changes.
type SecretVersion struct {
	Secret    string // ARN
	ID        string
	Text      seal.Value // this or Binary, under the name that is the record's key
	Binary    seal.Value
	CreatedAt time.Time
}

// SecretVersionKey is the key of a version; neither part has a space.
func SecretVersionKey(secret, id string) string { return secret + " " + id }

var secretVersions = kind[SecretVersion]{
	name: "secret-versions",
	key:  func(v *SecretVersion) string { return SecretVersionKey(v.Secret, v.ID) },
}

// VersionsOfSecret yields the versions of a secret, by its ARN.
func (v *View) VersionsOfSecret(secret string) iter.Seq[SecretVersion] {
	return v.SecretVersions.Prefix(SecretVersionKey(secret, ""))
}

// Sealed yields every sealed value there is.
func (v *View) Sealed() iter.Seq[seal.Value] {
	return func(yield func(seal.Value) bool) {
		for p := range v.ParameterVersions.All() {
			if p.Sealed != "" && !yield(p.Sealed) {
				return
			}
		}
		for s := range v.SecretVersions.All() {
			if !yield(s.Text + s.Binary) { // one is empty
				return
			}
		}
	}
}
