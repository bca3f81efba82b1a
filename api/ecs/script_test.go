package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"berth/aws/protocol"
	"berth/aws/shape"
	"berth/iam"
	"berth/state"
)

// A script is a conversation with the API, in the JSON that clients send and
// get. An answer must have what want has: its members with these values, its
// lists in full; null stands for a member that must be absent. An error is
// wanted by its code and the beginning of its message.
type script []struct{ operation, input, want string }

const (
	testRegion  = "us-east-1"
	testAccount = "123456789012"
)

// testAPI is an API over an empty store.
func testAPI() *API {
	return New(Config{Store: state.NewMemory(), Region: testRegion, Account: testAccount, Endpoint: "http://127.0.0.1:8080"})
}

func (s script) run(t *testing.T, a *API) {
	t.Helper()
	s.runAs(t, a, iam.Root(testAccount))
}

func (s script) runAs(t *testing.T, a *API, who iam.Principal) {
	t.Helper()
	ctx := protocol.WithCall(t.Context(), &protocol.Call{Principal: who})
	for i, step := range s {
		got := ask(ctx, t, a, step.operation, step.input)
		if difference := compare(step.want, got); difference != "" {
			t.Errorf("step %d: %s %s\n%s\nanswer: %s", i, step.operation, step.input, difference, got)
		}
	}
}

// ask sends one request and returns the answer's JSON, or the error.
func ask(ctx context.Context, t *testing.T, a *API, operation, input string) string {
	t.Helper()
	method := reflect.ValueOf(a).MethodByName(operation)
	if !method.IsValid() {
		t.Fatalf("%s is not built", operation)
	}
	codec := shape.New(shape.Names{Lower: true, Unions: state.Unions})
	in := reflect.New(method.Type().In(1).Elem())
	if _, err := codec.DecodeJSON([]byte(input), in.Interface()); err != nil {
		t.Fatalf("%s %s: %v", operation, input, err)
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	if err, _ := out[1].Interface().(error); err != nil {
		var modelled smithy.APIError
		if !errors.As(err, &modelled) {
			t.Fatalf("%s %s: the error %v is none that clients know", operation, input, err)
		}
		return modelled.ErrorCode() + ": " + modelled.ErrorMessage()
	}
	answer, err := codec.EncodeJSON(out[0].Interface())
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
	if want != got {
		return fmt.Sprintf("%s: want %v, got %v", path, want, got)
	}
	return ""
}
