package sim

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// image is how the containers of an image behave.
type image string

const (
	good    image = "good"    // starts and runs on
	broken  image = "broken"  // cannot be pulled
	crashes image = "crashes" // runs for up to a minute and a half
	sick    image = "sick"    // runs, and its health check fails
	flaps   image = "flaps"   // healthy, unhealthy, healthy …
	slow    image = "slow"    // takes minutes to start
	hangs   image = "hangs"   // does not start, as long as there are faults
)

// mishaps are what may become of any task.
var mishaps = []image{broken, crashes, sick, flaps, slow, hangs}

// imageOf is how the containers of a definition behave now.
func (w *World) imageOf(d state.TaskDefinition) image {
	if len(d.ContainerDefinitions) == 0 {
		return good
	}
	name := image(*d.ContainerDefinitions[0].Image)
	if w.mended || !w.faults && (name == crashes || name == flaps || name == sick) { // which would never come to rest
		return good
	}
	return name
}

func digestOf(i image) string { return fmt.Sprintf("sha256:%064x", []byte(i)) }

// size is what a task takes.
type size struct {
	cpu, memory int32
	port        int32 // of the host
	network     bool  // a network interface of its own
	checks      bool  // a health check
	disk        bool  // only where the disk is an ssd
}

// families are the task definitions of the world; each has a revision for every image.
var families = map[string]size{
	"small":   {cpu: 128, memory: 256},
	"checked": {cpu: 128, memory: 256, checks: true},
	"port":    {cpu: 128, memory: 128, port: 8080},
	"large":   {cpu: 1024, memory: 1500},
	"ssd":     {cpu: 128, memory: 64, disk: true, checks: true},
	"awsvpc":  {cpu: 256, memory: 512, network: true},
}

// register makes the task definition of a family with an image.
func (w *World) register(family string, i image) string {
	s := families[family]
	c := types.ContainerDefinition{
		Name: aws.String("app"), Image: aws.String(string(i)), Essential: aws.Bool(true),
	}
	in := &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family + "-" + string(i)), NetworkMode: types.NetworkModeBridge,
		Cpu: aws.String(fmt.Sprint(s.cpu)), Memory: aws.String(fmt.Sprint(s.memory)),
	}
	if s.port != 0 {
		c.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(80), HostPort: &s.port}}
	}
	if s.network {
		in.NetworkMode = types.NetworkModeAwsvpc
		in.RequiresCompatibilities = []types.Compatibility{types.CompatibilityFargate, types.CompatibilityEc2}
	}
	if s.checks {
		c.HealthCheck = &types.HealthCheck{Command: []string{"CMD-SHELL", "true"}}
	}
	if s.disk {
		in.PlacementConstraints = []types.TaskDefinitionPlacementConstraint{
			{Type: types.TaskDefinitionPlacementConstraintTypeMemberOf, Expression: aws.String("attribute:disk == ssd")},
		}
	}
	in.ContainerDefinitions = []types.ContainerDefinition{c}
	out, err := w.api.RegisterTaskDefinition(w.as(), in)
	if err != nil {
		panic(err)
	}
	return *out.TaskDefinition.TaskDefinitionArn
}

// definition finds the revision of a family with an image, or makes it.
func (w *World) definition(family string, i image) string {
	for d := range w.store.View().TaskDefinitions.All() {
		if *d.Family == family+"-"+string(i) {
			return *d.TaskDefinitionArn
		}
	}
	return w.register(family, i)
}

// familyOf is the family and the image of a task definition, by its ARN.
func familyOf(definition string) (family string, i image) {
	name, _, _ := strings.Cut(definition[strings.LastIndexByte(definition, '/')+1:], ":")
	family, behaviour, _ := strings.Cut(name, "-")
	return family, image(behaviour)
}
