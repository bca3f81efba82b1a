package iam

import (
	"strings"
	"testing"
)

// policy makes a document of statements.
func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

const (
	cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/web"
	allow   = `"Effect":"Allow"`
	deny    = `"Effect":"Deny"`
	allECS  = `"Action":"ecs:*","Resource":"*"`
)

func TestEvaluate(t *testing.T) {
	for _, tc := range []struct {
		name      string
		statement string // several separated by lines
		action    string
		want      Effect
	}{
		{"no statement speaks of it", `{` + allow + `,"Action":"logs:*","Resource":"*"}`, "ecs:RunTask", Silent},
		{"allowed", `{` + allow + `,` + allECS + `}`, "ecs:RunTask", Allow},
		{"case of actions does not matter", `{` + allow + `,"Action":"ECS:runtask","Resource":"*"}`, "ecs:RunTask", Allow},
		{"a list of actions", `{` + allow + `,"Action":["ecs:StopTask","ecs:R?nTask"],"Resource":"*"}`, "ecs:RunTask", Allow},
		{"denied", `{` + deny + `,` + allECS + `}`, "ecs:RunTask", Deny},
		{"an explicit deny wins, first", "{" + deny + "," + allECS + "}\n{" + allow + "," + allECS + "}", "ecs:RunTask", Deny},
		{"an explicit deny wins, last", "{" + allow + "," + allECS + "}\n{" + deny + "," + allECS + "}", "ecs:RunTask", Deny},
		{"all but an action", `{` + allow + `,"NotAction":"iam:*","Resource":"*"}`, "ecs:RunTask", Allow},
		{"the action left out", `{` + allow + `,"NotAction":"ecs:Run*","Resource":"*"}`, "ecs:RunTask", Silent},
		{"its resource", `{` + allow + `,"Action":"*","Resource":"` + cluster + `"}`, "ecs:RunTask", Allow},
		{"another resource", `{` + allow + `,"Action":"*","Resource":"` + cluster + `2"}`, "ecs:RunTask", Silent},
		{"a pattern of resources", `{` + allow + `,"Action":"*","Resource":"arn:aws:ecs:*:123456789012:cluster/w*"}`, "ecs:RunTask", Allow},
		{"all but a resource", `{` + allow + `,"Action":"*","NotResource":"arn:aws:ecs:*:*:cluster/db"}`, "ecs:RunTask", Allow},
		{"the resource left out", `{` + allow + `,"Action":"*","NotResource":["` + cluster + `"]}`, "ecs:RunTask", Silent},
		{"a variable", `{` + allow + `,"Action":"*","Resource":"arn:aws:ecs:*:*:cluster/${aws:UserName}"}`, "ecs:RunTask", Allow},
		{"a variable without a value", `{` + allow + `,"Action":"*","Resource":"arn:aws:ecs:*:*:cluster/${aws:nobody}*"}`, "ecs:RunTask", Silent},
		{"a variable with a default", `{` + allow + `,"Action":"*","Resource":"arn:aws:ecs:*:*:cluster/${aws:nobody, 'web'}"}`, "ecs:RunTask", Allow},
		{"a variable whose value is a wildcard", `{` + allow + `,"Action":"*","Resource":"arn:aws:ecs:*:*:cluster/${aws:star}"}`, "ecs:RunTask", Silent},
		{"a condition that holds", `{` + allow + `,` + allECS + `,"Condition":{"StringEquals":{"aws:username":"web"}}}`, "ecs:RunTask", Allow},
		{"one of two conditions does not hold", `{` + allow + `,` + allECS + `,"Condition":{"StringEquals":{"aws:username":"web"},"Bool":{"aws:SecureTransport":true}}}`, "ecs:RunTask", Silent},
		{"allow on a key that is not known", `{` + allow + `,` + allECS + `,"Condition":{"StringNotEquals":{"aws:Nonsense":"x"}}}`, "ecs:RunTask", Silent},
		{"deny on a key that is not known", `{` + deny + `,` + allECS + `,"Condition":{"StringEquals":{"aws:Nonsense":"x"}}}`, "ecs:RunTask", Deny},
		{"deny on a known key that does not match", `{` + deny + `,` + allECS + `,"Condition":{"StringEquals":{"aws:username":"x"}}}`, "ecs:RunTask", Silent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ParsePolicy(policy(strings.Split(tc.statement, "\n")...))
			if err != nil {
				t.Fatal(err)
			}
			r := Request{Principal: Root("123456789012"), Action: tc.action, Resource: cluster, Keys: Keys{
				"aws:username": {"web"}, "aws:star": {"*"}, "aws:securetransport": {"false"},
			}}
			if got := Evaluate([]*Policy{p}, r); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// A wildcard in one part of an ARN does not reach into the next.
func TestMatchARN(t *testing.T) {
	const definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"
	for pattern, want := range map[string]bool{
		definition:                            true,
		"*":                                   true,
		"arn:aws:ecs:*":                       true,
		"arn:aws:ecs:*:*:task-definition/*":   true,
		"arn:aws:ecs:us-*:*:*:1":              true,
		"arn:aws:ecs:us-*:*:*:2":              false,
		"arn:aws:e*:123456789012:*/web:1":     false,
		"arn:aws:ecs:*:task-definition/web:1": false,
	} {
		if got := matchARN(pattern, definition); got != want {
			t.Errorf("%s: got %v, want %v", pattern, got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	keys := Keys{
		"aws:username": {"Web"}, "aws:sourceip": {"10.1.2.3"}, "aws:epochtime": {"1795348800"},
		"aws:currenttime": {"2026-11-22T12:00:00Z"}, "aws:principalarn": {"arn:aws:iam::1:role/web"},
		"aws:tagkeys": {"env", "team"}, "aws:securetransport": {"true"}, "aws:userid": {"aGk="},
	}
	for condition, want := range map[string]bool{
		`"StringEquals":{"AWS:USERNAME":"Web"}`:                                     true,
		`"StringEquals":{"aws:username":"web"}`:                                     false,
		`"StringEquals":{"aws:username":["x","Web"]}`:                               true,
		`"StringEquals":{"aws:username":"W*"}`:                                      false,
		`"StringEqualsIgnoreCase":{"aws:username":"web"}`:                           true,
		`"StringNotEqualsIgnoreCase":{"aws:username":"web"}`:                        false,
		`"StringLike":{"aws:username":"W?b*"}`:                                      true,
		`"StringLike":{"aws:username":"${aws:username}"}`:                           true,
		`"StringNotLike":{"aws:username":["x*","W*"]}`:                              false,
		`"StringNotEquals":{"aws:username":"x"}`:                                    true,
		`"StringNotEquals":{"aws:tokenissuetime":"x"}`:                              true, // absent
		`"StringEquals":{"aws:tokenissuetime":"x"}`:                                 false,
		`"StringEqualsIfExists":{"aws:tokenissuetime":"x"}`:                         true,
		`"StringEqualsIfExists":{"aws:username":"x"}`:                               false,
		`"Null":{"aws:tokenissuetime":"true"}`:                                      true,
		`"Null":{"aws:username":true}`:                                              false,
		`"Null":{"aws:username":"false"}`:                                           true,
		`"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}`:                                true,
		`"IpAddress":{"aws:SourceIp":["192.168.0.0/16","10.1.2.3"]}`:                true,
		`"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}`:                              false,
		`"IpAddress":{"aws:SourceIp":"nonsense"}`:                                   false,
		`"NumericLessThan":{"aws:EpochTime":1795348801}`:                            true,
		`"NumericEquals":{"aws:EpochTime":"1795348800.0"}`:                          true,
		`"NumericNotEquals":{"aws:EpochTime":"1795348800"}`:                         false,
		`"NumericGreaterThanEquals":{"aws:EpochTime":1795348801}`:                   false,
		`"DateLessThan":{"aws:CurrentTime":"2026-11-22T13:00:00+00:00"}`:            true,
		`"DateGreaterThan":{"aws:CurrentTime":"2026-11-22T14:00:00+02:00"}`:         false,
		`"DateLessThanEquals":{"aws:CurrentTime":"2026-11-22T12:00:00Z"}`:           true,
		`"DateNotEquals":{"aws:CurrentTime":"2026-11-22"}`:                          true,
		`"Bool":{"aws:SecureTransport":true}`:                                       true,
		`"Bool":{"aws:SecureTransport":"false"}`:                                    false,
		`"BinaryEquals":{"aws:userid":"aGk="}`:                                      true,
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/w*"}`:                   true,
		`"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::2:role/web"}`:             true,
		`"ForAllValues:StringEquals":{"aws:TagKeys":["env","team","x"]}`:            true,
		`"ForAllValues:StringEquals":{"aws:TagKeys":["env"]}`:                       false,
		`"ForAnyValue:StringEquals":{"aws:TagKeys":["env"]}`:                        true,
		`"ForAnyValue:StringLike":{"aws:TagKeys":["x*"]}`:                           false,
		`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["env"]}`:                     true,
		`"ForAllValues:StringEquals":{"aws:tokenissuetime":"x"}`:                    true,
		`"ForAnyValue:StringEquals":{"aws:tokenissuetime":"x"}`:                     false,
		`"StringEquals":{"aws:username":"Web","aws:principalarn":"arn:aws:iam::2"}`: false,
	} {
		p, err := ParsePolicy(policy(`{` + allow + `,` + allECS + `,"Condition":{` + condition + `}}`))
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		if got := Evaluate([]*Policy{p}, Request{Action: "ecs:RunTask", Resource: "*", Keys: keys}) == Allow; got != want {
			t.Errorf("%s: got %v, want %v", condition, got, want)
		}
	}
}

func TestTrusts(t *testing.T) {
	tasks := Principal{Account: "123456789012", ARN: "ecs-tasks.amazonaws.com"}
	web := RoleSession("123456789012", "web", "AROAWEB", "one")
	root := Root("123456789012")
	for _, tc := range []struct {
		principal string
		who       Principal
		want      Effect
	}{
		{`{"Service":"ecs-tasks.amazonaws.com"}`, tasks, Allow},
		{`{"Service":["ec2.amazonaws.com","ecs-tasks.amazonaws.com"]}`, tasks, Allow},
		{`{"Service":"ec2.amazonaws.com"}`, tasks, Silent},
		{`"*"`, tasks, Silent},
		{`{"AWS":"*"}`, web, Allow},
		{`"*"`, web, Allow},
		{`{"AWS":"arn:aws:iam::123456789012:root"}`, root, Allow},
		{`{"AWS":"123456789012"}`, web, Allow},
		{`{"AWS":"999999999999"}`, web, Silent},
		{`{"AWS":"arn:aws:iam::123456789012:role/web"}`, web, Allow},
		{`{"AWS":"arn:aws:iam::123456789012:role/team/web"}`, web, Allow},
		{`{"AWS":"arn:aws:iam::123456789012:role/db"}`, web, Silent},
		{`{"AWS":"arn:aws:sts::123456789012:assumed-role/web/one"}`, web, Allow},
		{`{"AWS":"arn:aws:sts::123456789012:assumed-role/web/two"}`, web, Silent},
		{`{"AWS":"arn:aws:iam::123456789012:role/web"}`, root, Silent},
	} {
		p, err := ParseTrust(policy(`{` + allow + `,"Action":"sts:AssumeRole","Principal":` + tc.principal + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := Trusts(p, Request{Principal: tc.who, Action: "sts:AssumeRole"}); got != tc.want {
			t.Errorf("%s for %s: got %d, want %d", tc.principal, tc.who.ARN, got, tc.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const trust = `"Principal":{"Service":"ecs-tasks.amazonaws.com"}`
	for _, tc := range []struct {
		parse          func(string) (*Policy, error)
		document, want string // part of the error; empty: it is good
	}{
		{ParsePolicy, policy(`{` + allow + `,` + allECS + `}`), ""},
		{ParsePolicy, `{"Version":"2012-10-17","Statement":{` + allow + `,` + allECS + `}}`, ""},
		{ParsePolicy, `{"Statement":[{"Sid":"x",` + allow + `,` + allECS + `}]}`, ""},
		{ParsePolicy, `not JSON`, "Syntax errors in policy"},
		{ParsePolicy, "{}", "at least one statement"},
		{ParsePolicy, policy(), "at least one statement"},
		{ParsePolicy, `{"Version":"2026-01-01","Statement":[]}`, "valid version"},
		{ParsePolicy, policy(`{` + allow + `,` + allECS + `,"Extra":1}`), "Extra"},
		{ParsePolicy, policy(`{"Effect":"allow",` + allECS + `}`), "statement 1: Effect"},
		{ParsePolicy, policy(`{` + allow + `,"Resource":"*"}`), "must contain actions"},
		{ParsePolicy, policy(`{` + allow + `,"Action":"*"}`), "must contain resources"},
		{ParsePolicy, policy(`{` + allow + `,"Action":"RunTask","Resource":"*"}`), "vendor"},
		{ParsePolicy, policy(`{` + allow + `,"Action":"*","Resource":"cluster"}`), "ARN format"},
		{ParsePolicy, policy(`{` + allow + `,` + allECS + `,` + trust + `}`), "not specify a principal"},
		{ParsePolicy, policy(`{` + allow + `,` + allECS + `,"Condition":{"StringEqual":{"a":"b"}}}`), "Invalid Condition type : StringEqual"},
		{ParsePolicy, policy(`{` + allow + `,"Action":{},"Resource":"*"}`), "list of strings"},
		{ParseTrust, policy(`{` + allow + `,"Action":"sts:AssumeRole",` + trust + `}`), ""},
		{ParseTrust, policy(`{` + allow + `,"Action":"sts:AssumeRole"}`), "Principal"},
		{ParseTrust, policy(`{` + allow + `,"Action":"ecs:RunTask",` + trust + `}`), "STS AssumeRole"},
		{ParseTrust, policy(`{` + allow + `,"Action":"sts:AssumeRole","Resource":"*",` + trust + `}`), "Resource"},
	} {
		_, err := tc.parse(tc.document)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s\ngot %v, want %q", tc.document, err, tc.want)
		}
	}
}

// Evaluation never panics and ends, whatever the patterns.
func FuzzGlob(f *testing.F) {
	f.Add("a*b?c*", "aXXbYcZ")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if glob(pattern, text) && strings.Trim(pattern, "*") == "" && pattern == "" && text != "" {
			t.Errorf("%q matches %q", pattern, text)
		}
		if !glob("*", text) {
			t.Errorf("* does not match %q", text)
		}
		matchARN(pattern, text)
	})
}
