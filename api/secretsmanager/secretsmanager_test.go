package secretsmanager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"berth/aws/protocol"
	"berth/aws/scripttest"
	"berth/aws/shape"
	"berth/iam"
	"berth/state"
	"berth/state/seal"
)

const (
	account   = "123456789012"
	secretARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
	id1       = "11111111-1111-1111-1111-111111111111"
	id2       = "22222222-2222-2222-2222-222222222222"
	id3       = "33333333-3333-3333-3333-333333333333"
)

func testAPI() *API {
	return New(Config{Store: state.NewMemory(), Box: seal.NewBox(), Region: "us-east-1", Account: account})
}

func run(t *testing.T, a *API, script scripttest.Script) {
	t.Helper()
	ctx := protocol.WithCall(t.Context(), &protocol.Call{Principal: iam.Root(account)})
	script.Run(ctx, t, a, shape.Names{})
}

func TestCreateSecret(t *testing.T) {
	run(t, testAPI(), scripttest.Script{
		{"CreateSecret", `{"Name":"db/main","SecretString":"hunter2","ClientRequestToken":"` + id1 + `","Description":"d","Tags":[{"Key":"env","Value":"test"}]}`,
			`{"ARN":"/` + secretARN + `db/main-[A-Za-z0-9]{6}/","Name":"db/main","VersionId":"` + id1 + `"}`},
		{"CreateSecret", `{"Name":"db/main","SecretString":"hunter2","ClientRequestToken":"` + id1 + `"}`, `{"VersionId":"` + id1 + `"}`}, // a second try
		{"CreateSecret", `{"Name":"db/main","SecretString":"hunter3","ClientRequestToken":"` + id1 + `"}`, "ResourceExistsException: The operation failed because the secret db/main already exists."},
		{"CreateSecret", `{"Name":"db/main","SecretString":"hunter2"}`, "ResourceExistsException"},
		{"DescribeSecret", `{"SecretId":"db/main"}`, `{"Name":"db/main","Description":"d","Tags":[{"Key":"env","Value":"test"}],"VersionIdsToStages":{"` + id1 + `":["AWSCURRENT"]},"DeletedDate":null}`},
		{"GetSecretValue", `{"SecretId":"db/main"}`, `{"SecretString":"hunter2","SecretBinary":null,"VersionId":"` + id1 + `","VersionStages":["AWSCURRENT"]}`},
		{"CreateSecret", `{"Name":"bytes","SecretBinary":"AAEC"}`, `{"VersionId":"/[0-9a-f-]{36}/"}`},
		{"GetSecretValue", `{"SecretId":"bytes"}`, `{"SecretString":null,"SecretBinary":"AAEC"}`},
		{"CreateSecret", `{"Name":"empty"}`, `{"VersionId":null}`},
		{"GetSecretValue", `{"SecretId":"empty"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"},
		{"GetSecretValue", `{"SecretId":"none"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"UpdateSecret", `{"SecretId":"empty","Description":"new","SecretString":"v","ClientRequestToken":"` + id2 + `"}`, `{"Name":"empty","VersionId":"` + id2 + `"}`},
		{"GetSecretValue", `{"SecretId":"empty"}`, `{"SecretString":"v"}`},
		{"UpdateSecret", `{"SecretId":"empty","KmsKeyId":"alias/mine"}`, `{"VersionId":null}`},
		{"DescribeSecret", `{"SecretId":"empty"}`, `{"Description":"new","KmsKeyId":"alias/mine"}`},
		{"CreateSecret", `{"Name":"a b"}`, "ValidationException: Invalid name."},
		{"CreateSecret", `{"Name":"x","SecretString":"a","SecretBinary":"AAEC"}`, "InvalidParameterException: You can't specify both a binary secret value and a string secret value"},
		{"CreateSecret", `{"Name":"x","SecretString":""}`, "ValidationException: 1 validation error detected: Value at 'secretString'"},
		{"CreateSecret", `{"Name":"x","SecretString":"` + strings.Repeat("x", 65537) + `"}`, "InvalidParameterException: SecretString must have at most 65536 bytes."},
		{"CreateSecret", `{"Name":"x","ClientRequestToken":"short"}`, "ValidationException: 1 validation error detected: Value 'short' at 'clientRequestToken'"},
		{"CreateSecret", `{"Name":"x","AddReplicaRegions":[{"Region":"eu-west-1"}]}`, "InvalidParameterException: AddReplicaRegions is not built"},
	})
}

// A secret is meant by its name, its ARN, or its ARN without the random end.
func TestARNs(t *testing.T) {
	a := testAPI()
	for _, name := range []string{"db", "db-AbCdEf", "a/db"} {
		run(t, a, scripttest.Script{{"CreateSecret", `{"Name":"` + name + `","SecretString":"` + name + `"}`, `{}`}})
	}
	for _, name := range []string{"db", "db-AbCdEf", "a/db"} {
		s, _ := a.cfg.Store.View().Secrets.Get(name)
		for _, id := range []string{name, s.ARN, secretARN + name} {
			run(t, a, scripttest.Script{{"GetSecretValue", `{"SecretId":"` + id + `"}`, `{"SecretString":"` + name + `"}`}})
		}
	}
	run(t, a, scripttest.Script{
		{"GetSecretValue", `{"SecretId":"` + secretARN + `db-XXXXXX"}`, "ResourceNotFoundException"},
		{"GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"}`, "ResourceNotFoundException"},
	})
}

func TestVersions(t *testing.T) {
	put := func(id, value, more string) string {
		return `{"SecretId":"x","SecretString":"` + value + `","ClientRequestToken":"` + id + `"` + more + `}`
	}
	run(t, testAPI(), scripttest.Script{
		{"CreateSecret", `{"Name":"x","SecretString":"1","ClientRequestToken":"` + id1 + `"}`, `{}`},
		{"PutSecretValue", put(id2, "2", ""), `{"VersionId":"` + id2 + `","VersionStages":["AWSCURRENT"]}`},
		{"PutSecretValue", put(id2, "2", ""), `{"VersionId":"` + id2 + `"}`}, // a second try
		{"PutSecretValue", put(id2, "other", ""), "ResourceExistsException: You can't use ClientRequestToken " + id2},
		{"GetSecretValue", `{"SecretId":"x","VersionStage":"AWSPREVIOUS"}`, `{"SecretString":"1"}`},
		{"PutSecretValue", put(id3, "3", `,"VersionStages":["AWSPENDING"]`), `{"VersionStages":["AWSPENDING"]}`},
		{"GetSecretValue", `{"SecretId":"x"}`, `{"SecretString":"2"}`},
		{"GetSecretValue", `{"SecretId":"x","VersionId":"` + id3 + `"}`, `{"SecretString":"3"}`},
		{"GetSecretValue", `{"SecretId":"x","VersionId":"` + id3 + `","VersionStage":"AWSCURRENT"}`, "InvalidRequestException: You provided a VersionStage that is not associated"},
		{"GetSecretValue", `{"SecretId":"x","VersionId":"` + strings.Repeat("0", 32) + `"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: 000"},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"AWSCURRENT","MoveToVersionId":"` + id3 + `"}`, "InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + id2},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"AWSCURRENT","RemoveFromVersionId":"` + id2 + `"}`, "InvalidParameterException: You can only move staging label AWSCURRENT"},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"AWSCURRENT","RemoveFromVersionId":"` + id1 + `","MoveToVersionId":"` + id3 + `"}`, "InvalidParameterException: The parameter RemoveFromVersionId is not valid"},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"AWSCURRENT","RemoveFromVersionId":"` + id2 + `","MoveToVersionId":"` + id3 + `"}`, `{"Name":"x"}`},
		{"ListSecretVersionIds", `{"SecretId":"x"}`, `{"Versions":[{"VersionId":"` + id2 + `","VersionStages":["AWSPREVIOUS"]},{"VersionId":"` + id3 + `","VersionStages":["AWSCURRENT","AWSPENDING"]}]}`},
		{"ListSecretVersionIds", `{"SecretId":"x","IncludeDeprecated":true}`, `{"Versions":[{"VersionId":"` + id1 + `"},{},{}]}`},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"AWSPENDING","RemoveFromVersionId":"` + id3 + `"}`, `{}`},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"mine","MoveToVersionId":"` + id1 + `"}`, `{}`},
		{"GetSecretValue", `{"SecretId":"x","VersionStage":"mine"}`, `{"SecretString":"1"}`},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"mine"}`, "InvalidParameterException: Give RemoveFromVersionId"},
		{"PutSecretValue", `{"SecretId":"x"}`, "InvalidRequestException: You must provide either SecretString or SecretBinary."},
	})
}

