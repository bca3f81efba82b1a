package place

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/vpc"
	"berth/state"
)

// Template is a task of d in a cluster, by its ARN, as far as the definition and a
// caller's overrides, which may be nil, say what it is.
func Template(cluster string, d *types.TaskDefinition, o *types.TaskOverride) state.Task {
	if o == nil {
		//lint:ignore SA1019 ECS still shows what is no longer sold
		o = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{}, InferenceAcceleratorOverrides: []types.InferenceAcceleratorOverride{}}
	}
	return state.Task{
		Cluster: cluster, Definition: *d.TaskDefinitionArn, Overrides: o,
		CPU:              aws.ToString(cmp.Or(o.Cpu, d.Cpu)),
		Memory:           aws.ToString(cmp.Or(o.Memory, d.Memory)),
		EphemeralStorage: cmp.Or(o.EphemeralStorage, d.EphemeralStorage),
		TaskRole:         roleARN(cluster, aws.ToString(cmp.Or(o.TaskRoleArn, d.TaskRoleArn))),
		ExecutionRole:    roleARN(cluster, aws.ToString(cmp.Or(o.ExecutionRoleArn, d.ExecutionRoleArn))),
	}
}

// roleARN completes the name of a role to its ARN, in the account of a cluster.
func roleARN(cluster, nameOrARN string) string {
	if nameOrARN == "" || strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN
	}
	return "arn:aws:iam::" + strings.Split(cluster, ":")[4] + ":role/" + nameOrARN
}

// Start makes a task at its place. Package api/acs sends it to the agent.
type Start struct {
	Task           state.Task // all that the place and the transaction do not give
	Definition     *types.TaskDefinition
	Place          Place
	SecurityGroups []string // of the network interface
	PublicIP       bool
}

// Apply writes the task and its network interface.
func (s Start) Apply(tx *state.Tx) { s.Do(tx) }

func (s Start) String() string {
	return "start " + s.Task.Definition + " on " + s.Place.Instance
}

// Do is Apply, and returns the task.
func (s Start) Do(tx *state.Tx) state.Task {
	t := s.Task
	id := tx.NewID()
	t.ARN = strings.Replace(t.Cluster, ":cluster/", ":task/", 1) + "/" + id
	t.Instance, t.Zone, t.Takes = s.Place.Instance, s.Place.Zone, s.Place.Takes
	t.Last, t.Desired, t.Version = "PENDING", "RUNNING", 1
	t.CreatedAt = tx.Now()
	if t.TaskRole != "" {
		t.TaskCredentials = uuid(tx)
	}
	if t.ExecutionRole != "" {
		t.ExecutionCredentials = uuid(tx)
	}
	var interfaces []types.NetworkInterface
	if s.Place.Subnet.ID != "" {
		t.Attachments, interfaces = s.attach(tx, t.ARN)
	}
	gpus := t.Takes.GPUs
	for _, c := range s.Definition.ContainerDefinitions {
		c = overridden(c, t.Overrides)
		shown := container(tx, t, c)
		shown.NetworkInterfaces = append(shown.NetworkInterfaces, interfaces...)
		if own := gpusOf(c); own > 0 {
			shown.GpuIds, gpus = gpus[:own], gpus[own:]
		}
		t.Containers = append(t.Containers, shown)
	}
	tx.Tasks.Put(tx, t)
	return t
}

// attach makes the task's network interface. The place has an address for it.
func (s Start) attach(tx *state.Tx, task string) ([]types.Attachment, []types.NetworkInterface) {
	subnet := s.Place.Subnet
	n := state.NetworkInterface{
		ID: "eni-0" + tx.NewID()[:16], Subnet: subnet.ID, SecurityGroups: s.SecurityGroups, PublicIP: s.PublicIP,
		Task: task, Attachment: uuid(tx), CreatedAt: tx.Now(),
	}
	address, _ := vpc.Address(tx.View, subnet, n.ID)
	n.Address, n.MAC = address.String(), vpc.MAC(n.ID)
	tx.NetworkInterfaces.Put(tx, n)
	var details []types.KeyValuePair
	for _, d := range [][2]string{
		{"subnetId", subnet.ID}, {"networkInterfaceId", n.ID}, {"macAddress", n.MAC},
		{"privateDnsName", privateName(address, subnet)}, {"privateIPv4Address", n.Address},
	} {
		details = append(details, types.KeyValuePair{Name: &d[0], Value: &d[1]})
	}
	return []types.Attachment{{Id: &n.Attachment, Type: aws.String("ElasticNetworkInterface"), Status: aws.String("PRECREATED"), Details: details}},
		[]types.NetworkInterface{{AttachmentId: &n.Attachment, PrivateIpv4Address: &n.Address}}
}

func privateName(address netip.Addr, s state.Subnet) string {
	return vpc.PrivateDNSName(address, s.Zone[:len(s.Zone)-1])
}

// container is what a task shows of one of its containers, which has its
// overrides, before it starts.
func container(tx *state.Tx, t state.Task, c types.ContainerDefinition) types.Container {
	return types.Container{
		ContainerArn:      aws.String(strings.Replace(t.ARN, ":task/", ":container/", 1) + "/" + uuid(tx)),
		TaskArn:           aws.String(t.ARN),
		Name:              c.Name,
		Image:             c.Image,
		LastStatus:        aws.String("PENDING"),
		NetworkInterfaces: []types.NetworkInterface{},
		HealthStatus:      types.HealthStatusUnknown,
		Cpu:               aws.String(fmt.Sprint(c.Cpu)),
		Memory:            text(c.Memory),
		MemoryReservation: text(c.MemoryReservation),
	}
}

func text(n *int32) *string {
	if n == nil {
		return nil
	}
	return aws.String(fmt.Sprint(*n))
}

func uuid(tx *state.Tx) string {
	id := tx.NewID()
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}
