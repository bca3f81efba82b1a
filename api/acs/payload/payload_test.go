package payload

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/vpc"
	"berth/state"
)

var update = flag.Bool("update", false, "write the golden file anew")

const (
	region, account = "us-east-1", "123456789012"
	definitionARN   = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:3"
	taskARN         = "arn:aws:ecs:us-east-1:123456789012:task/stub/1111"
)

func testConfig() Config {
	return Config{Region: region, Account: account, Endpoint: "http://10.0.0.1:8080"}
}

// elsewhere are the members that an agent is not told, and who minds them.
var elsewhere = map[string]string{
	"Compatibilities":         "written by RegisterTaskDefinition",
	"DeleteRequestedAt":       "written by DeleteTaskDefinitions",
	"DeregisteredAt":          "written by DeregisterTaskDefinition",
	"RegisteredAt":            "written by RegisterTaskDefinition",
	"RegisteredBy":            "written by RegisterTaskDefinition",
	"RequiresAttributes":      "placement",
	"RequiresCompatibilities": "placement",
	"PlacementConstraints":    "placement",
	"RuntimePlatform":         "placement",
	"Status":                  "RunTask",
	"TaskDefinitionArn":       "names it",
	"InferenceAccelerators":   "refused by RunTask",

	"Cpu":              "in the task's record, which has overrides",
	"Memory":           "in the task's record, which has overrides",
	"EphemeralStorage": "in the task's record, which has overrides",
	"ExecutionRoleArn": "in the task's record, which has overrides",
	"TaskRoleArn":      "in the task's record, which has overrides",

	"ContainerDefinitions.ResourceRequirements":     "placement: the task's record has the GPUs",
	"ContainerDefinitions.VersionConsistency":       "services, which pin digests",
	"ContainerDefinitions.PortMappings.AppProtocol": "Service Connect",
	"ContainerDefinitions.PortMappings.Name":        "Service Connect",

	"Volumes.ConfiguredAtLaunch":                      "refused",
	"Volumes.FsxWindowsFileServerVolumeConfiguration": "refused",
	"Volumes.S3filesVolumeConfiguration":              "refused",
}

// fill sets every member of v, at any depth, to something that is no default.
func fill(v reflect.Value, path string, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, n)
	case reflect.Struct:
		if v.Type().String() == "time.Time" {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path, n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("key", *n): fmt.Sprint("value", *n)}))
	case reflect.String:
		v.SetString(fmt.Sprint("text", *n))
		if values := v.MethodByName("Values"); values.IsValid() {
			v.SetString(values.Call(nil)[0].Index(0).String())
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32:
		v.SetInt(int64(1000 + *n))
	}
}

// full is a task definition with every member set.
func full() types.TaskDefinition {
	var d types.TaskDefinition
	n := 0
	fill(reflect.ValueOf(&d).Elem(), "", &n)
	d.TaskDefinitionArn = aws.String(definitionARN)
	d.NetworkMode = types.NetworkModeHost
	d.ProxyConfiguration.Type = "other" // than the default, which is the only one so far
	v := d.Volumes[0]
	d.Volumes = []types.Volume{
		{Name: v.Name, Host: v.Host},
		{Name: aws.String("docker"), DockerVolumeConfiguration: v.DockerVolumeConfiguration},
		{Name: aws.String("efs"), EfsVolumeConfiguration: v.EfsVolumeConfiguration},
	}
	d.Volumes[1].DockerVolumeConfiguration.Scope = types.ScopeShared
	c := &d.ContainerDefinitions[0]
	c.Essential = aws.Bool(false)
	c.HealthCheck.Command = []string{"CMD-SHELL", "true"}
	c.LogConfiguration.LogDriver = types.LogDriverAwslogs
	c.LogConfiguration.Options = map[string]string{"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p", "mode": "non-blocking"}
	c.PortMappings[0].Protocol = types.TransportProtocolUdp
	c.LinuxParameters.Devices[0].Permissions = []types.DeviceCgroupPermission{types.DeviceCgroupPermissionRead}
	return d
}

