package ecs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/protocol"
	"berth/state"
)

// RegisterContainerInstanceInput is what agents send. They have an idempotency
// token, which AWS's public model and so the SDK's struct lack: new with every
// start of the agent, the same in each attempt of one call.
type RegisterContainerInstanceInput struct {
	ecs.RegisterContainerInstanceInput
	ClientToken *string
}

// registration is the checked and completed input.
type registration struct {
	token      string
	resources  []types.Resource
	attributes []types.Attribute // reserved ones, by name
	custom     []types.Attribute
	ec2ID      string
	tags       []types.Tag
	software   *types.VersionInfo
}

// RegisterContainerInstance makes a machine a container instance of a cluster.
// An agent that restarts gives the ARN it had before, and keeps it.
func (a *API) RegisterContainerInstance(ctx context.Context, in *RegisterContainerInstanceInput) (*ecs.RegisterContainerInstanceOutput, error) {
	r, err := a.checkRegistration(in)
	if err != nil {
		return nil, err
	}
	var out types.ContainerInstance
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.home(tx.View, aws.ToString(in.Cluster))
		if err != nil {
			return err
		}
		i, err := a.registered(tx, c, r.token, aws.ToString(in.ContainerInstanceArn))
		if err != nil {
			return err
		}
		if who := protocol.CallOf(ctx).Principal; i.Version == 0 && who.IsAgent() {
			i.Agent = who.ARN
		}
		if err := mayActFor(ctx, i); err != nil {
			return err
		}
		if err := r.apply(tx, &i); err != nil {
			return err
		}
		out = describeInstance(tx.View, i)
		return nil
	})
	return &ecs.RegisterContainerInstanceOutput{ContainerInstance: &out}, err
}

// home finds the cluster that an agent names.
func (a *API) home(v *state.View, nameOrARN string) (state.Cluster, error) {
	if pool := a.arn("cluster/" + state.FargateCluster); a.clusterARN(nameOrARN) == pool {
		return state.Cluster{ARN: pool, Name: state.FargateCluster, Status: "ACTIVE"}, nil
	}
	return a.activeCluster(v, nameOrARN)
}

// registered finds the instance that is registered again, by its ARN or by the
// token of a call that is repeated, or makes a new one.
func (a *API) registered(tx *state.Tx, c state.Cluster, token, known string) (state.ContainerInstance, error) {
	if known != "" {
		i, ok := a.instance(tx.View, c, known)
		if !ok {
			return i, clientError("Referenced container instance " + lastPart(known) + " not registered.")
		}
		if i.Status == inactive {
			return i, instanceInactive(i)
		}
		return i, nil
	}
	if token != "" {
		for i := range tx.InstancesWith(token) {
			if i.Cluster == c.ARN && i.Status != inactive {
				return i, nil
			}
		}
	}
	return state.ContainerInstance{
		ARN:          a.instanceARN(c, tx.NewID()),
		Cluster:      c.ARN,
		Status:       "ACTIVE",
		RegisteredAt: tx.Now(),
		Token:        token,
	}, nil
}

// apply writes the registration to i. Custom attributes and tags that i has
// stay: agents send the former only the first time, and what users did to the
// latter since then counts.
func (r *registration) apply(tx *state.Tx, i *state.ContainerInstance) error {
	was, is := valueOf(i.Attributes, "ecs.instance-type"), valueOf(r.attributes, "ecs.instance-type")
	if was != "" && was != is {
		// The agent knows this text and gives up for good.
		return clientError(fmt.Sprintf("Container instance type changes are not supported. Container instance %s was previously registered as %s.",
			lastPart(i.ARN), was))
	}
	i.EC2ID = cmp.Or(r.ec2ID, i.EC2ID)
	i.CapacityProvider = valueOf(r.attributes, providerAttribute)
	i.Resources = r.resources
	i.Attributes = r.attributes
	if i.Version == 0 {
		i.Tags = r.tags
	}
	if r.software != nil {
		i.Software = r.software
	}
	i.Version++
	tx.ContainerInstances.Put(tx, *i)
	for _, attribute := range r.custom {
		tx.Attributes.Put(tx, state.Attribute{Target: i.ARN, Name: *attribute.Name, Value: attribute.Value})
	}
	if problem := tooManyAttributes(tx.View, i.ARN); problem != "" {
		return invalid(problem)
	}
	return nil
}

var idempotencyToken = regexp.MustCompile(`^[!-~]{0,64}$`)

