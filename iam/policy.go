package iam

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy is a policy document that has been read.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type Policy struct {
	Version    string // 2012-10-17, or 2008-10-17, which knows no variables
	statements []statement
}

// statement is one of a policy's, as in its JSON.
type statement struct {
	SID          string `json:"Sid"`
	Effect       string
	Action       texts
	NotAction    texts
	Resource     texts
	NotResource  texts
	Principal    principals
	NotPrincipal principals
	Condition    map[string]map[string]texts // operator, key, values
}

// texts is a string, number or boolean, or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		b = append(append([]byte{'['}, b...), ']')
	}
	var list []any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&list); err != nil {
		return err
	}
	*t = texts{}
	for _, v := range list {
		switch v.(type) {
		case string, bool, json.Number:
			*t = append(*t, fmt.Sprint(v))
		default:
			return errors.New("want a string or a list of strings")
		}
	}
	return nil
}

// principals are by kind: AWS, Service, Federated, CanonicalUser; "*" alone is
// anybody of kind AWS.
type principals map[string]texts

func (list *principals) UnmarshalJSON(b []byte) error {
	if string(b) == `"*"` {
		*list = principals{"AWS": {"*"}}
		return nil
	}
	m := map[string]texts{}
	if err := json.Unmarshal(b, &m); err != nil {
		return errors.New(`Principal must be "*" or have members such as AWS or Service`)
	}
	*list = m
	return nil
}

// ParsePolicy reads a policy that is attached to an identity.
func ParsePolicy(document string) (*Policy, error) {
	return parse(document, func(s statement) error {
		switch {
		case s.Principal != nil || s.NotPrincipal != nil:
			return errors.New("Policy document should not specify a principal.")
		case (len(s.Resource) == 0) == (len(s.NotResource) == 0):
			return errors.New("Policy statement must contain resources.")
		}
		for _, r := range append(slices.Clone(s.Resource), s.NotResource...) {
			if r != "*" && !strings.HasPrefix(r, "arn:") && !strings.HasPrefix(r, "*") {
				return fmt.Errorf("Resource %s must be in ARN format or \"*\".", r)
			}
		}
		return nil
	})
}

// ParseTrust reads a role's trust policy: who may assume it.
func ParseTrust(document string) (*Policy, error) {
	return parse(document, func(s statement) error {
		switch {
		case len(s.Resource)+len(s.NotResource) > 0:
			return errors.New("Has prohibited field Resource.")
		case (s.Principal == nil) == (s.NotPrincipal == nil):
			return errors.New("Missing required field Principal.")
		}
		for _, action := range append(slices.Clone(s.Action), s.NotAction...) {
			if action != "*" && !strings.HasPrefix(strings.ToLower(action), "sts:") {
				return errors.New("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
		return nil
	})
}

// ParseResourcePolicy reads a policy that is attached to a resource, such as a
// secret.
func ParseResourcePolicy(document string) (*Policy, error) {
	return parse(document, func(s statement) error {
		if (s.Principal == nil) == (s.NotPrincipal == nil) {
			return errors.New("Missing required field Principal.")
		}
		return nil
	})
}

var errNoStatement = errors.New("The policy must contain at least one statement.")

func parse(document string, check func(statement) error) (*Policy, error) {
	var in struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	d := json.NewDecoder(strings.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("Syntax errors in policy: %w", err)
	}
	if d.More() {
		return nil, errors.New("Syntax errors in policy: more than one document")
	}
	p := &Policy{Version: in.Version}
	switch in.Version {
	case "2012-10-17", "2008-10-17":
	case "":
		p.Version = "2008-10-17"
	default:
		return nil, errors.New("The policy must contain a valid version string")
	}
	list := bytes.TrimSpace(in.Statement)
	if len(list) == 0 {
		return nil, errNoStatement
	}
	if list[0] == '{' {
		list = append(append([]byte{'['}, list...), ']')
	}
	d = json.NewDecoder(bytes.NewReader(list))
	d.DisallowUnknownFields()
	if err := d.Decode(&p.statements); err != nil {
		return nil, fmt.Errorf("Syntax errors in policy: Statement: %w", err)
	}
	if len(p.statements) == 0 {
		return nil, errNoStatement
	}
	for i, s := range p.statements {
		if err := cmp.Or(s.check(), check(s)); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return p, nil
}

// check is what all kinds of policy demand of a statement.
func (s statement) check() error {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf("Effect must be Allow or Deny, not %q.", s.Effect)
	case (len(s.Action) == 0) == (len(s.NotAction) == 0):
		return errors.New("Policy statement must contain actions.")
	}
	for _, action := range append(slices.Clone(s.Action), s.NotAction...) {
		if vendor, name, ok := strings.Cut(action, ":"); action != "*" && (!ok || vendor == "" || name == "") {
			return errors.New("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
	}
	for operator := range s.Condition {
		if _, ok := parseOperator(operator); !ok {
			return fmt.Errorf("Invalid Condition type : %s.", operator)
		}
	}
	return nil
}
