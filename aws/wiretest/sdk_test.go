package wiretest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/aws/smithy-go"
)

// rounds is how many random inputs and outputs every operation gets.
const rounds = 3

// TestSDK sends every operation of the Go SDK's clients.
func TestSDK(t *testing.T) {
	for _, s := range sdks() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			e := &echo{sdk: s, calls: map[string]exchange{}}
			client := s.client(clientConfig(serve(t, e)))
			for i, op := range operations(client) {
				if excluded[s.name+"."+op.Name] != "" {
					continue
				}
				for round := range rounds {
					e.check(t, client, op, uint64(rounds*i+round))
				}
			}
		})
	}
}

// check makes one call and compares both ways.
func (e *echo) check(t *testing.T, client any, op reflect.Method, seed uint64) {
	f := newFiller(seed, e.sdk)
	e.seed = seed << 20
	in := f.make(op.Type.In(2).Elem())
	out, err := invoke(t, client, op, in)
	var refused smithy.InvalidParamsError
	if errors.As(err, &refused) {
		f.all = true // something required was left out
		in = f.make(op.Type.In(2).Elem())
		out, err = invoke(t, client, op, in)
	}
	if err != nil {
		t.Errorf("%s, seed %d: %v", op.Name, seed, err)
		return
	}
	if d := diff("input", in, reflect.ValueOf(e.last.in)); d != "" {
		t.Errorf("%s, seed %d: %s", op.Name, seed, d)
	}
	if d := diff("output", reflect.ValueOf(e.last.out), out); d != "" {
		t.Errorf("%s, seed %d: %s", op.Name, seed, d)
	}
}

func invoke(t *testing.T, client any, op reflect.Method, in reflect.Value) (reflect.Value, error) {
	results := op.Func.Call([]reflect.Value{reflect.ValueOf(client), reflect.ValueOf(t.Context()), in})
	err, _ := results[1].Interface().(error)
	return results[0], err
}