func (a *API) checkRegistration(in *RegisterContainerInstanceInput) (*registration, error) {
	if err := checkEnums(in.RegisterContainerInstanceInput); err != nil {
		return nil, err
	}
	r := &registration{token: aws.ToString(in.ClientToken), tags: in.Tags, software: in.VersionInfo}
	if !idempotencyToken.MatchString(r.token) {
		return nil, invalid("clientToken can have up to 64 characters, of ASCII 33 to 126.")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	var err error
	if r.resources, err = machineResources(in.TotalResources, in.PlatformDevices); err != nil {
		return nil, err
	}
	machine, err := readIdentity(aws.ToString(in.InstanceIdentityDocument))
	if err != nil {
		return nil, err
	}
	r.ec2ID = machine.InstanceID
	machine.AvailabilityZone = cmp.Or(machine.AvailabilityZone, a.region+"a")
	if r.attributes, r.custom, err = splitAttributes(in.Attributes); err != nil {
		return nil, err
	}
	r.attributes = machine.describe(r.attributes)
	if name := valueOf(r.attributes, providerAttribute); name != "" {
		if err := checkProviderName(name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// providerAttribute is where an agent says which capacity provider its machine
// is of. That may come later than the machine does.
const providerAttribute = "berth.capacity-provider"

// typeOfResource are the types that AWS prescribes for the resources it knows.
var typeOfResource = map[string]string{
	"CPU": "INTEGER", "MEMORY": "INTEGER", "PORTS": "STRINGSET", "PORTS_UDP": "STRINGSET", "GPU": "STRINGSET",
}

// machineResources checks what a machine offers. GPUs arrive as devices and become a
// resource whose values are their ids.
func machineResources(total []types.Resource, devices []types.PlatformDevice) ([]types.Resource, error) {
	all := []types.Resource{}
	seen := map[string]bool{}
	for _, r := range total {
		name, kind := aws.ToString(r.Name), aws.ToString(r.Type)
		if name == "" {
			return nil, invalid("totalResources.name cannot be empty.")
		}
		if !slices.Contains([]string{"INTEGER", "DOUBLE", "LONG", "STRINGSET"}, kind) {
			return nil, invalid(fmt.Sprintf("The type of the resource %s should be one of [INTEGER,DOUBLE,LONG,STRINGSET]", name))
		}
		if want, ok := typeOfResource[name]; ok && kind != want {
			return nil, invalid(fmt.Sprintf("The type of the resource %s should be %s.", name, want))
		}
		if r.IntegerValue < 0 || r.LongValue < 0 || r.DoubleValue < 0 {
			return nil, invalid(fmt.Sprintf("The resource %s cannot be negative.", name))
		}
		if seen[name] {
			return nil, invalid(fmt.Sprintf("The resource %s is given twice.", name))
		}
		seen[name] = true
		if kind == "STRINGSET" {
			r.StringSetValue = append([]string{}, r.StringSetValue...)
		}
		all = append(all, r)
	}
	if len(devices) == 0 {
		return all, nil
	}
	var ids []string
	for _, d := range devices {
		if aws.ToString(d.Id) == "" || d.Type != types.PlatformDeviceTypeGpu {
			return nil, invalid("Each of platformDevices needs an id, and GPU as its type.")
		}
		ids = append(ids, *d.Id)
	}
	if seen["GPU"] {
		return nil, invalid("GPUs are given both in platformDevices and in totalResources.")
	}
	return append(all, types.Resource{Name: aws.String("GPU"), Type: aws.String("STRINGSET"), StringSetValue: ids}), nil
}

// identity is what we use of an EC2 instance identity document.
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
type identity struct {
	InstanceID       string `json:"instanceId"`
	InstanceType     string `json:"instanceType"`
	ImageID          string `json:"imageId"`
	Architecture     string `json:"architecture"`
	AvailabilityZone string `json:"availabilityZone"`
}

// readIdentity reads an identity document; machines outside EC2 send none. Its
// signature is Amazon's, over machines of Amazon's: here the credentials that
// signed the request vouch for the machine.
func readIdentity(document string) (m identity, err error) {
	if document == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(document), &m); err != nil {
		return m, invalid("instanceIdentityDocument is not an EC2 instance identity document: " + err.Error())
	}
	return m, nil
}

// describe adds the attributes that a machine's identity gives to those that
// its agent sent, which count more.
func (m identity) describe(sent []types.Attribute) []types.Attribute {
	for name, value := range map[string]string{
		"ecs.ami-id":            m.ImageID,
		"ecs.availability-zone": m.AvailabilityZone,
		"ecs.cpu-architecture":  m.Architecture,
		"ecs.instance-type":     m.InstanceType,
	} {
		if value != "" && !hasAttribute(sent, name) {
			sent = append(sent, types.Attribute{Name: &name, Value: &value})
		}
	}
	slices.SortFunc(sent, func(a, b types.Attribute) int { return strings.Compare(*a.Name, *b.Name) })
	return sent
}
