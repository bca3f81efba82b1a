// Package access decides what the identities in the state may do, and makes
// sessions of roles.
//
// It brings what is known, roles, policies and keys, together with package iam,
// which knows the rules. It is pure. Used by server and by the APIs that assume
// roles for others.
package access

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"berth/iam"
	"berth/state"
)

// Authorize returns nil when p may perform action on every one of resources,
// and a *iam.Denied that names the first refused one otherwise.
func Authorize(v *state.View, now time.Time, p iam.Principal, action string, resources []string, keys iam.Keys) error {
	if p.Root {
		return nil
	}
	keys = withPrincipal(v, keys, p, now)
	sets, err := policySets(v, p)
	if err != nil {
		return err
	}
	for _, resource := range resources {
		for _, set := range sets {
			effect := iam.Evaluate(set, iam.Request{Principal: p, Action: action, Resource: resource, Keys: keys})
			if effect != iam.Allow {
				return &iam.Denied{Principal: p, Action: action, Resource: resource, Explicit: effect == iam.Deny}
			}
		}
	}
	return nil
}

// policySets returns sets of policies, each of which must allow what p does: its
// identity's, its boundary's, and its session's.
func policySets(v *state.View, p iam.Principal) (sets [][]*iam.Policy, err error) {
	if p.IsAgent() {
		return [][]*iam.Policy{{iam.AgentPolicy}}, nil
	}
	var own, bound, session []string
	role, ok := v.Roles.Get(state.RoleKey(p.Role))
	if !ok || role.ID != p.RoleID() { // deleted since
		return [][]*iam.Policy{nil}, nil
	}
	for _, document := range role.Inline {
		own = append(own, document)
	}
	own = append(own, managed(v, role.Attached)...)
	documents := [][]string{own}
	if role.Boundary != "" {
		bound = managed(v, []string{role.Boundary})
		documents = append(documents, bound)
	}
	if p.Policy != "" || len(p.PolicyARNs) > 0 {
		session = managed(v, p.PolicyARNs)
		if p.Policy != "" {
			session = append(session, p.Policy)
		}
		documents = append(documents, session)
	}
	for _, list := range documents {
		var set []*iam.Policy
		for _, document := range list {
			policy, err := iam.ParsePolicy(document)
			if err != nil {
				return nil, fmt.Errorf("a policy of %s: %w", p.ARN, err)
			}
			set = append(set, policy)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// managed returns the documents of managed policies that there are.
func managed(v *state.View, arns []string) (documents []string) {
	for _, arn := range arns {
		if policy, ok := iam.Managed(arn); ok {
			documents = append(documents, string(policy.Document))
		} else if policy, ok := v.Policies.Get(arn); ok {
			documents = append(documents, policy.Document())
		}
	}
	return documents
}

// withPrincipal adds the condition keys that follow from p and the time.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func withPrincipal(v *state.View, keys iam.Keys, p iam.Principal, now time.Time) iam.Keys {
	all := iam.Keys{
		"aws:currenttime":      {now.UTC().Format(time.RFC3339)},
		"aws:epochtime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:principalaccount": {p.Account},
		"aws:principalarn":     {p.ARN},
		"aws:userid":           {p.UserID},
	}
	switch {
	case p.Root:
		all["aws:principaltype"] = []string{"Account"}
	case p.Role != "":
		all["aws:principaltype"] = []string{"AssumedRole"}
		if role, ok := v.Roles.Get(state.RoleKey(p.Role)); ok {
			all["aws:principalarn"] = []string{role.ARN}
		}
	}
	if !p.Issued.IsZero() {
		all["aws:tokenissuetime"] = []string{p.Issued.UTC().Format(time.RFC3339)}
	}
	for key, values := range keys {
		all[key] = values
	}
	return all
}

// Credential returns the secret of an access key, and whom it stands for. A
// token is that of temporary credentials. Its errors are iam.ErrUnknownKey and
// iam.ErrExpired.
func Credential(v *state.View, now time.Time, account, accessKeyID, token string) (secret string, p iam.Principal, err error) {
	if token != "" {
		issuer, err := issuer(v)
		if err != nil {
			return "", p, iam.ErrUnknownKey // no token can be ours yet
		}
		return issuer.Verify(accessKeyID, token, now)
	}
	key, ok := v.AccessKeys.Get(accessKeyID)
	root, agent := iam.Root(account), iam.Agent(account, "")
	switch {
	case ok && key.Principal == root.ARN:
		return key.Secret, root, nil
	case ok && strings.HasPrefix(key.Principal, agent.ARN):
		return key.Secret, iam.Agent(account, strings.TrimPrefix(key.Principal, agent.ARN)), nil
	}
	return "", p, iam.ErrUnknownKey
}

// SessionsKey is the id of the key that makes temporary credentials true.
const SessionsKey = "sessions"

func issuer(v *state.View) (*iam.Issuer, error) {
	key, ok := v.SigningKeys.Get(SessionsKey)
	if !ok {
		return nil, errors.New("there is no key yet for temporary credentials")
	}
	return iam.NewIssuer(key.Key)
}
