package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"berth/aws/shape"
	"berth/logstore"
	"berth/state"
)

// A script is a conversation with the API, in the JSON that clients send and
// get. An answer must have what want has: its members with these values, its
// lists in full; null stands for a member that must be absent, and "*" for any
// text. An error is wanted by its code and the beginning of its message. @ago
// in an input is the time that many seconds ago, in milliseconds.
type script []struct{ operation, input, want string }

const (
	testRegion  = "us-east-1"
	testAccount = "123456789012"
	groups      = "arn:aws:logs:us-east-1:123456789012:log-group:"
)

// testAPI is an API over empty stores.
func testAPI(t *testing.T) *API {
	t.Helper()
	history, err := logstore.Open(logstore.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { history.Close() })
	return New(Config{Store: state.NewMemory(), Logs: history, Region: testRegion, Account: testAccount})
}

func (s script) run(t *testing.T, a *API) {
	t.Helper()
	start := now()
	times := regexp.MustCompile(`@(-?\d+)`)
	for i, step := range s {
		at := func(text string) string {
			return times.ReplaceAllStringFunc(text, func(m string) string {
				var seconds int64
				fmt.Sscanf(m, "@%d", &seconds)
				return fmt.Sprint(start - seconds*1000)
			})
		}
		got := ask(t.Context(), t, a, step.operation, at(step.input))
		if difference := compare(at(step.want), got); difference != "" {
			t.Errorf("step %d: %s %.300s\n%s\nanswer: %.1000s", i, step.operation, step.input, difference, got)
		}
	}
}

// ask sends one request and returns the answer's JSON, or the error.
func ask(ctx context.Context, t *testing.T, a *API, operation, input string) string {
	t.Helper()
	in := decode(t, a, operation, input)
	out := reflect.ValueOf(a).MethodByName(operation).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	if err, _ := out[1].Interface().(error); err != nil {
		var modelled smithy.APIError
		if !errors.As(err, &modelled) {
			t.Fatalf("%s %s: the error %v is none that clients know", operation, input, err)
		}
		return modelled.ErrorCode() + ": " + modelled.ErrorMessage()
	}
	answer, err := shape.New(shape.Names{Lower: true}).EncodeJSON(out[0].Interface())
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// compare says where got is not what want asks for; "" if it is.
func compare(want, got string) string {
	if !strings.HasPrefix(want, "{") || !strings.HasPrefix(got, "{") {
		if want == "" || !strings.HasPrefix(got, want) {
			return "want: " + want
		}
		return ""
	}
	var w, g any
	if err := errors.Join(json.Unmarshal([]byte(want), &w), json.Unmarshal([]byte(got), &g)); err != nil {
		return err.Error()
	}
	return contains("", w, g)
}

func contains(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: want an object, got %v", path, got)
		}
		for name, value := range w {
			if d := contains(path+"."+name, value, g[name]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: want %d members, got %v", path, len(w), got)
		}
		for i := range w {
			if d := contains(fmt.Sprintf("%s[%d]", path, i), w[i], g[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if want == "*" && got != nil && got != "" {
		return ""
	}
	if want != got {
		return fmt.Sprintf("%s: want %v, got %v", path, want, got)
	}
	return ""
}

// decode reads an operation's input from JSON.
func decode(t *testing.T, a *API, operation, input string) any {
	t.Helper()
	method := reflect.ValueOf(a).MethodByName(operation)
	if !method.IsValid() {
		t.Fatalf("%s is not built", operation)
	}
	in := reflect.New(method.Type().In(1).Elem()).Interface()
	if _, err := shape.New(shape.Names{Lower: true}).DecodeJSON([]byte(input), in); err != nil {
		t.Fatalf("%s %s: %v", operation, input, err)
	}
	return in
}

func position(time int64, stream, seq uint64) logstore.Position {
	return logstore.Position{Time: time, Stream: stream, Seq: seq}
}
