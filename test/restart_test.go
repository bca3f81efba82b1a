package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRestart fills a control plane with one of everything, and finds it again
// to the letter: after SIGTERM, after kill -9, and on another machine from a
// snapshot.
func TestRestart(t *testing.T) {
	t.Parallel()
	b := up(t)
	b.fill(t)
	before := b.everything(t)
	for _, must := range []string{"green", "worker", "enhanced", "/ecs/exec", "DRAINING", "fargate-app", "INACTIVE", "stack"} {
		if !strings.Contains(before, must) {
			t.Errorf("%q is missing in what there is at first", must)
		}
	}

	b.stop(t)
	b.start(t)
	same(t, "SIGTERM", before, b.everything(t))

	b.kill()
	b.start(t)
	same(t, "kill -9", before, b.everything(t))

	file := filepath.Join(t.TempDir(), "snapshot")
	b.berth(t, "snapshot", "save", file, "--data-dir", b.dir)
	b.kill()
	other := t.TempDir()
	b.berth(t, "snapshot", "restore", file, "--data-dir", other)
	restored := run(t, other, "up")
	same(t, "snapshot restore", before, restored.everything(t))

	again := restored.call(t, "RegisterTaskDefinition", `{"family":"worker","containerDefinitions":[{"name":"a","image":"a","memory":64}]}`)
	if !strings.Contains(again, `"revision":3`) {
		t.Errorf("a restored family counts on with %s, want revision 3", again)
	}
}

// berth runs a command that ends by itself.
func (b *berth) berth(t *testing.T, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Env = b.environ
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("berth %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// fill makes one of everything that can be made.
func (b *berth) fill(t *testing.T) {
	t.Helper()
	fargate, err := os.ReadFile("testdata/awscli/fargate.json")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := os.ReadFile("testdata/awscli/instance.json")
	if err != nil {
		t.Fatal(err)
	}
	worker := `{"family":"worker","containerDefinitions":[{"name":"a","image":"a","memory":64}],"tags":[{"key":"team","value":"shop"}]}`
	must := func(operation, body string) string {
		t.Helper()
		answer := b.call(t, operation, body)
		if !strings.HasPrefix(answer, "{") {
			t.Fatalf("%s %s: %s", operation, body, answer)
		}
		return answer
	}
	must("PutAccountSettingDefault", `{"name":"containerInsights","value":"enhanced"}`)
	must("PutAccountSetting", `{"name":"awsvpcTrunking","value":"enabled","principalArn":"arn:aws:iam::123456789012:role/ann"}`)
	must("CreateCapacityProvider", `{"name":"green","autoScalingGroupProvider":{"autoScalingGroupArn":"arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:a1:autoScalingGroupName/green"}}`)
	must("CreateCluster", `{"clusterName":"default","tags":[{"key":"team","value":"shop"}],"capacityProviders":["green","FARGATE"],
		"defaultCapacityProviderStrategy":[{"capacityProvider":"green","weight":1}],"serviceConnectDefaults":{"namespace":"shop"},
		"configuration":{"executeCommandConfiguration":{"logging":"OVERRIDE","logConfiguration":{"cloudWatchLogGroupName":"/ecs/exec"}}}}`)
	must("CreateCluster", `{"clusterName":"gone"}`)
	must("DeleteCluster", `{"cluster":"gone"}`)
	must("RegisterTaskDefinition", string(fargate))
	must("RegisterTaskDefinition", worker)
	must("RegisterTaskDefinition", worker)
	must("DeregisterTaskDefinition", `{"taskDefinition":"worker:1"}`)
	var out struct {
		ContainerInstance struct{ ContainerInstanceArn string }
	}
	if err := json.Unmarshal([]byte(must("RegisterContainerInstance", string(instance))), &out); err != nil {
		t.Fatal(err)
	}
	id := out.ContainerInstance.ContainerInstanceArn
	must("PutAttributes", `{"attributes":[{"name":"stack","value":"blue","targetId":"`+id+`"}]}`)
	must("UpdateContainerInstancesState", `{"containerInstances":["`+id+`"],"status":"DRAINING"}`)
}

// everything is all that the API tells of what fill made.
func (b *berth) everything(t *testing.T) string {
	t.Helper()
	var instances struct{ ContainerInstanceArns []string }
	list := b.call(t, "ListContainerInstances", `{"status":"DRAINING"}`)
	if err := json.Unmarshal([]byte(list), &instances); err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	all := `["` + strings.Join(instances.ContainerInstanceArns, `","`) + `"]`
	var told []string
	for _, question := range [][2]string{
		{"ListClusters", `{}`},
		{"DescribeClusters", `{"clusters":["default","gone"],"include":["ATTACHMENTS","CONFIGURATIONS","SETTINGS","STATISTICS","TAGS"]}`},
		{"DescribeCapacityProviders", `{"include":["TAGS"]}`},
		{"ListAccountSettings", `{"effectiveSettings":true}`},
		{"ListAccountSettings", `{"principalArn":"arn:aws:iam::123456789012:role/ann"}`},
		{"ListTaskDefinitions", `{}`},
		{"ListTaskDefinitions", `{"status":"INACTIVE"}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"nginx-fargate"}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"worker:1","include":["TAGS"]}`},
		{"DescribeTaskDefinition", `{"taskDefinition":"worker:2","include":["TAGS"]}`},
		{"DescribeContainerInstances", `{"containerInstances":` + all + `,"include":["TAGS"]}`},
		{"ListAttributes", `{"targetType":"container-instance"}`},
	} {
		told = append(told, question[0]+" "+b.call(t, question[0], question[1]))
	}
	return strings.Join(told, "\n")
}

func same(t *testing.T, after, want, got string) {
	t.Helper()
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range wanted {
		if wanted[i] != gotten[i] {
			t.Errorf("after %s\n got %s\nwant %s", after, gotten[i], wanted[i])
		}
	}
}
