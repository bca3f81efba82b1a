package ecs

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/iam"
)

const rootARN = "arn:aws:iam::123456789012:root"

func TestAccountSettingDefault(t *testing.T) {
	script{
		{"ListAccountSettings", `{}`, `{"settings":[],"nextToken":null}`},
		{"ListAccountSettings", `{"name":"containerInsights","effectiveSettings":true}`,
			`{"settings":[{"name":"containerInsights","value":"disabled","principalArn":"` + rootARN + `","type":"user"}]}`},
		{"PutAccountSettingDefault", `{"name":"containerInsights","value":"enhanced"}`,
			`{"setting":{"name":"containerInsights","value":"enhanced","principalArn":"` + rootARN + `","type":"user"}}`},
		{"ListAccountSettings", `{}`, `{"settings":[{"name":"containerInsights","value":"enhanced"}]}`},
		{"CreateCluster", `{}`, `{"cluster":{"settings":[{"name":"containerInsights","value":"enhanced"}]}}`},
		{"DeleteAccountSetting", `{"name":"containerInsights"}`, `{"setting":{"value":"disabled"}}`},
		{"ListAccountSettings", `{}`, `{"settings":[]}`},
		{"PutAccountSetting", `{"name":"fargateTaskRetirementWaitPeriod","value":"14"}`, `{"setting":{"value":"14","principalArn":"` + rootARN + `"}}`},
	}.run(t, testAPI())
}

func TestAccountSettingOfPrincipals(t *testing.T) {
	a := testAPI()
	const ann, bob = "arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/bob"
	script{
		{"PutAccountSetting", `{"name":"containerInsights","value":"enabled"}`, `{"setting":{"principalArn":"` + rootARN + `"}}`},
		{"PutAccountSetting", `{"name":"containerInsights","value":"enhanced","principalArn":"` + ann + `"}`, `{"setting":{"principalArn":"` + ann + `"}}`},
		{"PutAccountSetting", `{"name":"defaultLogDriverMode","value":"blocking","principalArn":"arn:aws:iam::123456789012:role/deploy"}`, `{}`},
		{"PutAccountSetting", `{"name":"containerInsights","value":"enabled","principalArn":"ann"}`, `InvalidParameterException: Invalid principalArn "ann".`},
		{"PutAccountSetting", `{"name":"fargateTaskRetirementWaitPeriod","value":"0","principalArn":"` + ann + `"}`, "InvalidParameterException: You must use the root user"},
		{"ListAccountSettings", `{"principalArn":"` + bob + `"}`, `{"settings":[]}`},
		{"ListAccountSettings", `{"principalArn":"` + bob + `","effectiveSettings":true,"name":"containerInsights"}`,
			`{"settings":[{"value":"enabled","principalArn":"` + rootARN + `"}]}`},
	}.run(t, a)
	script{
		{"ListAccountSettings", `{}`, `{"settings":[{"name":"containerInsights","value":"enhanced","principalArn":"` + ann + `"}]}`},
		{"ListAccountSettings", `{"principalArn":"` + bob + `"}`, "AccessDeniedException: You must be the root user or the principal itself"},
		{"CreateCluster", `{}`, `{"cluster":{"settings":[{"value":"enhanced"}]}}`},
		{"DeleteAccountSetting", `{"name":"containerInsights"}`, `{"setting":{"value":"enabled","principalArn":"` + ann + `"}}`},
		{"PutAccountSettingDefault", `{"name":"awsvpcTrunking","value":"enabled"}`, `{"setting":{"principalArn":"` + rootARN + `"}}`},
	}.runAs(t, a, iam.Principal{Account: testAccount, ARN: ann})
	script{
		{"ListAccountSettings", `{}`, `{"settings":[{"name":"defaultLogDriverMode","principalArn":"arn:aws:iam::123456789012:role/deploy"}]}`},
	}.runAs(t, a, iam.Principal{Account: testAccount, ARN: "arn:aws:sts::123456789012:assumed-role/deploy/session"})
}