// task is a task of d.
func task(t *testing.T, d types.TaskDefinition, change func(*state.Task)) (*state.View, state.Task) {
	t.Helper()
	r := state.Task{
		ARN: taskARN, Cluster: "arn:aws:ecs:us-east-1:123456789012:cluster/stub", Definition: definitionARN,
		LaunchType: "EC2", Group: "service:front", Zone: "us-east-1b", CPU: "512", Memory: "2048",
		ExecutionRole: "arn:aws:iam::123456789012:role/pull", EphemeralStorage: &types.EphemeralStorage{SizeInGiB: 30},
	}
	for _, c := range d.ContainerDefinitions {
		r.Containers = append(r.Containers, types.Container{Name: c.Name, ContainerArn: aws.String("arn of " + aws.ToString(c.Name)), GpuIds: []string{"GPU-1"}})
	}
	if change != nil {
		change(&r)
	}
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: d})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store.View(), r
}

// translate is the payload of a task of d as indented JSON, with docker's texts
// as objects, or the error.
func translate(t *testing.T, d types.TaskDefinition, change func(*state.Task)) string {
	t.Helper()
	v, r := task(t, d, change)
	p, err := testConfig().Task(v, r)
	if err != nil {
		return "error: " + err.Error()
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	for _, c := range out["containers"].([]any) {
		docker := c.(map[string]any)["dockerConfig"].(map[string]any)
		for _, name := range []string{"config", "hostConfig"} {
			var inside any
			if err := json.Unmarshal([]byte(docker[name].(string)), &inside); err != nil {
				t.Fatalf("%s is not JSON: %v", name, err)
			}
			docker[name] = inside
		}
	}
	text, err = json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// Every member that can be set is in the payload.
func TestGolden(t *testing.T) {
	const file = "testdata/full.json"
	got := translate(t, full(), nil)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the payload is\n%s\nIf that is right: go test ./api/acs/payload -update", got)
	}
}

// Nothing of a task definition is dropped: to leave a member out changes the
// payload, or somebody else minds the member.
func TestEveryMemberIsTranslated(t *testing.T) {
	whole := translate(t, full(), nil)
	if strings.HasPrefix(whole, "error") {
		t.Fatal(whole)
	}
	minded := map[string]bool{}
	for _, path := range leaves(reflect.TypeFor[types.TaskDefinition](), "") {
		if who := mindedElsewhere(path); who != "" {
			minded[who] = true
			continue
		}
		d := full()
		for i := range d.Volumes { // each kind of volume has its own
			zero(reflect.ValueOf(&d).Elem(), strings.Split(path, "."), i)
		}
		if translate(t, d, nil) == whole {
			t.Errorf("%s is dropped", path)
		}
	}
	for path := range maps.Keys(elsewhere) {
		if !minded[path] {
			t.Errorf("there is no member %s", path)
		}
	}
}

func mindedElsewhere(path string) string {
	for name := range elsewhere {
		if path == name || strings.HasPrefix(path, name+".") {
			return name
		}
	}
	return ""
}

// leaves lists the members of t that have no members of their own.
func leaves(t reflect.Type, path string) (all []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.String() == "time.Time" {
		return []string{path}
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			all = append(all, leaves(f.Type, strings.TrimPrefix(path+"."+f.Name, "."))...)
		}
	}
	return all
}

// zero empties the member at path, in element n of Volumes and the first of
// every other list.
func zero(v reflect.Value, path []string, n int) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice && len(path) > 0 {
		switch {
		case v.IsNil():
			return
		case v.Kind() == reflect.Pointer:
			if len(path) == 0 {
				v.SetZero()
				return
			}
			v = v.Elem()
		default:
			v = v.Index(min(n, v.Len()-1))
		}
	}
	if len(path) == 0 {
		v.SetZero()
		return
	}
	zero(v.FieldByName(path[0]), path[1:], n)
}

