package shape

import (
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

type level string

// thing has a member of each kind, named and built as the SDK builds its types.
type thing struct {
	Size     int32 // these three are always written
	Port     uint16
	Off      bool
	Name     *string
	Level    level
	Count    *int32
	Big      *int64
	Ratio    *float64
	Single   *float32
	On       *bool
	At       *time.Time
	Since    time.Time
	Raw      []byte
	List     []string
	Map      map[string]string
	Levels   []level
	ByLevel  map[level]int32
	Inner    *thing
	Things   []thing
	ThingMap map[string]thing
	Lists    map[string][]string
	String_  *string
	Weird    *string
	Choice   choice
	Choices  []choice

	ResultMetadata struct{ X int }
}

// record embeds a struct, as the state's records do.
type record struct {
	types.DeploymentLifecycleHook
	ARN   string
	Extra string
}

type choice interface{ isChoice() }

type choiceMemberText struct{ Value string }
type choiceMemberMore struct{ Value thing }
type choiceMemberMany struct{ Value []string }
type choiceUnregistered struct{ Value string }

func (*choiceMemberText) isChoice()   {}
func (*choiceMemberMore) isChoice()   {}
func (*choiceMemberMany) isChoice()   {}
func (*choiceUnregistered) isChoice() {}

var variants = []any{(*choiceMemberText)(nil), (*choiceMemberMore)(nil), (*choiceMemberMany)(nil), document.NewLazyDocument}

var lower = New(Names{
	Lower:  true,
	Except: map[string]string{"thing.Weird": "Odd-Name"},
	Unions: variants,
})

func ptr[T any](v T) *T { return &v }

// always are the members of an empty thing that are written all the same.
const always = `"size":0,"port":0,"off":false`

func TestJSON(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    thing
		want string // without always
	}{
		{"nil is left out", thing{}, ``},
		{"strings", thing{Name: ptr("a<b>&\"\\/\n\r\t\x01\u00fc\u2028😀")}, `"name":"a<b>&\"\\/\n\r\t\u0001ü` + "\u2028" + `😀"`},
		{"an empty string behind a pointer stays", thing{Name: ptr("")}, `"name":""`},
		{"enums", thing{Level: "HIGH"}, `"level":"HIGH"`},
		{"integers", thing{Count: ptr(int32(-7)), Big: ptr(int64(1) << 62)}, `"count":-7,"big":4611686018427387904`},
		{"floats", thing{Ratio: ptr(0.1), Single: ptr(float32(0.1))}, `"ratio":0.1,"single":0.1`},
		{"large and small floats", thing{Ratio: ptr(1e21), Single: ptr(float32(1e-7))}, `"ratio":1e+21,"single":1e-07`},
		{"infinite floats", thing{Ratio: ptr(math.Inf(1)), Single: ptr(float32(math.Inf(-1)))}, `"ratio":"Infinity","single":"-Infinity"`},
		{"bools", thing{On: ptr(false)}, `"on":false`},
		{"times", thing{At: ptr(time.Unix(1795348800, 0).UTC())}, `"at":1795348800`},
		{"milliseconds", thing{At: ptr(time.UnixMilli(1795348800050).UTC())}, `"at":1795348800.05`},
		{"times before the epoch", thing{At: ptr(time.UnixMilli(-1500).UTC())}, `"at":-1.5`},
		{"a time that is", thing{Since: time.UnixMilli(1001).UTC()}, `"since":1.001`},
		{"blobs", thing{Raw: []byte{0, 0xff}}, `"raw":"AP8="`},
		{"an empty blob", thing{Raw: []byte{}}, `"raw":""`},
		{"lists", thing{List: []string{"a", ""}, Levels: []level{"HIGH"}}, `"list":["a",""],"levels":["HIGH"]`},
		{"an empty list", thing{List: []string{}}, `"list":[]`},
		{"maps in order", thing{Map: map[string]string{"b": "2", "a": "1", "": ""}}, `"map":{"":"","a":"1","b":"2"}`},
		{"an empty map", thing{Map: map[string]string{}}, `"map":{}`},
		{"a map by enum", thing{ByLevel: map[level]int32{"HIGH": 1}}, `"byLevel":{"HIGH":1}`},
		{"structures", thing{Inner: &thing{Name: ptr("x")}}, `"inner":{` + always + `,"name":"x"}`},
		{"an empty structure", thing{Inner: &thing{}}, `"inner":{` + always + `}`},
		{"lists of structures", thing{Things: []thing{{}}}, `"things":[{` + always + `}]`},
		{"maps of lists", thing{Lists: map[string][]string{"k": {"v"}}}, `"lists":{"k":["v"]}`},
		{"maps of structures", thing{ThingMap: map[string]thing{"k": {}}}, `"thingMap":{"k":{` + always + `}}`},
		{"a name that Go cannot have", thing{String_: ptr("s")}, `"string":"s"`},
		{"a name by exception", thing{Weird: ptr("w")}, `"Odd-Name":"w"`},
		{"a union", thing{Choice: &choiceMemberText{""}}, `"choice":{"text":""}`},
		{"a union within a union", thing{Choice: &choiceMemberMore{thing{Choice: &choiceMemberText{"t"}}}}, `"choice":{"more":{` + always + `,"choice":{"text":"t"}}}`},
		{"unions", thing{Choices: []choice{&choiceMemberText{"a"}, &choiceMemberMany{[]string{"b"}}}}, `"choices":[{"text":"a"},{"many":["b"]}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, err := lower.EncodeJSON(tc.v)
			if err != nil {
				t.Fatal(err)
			}
			var back thing
			if _, err := lower.DecodeJSON(text, &back); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, tc.v) {
				t.Errorf("came back as %+v", back)
			}
			want := "{" + always + "}"
			if tc.want != "" {
				want = "{" + always + "," + tc.want + "}"
			}
			if string(text) != want {
				t.Errorf("got  %s\nwant %s", text, want)
			}
		})
	}
}

// What clients write that we would not.
func TestDecodeJSON(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       thing
	}{
		{"white space", " {\t\"name\" :\r\n\"x\" } ", thing{Name: ptr("x")}},
		{"case is ignored", `{"NAME":"x","oDD-name":"w"}`, thing{Name: ptr("x"), Weird: ptr("w")}},
		{"unknown members are ignored", `{"x":{"name":[1,"a\"}",{}]},"y":1e9,"name":"x","z":null}`, thing{Name: ptr("x")}},
		{"null is absent", `{"name":null,"size":null,"list":null,"inner":null}`, thing{}},
		{"null in lists and maps is absent", `{"list":["a",null,"b"],"map":{"k":null}}`, thing{List: []string{"a", "b"}, Map: map[string]string{}}},
		{"null in a union is absent", `{"choice":{"text":null,"many":["x"],"__type":"t"}}`, thing{Choice: &choiceMemberMany{[]string{"x"}}}},
		{"integers with a fraction or exponent", `{"count":60.0,"size":6e1,"port":1.5E2}`, thing{Count: ptr(int32(60)), Size: 60, Port: 150}},
		{"an integer for a float", `{"ratio":3}`, thing{Ratio: ptr(3.0)}},
		{"times with more digits than count", `{"at":1.0004999}`, thing{At: ptr(time.UnixMilli(1000).UTC())}},
		{"escapes", `{"name":"\u00fc\ud83d\ude00\/\b\f\n\r\t\\\""}`, thing{Name: ptr("ü😀/\b\f\n\r\t\\\"")}},
		{"the last of two counts", `{"name":"a","name":"b"}`, thing{Name: ptr("b")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got thing
			if _, err := lower.DecodeJSON([]byte(tc.text), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDecodeJSONErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       "Unexpected end of input",
		` {"name":"x"`:                           "Unexpected end of input",
		`{"name":"x`:                             "name: Unexpected end of input",
		`{"name":"\u12`:                          "name: Invalid escape at byte 9 of the message",
		`null`:                                   "Expected '{' at byte 0 of the message",
		`"x"`:                                    "Expected '{' at byte 0 of the message",
		`[]`:                                     "Start of list found where not expected",
		`{} {}`:                                  "Unexpected text after the message at byte 3 of the message",
		`{"name":"x",}`:                          "Unexpected ',' at byte 12 of the message",
		`{"name" "x"}`:                           "Expected ':' at byte 8 of the message",
		`{name:"x"}`:                             "Expected a member's name at byte 1 of the message",
		`{"name":x}`:                             "name: Expected a value at byte 8 of the message",
		`{"list":["a" "b"]}`:                     "list: Expected ',' or ']' at byte 13 of the message",
		`{"x":[1,}`:                              "x: Expected a value at byte 8 of the message",
		`{"name":"a` + "\n" + `"}`:               "name: Unescaped control character at byte 10 of the message",
		`{"name":"\x"}`:                          "name: Invalid escape at byte 9 of the message",
		`{"name":"\ud83d"}`:                      "name: Invalid escape at byte 15 of the message",
		"{\"name\":\"\xff\"}":                    "name: The text is not valid UTF-8",
		"{\"name\":\"\\n\xff\"}":                 "name: The text is not valid UTF-8",
		`{"name":1}`:                             "name: NUMBER_VALUE can not be converted to a String",
		`{"name":true}`:                          "name: TRUE_VALUE can not be converted to a String",
		`{"name":["x"]}`:                         "name: Start of list found where not expected",
		`{"name":{}}`:                            "name: Start of structure or map found where not expected.",
		`{"count":"1"}`:                          "count: STRING_VALUE can not be converted to an Integer",
		`{"count":false}`:                        "count: FALSE_VALUE can not be converted to an Integer",
		`{"count":1.5}`:                          "count: 1.5 is not an integer",
		`{"count":2147483648}`:                   "count: 2147483648 is out of range for an Integer",
		`{"big":9223372036854775808}`:            "big: 9223372036854775808 is out of range for a Long",
		`{"big":9007199254740993.0}`:             "big: 9007199254740993.0 is out of range for a Long",
		`{"port":-1}`:                            "port: -1 is out of range for an Integer",
		`{"count":01}`:                           "Expected ',' or '}' at byte 10 of the message",
		`{"count":1.}`:                           "count: Expected a digit at byte 11 of the message",
		`{"ratio":1e999}`:                        "ratio: 1e999 is out of range for a Double",
		`{"single":1e39}`:                        "single: 1e39 is out of range for a Float",
		`{"ratio":"1"}`:                          "ratio: STRING_VALUE can not be converted to a Double",
		`{"on":"true"}`:                          "on: STRING_VALUE can not be converted to a Boolean",
		`{"at":"2026-01-31T12:00:00Z"}`:          "at: STRING_VALUE can not be converted to milliseconds since epoch",
		`{"at":1e12}`:                            "at: 1e12 is not a timestamp of the years 1 to 9999",
		`{"raw":"!"}`:                            "raw: The blob is not valid base64",
		`{"raw":[1]}`:                            "raw: Start of list found where not expected",
		`{"list":"x"}`:                           "list: Expected list or null",
		`{"list":{}}`:                            "list: Start of structure or map found where not expected.",
		`{"list":["a",null,1]}`:                  "list[2]: NUMBER_VALUE can not be converted to a String",
		`{"map":[]}`:                             "map: Start of list found where not expected",
		`{"map":{"k":1}}`:                        "map.k: NUMBER_VALUE can not be converted to a String",
		`{"inner":7}`:                            "inner: Expected null",
		`{"THINGS":[{"inner":{"COUNT":"x"}}]}`:   "things[0].inner.count: STRING_VALUE can not be converted to an Integer",
		`{"thingMap":{"k":{"levels":[1]}}}`:      "thingMap.k.levels[0]: NUMBER_VALUE can not be converted to a String",
		`{"choice":{}}`:                          "choice: Exactly one member of a union must be set",
		`{"choice":{"text":"a","many":[]}}`:      "choice: Only one member of a union may be set",
		`{"choice":{"color":"red"}}`:             "choice.color: Unknown member of a union",
		`{"choice":{"more":{"size":"x"}}}`:       "choice.more.size: STRING_VALUE can not be converted to an Integer",
		`{"x":` + strings.Repeat("[", 200) + `}`: "x: The message is nested deeper than 100 levels",
		`{"things":[` + strings.Repeat("{},", 1<<19): "things: The message takes more than 128 MiB of memory",
		strings.Repeat(`{"inner":`, 200):             strings.Repeat("inner.", 99) + "inner: The message is nested deeper than 100 levels",
	} {
		_, err := lower.DecodeJSON([]byte(text), &thing{})
		if err == nil || err.Error() != want {
			t.Errorf("%.99s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestMembers(t *testing.T) {
	got, err := lower.DecodeJSON([]byte(`{"SIZE":0,"off":false,"name":null,"string":"s","x":1,"inner":{"port":1}}`), &thing{})
	if want := (Members{"Size": true, "Off": true, "String_": true, "Inner": true}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestEmbedded(t *testing.T) {
	const text = `{"hookDetails":{"a":[1.50,"x",null,{}]},"arn":"r","extra":"e"}`
	var r record
	if _, err := lower.DecodeJSON([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if got, err := lower.EncodeJSON(&r); err != nil || r.Extra != "e" || string(got) != text {
		t.Errorf("got %s, %v", got, err)
	}
}

// What cannot be a message is an error, not a panic.
func TestUnusable(t *testing.T) {
	type loop struct{ Loop *loop }
	for name, v := range map[string]any{
		"nil":                      nil,
		"no struct":                ptr(1),
		"a nil pointer":            (*thing)(nil),
		"an unregistered variant":  &thing{Choice: &choiceUnregistered{}},
		"a typed nil variant":      &thing{Choice: (*choiceMemberText)(nil)},
		"a union without variants": &struct{ A interface{ isOther() } }{},
		"a document without maker": &struct {
			A interface{ UnmarshalSmithyDocument(any) error }
		}{},
		"a channel":                   &struct{ A chan int }{},
		"a map by number":             &struct{ A map[int]string }{},
		"an embedded pointer":         &struct{ *thing }{},
		"an embedded exported string": &struct{ String }{},
	} {
		if _, err := lower.EncodeJSON(v); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
	if _, err := lower.DecodeJSON([]byte(`{}`), thing{}); err == nil {
		t.Error("decoded into a copy")
	}
	if got, err := lower.EncodeJSON(loop{&loop{}}); err != nil || string(got) != `{"loop":{}}` {
		t.Errorf("a type that contains itself: %s, %v", got, err)
	}
	if got, err := lower.EncodeJSON(thing{Name: ptr("a\xffb")}); err != nil || !strings.Contains(string(got), "a\uFFFDb") {
		t.Errorf("text that is not UTF-8: %s, %v", got, err)
	}
}

type String string

// Plans are made while others use the codec; the race detector watches.
func TestConcurrent(t *testing.T) {
	codec := New(Names{Unions: variants})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			text, err := codec.EncodeJSON(thing{Inner: &thing{List: []string{"x"}}})
			if err == nil {
				_, err = codec.DecodeJSON(text, &everything{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}
