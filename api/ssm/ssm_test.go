package ssm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"berth/aws/protocol"
	"berth/aws/scripttest"
	"berth/aws/shape"
	"berth/iam"
	"berth/state"
	"berth/state/seal"
)

const account = "123456789012"

func testAPI() *API {
	return New(Config{Store: state.NewMemory(), Box: seal.NewBox(), Region: "us-east-1", Account: account})
}

func run(t *testing.T, a *API, script scripttest.Script) {
	t.Helper()
	ctx := protocol.WithCall(t.Context(), &protocol.Call{Principal: iam.Root(account)})
	script.Run(ctx, t, a, shape.Names{})
}

func TestPutParameter(t *testing.T) {
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/"
	run(t, testAPI(), scripttest.Script{
		{"PutParameter", `{"Name":"/web/url","Value":"a","Type":"String","Description":"d","Tags":[{"Key":"env","Value":"test"}]}`, `{"Version":1,"Tier":"Standard"}`},
		{"GetParameter", `{"Name":"/web/url"}`, `{"Parameter":{"Name":"/web/url","Value":"a","Type":"String","Version":1,"ARN":"` + arn + `web/url","DataType":"text","Selector":null}}`},
		{"PutParameter", `{"Name":"/web/url","Value":"b","Type":"String"}`, "ParameterAlreadyExists: The parameter already exists."},
		{"PutParameter", `{"Name":"/web/url","Value":"b","Overwrite":true}`, `{"Version":2}`},
		{"GetParameter", `{"Name":"/web/url:1"}`, `{"Parameter":{"Value":"a","Version":1,"Selector":":1"}}`},
		{"GetParameter", `{"Name":"` + arn + `web/url"}`, `{"Parameter":{"Value":"b","Version":2}}`},
		{"GetParameter", `{"Name":"` + arn + `web/url:1"}`, `{"Parameter":{"Value":"a"}}`},
		{"GetParameter", `{"Name":"/web/url:3"}`, "ParameterVersionNotFound: Systems Manager could not find version 3 of /web/url."},
		{"GetParameter", `{"Name":"/web/url:none"}`, "ParameterVersionNotFound"},
		{"GetParameter", `{"Name":"/web"}`, "ParameterNotFound"},
		{"GetParameter", `{"Name":"arn:aws:ssm:us-east-1:123456789012:document/web/url"}`, "ParameterNotFound"},
		{"DescribeParameters", `{}`, `{"Parameters":[{"Name":"/web/url","Version":2,"Description":"d","LastModifiedUser":"arn:aws:iam::123456789012:root","KeyId":null}]}`},
		{"PutParameter", `{"Name":"plain","Value":"x","Type":"String"}`, `{"Version":1}`},
		{"GetParameter", `{"Name":"` + arn + `plain"}`, `{"Parameter":{"Name":"plain","ARN":"` + arn + `plain"}}`},
		{"DeleteParameter", `{"Name":"/web/url"}`, `{}`},
		{"DeleteParameter", `{"Name":"/web/url"}`, "ParameterNotFound"},
		{"PutParameter", `{"Name":"/web/url","Value":"c","Type":"SecureString"}`, `{"Version":1}`}, // a new parameter
		{"GetParameterHistory", `{"Name":"/web/url"}`, `{"Parameters":[{"Version":1}]}`},
		{"DeleteParameters", `{"Names":["/web/url","nothing","plain"]}`, `{"DeletedParameters":["/web/url","plain"],"InvalidParameters":["nothing"]}`},
	})
}