func TestOverrides(t *testing.T) {
	d := types.TaskDefinition{TaskDefinitionArn: aws.String(definitionARN), ContainerDefinitions: []types.ContainerDefinition{{
		Name: aws.String("c"), Image: aws.String("web"), Command: []string{"a"}, Cpu: 10, Memory: aws.Int32(64), MemoryReservation: aws.Int32(32),
		Environment:      []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}, {Name: aws.String("B"), Value: aws.String("2")}},
		EnvironmentFiles: []types.EnvironmentFile{{Value: aws.String("arn:aws:s3:::b/a.env"), Type: types.EnvironmentFileTypeS3}},
	}}}
	v, r := task(t, d, func(r *state.Task) {
		r.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
			Name: aws.String("c"), Command: []string{"b", "c"}, Cpu: aws.Int32(20), Memory: aws.Int32(128), MemoryReservation: aws.Int32(96),
			Environment:      []types.KeyValuePair{{Name: aws.String("B"), Value: aws.String("3")}, {Name: aws.String("C"), Value: aws.String("4")}},
			EnvironmentFiles: []types.EnvironmentFile{{Value: aws.String("arn:aws:s3:::b/b.env"), Type: types.EnvironmentFileTypeS3}},
		}}}
	})
	p, err := testConfig().Task(v, r)
	if err != nil {
		t.Fatal(err)
	}
	c := p.Containers[0]
	got := fmt.Sprint(c.Command, c.CPU, c.Memory, c.Environment, c.EnvironmentFiles, c.DockerConfig.HostConfig)
	want := fmt.Sprint([]string{"b", "c"}, 20, 128, map[string]string{"A": "1", "AWS_EXECUTION_ENV": "AWS_ECS_EC2", "B": "3", "C": "4"}, " [{arn:aws:s3:::b/b.env s3}]"+`{"MemoryReservation":100663296}`)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.Overrides.ContainerOverrides[0].Name = aws.String("x")
	if _, err := testConfig().Task(v, r); err == nil || err.Error() != `there is no container "x" to override` {
		t.Errorf("an override of a container that is not there: %v", err)
	}
	if stored, _ := v.TaskDefinitions.Get(definitionARN); !slices.Equal(stored.ContainerDefinitions[0].Command, []string{"a"}) {
		t.Error("the definition was changed")
	}
}