func TestDeleteSecret(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{
		{"CreateSecret", `{"Name":"x","SecretString":"1"}`, `{}`},
		{"DeleteSecret", `{"SecretId":"x","RecoveryWindowInDays":6}`, "InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."},
		{"DeleteSecret", `{"SecretId":"x","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true}`, "InvalidParameterException: You can't use ForceDeleteWithoutRecovery"},
		{"DeleteSecret", `{"SecretId":"x","RecoveryWindowInDays":7}`, `{"Name":"x"}`},
		{"DeleteSecret", `{"SecretId":"x"}`, "InvalidRequestException: You tried to perform the operation on a secret that's currently marked deleted."},
		{"GetSecretValue", `{"SecretId":"x"}`, "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."},
		{"CreateSecret", `{"Name":"x"}`, "InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion."},
		{"ListSecrets", `{}`, `{"SecretList":[]}`},
		{"ListSecrets", `{"IncludePlannedDeletion":true}`, `{"SecretList":[{"Name":"x"}]}`},
		{"RestoreSecret", `{"SecretId":"x"}`, `{"Name":"x"}`},
		{"GetSecretValue", `{"SecretId":"x"}`, `{"SecretString":"1"}`},
		{"DeleteSecret", `{"SecretId":"x"}`, `{}`},
	})
	s, _ := a.cfg.Store.View().Secrets.Get("x")
	if window := s.DeleteAt.Sub(s.DeletedAt); window != 30*24*time.Hour {
		t.Errorf("the window is %v", window)
	}
	err := a.cfg.Store.Update(t.Context(), func(tx *state.Tx) error {
		s.DeleteAt = tx.Now() // the window is over
		tx.Secrets.Put(tx, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, a, scripttest.Script{
		{"DescribeSecret", `{"SecretId":"x"}`, "ResourceNotFoundException"},
		{"RestoreSecret", `{"SecretId":"x"}`, "ResourceNotFoundException"},
		{"ListSecrets", `{"IncludePlannedDeletion":true}`, `{"SecretList":[]}`},
		{"CreateSecret", `{"Name":"x"}`, `{}`},
		{"GetSecretValue", `{"SecretId":"` + s.ARN + `"}`, "ResourceNotFoundException"}, // another secret of its name
		{"DeleteSecret", `{"SecretId":"x","ForceDeleteWithoutRecovery":true}`, `{}`},
		{"DescribeSecret", `{"SecretId":"x"}`, "ResourceNotFoundException"},
	})
	if v := a.cfg.Store.View(); v.Secrets.Len()+v.SecretVersions.Len() != 0 {
		t.Error("something is left of a secret that is gone")
	}
}

func TestListSecrets(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{
		{"CreateSecret", `{"Name":"db/one","SecretString":"1","Description":"First of all","Tags":[{"Key":"env","Value":"test"}]}`, `{}`},
		{"CreateSecret", `{"Name":"db/two","SecretString":"2"}`, `{}`},
		{"CreateSecret", `{"Name":"web","Tags":[{"Key":"env","Value":"live"}]}`, `{}`},
	})
	for filter, want := range map[string]string{
		`{"Key":"name","Values":["db/"]}`:                                    `{"Name":"db/one"},{"Name":"db/two"}`,
		`{"Key":"name","Values":["!db/"]}`:                                   `{"Name":"web"}`,
		`{"Key":"description","Values":["first"]}`:                           `{"Name":"db/one"}`,
		`{"Key":"tag-key","Values":["env"]}`:                                 `{"Name":"db/one"},{"Name":"web"}`,
		`{"Key":"tag-value","Values":["live","x"]}`:                          `{"Name":"web"}`,
		`{"Key":"all","Values":["ALL db"]}`:                                  `{"Name":"db/one"}`,
		`{"Key":"name","Values":["db/"]},{"Key":"tag-key","Values":["env"]}`: `{"Name":"db/one"}`,
		`{"Key":"owning-service","Values":["rds"]}`:                          ``,
	} {
		run(t, a, scripttest.Script{{"ListSecrets", `{"SortBy":"name","Filters":[` + filter + `]}`, `{"SecretList":[` + want + `]}`}})
	}
	run(t, a, scripttest.Script{
		{"ListSecrets", `{"SortBy":"name","SortOrder":"desc","MaxResults":2}`, `{"SecretList":[{"Name":"web"},{"Name":"db/two"}],"NextToken":"ZGIvb25l"}`},
		{"ListSecrets", `{"SortBy":"name","SortOrder":"desc","MaxResults":2,"NextToken":"ZGIvb25l"}`, `{"SecretList":[{"Name":"db/one"}],"NextToken":null}`},
		{"ListSecrets", `{"NextToken":"x"}`, "InvalidNextTokenException"},
		{"ListSecrets", `{"Filters":[{"Key":"size","Values":["x"]}]}`, "ValidationException: 1 validation error detected: Value 'size' at 'filters.key'"},
		{"BatchGetSecretValue", `{"SecretIdList":["db/one","none","web"]}`, `{"SecretValues":[{"Name":"db/one","SecretString":"1"}],"Errors":[{"SecretId":"none","ErrorCode":"ResourceNotFoundException"},{"SecretId":"web"}]}`},
		{"BatchGetSecretValue", `{"Filters":[{"Key":"name","Values":["db/t"]}]}`, `{"SecretValues":[{"SecretString":"2"}],"Errors":[]}`},
		{"BatchGetSecretValue", `{}`, "InvalidParameterException: Give either SecretIdList or Filters."},
	})
}

