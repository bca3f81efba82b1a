package query

import (
	"strings"
	"testing"
)

// web is an instance with two tasks; idle has none, and no EC2 id.
var (
	web = Subject(func(field string) []string {
		return map[string][]string{
			"agentConnected":                  {"true"},
			"agentVersion":                    {"1.14.5"},
			"attribute:ecs.availability-zone": {"us-east-1a"},
			"attribute:ecs.instance-type":     {"t2.small"},
			"attribute:ecs.capability.full":   {""},
			"attribute:stack":                 {"prod"},
			"attribute:rack":                  {"10"},
			"ec2InstanceId":                   {"i-abcd1234"},
			"registeredAt":                    {"2018-06-18T22:28:28Z"},
			"runningTasksCount":               {"2"},
			"task:group":                      {"service:production", "database"},
		}[field]
	})
	idle = Subject(func(field string) []string {
		return map[string][]string{
			"agentConnected":    {"false"},
			"agentVersion":      {"custom"},
			"registeredAt":      {"2017-01-01T00:00:00Z"},
			"runningTasksCount": {"0"},
		}[field]
	})
)

// The first group are the examples of AWS's page, word for word.
func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		expression string
		want       string // those of web and idle that match
	}{
		{"attribute:ecs.instance-type == t2.small", "web"},
		{"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", "web"},
		{"attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d", ""},
		{"task:group == service:production", "web"},
		{"not(task:group == database)", "idle"},
		{"runningTasksCount == 1", ""},
		{"agentVersion < 1.14.5", ""},
		{"registeredAt < 2018-02-13", "idle"},
		{"ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", "web"},

		{"attribute:stack equals prod", "web"},
		{"attribute:stack not_equals prod", ""},
		{"attribute:stack != test", "web"}, // idle has no stack
		{"not attribute:stack == prod", "idle"},
		{"!attribute:stack==prod", "idle"},
		{"!!attribute:stack==prod", "web"},
		{"attribute:stack exists", "web"},
		{"attribute:stack !exists", "idle"},
		{"attribute:stack not_exists", "idle"},
		{"attribute:ecs.capability.full exists", "web"},
		{"attribute:stack not_in [test, dev]", "web"},
		{"attribute:stack !in [prod]", ""},
		{`attribute:stack == "prod"`, "web"},
		{"attribute:stack =~ pro", ""}, // a pattern must match the whole value
		{"attribute:stack =~ pro.*", "web"},
		{"attribute:stack =~ pro|prod", "web"},
		{"attribute:stack matches '(prod|test)'", "web"},
		{"attribute:stack =~ prod|test", "web"},
		{"attribute:ecs.instance-type =~ (t[2,3]|g[3,4]).*", "web"},
		{"(attribute:stack =~ (prod|test)) and attribute:stack =~ ((p)rod)", "web"},
		{"attribute:stack =~ test||attribute:stack =~ [a-z]{4}", "web"},
		{"attribute:stack !~ t.*", "web"},
		{"attribute:stack not_matches p.*", ""},
		{"attribute:rack > 9", "web"}, // numbers compare as numbers
		{"attribute:rack == 010", ""}, // but equal only as text
		{"attribute:stack greater_than abc", "web"},

		{"agentConnected == true", "web"},
		{"agentConnected != true", "idle"},
		{"agentConnected in [true, false]", "web idle"},
		{"agentConnected =~ t.*", "web"},
		{"agentVersion >= 1.9", "web"},
		{"agentVersion == 1.14.5-1.windows.1", "web"},
		{"agentVersion greater_than_equal 1.105.1", ""},
		{"agentVersion != 1.14.5", "idle"},
		{"agentVersion less_than 2", "web"}, // idle's is no version
		{"runningTasksCount <= 2", "web idle"},
		{"runningTasksCount less_than_equal 0", "idle"},
		{"registeredAt == 2018-06-18T22:28:28", "web"},
		{"registeredAt == 2018-06-19T00:28:28+02:00", "web"},
		{"registeredAt > 2018-06-18", "web"},
		{"task:group != database", "idle"},
		{"task:group exists", "web"},
		{"task:group not_exists", "idle"},

		{"attribute:stack == prod or agentConnected == false", "web idle"},
		{"attribute:stack == prod || agentConnected == false && runningTasksCount > 5", "web"},
		{"(attribute:stack == prod || agentConnected == false) && runningTasksCount > 5", ""},
		{"(attribute:stack==prod||agentConnected==false)&&runningTasksCount<5", "web idle"},
	} {
		e, err := Parse(tc.expression)
		if err != nil {
			t.Errorf("%s: %v", tc.expression, err)
			continue
		}
		var got []string
		if e.Match(web) {
			got = append(got, "web")
		}
		if e.Match(idle) {
			got = append(got, "idle")
		}
		if got := strings.Join(got, " "); got != tc.want {
			t.Errorf("%s: matches %q, want %q", tc.expression, got, tc.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const fields = "column 1: expected a field (agentConnected, agentVersion, ec2InstanceId, registeredAt, runningTasksCount, task:group or attribute:name)"
	for _, tc := range []struct{ expression, want string }{
		{"", fields + ", found the end"},
		{"stack == prod", fields + `, found "stack"`},
		{"attribute: == prod", fields + `, found "attribute:"`},
		{"== prod", fields + `, found "="`},
		{"attribute:stack", "column 16: expected an operator such as ==, !=, >, exists, in or =~, found the end"},
		{"attribute:stack = prod", `column 17: expected an operator such as ==, !=, >, exists, in or =~, found "="`},
		{"attribute:stack ==", "column 19: expected a value, found the end"},
		{"attribute:stack == prod test", `column 25: expected and, or, or the end, found "test"`},
		{"attribute:stack == 'prod", "column 20: expected a closing quote for 'prod"},
		{"attribute:stack inside [prod]", `column 17: expected an operator such as ==, !=, >, exists, in or =~, found "inside"`},
		{"attribute:stack in prod", `column 20: expected a list such as [a, b], found "prod"`},
		{"attribute:stack in []", `column 21: expected a value, found "]"`},
		{"attribute:stack in [a b]", `column 23: expected a comma or a closing bracket, found "b"`},
		{"(attribute:stack =~ )", `column 21: expected a regular expression, in quotes if it has spaces, found ")"`},
		{"attribute:stack =~ 'a(?!b)'", "column 17: expected a regular expression (RE2: no look-around, back-references or possessive quantifiers): " +
			"error parsing regexp: invalid or unsupported Perl syntax: `(?!`"},
		{"attribute:stack =~ 'a)(b'", "column 17: expected a regular expression (RE2: no look-around, back-references or possessive quantifiers): " +
			"error parsing regexp: unexpected ): `a)(b`"},
		{"(attribute:stack exists", "column 24: expected and, or, or a closing parenthesis, found the end"},
		{"attribute:stack exists)", `column 23: expected and, or, or the end, found ")"`},
		{"attribute:stack exists and", "column 27: " + fields[len("column 1: "):] + ", found the end"},
		{"agentConnected > true", "column 16: agentConnected cannot be compared with >"},
		{"agentConnected == yes", `column 16: expected true or false, found "yes"`},
		{"agentVersion =~ 1.*", "column 14: agentVersion cannot be compared with =~"},
		{"agentVersion < new", `column 14: expected a version such as 1.14.5, found "new"`},
		{"ec2InstanceId exists", "column 15: ec2InstanceId cannot be compared with exists"},
		{"runningTasksCount > many", `column 19: expected a whole number, found "many"`},
		{"registeredAt < 18.06.2018", `column 14: expected a date such as 2018-06-18, 2018-06-18T22:28:28 or 2018-06-18T22:28:28Z, found "18.06.2018"`},
		{"attribute:größe == 1", `column 13: expected an operator such as ==, !=, >, exists, in or =~, found "öße"`},
		{strings.Repeat("(", 101), "column 102: parentheses nest more than 100 deep"},
	} {
		_, err := Parse(tc.expression)
		if err == nil {
			t.Errorf("%s: no error, want %q", tc.expression, tc.want)
		} else if got := err.Error(); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.expression, got, tc.want)
		}
	}
}

