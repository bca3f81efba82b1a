package iam_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	berthiam "berth/api/iam"
	"berth/aws/protocol"
	rules "berth/iam"
	"berth/state"
)

const account = "123456789012"

// newClient returns the SDK's client of an API over an empty store.
func newClient(t *testing.T) *iam.Client {
	t.Helper()
	key := rules.NewAccessKey()
	handler, err := protocol.New(protocol.Config{
		Region: "us-east-1",
		Services: []protocol.Service{{
			Name: "iam",
			API:  berthiam.New(berthiam.Config{Store: state.NewMemory(), Account: account}),
		}},
		Credentials: func(context.Context, string, string) (protocol.Credential, error) {
			return protocol.Credential{Secret: key.Secret, Principal: rules.Root(account)}, nil
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return iam.New(iam.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 3,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	})
}

// must returns out, and ends the test if there is an error.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// expect checks an error by its code and the beginning of its message.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	var e smithy.APIError
	got := fmt.Sprint(err)
	if errors.As(err, &e) {
		got = e.ErrorCode() + ": " + e.ErrorMessage()
	}
	if !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const (
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	logs    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"}]}`
	taskARN = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
)

func createRole(t *testing.T, client *iam.Client, name string) *types.Role {
	t.Helper()
	return must[*iam.CreateRoleOutput](t)(client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust)})).Role
}

func TestRole(t *testing.T) {
	client, ctx := newClient(t), t.Context()
	made := must[*iam.CreateRoleOutput](t)(client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("web"), Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(trust), Description: aws.String("what it is"),
		MaxSessionDuration: aws.Int32(7200), PermissionsBoundary: aws.String(taskARN), Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("test")}},
	})).Role
	got := must[*iam.GetRoleOutput](t)(client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("WEB")})).Role
	if !reflect.DeepEqual(got, made) {
		t.Errorf("made %+v\ngot %+v", made, got)
	}
	document, err := url.QueryUnescape(*got.AssumeRolePolicyDocument)
	if err != nil || document != trust || strings.Contains(*got.AssumeRolePolicyDocument, "{") {
		t.Errorf("its trust policy is %s", *got.AssumeRolePolicyDocument)
	}
	if *got.Arn != "arn:aws:iam::123456789012:role/team/web" || !strings.HasPrefix(*got.RoleId, "AROA") || len(*got.RoleId) != 21 ||
		*got.MaxSessionDuration != 7200 || *got.PermissionsBoundary.PermissionsBoundaryArn != taskARN || len(got.Tags) != 1 {
		t.Errorf("got %+v", got)
	}

	must[*iam.UpdateRoleOutput](t)(client.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String("web"), MaxSessionDuration: aws.Int32(3600)}))
	must[*iam.UpdateAssumeRolePolicyOutput](t)(client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String("web"), PolicyDocument: aws.String(strings.Replace(trust, "ecs-tasks", "ec2", 1))}))
	must[*iam.DeleteRolePermissionsBoundaryOutput](t)(client.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("web")}))
	changed := must[*iam.UpdateRoleDescriptionOutput](t)(client.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: aws.String("web"), Description: aws.String("new")})).Role
	if *changed.MaxSessionDuration != 3600 || *changed.Description != "new" || !strings.Contains(*changed.AssumeRolePolicyDocument, "ec2.amazonaws.com") || changed.PermissionsBoundary != nil {
		t.Errorf("changed to %+v", changed)
	}
	must[*iam.PutRolePermissionsBoundaryOutput](t)(client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("web"), PermissionsBoundary: aws.String(taskARN)}))
	if profiles := must[*iam.ListInstanceProfilesForRoleOutput](t)(client.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("web")})); len(profiles.InstanceProfiles) != 0 {
		t.Errorf("instance profiles: %v", profiles.InstanceProfiles)
	}

	must[*iam.DeleteRoleOutput](t)(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("web")}))
	_, err = client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("web")})
	expect(t, err, "NoSuchEntity: The role with name web cannot be found.")
	if again := createRole(t, client, "web"); *again.RoleId == *made.RoleId {
		t.Error("a new role has the id of the old one")
	}
}

