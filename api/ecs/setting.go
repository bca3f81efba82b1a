package ecs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// setting is what can be set for a principal or the account.
type setting struct {
	name   string
	values []string // the first one holds where none is set
	always bool     // the first value can not be left any more
}

// accountSettings are all account settings, by name.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html
func accountSettings() []setting {
	return []setting{
		{name: "awsvpcTrunking", values: []string{"disabled", "enabled"}},
		{name: "containerInsights", values: []string{"disabled", "enabled", "enhanced"}},
		{name: "containerInstanceLongArnFormat", values: []string{"enabled"}, always: true},
		{name: "defaultLogDriverMode", values: []string{"non-blocking", "blocking"}},
		{name: "dualStackIPv6", values: []string{"enabled", "disabled"}},
		{name: "fargateEventWindows", values: []string{"disabled", "enabled"}},
		{name: "fargateFIPSMode", values: []string{"disabled", "enabled"}},
		{name: "fargateTaskRetirementWaitPeriod", values: []string{"7", "0", "14"}},
		{name: guardDuty, values: []string{"off", "on"}},
		{name: "serviceLongArnFormat", values: []string{"enabled"}, always: true},
		{name: "tagResourceAuthorization", values: []string{"on", "off"}},
		{name: "taskLongArnFormat", values: []string{"enabled"}, always: true},
	}
}

// guardDuty is the one setting that AWS manages: users can only read it.
const guardDuty = "guardDutyActivate"

// accountSetting finds a setting by name.
func accountSetting(name string) (setting, error) {
	var names []string
	for _, s := range accountSettings() {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return setting{}, invalid(fmt.Sprintf("%q should be one of [%s]", name, strings.Join(names, ",")))
}

// check returns an error if value is not one of the setting's.
func (s setting) check(value string) error {
	switch {
	case slices.Contains(s.values, value):
		return nil
	case s.always && value == "disabled":
		return invalid("You can no longer disable " + s.name + ": the long format of ARNs and IDs is used for all resources.")
	}
	return invalid(fmt.Sprintf("Invalid setting 'value'. %s should be one of [%s]", s.name, strings.Join(s.values, ",")))
}

// PutAccountSetting changes an account setting of a principal, or of all that
// have none of their own if the principal is the root user.
func (a *API) PutAccountSetting(ctx context.Context, in *ecs.PutAccountSettingInput) (*ecs.PutAccountSettingOutput, error) {
	principal, err := a.settingPrincipal(ctx, in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	s, err := a.putSetting(ctx, string(in.Name), aws.ToString(in.Value), principal)
	return &ecs.PutAccountSettingOutput{Setting: s}, err
}

// PutAccountSettingDefault changes an account setting for all principals that
// have none of their own.
func (a *API) PutAccountSettingDefault(ctx context.Context, in *ecs.PutAccountSettingDefaultInput) (*ecs.PutAccountSettingDefaultOutput, error) {
	s, err := a.putSetting(ctx, string(in.Name), aws.ToString(in.Value), "")
	return &ecs.PutAccountSettingDefaultOutput{Setting: s}, err
}

func (a *API) putSetting(ctx context.Context, name, value, principal string) (*types.Setting, error) {
	s, err := changeable(name)
	if err != nil {
		return nil, err
	}
	if err := s.check(value); err != nil {
		return nil, err
	}
	if name == "fargateTaskRetirementWaitPeriod" && principal != "" {
		return nil, invalid("You must use the root user to set fargateTaskRetirementWaitPeriod.")
	}
	record := state.AccountSetting{Name: name, Value: value, Principal: principal}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		tx.AccountSettings.Put(tx, record)
		return nil
	})
	return a.describeSetting(record), err
}

// changeable finds a setting that users may change.
func changeable(name string) (setting, error) {
	s, err := accountSetting(name)
	if err == nil && name == guardDuty {
		err = invalid(guardDuty + " is read-only: Amazon GuardDuty controls this account setting.")
	}
	return s, err
}

// DeleteAccountSetting takes a principal's account setting back, so that the
// account's default holds again; for the root user, it takes the default back.
func (a *API) DeleteAccountSetting(ctx context.Context, in *ecs.DeleteAccountSettingInput) (*ecs.DeleteAccountSettingOutput, error) {
	s, err := changeable(string(in.Name))
	if err != nil {
		return nil, err
	}
	principal, err := a.settingPrincipal(ctx, in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	out := state.AccountSetting{Name: s.name, Principal: principal}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		tx.AccountSettings.Delete(tx, state.AccountSettingKey(s.name, principal))
		out.Value = s.effective(tx.View, principal).Value
		return nil
	})
	return &ecs.DeleteAccountSettingOutput{Setting: a.describeSetting(out)}, err
}

