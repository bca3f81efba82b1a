package wiretest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/document"
)

// TestBoto lets botocore, which the AWS CLI and boto3 stand on, send every
// operation that it knows of all our services. It reads member names with their
// case, CloudWatch's in all of its three protocols, and looks for the exception
// that an error stands for.
func TestBoto(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("python3", "-c", "import botocore").CombinedOutput(); err != nil {
		t.Skipf("needs python3 with botocore (pip install boto3): %v %s", err, out)
	}
	var echoes []*echo
	var names []string
	errors := sources(t, "errors.go")
	for _, s := range append(sdks(), sdk{name: "ec2", boto: "ec2::AuthorizeSecurityGroupIngress,DescribeInternetGateways"}) {
		s.noEmpty = true // botocore may speak the query protocol where Go's SDK does not
		echoes = append(echoes, &echo{sdk: s, exceptions: exceptions(errors[s.name]), calls: map[string]exchange{}})
		switch s.name {
		case "monitoring":
			names = append(names, "cloudwatch:json", "cloudwatch:smithy-rpc-v2-cbor", "cloudwatch:query")
		case "sqs": // had the query protocol before 2023
			names = append(names, "sqs:json")
		default:
			names = append(names, s.boto)
		}
	}
	exchanges := httptest.NewServer(show(echoes))
	defer exchanges.Close()

	args := append([]string{"boto.py", serve(t, echoes...), exchanges.URL, "1"}, names...)
	out, err := exec.Command("python3", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines[:len(lines)-1] {
		t.Error(line)
	}
	t.Log(lines[len(lines)-1])
}

// show serves what the echoes read and answered, by request id.
func show(echoes []*echo) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, e := range echoes {
			e.mu.Lock()
			call, ok := e.calls[strings.TrimPrefix(r.URL.Path, "/")]
			e.mu.Unlock()
			if ok {
				json.NewEncoder(w).Encode(map[string]any{"In": plain(reflect.ValueOf(call.in)), "Out": plain(reflect.ValueOf(call.out))})
				return
			}
		}
		http.NotFound(w, r)
	}
}

// plain returns v with structs as maps by field name and times in milliseconds.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if d, ok := v.Interface().(document.Marshaler); ok {
			return json.RawMessage(canonical(d))
		}
		variant := v.Elem().Elem()
		_, name, _ := strings.Cut(variant.Type().Name(), "Member")
		return map[string]any{name: plain(variant.FieldByName("Value"))}
	case reflect.Struct:
		if at, ok := v.Interface().(time.Time); ok {
			return at.UnixMilli()
		}
		m := map[string]any{}
		for _, sf := range reflect.VisibleFields(v.Type()) {
			if sf.IsExported() && !sf.Anonymous && sf.Name != "ResultMetadata" {
				m[sf.Name] = plain(v.FieldByIndex(sf.Index))
			}
		}
		return m
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Interface()
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for _, key := range v.MapKeys() {
			m[key.String()] = plain(v.MapIndex(key))
		}
		return m
	}
	return v.Interface()
}
