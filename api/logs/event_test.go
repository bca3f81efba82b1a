package logs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// setUp begins a script: group g with the streams a and b.
var setUp = script{
	{"CreateLogGroup", `{"logGroupName":"g"}`, `{}`},
	{"CreateLogStream", `{"logGroupName":"g","logStreamName":"a"}`, `{}`},
	{"CreateLogStream", `{"logGroupName":"g","logStreamName":"b"}`, `{}`},
}

// put is PutLogEvents of events written as "@10 message, @5 message".
func put(stream, events string) string {
	var list []string
	for e := range strings.SplitSeq(events, ", ") {
		at, message, _ := strings.Cut(e, " ")
		text, _ := json.Marshal(message)
		list = append(list, fmt.Sprintf(`{"timestamp":%s,"message":%s}`, at, text))
	}
	return `{"logGroupName":"g","logStreamName":"` + stream + `","logEvents":[` + strings.Join(list, ",") + `]}`
}

func TestLogStreams(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	script{
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"a"}`, "ResourceAlreadyExistsException: The specified log stream already exists"},
		{"CreateLogStream", `{"logGroupName":"none","logStreamName":"a"}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"a:b"}`, "InvalidParameterException: 1 validation error detected: Value 'a:b' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"web/c/1"}`, `{}`},
		{"PutLogEvents", put("a", "@20 x, @10 y"), `{"nextSequenceToken":"*","rejectedLogEventsInfo":null}`},
		{"PutLogEvents", put("b", "@30 z"), `{}`},
		{"DescribeLogStreams", `{"logGroupName":"g"}`, `{"logStreams":[
			{"logStreamName":"a","arn":"` + groups + `g:log-stream:a","firstEventTimestamp":@20,"lastEventTimestamp":@10,"storedBytes":0,"uploadSequenceToken":"*"},
			{"logStreamName":"b"},{"logStreamName":"web/c/1","firstEventTimestamp":null,"lastIngestionTime":null}]}`},
		{"DescribeLogStreams", `{"logGroupName":"g","descending":true}`, `{"logStreams":[{"logStreamName":"web/c/1"},{"logStreamName":"b"},{"logStreamName":"a"}]}`},
		{"DescribeLogStreams", `{"logGroupName":"g","orderBy":"LastEventTime","descending":true}`, `{"logStreams":[{"logStreamName":"a"},{"logStreamName":"b"},{"logStreamName":"web/c/1"}]}`},
		{"DescribeLogStreams", `{"logGroupIdentifier":"` + groups + `g","orderBy":"LastEventTime"}`, `{"logStreams":[{"logStreamName":"web/c/1"},{"logStreamName":"b"},{"logStreamName":"a"}]}`},
		{"DescribeLogStreams", `{"logGroupName":"g","logStreamNamePrefix":"web/"}`, `{"logStreams":[{"logStreamName":"web/c/1"}]}`},
		{"DescribeLogStreams", `{"logGroupName":"g","logStreamNamePrefix":"a","orderBy":"LastEventTime"}`, "InvalidParameterException: Cannot order by LastEventTime with a logStreamNamePrefix."},
		{"DescribeLogStreams", `{"logGroupName":"g","logGroupIdentifier":"g"}`, "InvalidParameterException: You must include either logGroupIdentifier or logGroupName, but not both."},
		{"DescribeLogStreams", `{}`, "InvalidParameterException: You must include either"},
		{"DescribeLogStreams", `{"logGroupName":"none"}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"DescribeLogStreams", `{"logGroupName":"g","orderBy":"Size"}`, "InvalidParameterException: 1 validation error detected: Value 'Size' at 'orderBy'"},
		{"DeleteLogStream", `{"logGroupName":"g","logStreamName":"b"}`, `{}`},
		{"DeleteLogStream", `{"logGroupName":"g","logStreamName":"b"}`, "ResourceNotFoundException: The specified log stream does not exist."},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"events":[{"message":"x"},{"message":"y"}]}`},
	}.run(t, a)
}

