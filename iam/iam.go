// Package iam decides who may do what: it holds what a principal is and
// evaluates whether an action on a resource is allowed.
//
// It does not know where identities are kept, nor how requests are signed.
package iam

import "fmt"

// Principal is the identity behind a request.
type Principal struct {
	Account string // 12 digits
	ARN     string // arn:aws:iam::123456789012:root
	UserID  string // what STS GetCallerIdentity calls UserId
	Root    bool   // the account's root user, who may do everything
}

// Root is the root user of account.
func Root(account string) Principal {
	return Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, Root: true}
}

// Denied is a request that no policy allows.
type Denied struct {
	Principal Principal
	Action    string // ecs:CreateCluster
	Resource  string
}

func (d *Denied) Error() string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		d.Principal.ARN, d.Action, d.Resource, d.Action)
}

// Authorize returns nil when p may perform action on every one of resources,
// and a *Denied that names the first refused one otherwise. Conditions are the
// request's condition keys, such as aws:RequestTag/env.
//
// Policies are not evaluated yet: root may do everything, nobody else anything.
func Authorize(p Principal, action string, resources []string, conditions map[string][]string) error {
	if p.Root {
		return nil
	}
	denied := &Denied{Principal: p, Action: action, Resource: "*"}
	if len(resources) > 0 {
		denied.Resource = resources[0]
	}
	return denied
}
