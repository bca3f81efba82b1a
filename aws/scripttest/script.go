// Package scripttest holds conversations with an API: short texts that say what
// is asked and what must be answered. Used by the tests of APIs.
package scripttest

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
)

// Script is a conversation: an operation, its input, and what is wanted, in the
// JSON that clients send and get. An answer must have what is wanted of it: its
// members with these values, its lists in full; null stands for a member that
// must be absent, and a text between slashes for a pattern. An error is wanted
// by its code and the beginning of its message.
type Script []struct{ Operation, Input, Want string }

// Run has the conversation with api, whose members have these names on the wire.
func (s Script) Run(ctx context.Context, t *testing.T, api any, names shape.Names) {
	t.Helper()
	for i, step := range s {
		got := Ask(ctx, t, api, names, step.Operation, step.Input)
		if difference := compare(step.Want, got); difference != "" {
			t.Errorf("step %d: %s %s\n%s\nanswer: %s", i, step.Operation, step.Input, difference, got)
		}
	}
}

// Ask sends one request and returns the answer's JSON, or the error.
func Ask(ctx context.Context, t *testing.T, api any, names shape.Names, operation, input string) string {
	t.Helper()
	method := reflect.ValueOf(api).MethodByName(operation)
	if !method.IsValid() {
		t.Fatalf("%s is not built", operation)
	}
	codec := shape.New(names)
	in := reflect.New(method.Type().In(1).Elem())
	if _, err := codec.DecodeJSON([]byte(input), in.Interface()); err != nil {
		t.Fatalf("%s %s: %v", operation, input, err)
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	if err, _ := out[1].Interface().(error); err != nil {
		var modelled smithy.APIError
		var public interface{ Public() string }
		switch {
		case errors.As(err, &modelled):
			return modelled.ErrorCode() + ": " + modelled.ErrorMessage()
		case errors.As(err, &public):
			return "public: " + public.Public()
		}
		t.Fatalf("%s %s: the error %v is none that clients know", operation, input, err)
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
	case string:
		if g, ok := got.(string); ok && len(w) > 2 && w[0] == '/' && w[len(w)-1] == '/' {
			if regexp.MustCompile("^(?:" + w[1:len(w)-1] + ")$").MatchString(g) {
				return ""
			}
		}
	}
	if want != got {
		return fmt.Sprintf("%s: want %v, got %v", path, want, got)
	}
	return ""
}