func TestPutParameterRefuses(t *testing.T) {
	a := testAPI()
	put := func(members, want string) (step struct{ Operation, Input, Want string }) {
		step.Operation, step.Input, step.Want = "PutParameter", `{"Name":"x","Value":"v","Type":"String",`+members+`}`, want
		return step
	}
	run(t, a, scripttest.Script{{"PutParameter", `{"Name":"list","Value":"a,b","Type":"StringList"}`, `{}`}, {"PutParameter", `{"Name":"big","Value":"v","Type":"String","Tier":"Advanced"}`, `{"Tier":"Advanced"}`}})
	run(t, a, scripttest.Script{
		put(`"Name":"a/b"`, "ValidationException: Parameter name must be a fully qualified name."),
		put(`"Name":"/AWS/x"`, `ValidationException: Parameter name: can't be prefixed with "aws"`),
		put(`"Name":"ssmx"`, `ValidationException: Parameter name: can't be prefixed`),
		put(`"Name":"a b"`, `ValidationException: Parameter name: can't`),
		put(`"Name":"a:1"`, `ValidationException: Parameter name: can't`),
		put(`"Name":"/a//b"`, `ValidationException: Parameter name: can't`),
		put(`"Name":"`+strings.Repeat("/a", 16)+`"`, "HierarchyLevelLimitExceededException: A parameter name hierarchy can have a maximum of 15 levels."),
		put(`"Name":"`+strings.Repeat("a", 1000)+`"`, "ValidationException: The parameter's ARN has 1045 characters"),
		put(`"Value":""`, "ValidationException: 1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1"),
		put(`"Value":"{{ssm:x}}"`, "ValidationException: Parameter value can't nest another parameter."),
		put(`"Value":"`+strings.Repeat("a", 4097)+`"`, "ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters."),
		put(`"Tier":"Advanced","Value":"`+strings.Repeat("a", 8193)+`"`, "ValidationException: Advanced tier parameters support a maximum parameter value of 8192"),
		put(`"Type":""`, "ValidationException: A parameter type is required when you create a parameter."),
		put(`"Type":"Secret"`, "ValidationException: 1 validation error detected: Value 'Secret' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, SecureString]"),
		put(`"KeyId":"alias/x"`, "ValidationException: KeyId is required for SecureString type parameter only."),
		put(`"AllowedPattern":"["`, "InvalidAllowedPatternException"),
		put(`"AllowedPattern":"^\\d+$"`, `ParameterPatternMismatchException: Parameter value, cannot be validated against allowedPattern: ^\d+$`),
		put(`"Overwrite":true,"Tags":[]`, "ValidationException: Invalid request: tags and overwrite can't be used together."),
		put(`"Policies":"[{}]"`, "ValidationException: Parameter policies are not built"),
		put(`"DataType":"aws:ec2:image"`, "ValidationException: The data type \"aws:ec2:image\" is not built"),
		put(`"Name":"list","Overwrite":true`, "HierarchyTypeMismatchException: Parameter Store doesn't support changing a parameter type"),
		put(`"Name":"big","Overwrite":true,"Tier":"Standard"`, "ValidationException: This parameter uses the advanced-parameter tier."),
		put(`"Tags":[{"Key":"aws:x","Value":""}]`, "ValidationException: Tag keys with the prefix aws:"),
		put(`"Tier":"Intelligent-Tiering","Value":"`+strings.Repeat("a", 4097)+`"`, `{"Tier":"Advanced"}`),
	})
}

