package shape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/shape"
	"berth/state"
)

var (
	codec = shape.New(shape.Names{Lower: true, Unions: state.Unions})
	query = shape.New(shape.Names{Unions: state.Unions})
)

// answer is what DescribeTasks says of a hundred tasks, the most in one call.
func answer() *ecs.DescribeTasksOutput {
	at := time.UnixMilli(1795348800123).UTC()
	out := &ecs.DescribeTasksOutput{Failures: []types.Failure{}}
	for i := range 100 {
		arn := func(kind string) *string {
			return aws.String(fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:%s/production/%032x", kind, i))
		}
		out.Tasks = append(out.Tasks, types.Task{
			TaskArn: arn("task"), ClusterArn: arn("cluster"), ContainerInstanceArn: arn("container-instance"),
			TaskDefinitionArn: arn("task-definition"), LastStatus: aws.String("RUNNING"), DesiredStatus: aws.String("RUNNING"),
			LaunchType: types.LaunchTypeEc2, Cpu: aws.String("256"), Memory: aws.String("512"), Connectivity: types.ConnectivityConnected,
			CreatedAt: &at, StartedAt: &at, PullStartedAt: &at, PullStoppedAt: &at, ConnectivityAt: &at, Version: 3,
			AvailabilityZone: aws.String("us-east-1a"), Group: aws.String("service:web"), HealthStatus: types.HealthStatusHealthy,
			Attributes: []types.Attribute{{Name: aws.String("ecs.cpu-architecture"), Value: aws.String("x86_64")}},
			Containers: []types.Container{{
				Name: aws.String("web"), ContainerArn: arn("container"), TaskArn: arn("task"), Image: aws.String("public.ecr.aws/nginx/nginx:1.29"),
				LastStatus: aws.String("RUNNING"), HealthStatus: types.HealthStatusHealthy, Cpu: aws.String("256"),
				NetworkBindings:   []types.NetworkBinding{{BindIP: aws.String("0.0.0.0"), ContainerPort: aws.Int32(80), HostPort: aws.Int32(32768), Protocol: "tcp"}},
				NetworkInterfaces: []types.NetworkInterface{{AttachmentId: aws.String("a"), PrivateIpv4Address: aws.String("10.0.0.7")}},
			}},
			Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("web")}}},
			Tags:      []types.Tag{{Key: aws.String("team"), Value: aws.String("payments & <billing>")}},
		})
	}
	return out
}

func encoded(b *testing.B, encode func(any) ([]byte, error), v any) []byte {
	b.Helper()
	data, err := encode(v)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	return data
}

func BenchmarkEncodeJSON(b *testing.B) {
	out := answer()
	encoded(b, codec.EncodeJSON, out)
	for b.Loop() {
		codec.EncodeJSON(out)
	}
}

func BenchmarkEncodeJSONStandard(b *testing.B) {
	data := encoded(b, codec.EncodeJSON, answer())
	v := reflect.New(tagged(reflect.TypeFor[ecs.DescribeTasksOutput]())).Interface()
	if err := json.Unmarshal(data, v); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		json.Marshal(v)
	}
}

func BenchmarkDecodeJSON(b *testing.B) {
	data := encoded(b, codec.EncodeJSON, answer())
	for b.Loop() {
		var out ecs.DescribeTasksOutput
		if _, err := codec.DecodeJSON(data, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeJSONStandard(b *testing.B) {
	data := encoded(b, codec.EncodeJSON, answer())
	t := tagged(reflect.TypeFor[ecs.DescribeTasksOutput]())
	for b.Loop() {
		if err := json.Unmarshal(data, reflect.New(t).Interface()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeJSONSmall(b *testing.B) {
	data := []byte(`{"cluster":"production","maxResults":100,"serviceName":"web"}`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var in ecs.ListTasksInput
		if _, err := codec.DecodeJSON(data, &in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeCBOR(b *testing.B) {
	out := answer()
	encoded(b, codec.EncodeCBOR, out)
	for b.Loop() {
		codec.EncodeCBOR(out)
	}
}

func BenchmarkDecodeCBOR(b *testing.B) {
	data := encoded(b, codec.EncodeCBOR, answer())
	for b.Loop() {
		var out ecs.DescribeTasksOutput
		if _, err := codec.DecodeCBOR(data, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeXML(b *testing.B) {
	out := answer()
	encode := func(v any) ([]byte, error) {
		var w bytes.Buffer
		err := query.EncodeXML(&w, v)
		return w.Bytes(), err
	}
	encoded(b, encode, out)
	for b.Loop() {
		encode(out)
	}
}

func BenchmarkDecodeQuery(b *testing.B) {
	form := url.Values{}
	for i := range 100 {
		form.Set(fmt.Sprintf("Tags.member.%d.Key", i+1), "team")
		form.Set(fmt.Sprintf("Tags.member.%d.Value", i+1), "payments & <billing>")
	}
	b.SetBytes(int64(len(form.Encode())))
	b.ReportAllocs()
	for b.Loop() {
		var in ecs.TagResourceInput
		if _, err := query.DecodeQuery(form, &in); err != nil {
			b.Fatal(err)
		}
	}
}

// tagged returns t as a person would write it for encoding/json, with times as
// numbers and without unions, which that cannot read.
func tagged(t reflect.Type) reflect.Type {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return reflect.TypeFor[float64]()
	case t.Kind() == reflect.Pointer:
		return reflect.PointerTo(tagged(t.Elem()))
	case t.Kind() == reflect.Slice:
		return reflect.SliceOf(tagged(t.Elem()))
	case t.Kind() == reflect.Struct:
		var fields []reflect.StructField
		for _, sf := range reflect.VisibleFields(t) {
			if !sf.IsExported() || sf.Anonymous || sf.Name == "ResultMetadata" || sf.Type.Kind() == reflect.Interface {
				continue
			}
			name := strings.ToLower(sf.Name[:1]) + sf.Name[1:]
			fields = append(fields, reflect.StructField{Name: sf.Name, Type: tagged(sf.Type), Tag: reflect.StructTag(`json:"` + name + `,omitempty"`)})
		}
		return reflect.StructOf(fields)
	}
	return t
}