func TestTagsAndPolicy(t *testing.T) {
	const document = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\"}]}`
	run(t, testAPI(), scripttest.Script{
		{"CreateSecret", `{"Name":"x","Tags":[{"Key":"a","Value":"1"}]}`, `{}`},
		{"TagResource", `{"SecretId":"x","Tags":[{"Key":"a","Value":"2"},{"Key":"b","Value":""}]}`, `{}`},
		{"UntagResource", `{"SecretId":"x","TagKeys":["b","none"]}`, `{}`},
		{"DescribeSecret", `{"SecretId":"x"}`, `{"Tags":[{"Key":"a","Value":"2"}]}`},
		{"TagResource", `{"SecretId":"x","Tags":[{"Key":"AWS:a","Value":"2"}]}`, "InvalidParameterException: Tag keys with the prefix aws:"},
		{"GetResourcePolicy", `{"SecretId":"x"}`, `{"ResourcePolicy":null}`},
		{"PutResourcePolicy", `{"SecretId":"x","ResourcePolicy":"` + document + `"}`, `{"Name":"x"}`},
		{"GetResourcePolicy", `{"SecretId":"x"}`, `{"ResourcePolicy":"` + document + `"}`},
		{"PutResourcePolicy", `{"SecretId":"x","ResourcePolicy":"{}"}`, "MalformedPolicyDocumentException: This resource policy contains invalid Json"},
		{"DeleteResourcePolicy", `{"SecretId":"x"}`, `{}`},
		{"GetResourcePolicy", `{"SecretId":"x"}`, `{"ResourcePolicy":null}`},
	})
}