// A SecureString is in the state only sealed, and opened only for who asks.
func TestSecureString(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{
		{"PutParameter", `{"Name":"/db/password","Value":"hunter2","Type":"SecureString"}`, `{"Version":1}`},
		{"PutParameter", `{"Name":"/db/password","Value":"hunter3","Overwrite":true,"KeyId":"alias/mine"}`, `{"Version":2}`},
		{"GetParameter", `{"Name":"/db/password","WithDecryption":true}`, `{"Parameter":{"Value":"hunter3","Type":"SecureString"}}`},
		{"GetParameter", `{"Name":"/db/password"}`, `{"Parameter":{"Value":"/[0-9a-f]{8}:.*/"}}`},
		{"GetParameters", `{"Names":["/db/password:1"],"WithDecryption":true}`, `{"Parameters":[{"Value":"hunter2","Selector":":1"}]}`},
		{"GetParametersByPath", `{"Path":"/db","WithDecryption":true}`, `{"Parameters":[{"Value":"hunter3"}]}`},
		{"GetParameterHistory", `{"Name":"/db/password","WithDecryption":true}`, `{"Parameters":[{"Value":"hunter2","KeyId":"alias/aws/ssm"},{"Value":"hunter3","KeyId":"alias/mine"}]}`},
	})
	for v := range a.cfg.Store.View().VersionsOfParameter("/db/password") {
		if text := fmt.Sprint(v); strings.Contains(text, "hunter") {
			t.Errorf("the state has %s", text)
		}
	}
	other := New(Config{Store: a.cfg.Store, Box: seal.NewBox(), Region: "us-east-1", Account: account})
	run(t, other, scripttest.Script{
		{"GetParameter", `{"Name":"/db/password","WithDecryption":true}`, "public: This value was sealed with the encryption key"},
		{"DeleteParameter", `{"Name":"/db/password"}`, `{}`},
	})
	keyless := New(Config{Store: a.cfg.Store, Box: &seal.Box{}, Region: "us-east-1", Account: account})
	run(t, keyless, scripttest.Script{
		{"PutParameter", `{"Name":"plain","Value":"v","Type":"String"}`, `{}`},
		{"PutParameter", `{"Name":"secret","Value":"v","Type":"SecureString"}`, "public: This control plane has no encryption key"},
	})
}

func TestGetParameters(t *testing.T) {
	a := testAPI()
	for _, name := range []string{"/a/1", "/a/2", "/a/b/3", "/ab", "c"} {
		run(t, a, scripttest.Script{{"PutParameter", `{"Name":"` + name + `","Value":"` + name + `","Type":"String"}`, `{}`}})
	}
	run(t, a, scripttest.Script{
		{"GetParameters", `{"Names":["c","none","/a/1","/ab:9"]}`, `{"Parameters":[{"Name":"c"},{"Name":"/a/1"}],"InvalidParameters":["none","/ab:9"]}`},
		{"GetParameters", `{"Names":["c","c"]}`, "ValidationException: Duplicate parameter names"},
		{"GetParameters", `{"Names":[]}`, "ValidationException: 1 validation error detected: Value at 'names'"},
		{"GetParametersByPath", `{"Path":"/a"}`, `{"Parameters":[{"Name":"/a/1"},{"Name":"/a/2"}],"NextToken":null}`},
		{"GetParametersByPath", `{"Path":"/a/","Recursive":true}`, `{"Parameters":[{"Name":"/a/1"},{"Name":"/a/2"},{"Name":"/a/b/3"}]}`},
		{"GetParametersByPath", `{"Path":"/"}`, `{"Parameters":[{"Name":"/ab"}]}`},
		{"GetParametersByPath", `{"Path":"/none"}`, `{"Parameters":[]}`},
		{"GetParametersByPath", `{"Path":"a"}`, "ValidationException: The parameter path must begin with a slash"},
		{"GetParametersByPath", `{"Path":"/a","MaxResults":11}`, "ValidationException: 1 validation error detected: Value '11' at 'maxResults'"},
		{"GetParametersByPath", `{"Path":"/a","NextToken":"x"}`, "InvalidNextToken"},
		{"GetParametersByPath", `{"Path":"/a","ParameterFilters":[{"Key":"Name","Values":["x"]}]}`, `InvalidFilterKey: The filter key "Name" isn't valid.`},
	})
	ctx := t.Context()
	var names []string
	pages := ssm.NewGetParametersByPathPaginator(paged{a}, &ssm.GetParametersByPathInput{Path: aws.String("/"), Recursive: aws.Bool(true), MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parameters {
			names = append(names, *p.Name)
		}
		names = append(names, "|")
	}
	if want := []string{"/a/1", "/a/2", "/a/b/3", "|", "/ab", "|"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestDescribeParameters(t *testing.T) {
	a := testAPI()
	run(t, a, scripttest.Script{
		{"PutParameter", `{"Name":"/a/1","Value":"v","Type":"String","Tags":[{"Key":"env","Value":"test"}]}`, `{}`},
		{"PutParameter", `{"Name":"/a/b/2","Value":"v","Type":"SecureString","Tier":"Advanced"}`, `{}`},
		{"PutParameter", `{"Name":"c","Value":"v","Type":"StringList"}`, `{}`},
	})
	for filter, want := range map[string]string{
		`{"Key":"Name","Values":["/a/1","c"]}`:                                  `{"Name":"/a/1"},{"Name":"c"}`,
		`{"Key":"Name","Option":"BeginsWith","Values":["/a/"]}`:                 `{"Name":"/a/1"},{"Name":"/a/b/2"}`,
		`{"Key":"Name","Option":"Contains","Values":["b"]}`:                     `{"Name":"/a/b/2"}`,
		`{"Key":"Type","Values":["SecureString"]}`:                              `{"Name":"/a/b/2","KeyId":"alias/aws/ssm"}`,
		`{"Key":"KeyId","Values":["alias/aws/ssm"]}`:                            `{"Name":"/a/b/2"}`,
		`{"Key":"Tier","Values":["Standard"]}`:                                  `{"Name":"/a/1"},{"Name":"c"}`,
		`{"Key":"Path","Values":["/a"]}`:                                        `{"Name":"/a/1"}`,
		`{"Key":"Path","Option":"Recursive","Values":["/a"]}`:                   `{"Name":"/a/1"},{"Name":"/a/b/2"}`,
		`{"Key":"tag:env","Values":["test"]}`:                                   `{"Name":"/a/1"}`,
		`{"Key":"tag:env"}`:                                                     `{"Name":"/a/1"}`,
		`{"Key":"tag:env","Values":["x"]}`:                                      ``,
		`{"Key":"DataType","Values":["text"]},{"Key":"Name","Values":["/a/1"]}`: `{"Name":"/a/1"}`,
	} {
		run(t, a, scripttest.Script{{"DescribeParameters", `{"ParameterFilters":[` + filter + `]}`, `{"Parameters":[` + want + `]}`}})
	}
	run(t, a, scripttest.Script{
		{"DescribeParameters", `{"Filters":[{"Key":"Name","Values":["/a/b"]}]}`, `{"Parameters":[{"Name":"/a/b/2"}]}`},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"Size","Values":["x"]}]}`, "InvalidFilterKey"},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"Type","Option":"Contains","Values":["x"]}]}`, "InvalidFilterOption: The following filter option is not valid: Contains."},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"Type"}]}`, "InvalidFilterValue"},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"Path","Values":["a"]}]}`, "InvalidFilterValue: The parameter path must begin with a slash"},
		{"DescribeParameters", `{"ParameterFilters":[],"Filters":[]}`, "ValidationException: You can use either Filters or ParameterFilters"},
		{"DescribeParameters", `{"MaxResults":2}`, `{"Parameters":[{},{}],"NextToken":"/.+/"}`},
	})
}

