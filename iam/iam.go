// Package iam decides who may do what: what a principal is, whether policies
// allow an action on a resource, and what temporary credentials stand for.
//
// It is pure: it does not know where identities, policies and keys are kept,
// nor how requests are signed. Package plan/access brings it together with the
// state.
package iam

import (
	"fmt"
	"strings"
	"time"
)

// Principal is the identity behind a request.
type Principal struct {
	Account string // 12 digits
	ARN     string // arn:aws:iam::123456789012:root
	UserID  string // what STS GetCallerIdentity calls UserId
	Root    bool   // the account's root user, who may do everything

	// Of the session of a role:
	Role       string    // name of the role; empty for who is none
	Issued     time.Time // when its temporary credentials were given out; zero: it has a long-lived key
	Policy     string    // document that bounds the session further, or empty
	PolicyARNs []string  // managed policies that do
}

// Root is the root user of account.
func Root(account string) Principal {
	return Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, Root: true}
}

// RoleSession is a session of a role of account. An id is the role's own, which
// no later role of the same name has.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-role-session
func RoleSession(account, role, id, session string) Principal {
	return Principal{
		Account: account,
		ARN:     "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
		UserID:  id + ":" + session,
		Role:    role,
	}
}

// RoleID is the unique id of the role that p is a session of.
func (p Principal) RoleID() string {
	id, _, _ := strings.Cut(p.UserID, ":")
	return id
}

// Denied is a request that no policy allows, or that one denies.
type Denied struct {
	Principal Principal
	Action    string // ecs:CreateCluster
	Resource  string
	Explicit  bool // a policy denies it
}

func (d *Denied) Error() string {
	reason := "because no identity-based policy allows the " + d.Action + " action"
	if d.Explicit {
		reason = "with an explicit deny in an identity-based policy"
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", d.Principal.ARN, d.Action, d.Resource, reason)
}

// RootOnly lets root do everything and nobody else anything: who may do what
// where there are no policies.
func RootOnly(p Principal, action string, resources []string, _ Keys) error {
	if p.Root {
		return nil
	}
	denied := &Denied{Principal: p, Action: action, Resource: "*"}
	if len(resources) > 0 {
		denied.Resource = resources[0]
	}
	return denied
}
