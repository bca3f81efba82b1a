package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	"berth/iam"
	"berth/state"
)

const (
	account = "123456789012"
	region  = "us-east-1"
	cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/web"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a state with some records in it.
func world(t *testing.T, put func(tx *state.Tx)) *state.View {
	t.Helper()
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error { put(tx); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return store.View()
}

func role(name, trust string, inline ...string) state.Role {
	r := state.Role{Name: name, ID: "AROA" + strings.ToUpper(name), ARN: roleARN(name), Trust: trust, Inline: map[string]string{}}
	for _, document := range inline {
		r.Inline[document] = document
	}
	return r
}

func roleARN(name string) string { return "arn:aws:iam::" + account + ":role/" + name }

func session(name string) iam.Principal {
	return iam.RoleSession(account, name, "AROA"+strings.ToUpper(name), "one")
}

func policy(effect, action, resource string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"}}`
}

func trust(principal string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + principal + `}}`
}

func TestAuthorize(t *testing.T) {
	const own = "arn:aws:iam::123456789012:policy/own"
	v := world(t, func(tx *state.Tx) {
		tx.Policies.Put(tx, state.Policy{ARN: own, Default: "v2", Versions: []state.PolicyVersion{
			{ID: "v1", Document: policy("Allow", "*", "*")}, {ID: "v2", Document: policy("Allow", "ecs:List*", "*")},
		}})
		tx.Roles.Put(tx, role("reader", "", policy("Allow", "ecs:Describe*", "*")))
		attached := role("attached", "")
		attached.Attached = []string{own, "arn:aws:iam::aws:policy/gone"}
		tx.Roles.Put(tx, attached)
		bound := role("bound", "", policy("Allow", "ecs:*", "*"))
		bound.Boundary = own
		tx.Roles.Put(tx, bound)
		tx.Roles.Put(tx, role("denied", "", policy("Allow", "*", "*"), policy("Deny", "ecs:DeleteCluster", "*")))
		tx.Roles.Put(tx, role("one", "", policy("Allow", "*", cluster)))
	})
	narrowed := session("reader")
	narrowed.Policy = policy("Allow", "ecs:*", cluster)
	renewed := session("reader")
	renewed.UserID = "AROAOLD:one"
	for _, tc := range []struct {
		who       iam.Principal
		action    string
		resources string
		want      string // what the refusal says; empty: allowed
	}{
		{iam.Root(account), "ecs:DeleteCluster", cluster, ""},
		{session("reader"), "ecs:DescribeClusters", cluster, ""},
		{session("reader"), "ecs:DeleteCluster", cluster, "no identity-based policy allows"},
		{session("attached"), "ecs:ListClusters", "*", ""},
		{session("attached"), "ecs:DescribeClusters", "*", "no identity-based policy allows"}, // v1 is not in effect
		{session("bound"), "ecs:ListClusters", "*", ""},
		{session("bound"), "ecs:DescribeClusters", "*", "no identity-based policy allows"},
		{session("denied"), "ecs:CreateCluster", cluster, ""},
		{session("denied"), "ecs:DeleteCluster", cluster, "explicit deny"},
		{session("one"), "ecs:DeleteCluster", cluster, ""},
		{session("one"), "ecs:DeleteCluster", cluster + " " + cluster + "2", "on resource: " + cluster + "2"},
		{narrowed, "ecs:DescribeClusters", cluster, ""},
		{narrowed, "ecs:DescribeClusters", cluster + "2", "no identity-based policy allows"},
		{narrowed, "ecs:DeleteCluster", cluster, "no identity-based policy allows"},
		{session("gone"), "ecs:DescribeClusters", cluster, "no identity-based policy allows"},
		{renewed, "ecs:DescribeClusters", cluster, "no identity-based policy allows"},
		{iam.Agent(account, "host"), "ecs:Poll", cluster, ""},
		{iam.Agent(account, "host"), "ecs:SubmitTaskStateChange", cluster, ""},
		{iam.Agent(account, "host"), "ecs:RunTask", cluster, "no identity-based policy allows"},
		{iam.RoleSession(account, iam.AgentRole, "AROAOTHER", "x"), "ecs:Poll", cluster, "no identity-based policy allows"},
	} {
		err := Authorize(v, noon, tc.who, tc.action, strings.Fields(tc.resources), nil)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s on %s: got %v, want %q", tc.who.ARN, tc.action, tc.resources, err, tc.want)
		}
	}
}

// All sessions from before a moment can be shut out, as IAM's console does it.
func TestRevokedSessions(t *testing.T) {
	v := world(t, func(tx *state.Tx) {
		tx.Roles.Put(tx, role("web", "", policy("Allow", "*", "*"), `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*",
			"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-22T12:00:00Z"}}}}`))
	})
	for minutes, want := range map[int]bool{-1: false, 1: true} {
		p := session("web")
		p.Issued = noon.Add(time.Duration(minutes) * time.Minute)
		if got := Authorize(v, noon, p, "ecs:ListClusters", []string{"*"}, nil) == nil; got != want {
			t.Errorf("issued %d minutes after: got %v", minutes, got)
		}
	}
}

func TestCredential(t *testing.T) {
	v := world(t, func(tx *state.Tx) {
		tx.SigningKeys.Put(tx, state.SigningKey{ID: SessionsKey, Key: make([]byte, iam.IssuerKeySize)})
		tx.AccessKeys.Put(tx, state.AccessKey{ID: "AKIAROOT", Secret: "r", Principal: iam.Root(account).ARN})
		tx.AccessKeys.Put(tx, state.AccessKey{ID: "AKIAAGENT", Secret: "a", Principal: iam.Agent(account, "host").ARN})
		tx.AccessKeys.Put(tx, state.AccessKey{ID: "AKIAUSER", Secret: "u", Principal: "arn:aws:iam::123456789012:user/other"})
	})
	temporary, err := Issue(v, session("web"), noon, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, id, token string
		at              time.Time
		secret, arn     string
		want            error
	}{
		{"root", "AKIAROOT", "", noon, "r", iam.Root(account).ARN, nil},
		{"an agent", "AKIAAGENT", "", noon, "a", "arn:aws:sts::123456789012:assumed-role/berth-agent/host", nil},
		{"a session", temporary.AccessKeyID, temporary.Token, noon, temporary.SecretKey, session("web").ARN, nil},
		{"a session at its end", temporary.AccessKeyID, temporary.Token, noon.Add(time.Hour), "", "", iam.ErrExpired},
		{"a session without token", temporary.AccessKeyID, "", noon, "", "", iam.ErrUnknownKey},
		{"root with a token", "AKIAROOT", temporary.Token, noon, "", "", iam.ErrUnknownKey},
		{"a user, which there are none of", "AKIAUSER", "", noon, "", "", iam.ErrUnknownKey},
		{"nobody", "AKIANOBODY", "", noon, "", "", iam.ErrUnknownKey},
	} {
		secret, p, err := Credential(v, tc.at, account, tc.id, tc.token)
		if secret != tc.secret || p.ARN != tc.arn || !errors.Is(err, tc.want) {
			t.Errorf("%s: got %q %q %v", tc.name, secret, p.ARN, err)
		}
		if p.Root != (tc.name == "root") || p.IsAgent() != (tc.name == "an agent") {
			t.Errorf("%s: is %+v", tc.name, p)
		}
	}
}

func TestTaskCredentials(t *testing.T) {
	sourced := strings.Replace(trust(`{"Service":"ecs-tasks.amazonaws.com"}`), `"Effect"`,
		`"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:ecs:us-east-1:123456789012:*"},"StringEquals":{"aws:SourceAccount":"123456789012"}},"Effect"`, 1)
	v := world(t, func(tx *state.Tx) {
		tx.SigningKeys.Put(tx, state.SigningKey{ID: SessionsKey, Key: make([]byte, iam.IssuerKeySize)})
		tx.Roles.Put(tx, role("web", trust(`{"Service":"ecs-tasks.amazonaws.com"}`)))
		tx.Roles.Put(tx, role("sourced", sourced))
		tx.Roles.Put(tx, role("ec2", trust(`{"Service":"ec2.amazonaws.com"}`)))
		tx.Roles.Put(tx, role("people", trust(`{"AWS":"*"}`)))
	})
	for name, good := range map[string]bool{"web": true, "sourced": true, "ec2": false, "people": false, "gone": false, "path/web": false} {
		got, err := TaskCredentials(v, noon, noon.Add(time.Hour), roleARN(name), region, "0123")
		var refused *UnassumableRole
		if good != (err == nil) || !good && !(errors.As(err, &refused) && strings.Contains(err.Error(), "'"+roleARN(name)+"'")) {
			t.Errorf("%s: got %v", name, err)
		}
		if (CheckTaskRole(v, noon, roleARN(name), region) == nil) != good {
			t.Errorf("%s: the check differs", name)
		}
		if !good {
			continue
		}
		_, p, err := Credential(v, noon, account, got.AccessKeyID, got.Token)
		if want := "arn:aws:sts::123456789012:assumed-role/" + name + "/0123"; err != nil || p.ARN != want {
			t.Errorf("%s: its credentials are those of %s, %v", name, p.ARN, err)
		}
	}
}

func TestAssumeRole(t *testing.T) {
	v := world(t, func(tx *state.Tx) {
		tx.Roles.Put(tx, role("able", "", policy("Allow", "sts:AssumeRole", "*")))
		tx.Roles.Put(tx, role("unable", ""))
		tx.Roles.Put(tx, role("forbidden", "", policy("Deny", "sts:*", "*")))
		tx.Roles.Put(tx, role("account", trust(`{"AWS":"arn:aws:iam::123456789012:root"}`)))
		tx.Roles.Put(tx, role("named", trust(`{"AWS":["`+roleARN("unable")+`","`+roleARN("forbidden")+`"]}`)))
		tx.Roles.Put(tx, role("external", strings.Replace(trust(`{"AWS":"*"}`), `"Effect"`, `"Condition":{"StringEquals":{"sts:ExternalId":"x"}},"Effect"`, 1)))
	})
	for _, tc := range []struct {
		who    iam.Principal
		role   string
		want   bool
		hasKey string // sts:ExternalId
	}{
		{iam.Root(account), "account", true, ""},
		{session("able"), "account", true, ""},
		{session("unable"), "account", false, ""},
		{iam.Agent(account, "host"), "account", false, ""},
		{session("unable"), "named", true, ""},
		{session("able"), "named", false, ""},
		{session("forbidden"), "named", false, ""},
		{iam.Root(account), "named", false, ""},
		{session("able"), "external", false, ""},
		{session("able"), "external", true, "x"},
		{session("able"), "gone", false, ""},
	} {
		keys := iam.Keys{}
		if tc.hasKey != "" {
			keys["sts:externalid"] = []string{tc.hasKey}
		}
		p, err := AssumeRole(v, noon, tc.who, roleARN(tc.role), "s", keys)
		var denied *iam.Denied
		if tc.want != (err == nil) || err != nil && !errors.As(err, &denied) {
			t.Errorf("%s assumes %s: got %v", tc.who.ARN, tc.role, err)
		}
		if err == nil && p.ARN != "arn:aws:sts::123456789012:assumed-role/"+tc.role+"/s" {
			t.Errorf("got %s", p.ARN)
		}
	}
}
