package shape

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

var upper = New(Names{
	Except: map[string]string{"thing.Levels": "Lev/item"},
	Unions: variants,
})

func TestDecodeQuery(t *testing.T) {
	for _, tc := range []struct {
		name, form string
		want       thing
	}{
		{"scalars", "Name=a&Count=7&Ratio=1.5&On=true&At=2026-11-22T12:00:00.250Z&Raw=AQI%3D",
			thing{Name: ptr("a"), Count: ptr(int32(7)), Ratio: ptr(1.5), On: ptr(true),
				At: ptr(time.Date(2026, 11, 22, 12, 0, 0, 250e6, time.UTC)), Raw: []byte{1, 2}}},
		{"case is ignored", "name=a&INNER.Count=1", thing{Name: ptr("a"), Inner: &thing{Count: ptr(int32(1))}}},
		{"unknown members are ignored", "Action=X&Version=1&Nope.member.x=1", thing{}},
		{"a list in the order of its numbers", "List.member.10=c&List.member.2=b&List.member.1=a", thing{List: []string{"a", "b", "c"}}},
		{"an empty list", "List=", thing{List: []string{}}},
		{"an empty structure", "Inner=", thing{Inner: &thing{}}},
		{"a list with names of its own", "Lev.item.1=HIGH", thing{Levels: []level{"HIGH"}}},
		{"a map", "Map.entry.1.key=k&Map.entry.1.value=v&Map.entry.2.key=e&Map.entry.2.value=", thing{Map: map[string]string{"k": "v", "e": ""}}},
		{"a map of lists", "Lists.entry.1.key=k&Lists.entry.1.value.member.1=v", thing{Lists: map[string][]string{"k": {"v"}}}},
		{"a map by Name and Value", "Map.entry.1.Name=k&Map.entry.1.Value=v", thing{Map: map[string]string{"k": "v"}}},
		{"nested lists", "Things.member.1.List.member.1=x&Things.member.2.Name=n", thing{Things: []thing{{List: []string{"x"}}, {Name: ptr("n")}}}},
		{"a union", "Choice.Many.member.1=x", thing{Choice: &choiceMemberMany{[]string{"x"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			form, err := url.ParseQuery(tc.form)
			if err != nil {
				t.Fatal(err)
			}
			var got thing
			if _, err := upper.DecodeQuery(form, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDecodeQueryErrors(t *testing.T) {
	for form, want := range map[string]string{
		"Count=x":                    `Count: "x" is not a number`,
		"Count=1.5":                  `Count: 1.5 is not an integer`,
		"Count=3000000000":           `Count: 3000000000 is out of range for an Integer`,
		"Inner.On=yes":               `Inner.On: "yes" is not a boolean: true or false`,
		"At=noon":                    `At: "noon" is not a timestamp such as 2026-01-31T12:00:00Z`,
		"Name.A=1":                   `Name: Start of structure or map found where not expected.`,
		"List=a":                     `List: Expected members below it, not a value`,
		"List.member.x=a":            `List.x: The elements of a list must be numbered`,
		"Things.member.7.Count=x":    `Things[0].Count: "x" is not a number`,
		"Map.entry.1.value=v":        `Map[0]: The entry of a map must have a key`,
		"Raw=!":                      `Raw: The blob is not valid base64`,
		"Name=%FF":                   `Name: The text is not valid UTF-8`,
		"Choice.Other=1":             `Choice.Other: Unknown member of a union`,
		"Choice.Text=a&Choice.More=": `Choice: Only one member of a union may be set`,
		strings.Repeat("A.", 200):    `The message is nested deeper than 100 levels`,
		"Choice=":                    `Choice: Exactly one member of a union must be set`,
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := upper.DecodeQuery(values, &thing{}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", form, err, want)
		}
	}
}

func TestXML(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 250e6, time.UTC)
	v := thing{Name: ptr("a<b>&c"), At: &at, Raw: []byte{1}, List: []string{"x", ""}, Levels: []level{},
		Map: map[string]string{"k": "v"}, Things: []thing{{Single: ptr(float32(0.5))}}, Choice: &choiceMemberText{"t"}}
	zero := `<Size>0</Size><Port>0</Port><Off>false</Off>`
	want := zero + `<Name>a&lt;b&gt;&amp;c</Name><At>2026-11-22T12:00:00.250Z</At><Raw>AQ==</Raw>` +
		`<List><member>x</member><member></member></List><Map><entry><key>k</key><value>v</value></entry></Map><Lev></Lev>` +
		`<Things><member>` + zero + `<Single>0.5</Single></member></Things><Choice><Text>t</Text></Choice>`
	var out bytes.Buffer
	if err := upper.EncodeXML(&out, v); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out.String(), want)
	}
}

// vpc is built as structs for ec2 are.
type vpc struct {
	VpcIds      []string `ec2:"VpcId"`
	Filters     []filter `ec2:"Filter"`
	Groups      []string `ec2:"SecurityGroupId,groupInfo"`
	Tags        []filter
	IsDefault   *bool `ec2:",default"`
	CidrBlock   *string
	ResultExtra *string
}

type filter struct {
	Name   *string
	Values []string `ec2:"Value"`
}

func TestEC2(t *testing.T) {
	form, err := url.ParseQuery("VpcId.1=a&VpcId.2=b&Filter.1.Name=n&Filter.1.Value.1=v&SecurityGroupId.1=g&CidrBlock=10.0.0.0/8&IsDefault=true&Tags=")
	if err != nil {
		t.Fatal(err)
	}
	want := vpc{VpcIds: []string{"a", "b"}, Filters: []filter{{ptr("n"), []string{"v"}}}, Groups: []string{"g"},
		Tags: []filter{}, IsDefault: ptr(true), CidrBlock: ptr("10.0.0.0/8")}
	var got vpc
	if _, err := upper.DecodeEC2Query(form, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	xml := `<vpcIdSet><item>a</item><item>b</item></vpcIdSet>` +
		`<filterSet><item><name>n</name><valueSet><item>v</item></valueSet></item></filterSet>` +
		`<groupInfo><item>g</item></groupInfo><tagSet></tagSet><default>true</default><cidrBlock>10.0.0.0/8</cidrBlock>`
	var out bytes.Buffer
	if err := upper.EncodeEC2XML(&out, &want); err != nil {
		t.Fatal(err)
	}
	if out.String() != xml {
		t.Errorf("got  %s\nwant %s", out.String(), xml)
	}
}

func TestDecodeREST(t *testing.T) {
	bind := Bindings{
		Path:   map[string]string{"Name": "Name"},
		Query:  map[string]string{"List": "TagKeys", "Count": "MaxResults", "At": "from"},
		Header: map[string]string{"Since": "If-Modified-Since", "Levels": "X-Levels"},
	}
	r := RESTRequest{
		Path:   map[string]string{"Name": "arn:x/y"},
		Query:  url.Values{"TagKeys": {"a", "b"}, "MaxResults": {"5"}, "from": {"2026-11-22T12:00:00Z"}},
		Header: http.Header{"If-Modified-Since": {"Sun, 22 Nov 2026 12:00:00 GMT"}, "X-Levels": {"HIGH, LOW"}},
		Body:   []byte(`{"Name":"not this","Level":"HIGH"}`),
	}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	want := thing{Name: ptr("arn:x/y"), List: []string{"a", "b"}, Count: ptr(int32(5)), At: &noon, Since: noon,
		Level: "HIGH", Levels: []level{"HIGH", "LOW"}}
	var got thing
	present, err := upper.DecodeREST(r, bind, &got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if len(present) != 7 || !present["Level"] || !present["Since"] {
		t.Errorf("present: %v", present)
	}
	r.Query.Set("MaxResults", "many")
	if _, err := upper.DecodeREST(r, bind, &got); err == nil || err.Error() != `Count: "many" is not a number` {
		t.Errorf("got %v", err)
	}
}

func TestDecodeCBOR(t *testing.T) {
	for _, tc := range []struct {
		name, message string // in hexadecimal, with spaces
		want          thing
	}{
		{"nothing, indefinite", "bf ff", thing{}},
		{"nothing, definite", "a0", thing{}},
		{"null is absent", "a1 64 4e616d65 f6", thing{}},
		{"unknown members are skipped", "a2 61 78 9f a1 61 79 01 f5 ff 64 4e616d65 61 61", thing{Name: ptr("a")}},
		{"text in chunks", "a1 64 4e616d65 7f 61 61 62 6263 ff", thing{Name: ptr("abc")}},
		{"bytes", "a1 63 526177 42 0102", thing{Raw: []byte{1, 2}}},
		{"negative", "a1 65 436f756e74 38 63", thing{Count: ptr(int32(-100))}},
		{"a float that is an integer", "a1 65 436f756e74 fb 404e000000000000", thing{Count: ptr(int32(60))}},
		{"an integer that is a float", "a1 65 526174696f 03", thing{Ratio: ptr(3.0)}},
		{"half a float", "a1 65 526174696f f9 3e00", thing{Ratio: ptr(1.5)}},
		{"a small half float", "a1 65 526174696f f9 8001", thing{Ratio: ptr(-5.960464477539063e-8)}},
		{"time in whole seconds", "a1 62 4174 c1 1a 6b02dc40", thing{At: ptr(time.Unix(0x6b02dc40, 0).UTC())}},
		{"time with a fraction", "a1 62 4174 c1 fb 41dac0b710080000", thing{At: ptr(time.UnixMilli(1795349568125).UTC())}},
		{"lists", "a1 64 4c697374 82 61 61 61 62", thing{List: []string{"a", "b"}}},
		{"null in a list is dropped", "a1 64 4c697374 83 61 61 f6 61 62", thing{List: []string{"a", "b"}}},
		{"maps", "a1 63 4d6170 bf 61 6b 61 76 ff", thing{Map: map[string]string{"k": "v"}}},
		{"unions", "a1 66 43686f696365 a1 64 54657874 61 74", thing{Choice: &choiceMemberText{"t"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got thing
			if _, err := upper.DecodeCBOR(unhex(t, tc.message), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v", got)
			}
			again, err := upper.EncodeCBOR(got)
			if err != nil {
				t.Fatal(err)
			}
			var back thing
			if _, err := upper.DecodeCBOR(again, &back); err != nil || !reflect.DeepEqual(back, got) {
				t.Errorf("came back as %+v, %v", back, err)
			}
		})
	}
}

func TestDecodeCBORErrors(t *testing.T) {
	for message, want := range map[string]string{
		"":                                     "Unexpected end of input",
		"bf":                                   "Unexpected end of input",
		"a0 00":                                "Unexpected data after the message, at byte 1",
		"80":                                   "Start of list found where not expected",
		"01":                                   "Expected null",
		"a1 01 01":                             "The name of a member must be a text string",
		"a1 64 4e616d65 01":                    "Name: NUMBER_VALUE can not be converted to a String",
		"a1 64 4e616d65 61 ff":                 "Name: The text is not valid UTF-8",
		"a1 64 4e616d65 7b ffffffffffffffff":   "Name: Unexpected end of input",
		"a1 65 436f756e74 1a 80000000":         "Count: 2147483648 is out of range for an Integer",
		"a1 65 436f756e74 61 31":               "Count: STRING_VALUE can not be converted to an Integer",
		"a1 64 4c697374 82 61 61 f5":           "List[1]: TRUE_VALUE can not be converted to a String",
		"a1 61 78 1c":                          "x: The message is not valid CBOR at byte 3",
		"a1 61 78 ff":                          "x: The message is not valid CBOR at byte 3",
		"a1 61 78" + strings.Repeat("81", 200): "x: The message is nested deeper than 100 levels",
		"a1 62 4174 fb 7ff8000000000000":       "At: NaN is not a timestamp of the years 1 to 9999",
	} {
		if _, err := upper.DecodeCBOR(unhex(t, message), &thing{}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", message, err, want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
