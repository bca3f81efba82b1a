package iam

import "testing"

func TestManaged(t *testing.T) {
	all := AllManaged()
	if len(all) < 30 {
		t.Errorf("there are %d", len(all))
	}
	for _, p := range all {
		if _, err := ParsePolicy(string(p.Document)); err != nil || p.ID == "" || p.Version == "" || p.Created.IsZero() {
			t.Errorf("%s: %v", p.ARN, err)
		}
	}
	p, ok := Managed("arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
	if !ok {
		t.Fatal("tasks have no execution role policy")
	}
	policy, err := ParsePolicy(string(p.Document))
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]Effect{"ecr:BatchGetImage": Allow, "logs:PutLogEvents": Allow, "ecs:RunTask": Silent} {
		if got := Evaluate([]*Policy{policy}, Request{Action: action, Resource: "*"}); got != want {
			t.Errorf("%s: got %d, want %d", action, got, want)
		}
	}
	for _, arn := range []string{"arn:aws:iam::aws:policy/Nothing", "arn:aws:iam::aws:policy/../iam", "arn:aws:iam::123456789012:policy/AdministratorAccess", ""} {
		if _, ok := Managed(arn); ok {
			t.Errorf("there is %q", arn)
		}
	}
}
