// Command shape measures the codec of berth/aws/shape against encoding/json on
// the same data: an answer to DescribeTasks with a hundred tasks.
package main

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

// cases are what is measured; each returns the bytes on the wire and the work.
var cases = []struct {
	name string
	make func() ([]byte, func() error)
}{
	{"encode JSON", func() ([]byte, func() error) {
		out := answer()
		return encoded(codec.EncodeJSON, out), func() error { _, err := codec.EncodeJSON(out); return err }
	}},
	{"encode JSON, encoding/json", func() ([]byte, func() error) {
		data, v := encoded(codec.EncodeJSON, answer()), reflect.New(twin()).Interface()
		check(json.Unmarshal(data, v))
		return data, func() error { _, err := json.Marshal(v); return err }
	}},
	{"decode JSON", func() ([]byte, func() error) {
		data := encoded(codec.EncodeJSON, answer())
		return data, func() error { _, err := codec.DecodeJSON(data, new(ecs.DescribeTasksOutput)); return err }
	}},
	{"decode JSON, encoding/json", func() ([]byte, func() error) {
		data, t := encoded(codec.EncodeJSON, answer()), twin()
		return data, func() error { return json.Unmarshal(data, reflect.New(t).Interface()) }
	}},
	{"decode JSON of a small request", func() ([]byte, func() error) {
		data := []byte(`{"cluster":"production","maxResults":100,"serviceName":"web"}`)
		return data, func() error { _, err := codec.DecodeJSON(data, new(ecs.ListTasksInput)); return err }
	}},
	{"encode CBOR", func() ([]byte, func() error) {
		out := answer()
		return encoded(codec.EncodeCBOR, out), func() error { _, err := codec.EncodeCBOR(out); return err }
	}},
	{"decode CBOR", func() ([]byte, func() error) {
		data := encoded(codec.EncodeCBOR, answer())
		return data, func() error { _, err := codec.DecodeCBOR(data, new(ecs.DescribeTasksOutput)); return err }
	}},
	{"encode XML", func() ([]byte, func() error) {
		out := answer()
		encode := func(v any) ([]byte, error) {
			var w bytes.Buffer
			err := query.EncodeXML(&w, v)
			return w.Bytes(), err
		}
		return encoded(encode, out), func() error { _, err := encode(out); return err }
	}},
	{"decode a form of 100 tags", func() ([]byte, func() error) {
		form := url.Values{}
		for i := range 100 {
			form.Set(fmt.Sprintf("Tags.member.%d.Key", i+1), "team")
			form.Set(fmt.Sprintf("Tags.member.%d.Value", i+1), "payments & <billing>")
		}
		return []byte(form.Encode()), func() error { _, err := query.DecodeQuery(form, new(ecs.TagResourceInput)); return err }
	}},
}

func main() {
	for _, c := range cases {
		data, work := c.make()
		r := testing.Benchmark(func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				check(work())
			}
		})
		rate := float64(len(data)) * float64(r.N) / 1e6 / r.T.Seconds()
		fmt.Printf("%-32s %7d bytes %12v %7.0f MB/s %8d allocations\n", c.name, len(data), r.T/time.Duration(r.N), rate, r.AllocsPerOp())
	}
}

func encoded(encode func(any) ([]byte, error), v any) []byte {
	data, err := encode(v)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// twin is the answer's type as encoding/json wants it.
func twin() reflect.Type { return tagged(reflect.TypeFor[ecs.DescribeTasksOutput]()) }

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
