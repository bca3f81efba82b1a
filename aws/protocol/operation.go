package protocol

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"berth/aws/shape"
)

// service is a catalog entry with what is behind it. One that Config.Services
// lacks has no operations: it is there to be answered in its own protocol.
type service struct {
	Facts
	codec      *shape.Codec
	served     bool
	operations map[string]operation
	known      map[string]bool // of the service at AWS, built or not
	resources  func(operation string, input any) []string
	busy       []string // see Service
}

// operation is a handler and the type of its input.
type operation struct {
	input  reflect.Type // the struct
	invoke reflect.Value
}

func (o operation) call(ctx context.Context, input reflect.Value) (any, error) {
	out := o.invoke.Call([]reflect.Value{reflect.ValueOf(ctx), input})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

// compile makes what New needs to know of one service.
func compile(facts Facts, s *Service) (*service, error) {
	names := facts.Names
	c := &service{Facts: facts}
	if s != nil {
		names.Unions = s.Unions
		c.served, c.resources, c.busy = true, s.Resources, s.Busy
		c.operations, c.known = operationsOf(reflect.ValueOf(s.API)), map[string]bool{}
		for _, name := range s.Operations {
			c.known[name] = true
		}
		for name := range c.operations {
			if len(c.known) > 0 && !c.known[name] {
				return nil, fmt.Errorf("protocol: %s has no operation %s at AWS", facts.Name, name)
			}
		}
		if len(c.operations) == 0 {
			return nil, fmt.Errorf("protocol: service %s: %T has no operations", facts.Name, s.API)
		}
	}
	c.codec = shape.New(names)
	return c, nil
}

// operationsOf finds api's methods of the form
// func(context.Context, *XInput) (*XOutput, error). Options may follow, as in an
// SDK client, which is an API that passes calls on.
func operationsOf(api reflect.Value) map[string]operation {
	found := map[string]operation{}
	for i := range api.NumMethod() {
		name, method := api.Type().Method(i).Name, api.Method(i)
		t := method.Type()
		if (t.NumIn() == 2 || t.NumIn() == 3 && t.IsVariadic()) && t.NumOut() == 2 && t.In(0) == reflect.TypeFor[context.Context]() &&
			isStructPointer(t.In(1), "Input") && isStructPointer(t.Out(0), "Output") && t.Out(1) == reflect.TypeFor[error]() {
			found[name] = operation{input: t.In(1).Elem(), invoke: method}
		}
	}
	return found
}

func isStructPointer(t reflect.Type, suffix string) bool {
	return t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && strings.HasSuffix(t.Elem().Name(), suffix)
}