func TestString(t *testing.T) {
	for _, tc := range []struct{ expression, want string }{
		{"attribute:stack  equals\t'prod'", "attribute:stack == prod"},
		{"attribute:stack == 'a b'", "attribute:stack == 'a b'"},
		{`attribute:stack == "it's"`, `attribute:stack == "it's"`},
		{"attribute:stack == ''", "attribute:stack == ''"},
		{"attribute:stack !in[a,'b,c']", "attribute:stack not_in [a, 'b,c']"},
		{"attribute:stack !exists", "attribute:stack not_exists"},
		{"attribute:stack matches '(a|b)'", "attribute:stack =~ (a|b)"},
		{`attribute:stack matches '\(a'`, `attribute:stack =~ '\(a'`},
		{`attribute:stack matches 'a[)]'`, `attribute:stack =~ 'a[)]'`},
		{"attribute:stack matches 'a|b'", "attribute:stack =~ a|b"},
		{"attribute:stack =~ 'a||b'", "attribute:stack =~ 'a||b'"},
		{"!(task:group == a)", "not task:group == a"},
		{"!(task:group == a || task:group == b) && runningTasksCount > 1", "not(task:group == a or task:group == b) and runningTasksCount > 1"},
		{"task:group == a || (task:group == b && task:group == c)", "task:group == a or task:group == b and task:group == c"},
		{"task:group == a && (task:group == b && task:group == c)", "task:group == a and (task:group == b and task:group == c)"},
		{"(task:group == a || task:group == b) && task:group == c", "(task:group == a or task:group == b) and task:group == c"},
	} {
		e, err := Parse(tc.expression)
		if err != nil {
			t.Errorf("%s: %v", tc.expression, err)
		} else if got := e.String(); got != tc.want {
			t.Errorf("%s: prints %s, want %s", tc.expression, got, tc.want)
		}
	}
}

// Whatever the input, Parse does not panic, and what an expression prints as
// parses to one that prints and matches the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d",
		"not(task:group == database) || !runningTasksCount >= 1",
		"ec2InstanceId in ['i-abcd1234', \"i-wxyx7890\"]",
		"attribute:a\\b =~ (x|y) && registeredAt < 2018-02-13",
		"attribute:stack =~ a|&&attribute:stack not_exists",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		e, err := Parse(expression)
		if err != nil {
			return
		}
		again, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which does not parse: %v", expression, e, err)
		}
		if again.String() != e.String() {
			t.Fatalf("%q prints as %q, and that as %q", expression, e, again)
		}
		if again.Match(web) != e.Match(web) || again.Match(idle) != e.Match(idle) {
			t.Fatalf("%q and %q match differently", expression, e)
		}
	})
}
