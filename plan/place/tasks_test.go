package place

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// instance reads "name zone cpu memory": connected, active, with two GPUs.
func instance(text string) state.ContainerInstance {
	var name, zone string
	var cpu, memory int32
	fmt.Sscan(text, &name, &zone, &cpu, &memory)
	return state.ContainerInstance{
		ARN: name, Cluster: "c", Status: "ACTIVE", AgentConnected: true,
		Resources: []types.Resource{
			{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: cpu},
			{Name: aws.String("MEMORY"), Type: aws.String("INTEGER"), IntegerValue: memory},
			{Name: aws.String("PORTS"), Type: aws.String("STRINGSET"), StringSetValue: []string{"22"}},
			{Name: aws.String("GPU"), Type: aws.String("STRINGSET"), StringSetValue: []string{"gpu-0", "gpu-1"}},
		},
		Attributes: []types.Attribute{{Name: aws.String("ecs.availability-zone"), Value: &zone}, {Name: aws.String("ecs.os-type"), Value: aws.String("linux")}, {Name: aws.String(ownInterfaces)}},
	}
}

// instances reads "name zone cpu memory tasks": those of instance, with tasks of
// the group g, which take nothing.
func instances(t *testing.T, texts ...string) *state.Store {
	t.Helper()
	store := state.NewMemory()
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		for _, text := range texts {
			var tasks int
			fmt.Sscan(strings.Fields(text)[4], &tasks)
			i := instance(text)
			tx.ContainerInstances.Put(tx, i)
			for n := range tasks {
				tx.Tasks.Put(tx, state.Task{ARN: fmt.Sprint(i.ARN, n), Instance: i.ARN, Group: "g", Last: "RUNNING", Desired: "RUNNING"})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// strategies reads "binpack:memory spread:attribute:x".
func strategies(text string) (all []types.PlacementStrategy) {
	for part := range strings.FieldsSeq(text) {
		kind, field, _ := strings.Cut(part, ":")
		all = append(all, types.PlacementStrategy{Type: types.PlacementStrategyType(kind), Field: &field})
	}
	return all
}

// request asks for places for count tasks of 100 CPU units and 100 MiB.
func request(count int) Request {
	return Request{Cluster: "c", LaunchType: "EC2", Definition: &types.TaskDefinition{}, Group: "g", Count: count,
		Takes: state.Resources{CPU: 100, Memory: 100}, Seed: "s"}
}

func names(places []Place) string {
	var names []string
	for _, p := range places {
		names = append(names, p.Instance)
	}
	return strings.Join(names, " ")
}

func TestStrategies(t *testing.T) {
	for _, tc := range []struct{ name, strategy, instances, want string }{
		{"binpack takes the fullest", "binpack:memory", "i a 1000 500 0, j a 1000 300 0, k a 1000 400 0", "j j j k k k"},
		{"binpack by CPU", "binpack:cpu", "i a 200 1000 0, j a 300 500 0", "i i j j j"},
		{"spread over instances", "spread:instanceId", "i a 900 900 2, j a 900 900 0, k a 900 900 1", "j j k i j k"},
		{"host is another word for it", "spread:host", "i a 900 900 1, j a 900 900 0", "j i j i j i"},
		{"spread over zones, then instances", "spread:attribute:ecs.availability-zone", "i a 900 900 0, j a 900 900 0, k b 900 900 0", "i k j k i k"},
		{"spread counts full instances too", "spread:attribute:ecs.availability-zone", "i a 0 0 3, j a 900 900 0, k b 900 900 0", "k k k j k j"},
		{"spread, then binpack", "spread:attribute:ecs.availability-zone binpack:memory", "i a 900 900 0, j a 900 200 0, k b 900 900 0", "j k j k i k"},
		{"binpack, then spread", "binpack:memory spread:instanceId", "i a 900 300 1, j a 900 300 0, k b 900 900 0", "j j j i i i"},
		{"nothing fits", "binpack:memory", "i a 900 99 0, j a 99 900 0", ""},
		{"an attribute that one lacks", "spread:attribute:rack", "i a 900 900 0, j a 900 900 0", "i j i j i j"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := request(6)
			r.Strategy = strategies(tc.strategy)
			places, _ := Tasks(instances(t, strings.Split(tc.instances, ", ")...).View(), r)
			if got := names(places); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// What random says follows from the seed, and over many seeds each instance is
// as likely as any other, also when some were chosen before.
func TestRandom(t *testing.T) {
	v := instances(t, "i a 9999 9999 0", "j a 9999 9999 0", "k a 9999 9999 0").View()
	count := map[string]int{}
	for seed := range 600 {
		r := request(4)
		r.Seed = fmt.Sprint(seed)
		places, _ := Tasks(v, r)
		if again, _ := Tasks(v, r); names(again) != names(places) {
			t.Fatal("one seed, two answers")
		}
		count[places[3].Instance]++
	}
	for name, n := range count {
		if n < 150 || n > 250 {
			t.Errorf("%s is the fourth choice %d times of 600", name, n)
		}
	}
}

func TestRefusals(t *testing.T) {
	const one = "i a 1024 1000 1"
	for _, tc := range []struct {
		name   string
		change func(*Request, *state.ContainerInstance)
		want   string
	}{
		{"CPU", func(r *Request, _ *state.ContainerInstance) { r.Takes.CPU = 2000 }, "RESOURCE:CPU needs 2000 CPU units, has 1024 of 1024 left"},
		{"memory", func(r *Request, _ *state.ContainerInstance) { r.Takes.Memory = 1001 }, "RESOURCE:MEMORY needs 1001 MiB of memory, has 1000 of 1000 left"},
		{"reserved port", func(r *Request, _ *state.ContainerInstance) { r.Takes.TCP = []int32{80, 22} }, "RESOURCE:PORTS port 22/tcp is taken by the instance itself"},
		{"port of a task", func(r *Request, _ *state.ContainerInstance) { r.Takes.UDP = []int32{53} }, "RESOURCE:PORTS port 53/udp is taken by task dns"},
		{"port of this call", func(r *Request, _ *state.ContainerInstance) { r.Takes.TCP, r.Count = []int32{80}, 2 }, "RESOURCE:PORTS another task of this call takes the same ports"},
		{"GPUs", func(r *Request, _ *state.ContainerInstance) { r.GPUs = 2 }, "RESOURCE:GPU needs 2 GPUs, has 1 of 2 left"},
		{"interfaces", func(r *Request, _ *state.ContainerInstance) { r.Takes.ENIs = 501 }, "RESOURCE:ENI needs 501 network interfaces, has 500 of 500 left"},
		{"interfaces of another's making", func(r *Request, i *state.ContainerInstance) { r.Takes.ENIs, i.Attributes = 1, i.Attributes[:2] },
			"ATTRIBUTE lacks the attribute berth.task-eni: Berth's agent has it, and makes the interfaces of awsvpc; other agents wait for an EC2 that attaches them"},
		{"agent", func(_ *Request, i *state.ContainerInstance) { i.AgentConnected = false }, "AGENT its agent is not connected"},
		{"draining", func(_ *Request, i *state.ContainerInstance) { i.Status = "DRAINING" }, "DRAINING is DRAINING"},
		{"attribute", func(r *Request, _ *state.ContainerInstance) {
			r.Definition.RequiresAttributes = []types.Attribute{{Name: aws.String("ecs.capability.efs")}}
		}, "ATTRIBUTE lacks the attribute ecs.capability.efs"},
		{"system", func(r *Request, _ *state.ContainerInstance) {
			r.Definition.RuntimePlatform = &types.RuntimePlatform{OperatingSystemFamily: types.OSFamilyWindowsServer2022Core}
		}, "ATTRIBUTE runs LINUX, not WINDOWS_SERVER_2022_CORE"},
		{"architecture", func(r *Request, i *state.ContainerInstance) {
			i.Attributes = append(i.Attributes, types.Attribute{Name: aws.String("ecs.cpu-architecture"), Value: aws.String("aarch64")})
			r.Definition.RuntimePlatform = &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureX8664}
		}, "ATTRIBUTE runs LINUX ARM64, not X86_64"},
		{"external", func(r *Request, _ *state.ContainerInstance) { r.LaunchType = "EXTERNAL" }, "ATTRIBUTE is no external instance: it lacks the attribute ecs.capability.external"},
		{"provider", func(r *Request, _ *state.ContainerInstance) { r.CapacityProvider = "spot" }, "CAPACITY PROVIDER is not of the capacity provider spot"},
		{"memberOf", func(r *Request, _ *state.ContainerInstance) {
			r.Constraints = []types.PlacementConstraint{{Type: "memberOf", Expression: aws.String("attribute:ecs.os-type == windows")}}
		}, "MemberOf placement constraint unsatisfied. is not attribute:ecs.os-type == windows"},
		{"distinctInstance", func(r *Request, _ *state.ContainerInstance) {
			r.Constraints = []types.PlacementConstraint{{Type: "distinctInstance"}}
		}, "DistinctInstance placement constraint unsatisfied. runs a task of the group g"},
		{"zone", func(r *Request, _ *state.ContainerInstance) {
			r.Subnets = []state.Subnet{{ID: "s", Zone: "b", CIDR: "10.0.0.0/24"}}
		}, "LOCATION is in a, where none of the subnets is"},
		{"addresses", func(r *Request, _ *state.ContainerInstance) {
			r.Subnets, r.Count = []state.Subnet{{ID: "s", Zone: "a", CIDR: "10.0.0.0/29"}}, 4
		}, "RESOURCE:ENI no subnet that it can use has an address left"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store, r := instances(t, one), request(1)
			err := store.Update(t.Context(), func(tx *state.Tx) error {
				tx.Tasks.Put(tx, state.Task{ARN: "x/dns", Instance: "i", Last: "RUNNING", Takes: state.Resources{UDP: []int32{53}, GPUs: []string{"gpu-0"}}})
				i, _ := tx.ContainerInstances.Get("i")
				tc.change(&r, &i)
				tx.ContainerInstances.Put(tx, i)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			places, refused := Tasks(store.View(), r)
			if len(refused) != 1 || len(places) == r.Count {
				t.Fatalf("got %d places and %+v", len(places), refused)
			}
			if got := refused[0].Reason + " " + refused[0].Detail; got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// The closest instance is the first to say why: b2 lacks a tenth of two
// resources, b3 a fifth of one.
func TestClosest(t *testing.T) {
	store := instances(t, "a a 1000 1000 0", "b a 10 10 0", "b2 a 90 90 0", "b3 a 1000 80 0", "c a 1000 1000 0")
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		for name, change := range map[string]func(*state.ContainerInstance){
			"a": func(i *state.ContainerInstance) { i.AgentConnected = false },
			"c": func(i *state.ContainerInstance) { i.Attributes = nil },
		} {
			i, _ := tx.ContainerInstances.Get(name)
			change(&i)
			tx.ContainerInstances.Put(tx, i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := request(1)
	r.Definition.RequiresAttributes = []types.Attribute{{Name: aws.String("ecs.os-type")}}
	_, refused := Tasks(store.View(), r)
	var got []string
	for _, f := range refused {
		got = append(got, f.Instance+" "+f.Reason)
	}
	if text := strings.Join(got, ", "); text != "b2 RESOURCE:CPU, b3 RESOURCE:MEMORY, b RESOURCE:CPU, a AGENT, c ATTRIBUTE" {
		t.Errorf("got %s", text)
	}
}

// GPUs are given by id, and none twice.
func TestGPUs(t *testing.T) {
	r := request(3)
	r.GPUs = 1
	places, _ := Tasks(instances(t, "i a 1024 1000 0").View(), r)
	if len(places) != 2 || fmt.Sprint(places[0].Takes.GPUs, places[1].Takes.GPUs) != "[gpu-0] [gpu-1]" {
		t.Errorf("got %+v", places)
	}
}

// On machines that are in no zone, the tasks of a service are spread over the
// zones of its subnets, whatever others there have.
func TestFargateZones(t *testing.T) {
	store := instances(t, "i - 9999 9999 0")
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		for n, zone := range []string{"a", "b", "b", "c"} {
			tx.Tasks.Put(tx, state.Task{ARN: fmt.Sprint(n), Service: "web", Zone: zone, Last: "RUNNING"})
			tx.Tasks.Put(tx, state.Task{ARN: fmt.Sprint("other", n), Service: "other", Zone: "c", Last: "RUNNING"})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := request(5)
	r.LaunchType, r.Service, r.Takes.ENIs = "FARGATE", "web", 1
	for n, zone := range []string{"a", "b", "c"} {
		r.Subnets = append(r.Subnets, state.Subnet{ID: zone, Zone: zone, CIDR: fmt.Sprintf("10.0.%d.0/24", n)})
	}
	places, _ := Tasks(store.View(), r)
	zones := ""
	for _, p := range places {
		zones += p.Zone
	}
	if zones != "acbac" {
		t.Errorf("got %s, want acbac", zones)
	}
}

func TestMatching(t *testing.T) {
	store := instances(t, "k a 0 0 0", "j a 9 9 0", "i a 9 9 0")
	err := store.Update(t.Context(), func(tx *state.Tx) error {
		for name, change := range map[string]func(*state.ContainerInstance){
			"i": func(i *state.ContainerInstance) { i.AgentConnected = false },
			"j": func(i *state.ContainerInstance) { i.Status = "DRAINING" },
		} {
			i, _ := tx.ContainerInstances.Get(name)
			change(&i)
			tx.ContainerInstances.Put(tx, i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range Matching(store.View(), request(1)) {
		got = append(got, i.ARN+" in "+Zone(i))
	}
	if text := strings.Join(got, ", "); text != "i in a, k in a" {
		t.Errorf("got %s", text)
	}
}

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		strategy string // "base:weight …"
		count    int
		want     string
	}{
		{"0:1 0:1", 4, "[2 2]"},
		{"0:1 0:4", 10, "[2 8]"},
		{"0:1 0:4", 1, "[0 1]"},
		{"2:1 0:1", 1, "[1 0]"},
		{"2:1 0:1", 6, "[4 2]"},
		{"2:0 0:1", 6, "[2 4]"},
		{"0:0 0:1", 3, "[0 3]"},
		{"0:1 0:1 0:1", 2, "[1 1 0]"},
		{"1:0 0:0", 3, "[0 0]"},
	} {
		var strategy []types.CapacityProviderStrategyItem
		for part := range strings.FieldsSeq(tc.strategy) {
			var item types.CapacityProviderStrategyItem
			fmt.Sscanf(part, "%d:%d", &item.Base, &item.Weight)
			strategy = append(strategy, item)
		}
		if got := fmt.Sprint(Split(strategy, tc.count)); got != tc.want {
			t.Errorf("%d tasks by %s: got %s, want %s", tc.count, tc.strategy, got, tc.want)
		}
	}
}

// All instances explain, and of these the closest ten refuse.
func TestExplain(t *testing.T) {
	texts := []string{"j a 1000 1000 0"}
	for n := range 30 {
		texts = append(texts, fmt.Sprintf("i%d a %d 1000 0", n, n*37%100))
	}
	v, r := instances(t, texts...).View(), request(11)
	all := Explain(v, r)
	if len(all) != 31 || all[0] != (Refusal{Instance: "j"}) || all[1].Instance != "i27" || all[30].Instance != "i0" {
		t.Errorf("got %+v", all)
	}
	r.Taken, _ = Tasks(v, request(10)) // all that j has room for
	if places, refused := Tasks(v, r); len(places) > 0 || len(refused) != mostRefusals || refused[0] != all[1] || refused[9] != all[10] {
		t.Errorf("got %d places and %+v", len(places), refused)
	}
}