// All orders of streams page to the end, each stream once.
func TestLogStreamPages(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	script{
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"c"}`, `{}`},
		{"PutLogEvents", put("a", "@20 x"), `{}`},
		{"PutLogEvents", put("c", "@30 x"), `{}`},
	}.run(t, a)
	for order, want := range map[string]string{
		`"descending":false`:                                 "a b c",
		`"descending":true`:                                  "c b a",
		`"orderBy":"LastEventTime"`:                          "b c a",
		`"orderBy":"LastEventTime","descending":true`:        "a c b",
		`"orderBy":"LogStreamName","logStreamNamePrefix":""`: "InvalidParameterException",
	} {
		var names []string
		for token := ""; ; {
			answer := ask(t.Context(), t, a, "DescribeLogStreams", `{"logGroupName":"g","limit":1,`+order+token+`}`)
			var page struct {
				LogStreams []struct{ LogStreamName string }
				NextToken  string
			}
			if json.Unmarshal([]byte(answer), &page) != nil {
				names = append(names, answer[:len("InvalidParameterException")])
			}
			for _, s := range page.LogStreams {
				names = append(names, s.LogStreamName)
			}
			if token = `,"nextToken":"` + page.NextToken + `"`; page.NextToken == "" {
				break
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
	}
}

func TestPutLogEvents(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	const day = 24 * 60 * 60
	script{
		{"PutLogEvents", put("none", "@1 x"), "ResourceNotFoundException: The specified log stream does not exist."},
		{"PutLogEvents", `{"logGroupName":"none","logStreamName":"a","logEvents":[]}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"PutLogEvents", `{"logGroupName":"g","logStreamName":"a","logEvents":[]}`, "InvalidParameterException: 1 validation error detected: Value '[]' at 'logEvents'"},
		{"PutLogEvents", `{"logGroupName":"g","logStreamName":"a","logEvents":[{"message":"x"}]}`, "InvalidParameterException: 1 validation error detected: Value null at 'logEvents.1.member.timestamp'"},
		{"PutLogEvents", put("a", "@1 "), "InvalidParameterException: 1 validation error detected: Value '' at 'logEvents.1.member.message'"},
		{"PutLogEvents", put("a", "-5 x"), "InvalidParameterException: 1 validation error detected: Value '-5' at 'logEvents.1.member.timestamp'"},
		{"PutLogEvents", put("a", "@1 x, @2 y"), "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order."},
		{"PutLogEvents", put("a", fmt.Sprintf("@%d x, @1 y", day+2)), "InvalidParameterException: The batch of log events in a single PutLogEvents request cannot span more than 24 hours."},
		{"PutLogEvents", put("a", strings.TrimSuffix(strings.Repeat("@1 x, ", 10_001), ", ")), "InvalidParameterException: 1 validation error detected: Value '[10001 events]' at 'logEvents'"},
		{"PutLogEvents", put("a", "@1 "+strings.Repeat("x", 1<<20)), "InvalidParameterException: Log event too large: 1048602 bytes exceeds limit of 1048576"},
		{"PutLogEvents", put("a", "@1 "+strings.Repeat("x", 600_000)+", @1 "+strings.Repeat("x", 600_000)), "InvalidParameterException: Upload too large: 1200052 bytes exceeds limit of 1048576"},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"events":[],"searchedLogStreams":[],"nextToken":null}`},

		{"PutLogEvents", put("a", fmt.Sprintf("@%d old, @%d old, @5 good, @-60 good, @-7300 new, @-7400 new", 16*day, 15*day)),
			`{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":2,"tooNewLogEventStartIndex":4,"expiredLogEventEndIndex":null}}`},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"events":[{"message":"good"},{"message":"good"}]}`},
		{"PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`, `{}`},
		{"PutLogEvents", put("b", fmt.Sprintf("@%d expired", 2*day)), `{"rejectedLogEventsInfo":{"expiredLogEventEndIndex":1}}`},
		{"PutLogEvents", `{"logGroupName":"g","logStreamName":"b","sequenceToken":"nonsense","entity":{"keyAttributes":{"Type":"Service","Name":"x"}},"logEvents":[{"timestamp":@1,"message":"x"}]}`,
			`{"rejectedEntityInfo":{"errorType":"UnsupportedLogGroupType"},"rejectedLogEventsInfo":null}`},
	}.run(t, a)
}