// ListAccountSettings lists what is set for a principal, or with
// effectiveSettings what holds for it.
func (a *API) ListAccountSettings(ctx context.Context, in *ecs.ListAccountSettingsInput) (*ecs.ListAccountSettingsOutput, error) {
	principal, err := a.settingPrincipal(ctx, in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	if in.Name != "" {
		if _, err := accountSetting(string(in.Name)); err != nil {
			return nil, err
		}
	} else if in.Value != nil {
		return nil, invalid("You must also specify a setting 'name' to filter by 'value'.")
	}
	limit := 10
	if in.MaxResults != 0 {
		if limit, err = pageSize(&in.MaxResults, 10); err != nil {
			return nil, err
		}
	}
	v := a.store.View()
	found := map[string]state.AccountSetting{}
	for _, s := range accountSettings() {
		record, set := s.of(v, principal)
		if in.EffectiveSettings {
			record, set = s.effective(v, principal), true
		}
		if set && (in.Name == "" || s.name == string(in.Name)) && (in.Value == nil || record.Value == *in.Value) {
			found[s.name] = record
		}
	}
	names, next, err := page(slices.Values(slices.Sorted(maps.Keys(found))), in.NextToken, limit)
	if err != nil {
		return nil, err
	}
	out := &ecs.ListAccountSettingsOutput{Settings: []types.Setting{}, NextToken: next}
	for _, name := range names {
		out.Settings = append(out.Settings, *a.describeSetting(found[name]))
	}
	return out, nil
}

// of is what is set for a principal itself; the account's default for "".
func (s setting) of(v *state.View, principal string) (state.AccountSetting, bool) {
	return v.AccountSettings.Get(state.AccountSettingKey(s.name, principal))
}

// effective is what holds for a principal: its own setting, the account's
// default, or ECS's.
func (s setting) effective(v *state.View, principal string) state.AccountSetting {
	if own, ok := s.of(v, principal); ok {
		return own
	}
	if account, ok := s.of(v, ""); ok {
		return account
	}
	return state.AccountSetting{Name: s.name, Value: s.values[0]}
}

// effectiveSetting is the value of the named account setting for the caller.
func (a *API) effectiveSetting(ctx context.Context, v *state.View, name string) string {
	s, err := accountSetting(name)
	if err != nil {
		panic(err) // a name that is not the user's
	}
	return s.effective(v, a.settingOwner(caller(ctx))).Value
}

// settingPrincipal is the principal whose settings a request is about, as they
// are keyed. Only the root user may ask for another than itself.
func (a *API) settingPrincipal(ctx context.Context, wanted *string) (string, error) {
	self := a.settingOwner(caller(ctx))
	if wanted == nil {
		return self, nil
	}
	prefix := "arn:aws:iam::" + a.account + ":"
	kind, name, _ := strings.Cut(strings.TrimPrefix(*wanted, prefix), "/")
	known := kind == "root" || (kind == "user" || kind == "role") && name != ""
	if !strings.HasPrefix(*wanted, prefix) || !known {
		return "", invalid(fmt.Sprintf("Invalid principalArn %q. Specify the ARN of a user or role of this account, or of its root user.", *wanted))
	}
	principal := a.settingOwner(*wanted)
	if self != "" && principal != self {
		return "", &types.AccessDeniedException{Message: aws.String(
			"You must be the root user or the principal itself to use principalArn.")}
	}
	return principal, nil
}

// settingOwner is the principal under which a caller's settings are kept: the
// role for a session of it, and "", the account's default, for the root user and
// for federated users.
func (a *API) settingOwner(principal string) string {
	if role, ok := strings.CutPrefix(principal, "arn:aws:sts::"+a.account+":assumed-role/"); ok {
		role, _, _ = strings.Cut(role, "/")
		return "arn:aws:iam::" + a.account + ":role/" + role
	}
	if strings.HasPrefix(principal, "arn:aws:iam::"+a.account+":user/") || strings.HasPrefix(principal, "arn:aws:iam::"+a.account+":role/") {
		return principal
	}
	return ""
}

func (a *API) describeSetting(s state.AccountSetting) *types.Setting {
	out := &types.Setting{Name: types.SettingName(s.Name), Value: aws.String(s.Value),
		PrincipalArn: aws.String(s.Principal), Type: types.SettingTypeUser}
	if s.Principal == "" {
		out.PrincipalArn = aws.String("arn:aws:iam::" + a.account + ":root")
	}
	if s.Name == guardDuty {
		out.Type = types.SettingTypeAwsManaged
	}
	return out
}
