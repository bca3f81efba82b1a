package access

import (
	"fmt"
	"time"

	"berth/aws/arn"
	"berth/iam"
	"berth/state"
)

// Tasks is the service that assumes the roles of tasks.
const Tasks = "ecs-tasks.amazonaws.com"

// UnassumableRole says that a task's role cannot be assumed for it.
type UnassumableRole struct{ Role string }

// Error is what ECS answers RunTask with, as a ClientException.
func (e *UnassumableRole) Error() string {
	return fmt.Sprintf("ECS was unable to assume the role '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.", e.Role)
}

// CheckTaskRole returns an *UnassumableRole if role, an ARN, cannot be assumed
// for tasks in region: it must exist and trust [Tasks].
func CheckTaskRole(v *state.View, now time.Time, role, region string) error {
	_, err := taskSession(v, now, role, region, "check")
	return err
}

// TaskCredentials gives the task with that id a session of role, an ARN, until
// then. Its error is an *UnassumableRole if it cannot be assumed.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
func TaskCredentials(v *state.View, now, until time.Time, role, region, task string) (iam.Temporary, error) {
	p, err := taskSession(v, now, role, region, task)
	if err != nil {
		return iam.Temporary{}, err
	}
	return Issue(v, p, now, until)
}

func taskSession(v *state.View, now time.Time, role, region, task string) (iam.Principal, error) {
	account := ""
	if a, err := arn.Parse(role); err == nil {
		account = a.Account
	}
	service := iam.Principal{Account: account, ARN: Tasks}
	p, err := AssumeRole(v, now, service, role, task, iam.Keys{
		"aws:sourceaccount": {account},
		"aws:sourcearn":     {"arn:aws:ecs:" + region + ":" + account + ":*"},
	})
	if err != nil {
		return p, &UnassumableRole{role}
	}
	return p, nil
}

// AssumeRole returns the session of role, an ARN, that who asks for it may have,
// or a *iam.Denied: it must exist and trust who asks, as all of its account or
// by name. Only in the first case who asks needs a policy that allows it, too.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func AssumeRole(v *state.View, now time.Time, who iam.Principal, role, session string, keys iam.Keys) (iam.Principal, error) {
	const action = "sts:AssumeRole"
	denied := &iam.Denied{Principal: who, Action: action, Resource: role}
	record, ok := v.RoleOf(role)
	if !ok {
		return iam.Principal{}, denied
	}
	trust, err := iam.ParseTrust(record.Trust)
	if err != nil {
		return iam.Principal{}, fmt.Errorf("the trust policy of %s: %w", role, err)
	}
	request := iam.Request{Principal: who, Action: action, Resource: role, Keys: withPrincipal(v, keys, who, now)}
	effect := iam.Trusts(trust, request)
	if effect != iam.Allow {
		denied.Explicit = effect == iam.Deny
		return iam.Principal{}, denied
	}
	if who.ARN != Tasks {
		if err := authorizeAssume(v, now, trust, request); err != nil {
			return iam.Principal{}, err
		}
	}
	return iam.RoleSession(who.Account, record.Name, record.ID, session), nil
}

// authorizeAssume checks the policies of who asks: they must not deny it, and
// must allow it where the role trusts the account rather than its principal.
func authorizeAssume(v *state.View, now time.Time, trust *iam.Policy, r iam.Request) error {
	err := Authorize(v, now, r.Principal, r.Action, []string{r.Resource}, r.Keys)
	if denied, ok := err.(*iam.Denied); ok && !denied.Explicit {
		stranger := r
		stranger.Principal.ARN, stranger.Principal.Role = "", "" // anybody else of the account
		if iam.Trusts(trust, stranger) != iam.Allow {
			return nil
		}
	}
	return err
}

// Issue gives p temporary credentials.
func Issue(v *state.View, p iam.Principal, now, until time.Time) (iam.Temporary, error) {
	issuer, err := issuer(v)
	if err != nil {
		return iam.Temporary{}, err
	}
	return issuer.Issue(p, now, until), nil
}