func TestLabels(t *testing.T) {
	run(t, testAPI(), scripttest.Script{
		{"PutParameter", `{"Name":"x","Value":"1","Type":"String"}`, `{}`},
		{"PutParameter", `{"Name":"x","Value":"2","Overwrite":true}`, `{}`},
		{"LabelParameterVersion", `{"Name":"x","ParameterVersion":1,"Labels":["prod","1st","aws-x","a b"]}`, `{"InvalidLabels":["1st","aws-x","a b"],"ParameterVersion":1}`},
		{"GetParameter", `{"Name":"x:prod"}`, `{"Parameter":{"Value":"1","Selector":":prod"}}`},
		{"LabelParameterVersion", `{"Name":"x","Labels":["prod","next"]}`, `{"InvalidLabels":[],"ParameterVersion":2}`},
		{"GetParameter", `{"Name":"x:prod"}`, `{"Parameter":{"Value":"2"}}`},
		{"GetParameterHistory", `{"Name":"x"}`, `{"Parameters":[{"Labels":[]},{"Labels":["next","prod"]}]}`},
		{"UnlabelParameterVersion", `{"Name":"x","ParameterVersion":2,"Labels":["next","none"]}`, `{"RemovedLabels":["next"],"InvalidLabels":["none"]}`},
		{"UnlabelParameterVersion", `{"Name":"x","Labels":["next"]}`, "ValidationException: 1 validation error detected: Value null at 'parameterVersion'"},
		{"LabelParameterVersion", `{"Name":"x","ParameterVersion":3,"Labels":["a"]}`, "ParameterVersionNotFound"},
		{"LabelParameterVersion", `{"Name":"y","Labels":["a"]}`, "ParameterNotFound"},
		{"LabelParameterVersion", `{"Name":"x","Labels":["a1","b","c","d","e","f","g","h","i","j"]}`, "ParameterVersionLabelLimitExceeded: A parameter version can have maximum 10 labels."},
		{"GetParameterHistory", `{"Name":"x"}`, `{"Parameters":[{"Labels":[]},{"Labels":["prod"]}]}`},
	})
}

