package iam

import (
	"regexp"
	"slices"
	"strings"
)

// Request is what a principal wants to do to one resource.
type Request struct {
	Principal Principal
	Action    string // ecs:CreateCluster
	Resource  string // ARN, or "*" for an action on nothing that policies can name
	Keys      Keys
}

// Keys are a request's condition keys and their values. The keys are in lower
// case, as policies may write them in any.
type Keys map[string][]string

// Effect is what policies say of a request.
type Effect int

const (
	Silent Effect = iota // no statement speaks of it: denied, if no other policy allows it
	Allow
	Deny // whatever another policy says
)

// Evaluate returns what policies that are attached to an identity say of r.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Evaluate(policies []*Policy, r Request) Effect {
	result := Silent
	for _, p := range policies {
		result = max(result, p.effect(r, func(s statement) bool {
			if s.Resource != nil {
				return p.matchesAny(s.Resource, r, matchARN)
			}
			return !p.matchesAny(s.NotResource, r, matchARN)
		}))
	}
	return result
}

// Trusts returns what a role's trust policy says of r: whether its principal
// may assume the role. For a service, the principal's ARN is the service's name.
func Trusts(trust *Policy, r Request) Effect {
	return trust.effect(r, func(s statement) bool {
		if s.Principal != nil {
			return s.Principal.include(r.Principal)
		}
		return !s.NotPrincipal.include(r.Principal)
	})
}

// effect is what the statements say that speak of r's action, meet its
// conditions and apply.
func (p *Policy) effect(r Request, applies func(statement) bool) Effect {
	result := Silent
	for _, s := range p.statements {
		if !s.names(r.Action) || !applies(s) || !p.meets(s, r) {
			continue
		}
		if s.Effect == "Deny" {
			return Deny
		}
		result = Allow
	}
	return result
}

// names reports whether the statement speaks of an action; case does not matter.
func (s statement) names(action string) bool {
	in := func(list texts) bool {
		return slices.ContainsFunc(list, func(pattern string) bool { return glob(strings.ToLower(pattern), strings.ToLower(action)) })
	}
	if s.Action != nil {
		return in(s.Action)
	}
	return !in(s.NotAction)
}

// matchesAny reports whether r's resource is one of patterns, which may have
// variables.
func (p *Policy) matchesAny(patterns texts, r Request, match func(pattern, text string) bool) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		expanded, ok := p.expand(pattern, r.Keys)
		return ok && match(expanded, r.Resource)
	})
}

// include reports whether p is one of them. An account, by number or as its
// root, stands for all in it.
func (list principals) include(p Principal) bool {
	if service, ok := strings.CutSuffix(p.ARN, ".amazonaws.com"); ok && !strings.HasPrefix(p.ARN, "arn:") {
		return slices.Contains(list["Service"], service+".amazonaws.com") || slices.Contains(list["Service"], "*")
	}
	for _, named := range list["AWS"] {
		switch named {
		case "*", p.ARN, p.Account, "arn:aws:iam::" + p.Account + ":root":
			return true
		}
		if p.Role != "" && strings.HasPrefix(named, "arn:aws:iam::"+p.Account+":role/") && named[strings.LastIndexByte(named, '/')+1:] == p.Role {
			return true
		}
	}
	return false
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// expand replaces the variables of a pattern by a request's values, in which
// wildcards are plain text. A variable that has no single value makes the
// pattern match nothing, unless it names a default: ${aws:username, 'nobody'}.
func (p *Policy) expand(pattern string, keys Keys) (string, bool) {
	if p.Version != "2012-10-17" {
		return pattern, true
	}
	known := true
	expanded := variable.ReplaceAllStringFunc(pattern, func(text string) string {
		name, otherwise, hasDefault := strings.Cut(text[2:len(text)-1], ",")
		switch name {
		case "*", "?", "$":
			return literal(name)
		}
		if values := keys[strings.ToLower(strings.TrimSpace(name))]; len(values) == 1 {
			return literal(values[0])
		}
		known = known && hasDefault
		return literal(strings.Trim(strings.TrimSpace(otherwise), "'"))
	})
	return expanded, known
}

// The wildcards of a value that replaced a variable, as long as it is part of a
// pattern.
const (
	plainStar     = "\x01"
	plainQuestion = "\x02"
)

func literal(value string) string {
	return strings.NewReplacer("*", plainStar, "?", plainQuestion).Replace(value)
}

// matchARN compares an ARN with a pattern part by part, so that a wildcard in
// one does not reach into the next. A pattern of fewer parts is plain text.
func matchARN(pattern, text string) bool {
	want, got := strings.SplitN(pattern, ":", 6), strings.SplitN(text, ":", 6)
	if len(want) < 6 || len(got) < 6 {
		return glob(pattern, text)
	}
	for i := range want {
		if !glob(want[i], got[i]) {
			return false
		}
	}
	return true
}

// glob compares text with a pattern in which * stands for any characters and ?
// for one. It takes time in proportion to the product of their lengths at most.
func glob(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || plain(pattern[p]) == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// plain is the character that one of a pattern stands for.
func plain(c byte) byte {
	switch string(c) {
	case plainStar:
		return '*'
	case plainQuestion:
		return '?'
	}
	return c
}
