package ecs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"berth/aws/protocol"
	"berth/iam"
	"berth/state"
)

const (
	definitionARN = "arn:aws:ecs:us-east-1:123456789012:task-definition/"
	undescribed   = "ClientException: Unable to describe task definition."
)

// nginx is what RegisterTaskDefinition needs beside the family.
const nginx = `"containerDefinitions":[{"name":"web","image":"nginx","memory":128}]`

// registered adds revisions of families to a conversation.
func registered(families ...string) (s script) {
	for _, family := range families {
		s = append(s, script{{"RegisterTaskDefinition", `{"family":"` + family + `",` + nginx + `}`, `{"taskDefinition":{"family":"` + family + `","status":"ACTIVE"}}`}}...)
	}
	return s
}

func TestRegisterTaskDefinition(t *testing.T) {
	script{
		{"RegisterTaskDefinition", `{"family":"web",` + nginx + `,"requiresCompatibilities":["EC2"],"tags":[{"key":"a","value":"b"}]}`,
			`{"taskDefinition":{"taskDefinitionArn":"` + definitionARN + `web:1","family":"web","revision":1,"status":"ACTIVE",
			"containerDefinitions":[{"name":"web","image":"nginx","memory":128,"cpu":0,"essential":true,"portMappings":[],"environment":[],"mountPoints":[],
				"volumesFrom":[],"systemControls":[],"command":null,"healthCheck":null}],
			"volumes":[],"placementConstraints":[],"compatibilities":["EXTERNAL","EC2"],"requiresCompatibilities":["EC2"],
			"registeredBy":"arn:aws:iam::123456789012:root","deregisteredAt":null,"deleteRequestedAt":null,
			"networkMode":null,"cpu":null,"memory":null,"requiresAttributes":null,"runtimePlatform":null,"enableFaultInjection":null},
			"tags":[{"key":"a","value":"b"}]}`},
		{"RegisterTaskDefinition", `{"family":"web",` + nginx + `}`, `{"taskDefinition":{"revision":2,"requiresCompatibilities":null},"tags":null}`},
		{"RegisterTaskDefinition", `{"family":"api",` + nginx + `}`, `{"taskDefinition":{"revision":1}}`},
	}.run(t, testAPI())
}

func TestRegisterTaskDefinitionTakesTime(t *testing.T) {
	answer := ask(protocol.WithCall(t.Context(), &protocol.Call{Principal: iam.Root(testAccount)}), t, testAPI(),
		"RegisterTaskDefinition", `{"family":"web",`+nginx+`}`)
	var out struct {
		TaskDefinition struct{ RegisteredAt float64 }
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil || out.TaskDefinition.RegisteredAt < 1.7e9 {
		t.Errorf("registeredAt is %v (%v), want the seconds since 1970", out.TaskDefinition.RegisteredAt, err)
	}
}

func TestRegisterTaskDefinitionRefuses(t *testing.T) {
	for _, tc := range []struct{ name, input, want string }{
		{"no family", `{` + nginx + `}`, "ClientException: Family should not be null or empty."},
		{"an unknown network mode", `{"family":"web","networkMode":"vpc",` + nginx + `}`, "InvalidParameterException: networkMode should be one of [bridge,host,awsvpc,none]"},
		{"an unknown application protocol", `{"family":"web","containerDefinitions":[{"name":"web","image":"nginx","memory":128,"portMappings":[{"containerPort":1,"appProtocol":"ftp"}]}]}`,
			"InvalidParameterException: containerDefinitions[0].portMappings[0].appProtocol should be one of [http,http2,grpc]"},
		{"no tags", `{"family":"web","tags":[],` + nginx + `}`, "ClientException: Tags can not be empty."},
		{"a reserved tag", `{"family":"web","tags":[{"key":"aws:x"}],` + nginx + `}`, "InvalidParameterException: The tag \"aws:x\" is invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script{
				{"RegisterTaskDefinition", tc.input, tc.want},
				{"ListTaskDefinitionFamilies", `{}`, `{"families":[]}`},
			}.run(t, testAPI())
		})
	}
}

func TestRegisterTaskDefinitionRefusesLargeDocuments(t *testing.T) {
	register := func(size int) string {
		return ask(t.Context(), t, testAPI(), "RegisterTaskDefinition",
			`{"family":"web","containerDefinitions":[{"name":"web","image":"nginx","memory":128,"command":["`+strings.Repeat("x", size)+`"]}]}`)
	}
	if got := register(65000); !strings.HasPrefix(got, "{") {
		t.Errorf("65,000 bytes: %s", got)
	}
	want := "ClientException: Actual length: '66303'. Max allowed length is '65536' bytes."
	if got := register(66000); got != want {
		t.Errorf("got %.100s, want %s", got, want)
	}
}

