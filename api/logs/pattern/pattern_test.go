package pattern

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	const access = `127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	const trail = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],
		"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","on":true,"off":false,
		"errorCode":400,"latency":1.5e2,"user":{"id":1,"email":"John.Stiles@example.com"},"key-with-hyphen":"x"}`
	for _, tc := range []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"  ", "anything", true},
		{"ERROR", "[ERROR 400] BAD REQUEST", true},
		{"ERROR", "error", false},
		{"ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true},
		{"ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", false},
		{"?ERROR ?ARGUMENTS", "MISSING ARGUMENTS", true},
		{"?ERROR ?ARGUMENTS", "fine", false},
		{`"INTERNAL SERVER ERROR"`, "[ERROR 500] INTERNAL SERVER ERROR", true},
		{`"INTERNAL SERVER ERROR"`, "SERVER INTERNAL ERROR", false},
		{`"say \"hi\""`, `they say "hi" to all`, true},
		{"ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", true},
		{"ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false},
		{`-"BAD REQUEST"`, "[ERROR 400] BAD REQUEST", false},
		{"-ERROR", "fine", true},
		{"ERROR ?WARN", "ERROR", true},
		{"%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", true},
		{"%^[hc]at%", "the cat", false},
		{"%colou?r%", "my color", true},
		{`%\d{1,3}\.\d{1,3}%`, "from 10.1", true},
		{"-%[Ee]rror%", "an Error", false},

		{`{ $.eventType = "UpdateTrail" }`, trail, true},
		{`{$.eventType="UpdateTrail"}`, trail, true},
		{`{ $.eventType = UpdateTrail }`, trail, true},
		{`{ $.eventType = "Update*" }`, trail, true},
		{`{ $.eventType = *Trail }`, trail, true},
		{`{ $.eventType != "Update*" }`, trail, false},
		{`{ $.eventType = %Trail$% }`, trail, true},
		{`{ $.eventType != %Trail$% }`, trail, false},
		{`{ $.sourceIPAddress != 123.123.* }`, trail, true},
		{`{ $.missing != 1 }`, trail, false},
		{`{ $.arrayKey[0] = "value" }`, trail, true},
		{`{ $.arrayKey[5] = "value" }`, trail, false},
		{`{ $.arrayKey[*] = "another value" }`, trail, true},
		{`{ $.objectList[1].id = 2 }`, trail, true},
		{`{ $.objectList[*].id = 2 }`, trail, true},
		{`{ $.objectList[*].id = 3 }`, trail, false},
		{`{ $.user.* = 1 }`, trail, true},
		{`{ $.SomeObject IS NULL }`, trail, true},
		{`{ $.user IS NULL }`, trail, false},
		{`{ $.SomeOtherObject NOT EXISTS }`, trail, true},
		{`{ $.SomeObject NOT EXISTS }`, trail, false},
		{`{ $.SomeObject EXISTS }`, trail, true},
		{`{ $.on IS TRUE }`, trail, true},
		{`{ $.off is false }`, trail, true},
		{`{ $.on IS FALSE }`, trail, false},
		{`{ $.errorCode = 400 }`, trail, true},
		{`{ $.errorCode = 4* }`, trail, true},
		{`{ $.errorCode = 4.0e2 }`, trail, true},
		{`{ $.errorCode >= 400 && $.latency < 1e3 }`, trail, true},
		{`{ $.errorCode > 400 }`, trail, false},
		{`{ $.errorCode <= 399 || $.user.id = 1 }`, trail, true},
		{`{ ($.user.id = 1) && ($.user.email = "John.*") }`, trail, true},
		{`{ $.user.id = 2 && $.on IS TRUE || $.off IS FALSE }`, trail, true},
		{`{ $.user.id = 2 && ($.on IS TRUE || $.off IS FALSE) }`, trail, false},
		{`{ $.['cluster.name'] = "c" }`, trail, true},
		{`{ $["cluster.name"] = "c" }`, trail, true},
		{`{ $.key-with-hyphen = x }`, trail, true},
		{`{ $.eventType = "UpdateTrail" }`, "no json", false},
		{`{ $.eventType = "UpdateTrail" }`, `{"eventType":`, false},

		{`[ip, env, user, timestamp, request, status_code, bytes]`, access, true},
		{`[ip, env, user, timestamp, request, status_code]`, access, false},
		{`[ip=%127\.0\.0\.[1-9]%, env, user=frank, timestamp, request =*.html*, status_code = 4*, bytes > 1000]`, access, true},
		{`[ip, env, user!=frank, timestamp, request, status_code, bytes]`, access, false},
		{`[..., status_code = 404, bytes]`, access, true},
		{`[ip, ..., bytes < 1000]`, access, false},
		{`[ip = "127.*", ...]`, access, true},
		{`[ip, ..., status_code = 404 || status_code = 410, bytes]`, access, true},
		{`[ip, ..., (status_code > 500 || status_code < 400) && status_code != 0, bytes]`, access, false},
		{`[w1=ERROR, w2]`, "ERROR 419", true},
		{`[w1=ERROR, w2]`, "WARN 419", false},
		{`[...]`, "whatever comes", true},
		{`[a, b]`, `[not closed`, true},
	} {
		p, err := Parse(tc.pattern)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		if got := p.Match(tc.message); got != tc.want {
			t.Errorf("%s on %s: %v", tc.pattern, tc.message, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ pattern, want string }{
		{`"open`, "a quotation mark is not closed"},
		{`%open`, "a regular expression is not closed"},
		{`%(a)%`, "a character that is not supported"},
		{`%[%`, "invalid regular expression"},
		{`-`, "a term is missing"},
		{`{ eventType = 1 }`, "a selector that begins with $."},
		{`{ $ = 1 }`, "a selector that begins with $."},
		{`{ $.a }`, "a comparison is missing"},
		{`{ $.a = }`, "a value is missing"},
		{`{ $.a = 1`, "} is expected at the end"},
		{`{ ($.a = 1 }`, "a parenthesis is not closed"},
		{`{ $.a = 1 } x`, "} is expected at the end"},
		{`{ $.a > "b" }`, "> compares with a number"},
		{`[a, b`, "a comma or ] is expected"},
		{`[a, ..., b, ...]`, "only one ellipsis"},
		{`[a = 1 && b = 2]`, "the conditions of one field name a and b"},
		{`[= 1]`, "the name of a field is expected"},
	} {
		if _, err := Parse(tc.pattern); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.pattern, err, tc.want)
		}
	}
}

// No pattern and no event makes it panic or hang.
func FuzzParse(f *testing.F) {
	f.Add(`{ $.a[0].b != "c*" && ($.d IS NULL || $.e > 1) }`, `{"a":[{"b":"d"}]}`)
	f.Add(`[a, b = %x%, ..., c > 1]`, `x "y z" [1] 2`)
	f.Add(`?a -"b" %c%`, "abc")
	f.Fuzz(func(t *testing.T, text, message string) {
		if p, err := Parse(text); err == nil {
			p.Match(message)
		}
	})
}
