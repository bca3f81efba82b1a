package shape

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// everything has a member of each kind, a document among them.
type everything struct {
	thing
	types.DeploymentLifecycleHook
}

// same fails unless v, which was decoded, encodes to something that decodes to
// the same again.
func same(t *testing.T, v *everything, encode func(any) ([]byte, error), decode func([]byte, any) (Members, error)) {
	t.Helper()
	first, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	var back everything
	if _, err := decode(first, &back); err != nil {
		t.Fatalf("%v\n%q", err, first)
	}
	if second, err := encode(&back); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%v\n%q\n%q", err, first, second)
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add(`{"name":"a\u00fc\ud83d\ude00","count":60.0,"ratio":"NaN","on":true,"at":1.5,"raw":"AP8=","x":[{}]}`)
	f.Add(`{"list":["a",null],"map":{"k":"v"},"things":[{"inner":{}}],"hookDetails":{"a":[1e9,"x"]}}`)
	f.Add(`{"choice":{"more":{"choices":[{"text":""},{"many":[]}]}},"port":65535}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v everything
		if _, err := lower.DecodeJSON([]byte(text), &v); err == nil {
			same(t, &v, lower.EncodeJSON, lower.DecodeJSON)
		}
	})
}

func FuzzDecodeCBOR(f *testing.F) {
	for _, message := range []string{
		"bfff",
		"a2644e616d65616165436f756e743863",
		"a1624174c1fb41dac0b710080000",
		"bf644c6973749f6161f6ff634d6170a1616b6176ff",
		"a16643686f696365a164546578746174",
		"a263526177420102617882f90001fa00000000",
	} {
		b, err := hex.DecodeString(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var v everything
		if _, err := upper.DecodeCBOR(message, &v); err == nil {
			same(t, &v, upper.EncodeCBOR, upper.DecodeCBOR)
		}
	})
}

var formSeeds = []string{
	"Name=a&Count=7&At=2026-11-22T12:00:00Z&Raw=AQI%3D&On=true&Ratio=Infinity",
	"List.member.2=b&List.member.1=a&Map.entry.1.key=k&Map.entry.1.value=v&Lev.item.1=HIGH",
	"Things.member.1.Inner.Choice.Many.member.1=x&Inner=&List=",
	"ThingMap.entry.1.key=k&ThingMap.entry.1.value.Lists.entry.1.key=k&ThingMap.entry.1.value.Lists.entry.1.value.member.1=v",
	"List.2=b&List.1=a&Things.1.Name=x&Choice.Text=y",
}

func FuzzDecodeQuery(f *testing.F) { fuzzForm(f, upper.DecodeQuery, upper.EncodeXML) }

func FuzzDecodeEC2Query(f *testing.F) { fuzzForm(f, upper.DecodeEC2Query, upper.EncodeEC2XML) }

func fuzzForm(f *testing.F, decode func(url.Values, any) (Members, error), encode func(io.Writer, any) error) {
	for _, seed := range formSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		var v everything
		if _, err := decode(form, &v); err != nil {
			return
		}
		same(t, &v, upper.EncodeJSON, upper.DecodeJSON)
		var w bytes.Buffer
		if err := encode(&w, &v); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal([]byte("<R>"+w.String()+"</R>"), new(struct{})); err != nil {
			t.Fatalf("%v in %q", err, w.String())
		}
	})
}

func FuzzDecodeREST(f *testing.F) {
	bind := Bindings{
		Path:   map[string]string{"Name": "Name", "Big": "Big"},
		Query:  map[string]string{"List": "TagKeys", "Count": "MaxResults", "At": "from", "Raw": "raw"},
		Header: map[string]string{"Since": "If-Modified-Since", "Levels": "X-Levels", "Ratio": "X-Ratio"},
	}
	f.Add("arn:x/y", "TagKeys=a&TagKeys=b&MaxResults=5&from=2026-11-22T12:00:00Z", "Sun, 22 Nov 2026 12:00:00 GMT", `{"Level":"HIGH"}`)
	f.Add("7", "raw=AQI%3D", "HIGH, LOW", ``)
	f.Fuzz(func(t *testing.T, label, query, header, body string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r := RESTRequest{
			Path: map[string]string{"Name": label}, Query: form, Body: []byte(body),
			Header: http.Header{"If-Modified-Since": {header}, "X-Levels": {header, label}},
		}
		var v everything
		if _, err := upper.DecodeREST(r, bind, &v); err == nil {
			same(t, &v, upper.EncodeJSON, upper.DecodeJSON)
		}
	})
}