// Values are in the state only sealed.
func TestSealed(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{{"CreateSecret", `{"Name":"x","SecretString":"hunter2"}`, `{}`}, {"CreateSecret", `{"Name":"y","SecretBinary":"aHVudGVyMg=="}`, `{}`}})
	for v := range a.cfg.Store.View().SecretVersions.All() {
		if text := fmt.Sprint(v); strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
			t.Errorf("the state has %s", text)
		}
	}
	keyless := New(Config{Store: a.cfg.Store, Box: &seal.Box{}, Region: "us-east-1", Account: account})
	run(t, keyless, scripttest.Script{
		{"CreateSecret", `{"Name":"z","SecretString":"v"}`, "public: This control plane has no encryption key"},
		{"GetSecretValue", `{"SecretId":"x"}`, "public: This value was sealed with the encryption key"},
	})
}

// A hundred versions are kept, and all that have labels.
func TestOldVersionsGo(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{
		{"CreateSecret", `{"Name":"x","SecretString":"1","ClientRequestToken":"` + id1 + `"}`, `{}`},
		{"UpdateSecretVersionStage", `{"SecretId":"x","VersionStage":"first","MoveToVersionId":"` + id1 + `"}`, `{}`},
	})
	for range 110 {
		run(t, a, scripttest.Script{{"PutSecretValue", `{"SecretId":"x","SecretString":"n"}`, `{}`}})
	}
	if n := a.cfg.Store.View().SecretVersions.Len(); n != 100 {
		t.Errorf("%d versions are left", n)
	}
	run(t, a, scripttest.Script{{"GetSecretValue", `{"SecretId":"x","VersionStage":"first"}`, `{"SecretString":"1"}`}})
}

func TestGetRandomPassword(t *testing.T) {
	run(t, testAPI(), scripttest.Script{
		{"GetRandomPassword", `{}`, `{"RandomPassword":"/.{32}/"}`},
		{"GetRandomPassword", `{"PasswordLength":8,"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeLowercase":true}`, `{"RandomPassword":"/[0-9]{8}/"}`},
		{"GetRandomPassword", `{"PasswordLength":2,"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeCharacters":"0123456"}`, `{"RandomPassword":"/[a-z][789]|[789][a-z]/"}`},
		{"GetRandomPassword", `{"PasswordLength":3}`, "InvalidParameterException: The password length 3 is too short based on the required types."},
		{"GetRandomPassword", `{"PasswordLength":0}`, "InvalidParameterException: PasswordLength must be between 1 and 4096."},
		{"GetRandomPassword", `{"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeLowercase":true,"ExcludeNumbers":true}`, "InvalidParameterException: Excluded types and characters leave nothing"},
	})
}

func TestResources(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{{"CreateSecret", `{"Name":"x"}`, `{}`}})
	s, _ := a.cfg.Store.View().Secrets.Get("x")
	for want, in := range map[string]any{
		"[" + s.ARN + "]":                           &secretsmanager.GetSecretValueInput{SecretId: aws.String("x")},
		"[" + secretARN + "new-??????]":             &secretsmanager.CreateSecretInput{Name: aws.String("new")},
		"[" + s.ARN + " " + secretARN + "y-??????]": &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{secretARN + "x", "y"}},
		"[]": &secretsmanager.ListSecretsInput{},
	} {
		if got := fmt.Sprint(a.Resources("", in)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