func TestDetails(t *testing.T) {
	container := func(change func(*types.ContainerDefinition)) types.TaskDefinition {
		c := types.ContainerDefinition{Name: aws.String("c"), Image: aws.String("web")}
		change(&c)
		return types.TaskDefinition{TaskDefinitionArn: aws.String(definitionARN), ContainerDefinitions: []types.ContainerDefinition{c}}
	}
	image := func(name string) types.TaskDefinition {
		return container(func(c *types.ContainerDefinition) { c.Image = &name })
	}
	volume := func(v types.Volume) types.TaskDefinition {
		d := container(func(*types.ContainerDefinition) {})
		v.Name = aws.String("v")
		d.Volumes = []types.Volume{v}
		return d
	}
	for _, tc := range []struct {
		name string
		d    types.TaskDefinition
		want string // a part of the payload, without spaces
	}{
		{"least shares", container(func(c *types.ContainerDefinition) {}), `"cpu":2,`},
		{"essential by default", container(func(c *types.ContainerDefinition) {}), `"essential":true`},
		{"bridge by default", container(func(c *types.ContainerDefinition) {}), `"networkMode":"bridge"`},
		{"no login for other registries", image("docker.io/web"), `"overrides":"{}"}]`},
		{"login for our registry", image("10.0.0.1:8080/web"), `"endpointOverride":"http://10.0.0.1:8080","region":"us-east-1","registryId":"123456789012","useExecutionRole":true},"type":"ecr"`},
		{"login for ECR", image("999999999999.dkr.ecr.eu-west-1.amazonaws.com/web:1"), `{"region":"eu-west-1","registryId":"999999999999","useExecutionRole":true},"type":"ecr"`},
		{"a parameter by name", container(func(c *types.ContainerDefinition) {
			c.Secrets = []types.Secret{{Name: aws.String("S"), ValueFrom: aws.String("/a/b")}}
		}), `{"name":"S","provider":"ssm","region":"us-east-1","target":"CONTAINER","type":"ENVIRONMENT_VARIABLE","valueFrom":"/a/b"}`},
		{"a secret of another region", container(func(c *types.ContainerDefinition) {
			c.Secrets = []types.Secret{{Name: aws.String("S"), ValueFrom: aws.String("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-abc:key::")}}
		}), `"provider":"asm","region":"eu-west-1"`},
		{"log stream", container(func(c *types.ContainerDefinition) {
			c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}
		}), `"awslogs-endpoint":"http://10.0.0.1:8080","awslogs-group":"g","awslogs-region":"us-east-1","awslogs-stream":"p/c/1111","mode":"non-blocking"}`},
		{"health check without a kind", container(func(c *types.ContainerDefinition) {
			c.HealthCheck = &types.HealthCheck{Command: []string{"/check"}}
		}), `"Healthcheck":{"Interval":30000000000,"Retries":3,"Test":["CMD","/check"],"Timeout":5000000000}`},
		{"no swap", container(func(c *types.ContainerDefinition) {
			c.Memory, c.LinuxParameters = aws.Int32(64), &types.LinuxParameters{MaxSwap: aws.Int32(0), Swappiness: aws.Int32(10)}
		}), `"MemorySwap":67108864,"MemorySwappiness":10`},
		{"all of a device", container(func(c *types.ContainerDefinition) {
			c.LinuxParameters = &types.LinuxParameters{Devices: []types.Device{{HostPath: aws.String("/dev/fuse")}}}
		}), `{"CgroupPermissions":"rwm","PathInContainer":"/dev/fuse","PathOnHost":"/dev/fuse"}`},
		{"a volume without configuration", volume(types.Volume{}), `"volumes":[{"host":{},"name":"v","type":"host"}]`},
		{"a docker volume", volume(types.Volume{DockerVolumeConfiguration: &types.DockerVolumeConfiguration{}}),
			`"volumes":[{"dockerVolumeConfiguration":{"autoprovision":false,"driver":"local","scope":"task"},"name":"v","type":"docker"}]`},
		{"a volume for Windows", volume(types.Volume{FsxWindowsFileServerVolumeConfiguration: &types.FSxWindowsFileServerVolumeConfiguration{}}), `error:volumev:FSx`},
		{"a volume of S3", volume(types.Volume{S3filesVolumeConfiguration: &types.S3FilesVolumeConfiguration{}}), `error:volumev:S3`},
		{"a volume of EBS", volume(types.Volume{ConfiguredAtLaunch: aws.Bool(true)}), `error:volumev:volumes`},
	} {
		got := strings.NewReplacer(" ", "", "\n", "").Replace(translate(t, tc.d, nil))
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s is not in %s", tc.name, tc.want, got)
		}
	}
}

func TestInterface(t *testing.T) {
	d := types.TaskDefinition{TaskDefinitionArn: aws.String(definitionARN), NetworkMode: types.NetworkModeAwsvpc}
	_, r := task(t, d, nil)
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: d})
		tx.NetworkInterfaces.Put(tx, state.NetworkInterface{ID: "eni-1", Subnet: subnet(), Address: "10.210.16.9", MAC: "0a:00:00:00:00:01", PublicIP: true, Task: taskARN, Attachment: "att"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := testConfig().Task(store.View(), r)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(p.ENIs)
	const want = `[{"attachmentArn":"arn:aws:ecs:us-east-1:123456789012:attachment/att","ec2Id":"eni-1","macAddress":"0a:00:00:00:00:01",` +
		`"ipv4Addresses":[{"primary":true,"privateAddress":"10.210.16.9"}],"subnetGatewayIpv4Address":"10.210.16.1/20","domainName":["ec2.internal"],` +
		`"privateDnsName":"ip-10-210-16-9.ec2.internal","interfaceAssociationProtocol":"veth","assignPublicIp":true}]`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func subnet() string { return vpc.Default(account, region, "").Subnets[1].ID }
