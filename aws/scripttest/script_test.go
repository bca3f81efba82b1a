package scripttest

import "testing"

func TestCompare(t *testing.T) {
	for _, tc := range []struct {
		want, got string
		same      bool
	}{
		{`{"a":1}`, `{"a":1,"b":2}`, true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":null}`, `{"b":2}`, true},
		{`{"a":null}`, `{"a":2}`, false},
		{`{"a":[{"b":1}]}`, `{"a":[{"b":1,"c":2}]}`, true},
		{`{"a":[]}`, `{"a":[1]}`, false},
		{`{"a":"/x+/"}`, `{"a":"xx"}`, true},
		{`{"a":"/x+/"}`, `{"a":"xy"}`, false},
		{`{"a":"/x/"}`, `{"a":"/x/"}`, true},
		{"NotFound: no", "NotFound: no such thing", true},
		{"NotFound", "Other", false},
		{"NotFound", `{"a":1}`, false},
		{`{}`, "NotFound: no", false},
		{"", "NotFound", false},
	} {
		if difference := compare(tc.want, tc.got); (difference == "") != tc.same {
			t.Errorf("%s and %s: %q", tc.want, tc.got, difference)
		}
	}
}
