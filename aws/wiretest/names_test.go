package wiretest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"testing"

	"berth/aws/protocol"
	"berth/aws/shape"
)

// TestNames compares the JSON that the Go SDK's clients write, by the schemas
// that came out of AWS's models, with the codec's for the same input. Reading
// ignores case; this does not.
func TestNames(t *testing.T) {
	for _, s := range sdks() {
		facts, _ := protocol.Lookup(s.name)
		if facts.Wires[0] != protocol.JSON10 && facts.Wires[0] != protocol.JSON11 || s.name == "monitoring" { // the SDK writes CBOR there
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			names := facts.Names
			names.Unions = s.unions
			codec, sent := shape.New(names), &recorder{}
			cfg := clientConfig("http://localhost")
			cfg.HTTPClient = sent
			client := s.client(cfg)
			for i, op := range operations(client) {
				f := newFiller(uint64(i), s)
				f.all = true
				in := f.make(op.Type.In(2).Elem())
				invoke(t, client, op, in) // fails, as nobody answers
				ours, err := codec.EncodeJSON(in.Interface())
				if err != nil {
					t.Errorf("%s: %v", op.Name, err)
				} else if d := missing("input", parse(t, sent.body), parse(t, ours)); d != "" {
					t.Errorf("%s: %s", op.Name, d)
				}
			}
		})
	}
}

// recorder keeps the body of a request instead of sending it.
type recorder struct{ body []byte }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	var err error
	if r.body = nil; request.Body != nil {
		r.body, err = io.ReadAll(request.Body)
	}
	return nil, errors.Join(errors.New("not sent"), err)
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil && len(text) > 0 {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// missing says what theirs has that ours has not. Ours may have zeros besides.
func missing(path string, theirs, ours any) string {
	switch theirs := theirs.(type) {
	case map[string]any:
		ours, _ := ours.(map[string]any)
		for name, value := range theirs {
			if d := missing(path+"."+name, value, ours[name]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		ours, _ := ours.([]any)
		if len(ours) != len(theirs) {
			return fmt.Sprintf("%s: %v instead of %v", path, ours, theirs)
		}
		for i := range theirs {
			if d := missing(fmt.Sprintf("%s[%d]", path, i), theirs[i], ours[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if !reflect.DeepEqual(theirs, ours) {
		return fmt.Sprintf("%s: %v instead of %v", path, ours, theirs)
	}
	return ""
}