// What has expired is not shown, and a sweep deletes its days.
func TestRetention(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	const day = 24 * 60 * 60
	script{
		{"PutLogEvents", put("a", fmt.Sprintf("@%d old", 3*day)), `{}`},
		{"PutLogEvents", put("a", "@1 new"), `{}`},
		{"PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`, `{}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a"}`, `{"events":[{"message":"new"}]}`},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"events":[{"message":"new"}]}`},
	}.run(t, a)
	if err := a.sweep(); err != nil {
		t.Fatal(err)
	}
	script{
		{"DeleteRetentionPolicy", `{"logGroupName":"g"}`, `{}`},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"events":[{"message":"new"}]}`},
	}.run(t, a)
}

func TestGetLogEvents(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	script{
		{"PutLogEvents", put("a", "@9 1, @8 2, @7 3, @7 4, @6 5"), `{}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a"}`, `{"nextForwardToken":"*","nextBackwardToken":"*",
			"events":[{"message":"1","timestamp":@9,"ingestionTime":"*"},{"message":"2"},{"message":"3"},{"message":"4"},{"message":"5"}]}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a","limit":2}`, `{"events":[{"message":"4"},{"message":"5"}]}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a","limit":2,"startFromHead":true}`, `{"events":[{"message":"1"},{"message":"2"}]}`},
		{"GetLogEvents", `{"logGroupIdentifier":"` + groups + `g","logStreamName":"a","startTime":@8,"endTime":@6}`, `{"events":[{"message":"2"},{"message":"3"},{"message":"4"}]}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"b"}`, `{"events":[],"nextForwardToken":"*","nextBackwardToken":"*"}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"none"}`, "ResourceNotFoundException: The specified log stream does not exist."},
		{"GetLogEvents", `{"logStreamName":"a"}`, "InvalidParameterException: You must include either"},
		{"GetLogEvents", `{"logGroupName":"g"}`, "InvalidParameterException: 1 validation error detected: Value null at 'logStreamName'"},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a","nextToken":"f/12"}`, "InvalidParameterException: The specified nextToken is invalid."},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a","limit":10001}`, "InvalidParameterException: 1 validation error detected: Value '10001' at 'limit'"},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a","startTime":@1,"endTime":@2}`, "InvalidParameterException: endTime must be greater"},
	}.run(t, a)
}

// page asks for one page of stream a and returns its messages and tokens.
func page(t *testing.T, a *API, members string) (messages, forward, backward string) {
	t.Helper()
	answer := ask(t.Context(), t, a, "GetLogEvents", `{"logGroupName":"g","logStreamName":"a"`+members+`}`)
	var out struct {
		Events                              []struct{ Message string }
		NextForwardToken, NextBackwardToken string
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		t.Fatal(answer)
	}
	for _, e := range out.Events {
		messages += e.Message
	}
	return messages, out.NextForwardToken, out.NextBackwardToken
}

func TestGetLogEventsPages(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	empty, before, _ := page(t, a, "")
	if again, same, _ := page(t, a, `,"nextToken":"`+before+`"`); empty+again != "" || same != before {
		t.Errorf("an empty stream: %q, token %s becomes %s", empty+again, before, same)
	}
	script{{"PutLogEvents", put("a", "@9 1, @8 2, @7 3, @7 4, @6 5"), `{}`}}.run(t, a)
	if got, _, _ := page(t, a, `,"nextToken":"`+before+`"`); got != "12345" {
		t.Errorf("what came after an empty page: %q", got)
	}
	for _, tc := range []struct {
		name, first  string
		forward      bool
		want, wayOut string
	}{
		{"forward", `,"startFromHead":true`, true, "12|34|5||", "5"},
		{"backward", ``, false, "45|23|1||", "1"},
	} {
		got, members := "", tc.first
		for last := ""; ; {
			messages, f, b := page(t, a, members+`,"limit":2`)
			got += messages + "|"
			token, back := f, b
			if !tc.forward {
				token, back = b, f
			}
			if token == last {
				if messages != "" {
					t.Errorf("%s: the token stays, but there were events %q", tc.name, messages)
				}
				if turned, _, _ := page(t, a, `,"limit":1,"nextToken":"`+back+`"`); turned != tc.wayOut {
					t.Errorf("%s: back from the end is %q, want %q", tc.name, turned, tc.wayOut)
				}
				break
			}
			last, members = token, `,"startFromHead":true,"nextToken":"`+token+`"`
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	_, end, _ := page(t, a, "")
	script{{"PutLogEvents", put("a", "@5 6"), `{}`}}.run(t, a)
	if got, _, _ := page(t, a, `,"nextToken":"`+end+`"`); got != "6" {
		t.Errorf("what came after the end: %q", got)
	}
}

func TestFilterLogEvents(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	script{
		{"PutLogEvents", put("a", "@9 ERROR one, @7 fine, @5 ERROR three"), `{}`},
		{"PutLogEvents", put("b", "@8 ERROR two, @6 WARN"), `{}`},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"nextToken":null,"searchedLogStreams":[],"events":[
			{"message":"ERROR one","logStreamName":"a","timestamp":@9,"eventId":"*","ingestionTime":"*"},{"message":"ERROR two","logStreamName":"b"},
			{"message":"fine"},{"message":"WARN"},{"message":"ERROR three"}]}`},
		{"FilterLogEvents", `{"logGroupName":"g","filterPattern":"ERROR -two"}`, `{"events":[{"message":"ERROR one"},{"message":"ERROR three"}]}`},
		{"FilterLogEvents", `{"logGroupName":"g","logStreamNames":["b"]}`, `{"events":[{"message":"ERROR two"},{"message":"WARN"}]}`},
		{"FilterLogEvents", `{"logGroupName":"g","logStreamNames":["b","b","a"],"filterPattern":"?WARN ?fine"}`, `{"events":[{"message":"fine"},{"message":"WARN"}]}`},
		{"FilterLogEvents", `{"logGroupName":"g","logStreamNamePrefix":"b"}`, `{"events":[{"message":"ERROR two"},{"message":"WARN"}]}`},
		{"FilterLogEvents", `{"logGroupIdentifier":"` + groups + `g:*","startTime":@8,"endTime":@6}`, `{"events":[{"message":"ERROR two"},{"message":"fine"},{"message":"WARN"}]}`},
		{"FilterLogEvents", `{"logGroupName":"g","interleaved":false,"limit":5}`, `{"nextToken":null}`},
		{"FilterLogEvents", `{"logGroupName":"g","logStreamNames":["none"]}`, "ResourceNotFoundException: The specified log stream does not exist."},
		{"FilterLogEvents", `{"logGroupName":"g","logStreamNames":["a"],"logStreamNamePrefix":"b"}`, "InvalidParameterException: You can specify either logStreamNames or logStreamNamePrefix, but not both."},
		{"FilterLogEvents", `{"logGroupName":"g","filterPattern":"{ $.x"}`, "InvalidParameterException: Invalid filter pattern: a comparison is missing"},
		{"FilterLogEvents", `{"logGroupName":"g","filterPattern":"` + strings.Repeat("x", 1025) + `"}`, "InvalidParameterException: 1 validation error detected"},
		{"FilterLogEvents", `{"logGroupName":"g","nextToken":"x"}`, "InvalidParameterException: The specified nextToken is invalid."},
		{"FilterLogEvents", `{"logGroupName":"none"}`, "ResourceNotFoundException: The specified log group does not exist."},
	}.run(t, a)
	got := ""
	for token, pages := "", 0; pages < 10; pages++ {
		answer := ask(t.Context(), t, a, "FilterLogEvents", `{"logGroupName":"g","filterPattern":"ERROR","limit":1`+token+`}`)
		var out struct {
			Events    []struct{ Message string }
			NextToken string
		}
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			t.Fatal(answer)
		}
		for _, e := range out.Events {
			got += e.Message + "|"
		}
		if token = `,"nextToken":"` + out.NextToken + `"`; out.NextToken == "" {
			break
		}
	}
	if got != "ERROR one|ERROR two|ERROR three|" {
		t.Errorf("in pages of one: %s", got)
	}
}