// A hundred versions are kept; one with a label does not go.
func TestOldVersionsGo(t *testing.T) {
	a := testAPI()
	put := scripttest.Script{{"PutParameter", `{"Name":"x","Value":"v","Type":"String","Overwrite":true}`, `{}`}}
	for range 101 {
		run(t, a, put)
	}
	run(t, a, scripttest.Script{
		{"GetParameter", `{"Name":"x:1"}`, "ParameterVersionNotFound"},
		{"LabelParameterVersion", `{"Name":"x","ParameterVersion":2,"Labels":["old"]}`, `{}`},
		{"PutParameter", `{"Name":"x","Value":"v","Overwrite":true}`, "ParameterMaxVersionLimitExceeded: You attempted to create a new version of x"},
		{"UnlabelParameterVersion", `{"Name":"x","ParameterVersion":2,"Labels":["old"]}`, `{}`},
		{"PutParameter", `{"Name":"x","Value":"v","Overwrite":true}`, `{"Version":102}`},
	})
}

func TestTags(t *testing.T) {
	run(t, testAPI(), scripttest.Script{
		{"PutParameter", `{"Name":"/x","Value":"v","Type":"String","Tags":[{"Key":"a","Value":"1"}]}`, `{}`},
		{"AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/x","Tags":[{"Key":"a","Value":"2"},{"Key":"b","Value":""}]}`, `{}`},
		{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/x"}`, `{"TagList":[{"Key":"a","Value":"2"},{"Key":"b","Value":""}]}`},
		{"RemoveTagsFromResource", `{"ResourceType":"Parameter","ResourceId":"/x","TagKeys":["a","none"]}`, `{}`},
		{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/x"}`, `{"TagList":[{"Key":"b"}]}`},
		{"ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/y"}`, "InvalidResourceId"},
		{"ListTagsForResource", `{"ResourceType":"Document","ResourceId":"/x"}`, "InvalidResourceType"},
		{"ListTagsForResource", `{"ResourceType":"Parameters","ResourceId":"/x"}`, "ValidationException: 1 validation error detected: Value 'Parameters' at 'resourceType'"},
		{"AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/x","Tags":[{"Key":"","Value":"2"}]}`, "ValidationException: 1 validation error detected: Value '' at 'tags.1.member.key'"},
	})
}

func TestResources(t *testing.T) {
	const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/"
	for want, in := range map[string]any{
		"[" + arn + "a/b]":            &ssm.GetParameterInput{Name: aws.String("/a/b:prod")},
		"[" + arn + "c]":              &ssm.GetParameterInput{Name: aws.String(arn + "c:1")},
		"[" + arn + "x]":              &ssm.ListTagsForResourceInput{ResourceId: aws.String("x")},
		"[" + arn + "d]":              &ssm.GetParametersByPathInput{Path: aws.String("/d")},
		"[" + arn + "e " + arn + "f]": &ssm.GetParametersInput{Names: []string{"e", "/f"}},
		"[]":                          &ssm.DescribeParametersInput{},
	} {
		if got := fmt.Sprint(testAPI().Resources("", in)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// paged lets the SDK's paginator ask the API.
type paged struct{ *API }

func (p paged) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	return p.API.GetParametersByPath(ctx, in)
}