func TestCreateRoleRefuses(t *testing.T) {
	client := newClient(t)
	createRole(t, client, "web")
	for _, tc := range []struct {
		in   iam.CreateRoleInput
		want string
	}{
		{iam.CreateRoleInput{RoleName: aws.String("Web")}, "EntityAlreadyExists: Role with name Web already exists."},
		{iam.CreateRoleInput{RoleName: aws.String("berth-agent")}, "EntityAlreadyExists: Role with name berth-agent already exists."},
		{iam.CreateRoleInput{RoleName: aws.String("a b")}, "ValidationError: 1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"},
		{iam.CreateRoleInput{RoleName: aws.String("x"), Path: aws.String("team")}, "ValidationError: 1 validation error detected: Value 'team' at 'path'"},
		{iam.CreateRoleInput{RoleName: aws.String("x"), MaxSessionDuration: aws.Int32(60)}, "ValidationError: 1 validation error detected: Value '60' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600"},
		{iam.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String(logs)}, "MalformedPolicyDocument: statement 1: Has prohibited field Resource."},
		{iam.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String(trust + strings.Repeat(" ", maxTrust))}, "LimitExceeded: Cannot exceed quota for ACLSizePerRole"},
		{iam.CreateRoleInput{RoleName: aws.String("x"), PermissionsBoundary: aws.String("arn:aws:iam::123456789012:policy/x")}, "NoSuchEntity: Scope ARN"},
		{iam.CreateRoleInput{RoleName: aws.String("x"), Tags: []types.Tag{tag("a", "1"), tag("A", "2")}}, "InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{iam.CreateRoleInput{RoleName: aws.String("x"), Tags: []types.Tag{tag("aws:a", "1")}}, "InvalidInput: Tag keys with the prefix aws:"},
		{iam.CreateRoleInput{RoleName: aws.String("x"), Tags: []types.Tag{tag("a", "<")}}, "ValidationError: 1 validation error detected: Value '<' at 'tags.1.member.value'"},
	} {
		if tc.in.AssumeRolePolicyDocument == nil {
			tc.in.AssumeRolePolicyDocument = aws.String(trust)
		}
		_, err := client.CreateRole(t.Context(), &tc.in)
		expect(t, err, tc.want)
	}
}

const maxTrust = 4096

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func TestListRoles(t *testing.T) {
	client, ctx := newClient(t), t.Context()
	for _, name := range []string{"b", "a", "c"} {
		createRole(t, client, name)
	}
	must[*iam.CreateRoleOutput](t)(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("d"), Path: aws.String("/x/"), AssumeRolePolicyDocument: aws.String(trust)}))
	var names []string
	pages := iam.NewListRolesPaginator(client, &iam.ListRolesInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		for _, r := range must[*iam.ListRolesOutput](t)(pages.NextPage(ctx)).Roles {
			names = append(names, *r.RoleName)
		}
		names = append(names, "|")
	}
	if got := strings.Join(names, ""); got != "ab|cd|" {
		t.Errorf("got %s", got)
	}
	if below := must[*iam.ListRolesOutput](t)(client.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: aws.String("/x")})).Roles; len(below) != 1 || *below[0].RoleName != "d" {
		t.Errorf("below /x: %v", below)
	}
	_, err := client.ListRoles(ctx, &iam.ListRolesInput{Marker: aws.String("!")})
	expect(t, err, "InvalidInput: Invalid Marker.")
}

