package iam

import (
	"embed"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"time"
)

// ManagedPolicy is a policy that AWS manages and that every account has.
//
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/about-managed-policy-reference.html
type ManagedPolicy struct {
	ARN      string          `json:"-"`
	ID       string          `json:"id"`
	Version  string          `json:"version"`
	Created  time.Time       `json:"created"`
	Updated  time.Time       `json:"updated"`
	Document json.RawMessage `json:"document"`
}

// managed has those of AWS's policies that people who run containers attach,
// under the path and name that their ARNs end with.
//
//go:embed managed
var managed embed.FS

const managedPrefix = "arn:aws:iam::aws:policy/"

// Managed returns the policy of that ARN.
func Managed(arn string) (ManagedPolicy, bool) {
	name, ok := strings.CutPrefix(arn, managedPrefix)
	if !ok || !fs.ValidPath(name) {
		return ManagedPolicy{}, false
	}
	text, err := managed.ReadFile(path.Join("managed", name+".json"))
	if err != nil {
		return ManagedPolicy{}, false
	}
	p := ManagedPolicy{ARN: arn}
	return p, json.Unmarshal(text, &p) == nil
}

// AllManaged returns all policies that there are, in the order of their ARNs.
func AllManaged() (all []ManagedPolicy) {
	fs.WalkDir(managed, "managed", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name := strings.TrimSuffix(strings.TrimPrefix(file, "managed/"), ".json")
			if p, ok := Managed(managedPrefix + name); ok {
				all = append(all, p)
			}
		}
		return err
	})
	return all
}
