package wiretest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
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

// TestUnions looks into the SDK's sources for variants of unions that are not
// registered, as there may be after an upgrade.
func TestUnions(t *testing.T) {
	variant := regexp.MustCompile(`(?m)^func \(\*(\w+Member\w+)\) is(\w+)\(\)`)
	list := []string{"list", "-f", "{{.Dir}}"}
	for _, s := range sdks() {
		list = append(list, reflect.TypeOf(s.client(clientConfig("http://localhost"))).Elem().PkgPath())
	}
	dirs, err := exec.Command("go", list...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, dir := range strings.Fields(string(dirs)) {
		s := sdks()[i]
		source, err := os.ReadFile(filepath.Join(dir, "types", "types.go"))
		if err != nil {
			t.Fatal(err)
		}
		var registered []string
		for _, u := range s.unions {
			if t := reflect.TypeOf(u); t.Kind() == reflect.Pointer {
				registered = append(registered, t.Elem().Name())
			}
		}
		for _, found := range variant.FindAllStringSubmatch(string(source), -1) {
			name, union := found[1], found[2]
			if !strings.HasSuffix(union, "ResponseStream") && !slices.Contains(registered, name) {
				t.Errorf("%s: %s is not among the unions", s.name, name)
			}
		}
	}
}