func TestRolePolicies(t *testing.T) {
	client, ctx := newClient(t), t.Context()
	createRole(t, client, "web")
	web, inline := aws.String("web"), aws.String("inline")
	must[*iam.PutRolePolicyOutput](t)(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: web, PolicyName: inline, PolicyDocument: aws.String(logs)}))
	got := must[*iam.GetRolePolicyOutput](t)(client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: web, PolicyName: inline}))
	if document, _ := url.QueryUnescape(*got.PolicyDocument); document != logs {
		t.Errorf("got %s", document)
	}
	if names := must[*iam.ListRolePoliciesOutput](t)(client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: web})).PolicyNames; !slices.Equal(names, []string{"inline"}) {
		t.Errorf("got %v", names)
	}
	for range 2 { // the second time changes nothing
		must[*iam.AttachRolePolicyOutput](t)(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: web, PolicyArn: aws.String(taskARN)}))
	}
	attached := must[*iam.ListAttachedRolePoliciesOutput](t)(client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: web, PathPrefix: aws.String("/service-role/")})).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyArn != taskARN || *attached[0].PolicyName != "AmazonECSTaskExecutionRolePolicy" {
		t.Errorf("attached: %+v", attached)
	}

	_, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: web})
	expect(t, err, "DeleteConflict: Cannot delete entity, must detach all policies first.")
	must[*iam.DetachRolePolicyOutput](t)(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: web, PolicyArn: aws.String(taskARN)}))
	_, err = client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: web, PolicyArn: aws.String(taskARN)})
	expect(t, err, "NoSuchEntity: Policy "+taskARN+" was not found.")
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: web})
	expect(t, err, "DeleteConflict: Cannot delete entity, must delete policies first.")
	must[*iam.DeleteRolePolicyOutput](t)(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: web, PolicyName: inline}))
	for _, call := range []func() error{
		func() error {
			_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: web, PolicyName: inline})
			return err
		},
		func() error {
			_, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: web, PolicyName: inline})
			return err
		},
	} {
		expect(t, call(), "NoSuchEntity: The role policy with name inline cannot be found.")
	}
	_, err = client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: web, PolicyArn: aws.String("arn:aws:iam::aws:policy/Nothing")})
	expect(t, err, "NoSuchEntity: Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.")
	_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: web, PolicyName: inline, PolicyDocument: aws.String(trust)})
	expect(t, err, "MalformedPolicyDocument: statement 1: Policy document should not specify a principal.")
	_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: web, PolicyName: inline, PolicyDocument: aws.String(logs + strings.Repeat(" ", 10240))})
	expect(t, err, "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role web")
}

func TestPolicy(t *testing.T) {
	client, ctx := newClient(t), t.Context()
	made := must[*iam.CreatePolicyOutput](t)(client.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String("logs"), PolicyDocument: aws.String(logs), Description: aws.String("all logs"), Tags: []types.Tag{tag("env", "test")}})).Policy
	arn := made.Arn
	if *arn != "arn:aws:iam::123456789012:policy/logs" || *made.DefaultVersionId != "v1" || !strings.HasPrefix(*made.PolicyId, "ANPA") {
		t.Errorf("made %+v", made)
	}
	_, err := client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("Logs"), PolicyDocument: aws.String(logs)})
	expect(t, err, "EntityAlreadyExists: A policy called Logs already exists. Duplicate names are not allowed.")

	second := strings.Replace(logs, "logs:*", "logs:Get*", 1)
	must[*iam.CreatePolicyVersionOutput](t)(client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second, SetAsDefault: true}))
	got := must[*iam.GetPolicyOutput](t)(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})).Policy
	if *got.DefaultVersionId != "v2" || *got.Description != "all logs" || *got.AttachmentCount != 0 {
		t.Errorf("got %+v", got)
	}
	version := must[*iam.GetPolicyVersionOutput](t)(client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})).PolicyVersion
	if document, _ := url.QueryUnescape(*version.Document); document != second || !version.IsDefaultVersion {
		t.Errorf("got %+v", version)
	}
	for range 3 {
		must[*iam.CreatePolicyVersionOutput](t)(client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second}))
	}
	_, err = client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second})
	expect(t, err, "LimitExceeded: A managed policy can have up to 5 versions.")
	_, err = client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
	expect(t, err, "DeleteConflict: Cannot delete the default version of a policy.")
	must[*iam.SetDefaultPolicyVersionOutput](t)(client.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")}))
	for _, id := range []string{"v1", "v2", "v3", "v4"} {
		must[*iam.DeletePolicyVersionOutput](t)(client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &id}))
	}
	_, err = client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")})
	expect(t, err, "NoSuchEntity: Policy "+*arn+" version v1 does not exist")
	must[*iam.CreatePolicyVersionOutput](t)(client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second}))
	var ids []string
	for _, v := range must[*iam.ListPolicyVersionsOutput](t)(client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})).Versions {
		ids = append(ids, *v.VersionId)
	}
	if !slices.Equal(ids, []string{"v6", "v5"}) { // a number is never given twice
		t.Errorf("versions %v", ids)
	}

	createRole(t, client, "web")
	must[*iam.AttachRolePolicyOutput](t)(client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: arn}))
	roles := must[*iam.ListEntitiesForPolicyOutput](t)(client.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn})).PolicyRoles
	if len(roles) != 1 || *roles[0].RoleName != "web" {
		t.Errorf("attached to %v", roles)
	}
	_, err = client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	expect(t, err, "DeleteConflict: Cannot delete a policy attached to entities.")
	must[*iam.DetachRolePolicyOutput](t)(client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: arn}))
	_, err = client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	expect(t, err, "DeleteConflict: This policy has more than one version.")
	must[*iam.DeletePolicyVersionOutput](t)(client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v6")}))
	must[*iam.DeletePolicyOutput](t)(client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
	_, err = client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	expect(t, err, "NoSuchEntity: Policy "+*arn+" was not found.")
}

// AWS's own policies are there, with their documents, and nobody changes them.
func TestPoliciesOfAWS(t *testing.T) {
	client, ctx := newClient(t), t.Context()
	p := must[*iam.GetPolicyOutput](t)(client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(taskARN)})).Policy
	version := must[*iam.GetPolicyVersionOutput](t)(client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId})).PolicyVersion
	if !strings.Contains(*version.Document, url.QueryEscape("ecr:GetAuthorizationToken")) || *p.Path != "/service-role/" {
		t.Errorf("got %s %s", *p.Path, *version.Document)
	}
	_, err := client.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Arn})
	expect(t, err, "InvalidInput: AWS managed policies can not be changed")
	must[*iam.CreatePolicyOutput](t)(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("own"), PolicyDocument: aws.String(logs)}))
	for scope, want := range map[types.PolicyScopeType]bool{types.PolicyScopeTypeAws: true, types.PolicyScopeTypeLocal: false, "": true} {
		listed := must[*iam.ListPoliciesOutput](t)(client.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: scope})).Policies
		ofAWS := slices.ContainsFunc(listed, func(p types.Policy) bool { return *p.Arn == taskARN })
		own := slices.ContainsFunc(listed, func(p types.Policy) bool { return *p.PolicyName == "own" })
		if ofAWS != want || own != (scope != types.PolicyScopeTypeAws) {
			t.Errorf("scope %q: AWS's %v, ours %v", scope, ofAWS, own)
		}
	}
}