func TestRegisterTaskDefinitionEndsTheNumbers(t *testing.T) {
	a := testAPI()
	write(t, a, func(tx *state.Tx) { tx.Families.Put(tx, state.Family{Name: "web", LastRevision: mostRevisions - 1}) })
	script{
		{"RegisterTaskDefinition", `{"family":"web",` + nginx + `}`, `{"taskDefinition":{"revision":1000000}}`},
		{"RegisterTaskDefinition", `{"family":"web",` + nginx + `}`, "LimitExceededException: The task definition family 'web' has had 1000000 revisions"},
	}.run(t, a)
}

func TestDescribeTaskDefinition(t *testing.T) {
	a := testAPI()
	registered("web", "web").run(t, a)
	script{
		{"RegisterTaskDefinition", `{"family":"api","tags":[{"key":"a","value":"b"}],` + nginx + `}`, `{}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web"}`, `{"taskDefinition":{"revision":2},"tags":[]}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web:1"}`, `{"taskDefinition":{"revision":1}}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"` + definitionARN + `web:1"}`, `{"taskDefinition":{"revision":1}}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"` + definitionARN + `web"}`, `{"taskDefinition":{"revision":2}}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"api"}`, `{"tags":[]}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"api","include":["TAGS"]}`, `{"tags":[{"key":"a","value":"b"}]}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web","include":["TAGS"]}`, `{"tags":[]}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"api","include":["NAMES"]}`, "InvalidParameterException: include[0] should be one of [TAGS]"},
		{"DescribeTaskDefinition", `{"taskDefinition":"none"}`, undescribed},
		{"DescribeTaskDefinition", `{"taskDefinition":"web:3"}`, undescribed},
		{"DescribeTaskDefinition", `{"taskDefinition":"arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1"}`, undescribed},
		{"DescribeTaskDefinition", `{"taskDefinition":"web:latest"}`, "InvalidParameterException: Invalid revision number. Number: latest"},
		{"DescribeTaskDefinition", `{"taskDefinition":"web:0"}`, "InvalidParameterException: Invalid revision number. Number: 0"},
		{"DescribeTaskDefinition", `{}`, "InvalidParameterException: TaskDefinition can not be blank."},
	}.run(t, a)
}

func TestDeregisterTaskDefinition(t *testing.T) {
	a := testAPI()
	registered("web", "web").run(t, a)
	script{
		{"DeregisterTaskDefinition", `{"taskDefinition":"web"}`, "ClientException: Revision is missing."},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:3"}`, undescribed},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:2"}`, `{"taskDefinition":{"revision":2,"status":"INACTIVE"}}`},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:2"}`, `{"taskDefinition":{"revision":2,"status":"INACTIVE"}}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web:2"}`, `{"taskDefinition":{"status":"INACTIVE"}}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web"}`, `{"taskDefinition":{"revision":1}}`},
		{"DeregisterTaskDefinition", `{"taskDefinition":"` + definitionARN + `web:1"}`, `{"taskDefinition":{"revision":1}}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web"}`, undescribed},
		// Numbers are never given twice.
		{"RegisterTaskDefinition", `{"family":"web",` + nginx + `}`, `{"taskDefinition":{"revision":3}}`},
	}.run(t, a)
}

func TestDeleteTaskDefinitions(t *testing.T) {
	a := testAPI()
	registered("web", "web").run(t, a)
	const invalid = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
	const missing = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
	const active = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
	eleven := strings.Repeat(`"web:1",`, 10) + `"web:1"`
	script{
		{"DeleteTaskDefinitions", `{}`, "InvalidParameterException: size of TaskDefinition references list must be greater than 0"},
		{"DeleteTaskDefinitions", `{"taskDefinitions":[` + eleven + `]}`, "InvalidParameterException: Size of TaskDefinition references list cannot exceed 10"},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:1"}`, `{}`},
		{"DeleteTaskDefinitions", `{"taskDefinitions":["web","web:9","web:2","web:1"]}`,
			`{"taskDefinitions":[{"revision":1,"status":"DELETE_IN_PROGRESS"}],"failures":[
				{"arn":"` + definitionARN + `web","reason":"` + invalid + `"},
				{"arn":"` + definitionARN + `web:9","reason":"` + missing + `"},
				{"arn":"` + definitionARN + `web:2","reason":"` + active + `"}]}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"web:1"}`, `{"taskDefinition":{"status":"DELETE_IN_PROGRESS"}}`},
		{"DeleteTaskDefinitions", `{"taskDefinitions":["web:1"]}`, `{"taskDefinitions":[{"status":"DELETE_IN_PROGRESS"}],"failures":[]}`},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:1"}`, `{"taskDefinition":{"status":"DELETE_IN_PROGRESS"}}`},
		{"ListTaskDefinitions", `{"status":"DELETE_IN_PROGRESS"}`, `{"taskDefinitionArns":["` + definitionARN + `web:1"]}`},
	}.run(t, a)
}

