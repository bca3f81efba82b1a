package wiretest

import (
	"reflect"
	"testing"

	"berth/aws/shape"
	"berth/state"
)

// TestRecords writes and reads records of every table, as the journal does.
func TestRecords(t *testing.T) {
	codec := shape.New(shape.Names{Lower: true, Unions: state.Unions})
	view, tables := reflect.TypeFor[state.View](), 0
	for i := range view.NumField() {
		get, ok := reflect.PointerTo(view.Field(i).Type).MethodByName("Get")
		if !ok {
			continue // not a table
		}
		tables++
		record := get.Type.Out(0)
		for seed := range uint64(20) {
			want, got := newFiller(seed, sdk{unions: state.Unions}).make(record), reflect.New(record)
			text, err := codec.EncodeJSON(want.Interface())
			if err == nil {
				_, err = codec.DecodeJSON(text, got.Interface())
			}
			if err != nil {
				t.Fatalf("%s: %v in %s", record, err, text)
			}
			if d := diff(record.Name(), want, got); d != "" {
				t.Errorf("seed %d: %s", seed, d)
			}
		}
	}
	if tables == 0 {
		t.Error("the view has no tables")
	}
}
