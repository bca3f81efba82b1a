package iam

import (
	"errors"
	"regexp"
	"testing"
)

func TestNewAccessKey(t *testing.T) {
	id, secret := regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`), regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`)
	a, b := NewAccessKey(), NewAccessKey()
	if !id.MatchString(a.ID) || !secret.MatchString(a.Secret) {
		t.Errorf("malformed: %s, secret of %d characters", a.ID, len(a.Secret))
	}
	if a.ID == b.ID || a.Secret == b.Secret {
		t.Error("two keys are the same")
	}
}

func TestRootOnly(t *testing.T) {
	const action, cluster = "ecs:CreateCluster", "arn:aws:ecs:us-east-1:123456789012:cluster/web"
	if err := RootOnly(Root("123456789012"), action, []string{cluster}, nil); err != nil {
		t.Errorf("root: %v", err)
	}
	err := RootOnly(Principal{ARN: "arn:aws:iam::123456789012:user/ann"}, action, []string{cluster, "other"}, nil)
	var denied *Denied
	if !errors.As(err, &denied) || denied.Resource != cluster {
		t.Fatalf("user: got %v, want a refusal that names %s", err, cluster)
	}
	want := "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: ecs:CreateCluster on resource: " + cluster +
		" because no identity-based policy allows the ecs:CreateCluster action"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	denied.Explicit = true
	want = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: ecs:CreateCluster on resource: " + cluster +
		" with an explicit deny in an identity-based policy"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}