func TestTags(t *testing.T) {
	client, ctx := newClient(t), t.Context()
	createRole(t, client, "web")
	web := aws.String("web")
	arn := must[*iam.CreatePolicyOutput](t)(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("logs"), PolicyDocument: aws.String(logs)})).Policy.Arn
	two := []types.Tag{tag("team", "blue"), tag("env", "test")}
	must[*iam.TagRoleOutput](t)(client.TagRole(ctx, &iam.TagRoleInput{RoleName: web, Tags: two}))
	must[*iam.TagRoleOutput](t)(client.TagRole(ctx, &iam.TagRoleInput{RoleName: web, Tags: []types.Tag{tag("Team", "red")}}))
	must[*iam.TagPolicyOutput](t)(client.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: two}))
	of := func(tags []types.Tag) (text string) {
		for _, t := range tags {
			text += *t.Key + "=" + *t.Value + " "
		}
		return text
	}
	if got := of(must[*iam.ListRoleTagsOutput](t)(client.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: web})).Tags); got != "Team=red env=test " {
		t.Errorf("the role has %s", got)
	}
	must[*iam.UntagRoleOutput](t)(client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: web, TagKeys: []string{"env", "none"}}))
	must[*iam.UntagPolicyOutput](t)(client.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"team"}}))
	if got := of(must[*iam.ListRoleTagsOutput](t)(client.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: web})).Tags); got != "Team=red " {
		t.Errorf("the role has %s", got)
	}
	if got := of(must[*iam.ListPolicyTagsOutput](t)(client.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn})).Tags); got != "env=test " {
		t.Errorf("the policy has %s", got)
	}
}

func TestResources(t *testing.T) {
	api := berthiam.New(berthiam.Config{Store: state.NewMemory(), Account: account})
	for want, in := range map[string]any{
		"[arn:aws:iam::123456789012:role/x/web]":   &iam.CreateRoleInput{RoleName: aws.String("web"), Path: aws.String("/x/")},
		"[arn:aws:iam::123456789012:role/web]":     &iam.PutRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("p")},
		"[arn:aws:iam::123456789012:policy/logs]":  &iam.CreatePolicyInput{PolicyName: aws.String("logs")},
		"[arn:aws:iam::123456789012:policy/other]": &iam.DeletePolicyInput{PolicyArn: aws.String("arn:aws:iam::123456789012:policy/other")},
		"[]": &iam.ListRolesInput{},
	} {
		if got := fmt.Sprint(api.Resources("", in)); got != want {
			t.Errorf("%T: got %s, want %s", in, got, want)
		}
	}
}