func TestAccountSettingValues(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"containerInsights", "enabled", "{}"},
		{"containerInsights", "on", "InvalidParameterException: Invalid setting 'value'. containerInsights should be one of [disabled,enabled,enhanced]"},
		{"taskLongArnFormat", "enabled", "{}"},
		{"taskLongArnFormat", "disabled", "InvalidParameterException: You can no longer disable"},
		{"taskLongArnFormat", "off", "InvalidParameterException: Invalid setting 'value'"},
		{"tagResourceAuthorization", "off", "{}"},
		{"tagResourceAuthorization", "disabled", "InvalidParameterException: Invalid setting 'value'"},
		{"fargateTaskRetirementWaitPeriod", "7", "{}"},
		{"fargateTaskRetirementWaitPeriod", "8", "InvalidParameterException: Invalid setting 'value'"},
		{"defaultLogDriverMode", "non-blocking", "{}"},
		{"fargateFIPSMode", "enabled", "{}"},
		{"fargateEventWindows", "enabled", "{}"},
		{"awsvpcTrunking", "enabled", "{}"},
		{"awsvpcTrunking", "", "InvalidParameterException: Invalid setting 'value'"},
		{"guardDutyActivate", "on", "InvalidParameterException: guardDutyActivate is read-only"},
		{"unknown", "on", `InvalidParameterException: "unknown" should be one of [awsvpcTrunking,`},
	} {
		t.Run(tc.name+"="+tc.value, func(t *testing.T) {
			script{{"PutAccountSettingDefault", `{"name":"` + tc.name + `","value":"` + tc.value + `"}`, tc.want}}.run(t, testAPI())
		})
	}
}

func TestListAccountSettings(t *testing.T) {
	script{
		{"ListAccountSettings", `{"effectiveSettings":true}`, `{"settings":[
			{"name":"awsvpcTrunking","value":"disabled"},{"name":"containerInsights","value":"disabled"},
			{"name":"containerInstanceLongArnFormat","value":"enabled"},{"name":"defaultLogDriverMode","value":"non-blocking"},
			{"name":"dualStackIPv6","value":"enabled"},{"name":"fargateEventWindows","value":"disabled"},
			{"name":"fargateFIPSMode","value":"disabled"},{"name":"fargateTaskRetirementWaitPeriod","value":"7"},
			{"name":"guardDutyActivate","value":"off","type":"aws_managed"},{"name":"serviceLongArnFormat","value":"enabled"}],
			"nextToken":"bmV4dDp0YWdSZXNvdXJjZUF1dGhvcml6YXRpb24"}`},
		{"ListAccountSettings", `{"effectiveSettings":true,"nextToken":"bmV4dDp0YWdSZXNvdXJjZUF1dGhvcml6YXRpb24"}`,
			`{"settings":[{"name":"tagResourceAuthorization","value":"on"},{"name":"taskLongArnFormat","value":"enabled"}],"nextToken":null}`},
		{"ListAccountSettings", `{"name":"containerInsights","value":"enabled","effectiveSettings":true}`, `{"settings":[]}`},
		{"ListAccountSettings", `{"value":"enabled"}`, "InvalidParameterException: You must also specify a setting 'name'"},
		{"ListAccountSettings", `{"name":"x"}`, `InvalidParameterException: "x" should be one of`},
		{"ListAccountSettings", `{"maxResults":11}`, "InvalidParameterException: maxResults"},
	}.run(t, testAPI())
}

// Every setting that clients know is one of ours.
func TestAccountSettingNames(t *testing.T) {
	for _, name := range types.SettingName("").Values() {
		if _, err := accountSetting(string(name)); err != nil {
			t.Error(err)
		}
	}
	if !slices.IsSortedFunc(accountSettings(), func(a, b setting) int { return slices.Compare([]byte(a.name), []byte(b.name)) }) {
		t.Error("settings are paged in the order of their names")
	}
}