// A page holds no more than 1 MiB, and what is left comes on the next.
func TestFilterLogEventsBoundsPages(t *testing.T) {
	a := testAPI(t)
	setUp.run(t, a)
	big := strings.Repeat("x", 400_000)
	script{
		{"PutLogEvents", put("a", "@9 "+big+", @8 "+big), `{}`},
		{"PutLogEvents", put("b", "@7 "+big), `{}`},
		{"FilterLogEvents", `{"logGroupName":"g"}`, `{"nextToken":"*","events":[{},{}]}`},
		{"GetLogEvents", `{"logGroupName":"g","logStreamName":"a"}`, `{"events":[{},{}]}`},
	}.run(t, a)
}

func TestResources(t *testing.T) {
	a := testAPI(t)
	for _, tc := range []struct{ operation, input, want string }{
		{"CreateLogGroup", `{"logGroupName":"g"}`, groups + "g:*"},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, groups + "g:*"},
		{"PutLogEvents", `{"logGroupName":"g","logStreamName":"s"}`, groups + "g:log-stream:s"},
		{"GetLogEvents", `{"logGroupIdentifier":"` + groups + `g","logStreamName":"s"}`, groups + "g:log-stream:s"},
		{"FilterLogEvents", `{"logGroupIdentifier":"g"}`, groups + "g:*"},
		{"TagResource", `{"resourceArn":"` + groups + `g"}`, groups + "g"},
		{"DescribeLogGroups", `{}`, ""},
	} {
		in := decode(t, a, tc.operation, tc.input)
		if got := strings.Join(a.Resources(tc.operation, in), " "); got != tc.want {
			t.Errorf("%s %s touches %q, want %q", tc.operation, tc.input, got, tc.want)
		}
	}
}

func TestPositionsSurviveTokens(t *testing.T) {
	for _, token := range []string{"f/" + strings.Repeat("0", 56) + "/s", *eventToken('b', position(time.Now().UnixMilli(), 1<<64-1, 1<<64-1))} {
		d, p, err := parseEventToken(token)
		if err != nil || *eventToken(d, p) != token {
			t.Errorf("%s: %c %+v %v", token, d, p, err)
		}
	}
	for _, token := range []string{"", "f/", "x/" + strings.Repeat("0", 56), "f/" + strings.Repeat("9", 56), "f/-" + strings.Repeat("0", 55)} {
		if _, _, err := parseEventToken(token); err == nil && !strings.Contains(token, "-") {
			t.Errorf("%s is taken", token)
		}
	}
}
