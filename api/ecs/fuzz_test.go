package ecs

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"berth/aws/protocol"
	"berth/aws/shape"
	"berth/iam"
	"berth/state"
)

// Whatever clients send, in whatever order, no operation panics, and what goes
// wrong is an error that clients know.
func FuzzHandlers(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	codec := shape.New(shape.Names{Lower: true, Unions: state.Unions})
	f.Fuzz(func(t *testing.T, seed uint64) {
		a, some := reflect.ValueOf(testAPI()), chooser{rand.New(rand.NewPCG(seed, 0))}
		ctx := protocol.WithCall(t.Context(), &protocol.Call{Principal: iam.Root(testAccount)})
		for range 50 {
			method := a.Type().Method(some.IntN(a.NumMethod()))
			if method.Type.NumIn() != 3 || method.Type.NumOut() != 2 {
				continue // Resources
			}
			in := reflect.New(method.Type.In(2).Elem())
			some.fill(in.Elem(), 5)
			out := a.Method(method.Index).Call([]reflect.Value{reflect.ValueOf(ctx), in})
			if err, _ := out[1].Interface().(error); err != nil {
				if modelled := smithy.APIError(nil); !errors.As(err, &modelled) {
					t.Fatalf("%s: %v is no error that clients know", method.Name, err)
				}
				continue
			}
			if _, err := codec.EncodeJSON(out[0].Interface()); err != nil {
				t.Fatalf("%s: %v", method.Name, err)
			}
		}
	})
}

// chooser fills inputs with what is likely to reach far into a handler.
type chooser struct{ *rand.Rand }

func (c chooser) fill(v reflect.Value, depth int) {
	if depth == 0 || !v.CanSet() || c.IntN(5) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		c.fill(v.Elem(), depth)
	case reflect.Struct:
		for i := range v.NumField() {
			c.fill(v.Field(i), depth-1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), c.IntN(3), 3))
		for i := range v.Len() {
			c.fill(v.Index(i), depth)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		c.fill(key, depth-1)
		c.fill(value, depth-1)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(c.word(v))
	case reflect.Bool:
		v.SetBool(c.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt([]int64{-1, 0, 1, 2, 100, 256, 512, 1 << 30}[c.IntN(8)])
	case reflect.Float64:
		v.SetFloat(c.NormFloat64())
	}
}

func (c chooser) word(v reflect.Value) string {
	if values := v.MethodByName("Values"); values.IsValid() && c.IntN(20) > 0 {
		all := values.Call(nil)[0]
		return all.Index(c.IntN(all.Len())).String()
	}
	words := strings.Fields(`main web web:1 FARGATE enabled 256 0 container-instance CPU MEMORY INTEGER {} [ : / arn: arn:aws:ecs
		arn:aws:ecs:us-east-1:123456789012:cluster/main arn:aws:ecs:us-east-1:123456789012:capacity-provider/web
		arn:aws:ecs:us-east-1:123456789012:task-definition/web:1 arn:aws:ecs:us-east-1:123456789012:container-instance/main/1
		arn:aws:iam::123456789012:role/web arn:aws:iam::123456789012:instance-profile/web aws:x ö`)
	return words[c.IntN(len(words))]
}