func TestListTaskDefinitions(t *testing.T) {
	a := testAPI()
	registered("web", "web-2", "web", "api").run(t, a)
	for range 8 {
		registered("web").run(t, a) // up to web:10
	}
	arns := func(names ...string) string {
		return `{"taskDefinitionArns":["` + definitionARN + strings.Join(names, `","`+definitionARN) + `"],"nextToken":null}`
	}
	for _, n := range []int{3, 4, 5, 6, 7, 8} {
		script{{"DeregisterTaskDefinition", fmt.Sprintf(`{"taskDefinition":"web:%d"}`, n), `{}`}}.run(t, a)
	}
	script{
		{"ListTaskDefinitions", `{}`, arns("api:1", "web:1", "web:2", "web:9", "web:10", "web-2:1")},
		{"ListTaskDefinitions", `{"sort":"DESC"}`, arns("web-2:1", "web:10", "web:9", "web:2", "web:1", "api:1")},
		{"ListTaskDefinitions", `{"familyPrefix":"web"}`, arns("web:1", "web:2", "web:9", "web:10")},
		{"ListTaskDefinitions", `{"familyPrefix":"","status":"INACTIVE","sort":"DESC"}`, arns("web:8", "web:7", "web:6", "web:5", "web:4", "web:3")},
		{"ListTaskDefinitions", `{"familyPrefix":"we"}`, `{"taskDefinitionArns":[]}`},
		{"ListTaskDefinitions", `{"familyPrefix":"web","status":"INACTIVE","sort":"DESC"}`, arns("web:8", "web:7", "web:6", "web:5", "web:4", "web:3")},
		{"ListTaskDefinitions", `{"status":"GONE"}`, "InvalidParameterException: status should be one of [ACTIVE,INACTIVE,DELETE_IN_PROGRESS]"},
		{"ListTaskDefinitions", `{"maxResults":101}`, "InvalidParameterException"},
		{"ListTaskDefinitions", `{"nextToken":"!"}`, "InvalidParameterException: Invalid token."},
	}.run(t, a)
}

func TestListTaskDefinitionsInPages(t *testing.T) {
	a := testAPI()
	registered("web", "api", "web", "web-2", "web").run(t, a)
	for _, tc := range []struct{ sort, want string }{
		{"ASC", "api:1 web:1 | web:2 web:3 | web-2:1"},
		{"DESC", "web-2:1 web:3 | web:2 web:1 | api:1"},
	} {
		var pages []string
		token := ""
		for {
			var out struct {
				TaskDefinitionArns []string
				NextToken          *string
			}
			answer := ask(t.Context(), t, a, "ListTaskDefinitions", `{"maxResults":2,"sort":"`+tc.sort+`"`+token+`}`)
			if err := json.Unmarshal([]byte(answer), &out); err != nil {
				t.Fatalf("%s: %v", answer, err)
			}
			pages = append(pages, strings.ReplaceAll(strings.Join(out.TaskDefinitionArns, " "), definitionARN, ""))
			if out.NextToken == nil {
				break
			}
			token = `,"nextToken":"` + *out.NextToken + `"`
		}
		if got := strings.Join(pages, " | "); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.sort, got, tc.want)
		}
	}
}

func TestListTaskDefinitionFamilies(t *testing.T) {
	a := testAPI()
	registered("web", "web-old", "api", "web").run(t, a)
	script{
		{"DeregisterTaskDefinition", `{"taskDefinition":"web-old:1"}`, `{}`},
		{"DeregisterTaskDefinition", `{"taskDefinition":"web:1"}`, `{}`},
		{"ListTaskDefinitionFamilies", `{}`, `{"families":["api","web","web-old"],"nextToken":null}`},
		{"ListTaskDefinitionFamilies", `{"status":"ALL"}`, `{"families":["api","web","web-old"]}`},
		{"ListTaskDefinitionFamilies", `{"status":"ACTIVE"}`, `{"families":["api","web"]}`},
		{"ListTaskDefinitionFamilies", `{"status":"INACTIVE"}`, `{"families":["web-old"]}`},
		{"ListTaskDefinitionFamilies", `{"familyPrefix":"web"}`, `{"families":["web","web-old"]}`},
		{"ListTaskDefinitionFamilies", `{"maxResults":1}`, `{"families":["api"],"nextToken":"bmV4dDp3ZWI"}`},
		{"ListTaskDefinitionFamilies", `{"maxResults":1,"nextToken":"bmV4dDp3ZWI"}`, `{"families":["web"]}`},
		{"ListTaskDefinitionFamilies", `{"status":"OLD"}`, "InvalidParameterException: status should be one of [ACTIVE,INACTIVE,ALL]"},
	}.run(t, a)
}
