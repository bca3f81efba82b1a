package state

import (
	"strings"
	"time"
)

// Tag is a label of a resource. A list of them is in the order of its making.
type Tag struct{ Key, Value string }

// Role is an IAM role: an identity that others assume.
type Role struct {
	Name        string
	ARN         string // with the path: arn:aws:iam::123456789012:role/team/web
	ID          string // AROA and 17 letters or digits, never given twice
	Path        string // / or /team/
	Description string
	Trust       string            // policy document: who may assume it
	MaxSession  int32             // seconds
	Boundary    string            // ARN of the policy that bounds it, or empty
	Inline      map[string]string // policy documents by name
	Attached    []string          // ARNs of managed policies
	Tags        []Tag
	CreatedAt   time.Time
}

// RoleKey is the key of the role that has a name, which is unique whatever its case.
func RoleKey(name string) string { return strings.ToLower(name) }

var roles = kind[Role]{name: "roles", key: func(r *Role) string { return RoleKey(r.Name) }}

// RoleOf returns the role that has an ARN.
func (v *View) RoleOf(arn string) (Role, bool) {
	r, ok := v.Roles.Get(RoleKey(arn[strings.LastIndexByte(arn, '/')+1:]))
	return r, ok && r.ARN == arn
}

// Policy is a managed policy of the account. Those that AWS manages are in iam.
type Policy struct {
	Name        string
	ARN         string
	ID          string // ANPA and 17 letters or digits
	Path        string
	Description string
	Versions    []PolicyVersion // oldest first
	Default     string          // id of the version in effect
	Last        int             // number of the newest version ever
	Tags        []Tag
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// PolicyVersion is one document of a managed policy.
type PolicyVersion struct {
	ID        string // v1
	Document  string
	CreatedAt time.Time
}

// Document is the policy's document in effect.
func (p Policy) Document() string {
	for _, version := range p.Versions {
		if version.ID == p.Default {
			return version.Document
		}
	}
	return ""
}

var policies = kind[Policy]{name: "policies", key: func(p *Policy) string { return p.ARN }}
