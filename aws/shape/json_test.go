package shape

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type level string

// thing has a member of each kind, named and built as the SDK builds its types.
type thing struct {
	Name     *string
	Level    level
	Count    *int32
	Size     int32
	Big      *int64
	Port     uint16
	Ratio    *float64
	Single   *float32
	On       *bool
	Off      bool
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
	String_  *string
	Weird    *string
	Choice   choice
	Choices  []choice

	ResultMetadata struct{ X int }
	hidden         int
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

var lower = New(Names{
	Lower:  true,
	Except: map[string]string{"thing.Weird": "Odd-Name"},
	Unions: []any{(*choiceMemberText)(nil), (*choiceMemberMore)(nil), (*choiceMemberMany)(nil)},
})

func ptr[T any](v T) *T { return &v }

// bare is thing without what is always written.
func bare(more string) string {
	if more != "" {
		more += ","
	}
	return `{` + more + `"size":0,"port":0,"off":false}`
}

func TestJSON(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name string
		v    thing
		want string // without size, port and off where those are zero
	}{
		{"nil is left out", thing{}, ``},
		{"strings", thing{Name: ptr("a<b>&\"\\/\n\r\t\x01\u00fc\u2028😀")}, `"name":"a<b>&\"\\/\n\r\t\u0001ü` + "\u2028" + `😀"`},
		{"an empty string behind a pointer stays", thing{Name: ptr("")}, `"name":""`},
		{"enums", thing{Level: "HIGH"}, `"level":"HIGH"`},
		{"integers", thing{Count: ptr(int32(-7)), Big: ptr(int64(1) << 62)}, `"count":-7,"big":4611686018427387904`},
		{"floats", thing{Ratio: ptr(0.1), Single: ptr(float32(0.1))}, `"ratio":0.1,"single":0.1`},
		{"bools", thing{On: ptr(false)}, `"on":false`},
		{"whole seconds", thing{At: &noon}, `"at":1795348800`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := lower.EncodeJSON(tc.v)
			if err != nil {
				t.Fatal(err)
			}
			s := strings.NewReplacer(`"size":0,`, "", `"port":0,`, "", `"port":0`, "", `"off":false,`, "", `"off":false`, "").Replace(string(got))
			if s = strings.Trim(s, "{},"); s != tc.want {
				t.Errorf("got  %s\nwant %s", s, tc.want)
			}
			var back thing
			if _, err := lower.DecodeJSON(got, &back); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, tc.v) {
				t.Errorf("came back as %+v", back)
			}
		})
	}
}
